"""Sites that the network for every lattice finds in pictures, beside those of atomap and AtomAI.

    python scripts/tools/compare_sites.py PICTURE ... -o sites.csv \\
        --atomap venv-atomap/bin/python --atomai venv-atomai/bin/python

Nobody counted the sites of real pictures: all answers are counted against the same lattice, that
of the picture's spectrum, by the same function and within the same radius. atomap is called with
its defaults, in an interpreter of its own, on the same image that the network read. It has to be
told the least separation of sites: it gets several shares of the distance of neighbours that the
network found, and the one is kept with which it does best. AtomAI has no trained network of its
own: its U-Net is trained on each picture with the local maxima as labels, at least half a distance
of neighbours apart, as benchmark_stem.py does it.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from benchmark_stem import ATOMAI, measure

from latticework.analysis.atoms.fields import Fields, fields_of
from latticework.analysis.surfaces.any_scale import images_of
from latticework.analysis.surfaces.sites import SAME_SITE, Sites, find_sites
from latticework.analysis.surfaces.support import Support, translational_support
from latticework.cli import published
from latticework.config.inference import Images
from latticework.datasets.not_specimen import wide
from latticework.learning import weights

SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
STUDY = "generic"
CYCLES = 100  # of AtomAI's training
APART = 0.5  # least distance of its labels, in spacings

ATOMAP = """
import sys
import numpy as np
import atomap.api as am
import hyperspy.api as hs
image = hs.signals.Signal2D(np.load(sys.argv[1]))
found = [am.get_atom_positions(image, separation=float(word)) for word in sys.argv[3:]]
np.savez(sys.argv[2], *found)
"""


def by_atomap(python: str, image: np.ndarray, separations: list[float]) -> list[np.ndarray]:
    """Sites (n, 2) px of an image (ny, nx), for each separation in px.

    Raises CalledProcessError where `python` has no atomap or atomap fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder, "image.npy"), Path(folder, "found.npz")
        # atomap drops maxima below a share of the highest: the lowest pixel is zero.
        np.save(given, image - image.min())
        words = [str(given), str(out), *map(str, separations)]
        own = os.environ | {"PYTHONPATH": ""}
        subprocess.run([python, "-c", ATOMAP, *words], cwd=folder, env=own, check=True)
        with np.load(out) as read:
            return [read[f"arr_{number}"] for number in range(len(separations))]


def by_atomai(python: str, image: np.ndarray, separation: float) -> np.ndarray:
    """Sites (n, 2) px of an image (ny, nx) that AtomAI's U-Net finds, trained on that image."""
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "image.npy")
        np.save(given, image.astype(np.float32))
        code = ATOMAI.replace("CYCLES", str(CYCLES))
        return measure(python, code, [str(given), "1", str(separation), STUDY])[1]


def both_shares(support: Support) -> float:
    """Harmonic mean of the shares of the lattice's sites and of sites on the lattice."""
    shares = support.completeness, support.purity
    return 2 * shares[0] * shares[1] / max(sum(shares), 1e-9)


def row_of(tool: str, share: float, support: Support) -> dict[str, str | float]:
    """What is said of a tool's sites; `share` is the separation over the spacing."""
    return {
        "tool": tool,
        "separation": share,
        "sites": len(support.supported),
        "found": support.completeness,
        "on_lattice": support.purity,
        "both": both_shares(support),
    }


def found_in(path: Path) -> tuple[Fields, Sites]:
    """A picture, and the sites that the network for every lattice finds in its first frame."""
    network, card = weights.load(published.weights(STUDY))
    read = fields_of([path], card)
    unseen = None if read.mask is None else wide(read.mask[0].any(axis=0))
    return read, find_sites(network, card, read.images[0][0], Images(tile=1024), unseen=unseen)


def compare(path: Path, atomap: str | None, atomai: str | None) -> pd.DataFrame:
    """Rows of the network, of atomap with each separation, of AtomAI; none without a lattice."""
    read, found = found_in(path)
    image = read.images[0][0]
    if found.support is None or found.scale is None or found.reading.lattice is None:
        return pd.DataFrame()
    spacing, vectors = found.scale.spacing, found.reading.lattice.vectors
    rows = [row_of(STUDY, np.nan, found.support)]
    levelled, answers = images_of(image)[found.scale.levelled], []
    if atomap:
        separations = [max(1.0, share * spacing) for share in SHARES]
        each = zip(SHARES, by_atomap(atomap, levelled, separations), strict=True)
        answers += [("atomap", share, sites) for share, sites in each]
    if atomai:
        answers.append(("AtomAI", APART, by_atomai(atomai, levelled, APART * spacing)))
    for tool, share, sites in answers:
        support = translational_support(sites, vectors, image.shape, SAME_SITE * spacing)
        rows.append(row_of(tool, share, support))
    return pd.DataFrame(rows).assign(picture=path.name, spacing_px=spacing)


def best_of(table: pd.DataFrame) -> pd.DataFrame:
    """Of each picture and tool the row that is best by both shares together."""
    best = table.groupby(["picture", "tool"], sort=False)["both"].idxmax()
    return table.loc[best].reset_index(drop=True)


def main() -> None:
    """Read each picture by all, and print the best answer of each."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="\n".join(__doc__.splitlines()[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--atomap", metavar="PYTHON", help="an interpreter that has atomap")
    parser.add_argument("--atomai", metavar="PYTHON", help="an interpreter that has AtomAI")
    parser.add_argument("-o", "--output", type=Path, help="CSV of all separations")
    arguments = parser.parse_args()
    # A relative interpreter is meant from here, not from the folder in which it runs.
    others = [name and str(Path(name).absolute()) for name in (arguments.atomap, arguments.atomai)]
    tables = []
    for path in arguments.pictures:
        rows = compare(path, *others)
        if rows.empty:
            print(f"{path.name}: no lattice, nothing to count against", flush=True)
            continue
        tables.append(rows)
        print(best_of(rows).round(3).to_string(index=False), flush=True)
        if arguments.output:
            pd.concat(tables).to_csv(arguments.output, index=False)
    if not tables:
        return
    table = pd.concat(tables, ignore_index=True)
    print("\nmeans, atomap at the best separation of each picture")
    print(best_of(table).groupby("tool")[["found", "on_lattice"]].mean().round(3).to_string())
    own = table[table["tool"] == "atomap"].groupby("separation")
    if len(own):
        print("means of atomap by separation over the spacing")
        print(own[["found", "on_lattice"]].mean().round(3).to_string())


if __name__ == "__main__":
    main()
