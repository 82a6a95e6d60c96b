"""Lattice constants that the network for every lattice finds, beside what is known of pictures.

    python scripts/tools/compare_constants.py FOLDER [PICTURE ...] -o constants.csv

FOLDER holds the pictures of known_lattices.csv, which lies beside this tool; without further names
all of them are read, and nothing of what is known is told to the network. Vectors are the mean way
from a site to the next one. A pixel is the file's, or what its source says of the field. Such a
pixel is the scanner's own calibration and no better than it, so three things are compared that need
none, too: the ratio of the two vectors and their angle; the columns that others marked in the same
picture, by the same mean; and the lengths of three reciprocal vectors that its authors published.

The side by area is that of a cell of the crystal's shape with the area of the one that was found:
a scan that is sheared by drift changes both vectors, and not the area.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from compare_sites import found_in

from latticework.analysis.surfaces.lattice import angle_of
from latticework.analysis.surfaces.reading import CONFIDENT
from latticework.analysis.surfaces.sites import SAME_SITE, Sites
from latticework.analysis.surfaces.support import translational_support

KNOWN = Path(__file__).with_name("known_lattices.csv")
X, Y = ("x", "x_col_px", "col"), ("y", "y_row_px", "row")  # names of their columns' columns


def area_of(a: float, b: float, angle: float) -> float:
    """Area of a cell with sides `a` and `b` and an angle in degrees."""
    return a * b * float(np.sin(np.radians(angle)))


def marked_by_others(path: Path, picture: str, scale: float) -> np.ndarray:
    """Columns (n, 2) px that others marked in a picture, the first frame of a movie."""
    table = pd.read_csv(path)
    if "image" in table:
        table = table[table["image"] == picture]
    if "frame" in table:
        table = table[table["frame"] == 0]
    names = [next(name for name in known if name in table) for known in (X, Y)]
    return table[names].to_numpy(dtype=float) * scale


def side_of_published(lengths: list[float]) -> float:
    """Side in Å of a hexagonal cell by three reciprocal vectors that form a triangle, 1/nm.

    The triangle's area by Heron's formula is half of the reciprocal cell's.
    """
    half = sum(lengths) / 2
    area = 2 * float(np.sqrt(half * np.prod([half - length for length in lengths])))
    return 10 * float(np.sqrt(1 / area / np.sqrt(0.75)))


def sides_of(vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """Lengths (2,) of two vectors (2, 2), the shorter one first, and their angle in degrees."""
    return np.sort(np.linalg.norm(vectors, axis=1)), angle_of(vectors)


def halves(places: np.ndarray, found: Sites, shape: tuple[int, int]) -> list[float]:
    """Square roots of the cell's area, px, by the sites (n, 2) in the upper, lower, left and right
    half of an image of `shape` (ny, nx)."""
    x, y = places.T
    radius = SAME_SITE * found.scale.spacing
    parts = (y < shape[0] / 2, y >= shape[0] / 2, x < shape[1] / 2, x >= shape[1] / 2)
    vectors = [
        translational_support(places[part], found.support.vectors, shape, radius).vectors
        for part in parts
    ]
    return [float(np.sqrt(abs(np.linalg.det(one)))) for one in vectors]


def row_of(known: pd.Series, found: Sites, sampling: float | None, folder: Path) -> dict:
    """What the lattice of a picture's sites is, beside what is known; `off` are deviations in %."""
    sides = np.array([known["a"], known["b"]])
    lengths, angle = sides_of(found.support.vectors)
    of_waves, _ = sides_of(found.reading.lattice.vectors)
    root = float(np.sqrt(abs(np.linalg.det(found.support.vectors))))
    stretch = root / float(np.sqrt(area_of(*sides, known["angle"])))  # px/Å
    places = found.table[["x_px", "y_px"]].to_numpy()
    parts = np.array(halves(places, found, found.reading.levelled.shape))
    row = {
        "picture": Path(known["picture"]).name,
        "shows": known["shows"],
        "sites_found": 100 * found.support.completeness,
        "on_lattice": 100 * found.support.purity,
        "weak": found.expected,
        "a_px": lengths[0],
        "b_px": lengths[1],
        "angle": angle,
        "ratio_off": 100 * (lengths[1] / lengths[0] / (sides[1] / sides[0]) - 1),
        "angle_off": angle - known["angle"],
        "spectrum_a_off": 100 * (of_waves[0] / lengths[0] - 1),
        "spectrum_b_off": 100 * (of_waves[1] / lengths[1] - 1),
        "pixel_by_lattice": 1 / stretch,
    }
    for name, part in zip(("upper", "lower", "left", "right"), parts, strict=True):
        row[f"{name}_off"] = 100 * (part / root - 1)
    if sampling is not None:
        off = 100 * (lengths * sampling / sides - 1)
        row |= {
            "pixel": sampling,
            "pixel_from": known["pixel_from"],
            "a": lengths[0] * sampling,
            "b": lengths[1] * sampling,
            "a_off": off[0],
            "b_off": off[1],
            "by_area": stretch * sampling * sides[0],
            "by_area_off": 100 * (stretch * sampling - 1),
        }
    if isinstance(known["others"], str):
        path = folder / known["others"]
        columns = marked_by_others(path, row["picture"], known["others_scale"])
        radius, shape = SAME_SITE * found.scale.spacing, found.reading.levelled.shape
        columns = columns[(columns < shape[::-1]).all(axis=1)]
        theirs, _ = sides_of(
            translational_support(columns, found.support.vectors, shape, radius).vectors
        )
        row |= {"others": len(columns)}
        row |= {
            f"others_{side}_off": 100 * (lengths[k] / theirs[k] - 1) for k, side in enumerate("ab")
        }
    if isinstance(known["published"], str) and sampling is not None:
        side = side_of_published([float(word) for word in known["published"].split()])
        # The picture's cell may be a superlattice of the published one.
        times = round(row["by_area"] / side)
        row |= {"published": times * side}
        row |= {"published_off": 100 * (row["by_area"] / (times * side) - 1)}
    return row


def main() -> None:
    """Read the pictures, and print what was found beside what is known."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="\n".join(__doc__.splitlines()[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="where the pictures are")
    parser.add_argument("pictures", nargs="*", help="names of some of them")
    parser.add_argument("-o", "--output", type=Path, help="CSV of all that was found")
    arguments = parser.parse_args()
    rows = []
    for _, known in pd.read_csv(KNOWN).iterrows():
        path = arguments.folder / known["picture"]
        if arguments.pictures and path.name not in arguments.pictures:
            continue
        read, found = found_in(path)
        if found.support is None or found.reading.lattice.confidence < CONFIDENT:
            print(f"{path.name}: no certain lattice", flush=True)
            continue
        given = read.sampling if np.isnan(known["pixel"]) else known["pixel"]
        rows.append(row_of(known, found, given, arguments.folder))
        said = [f"{key} {word:.4g}" for key, word in rows[-1].items() if not isinstance(word, str)]
        print(f"{path.name}, {known['shows']}:", *said, sep="\n  ", flush=True)
        if arguments.output:
            pd.DataFrame(rows).to_csv(arguments.output, index=False)


if __name__ == "__main__":
    main()
