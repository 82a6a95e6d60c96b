"""The pixel size of a picture of single atoms, by how wide the bright ones are.

    python scripts/tools/pixel_by_atom_width.py re_atoms_bpy_crop19.tif --study stem_graphene \\
        --element Si --clicks re_atoms_bpy_crop19.clicks_xy.csv

Where a picture has no lattice and its file states no pixel, nothing says how large it is; but a
network reads single atoms best at the size at which they are as wide as in its training. So the
strongest maxima of the picture are fitted as Gaussians, and so is a single atom of an element in
microscopes that are drawn from the training's ranges: the ratio of both medians is a pixel size.
It is right where the picture's probe is as sharp as the training's, and no measurement of lengths.

With --clicks, a table of positions x, y in px, the atoms of the element's class are scored at that
size, and for comparison at others, of which the picture's familiarity to the network, the mean
probability of its candidates and that of their class are shown as well. No click has a part in the
size.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from scipy import ndimage, optimize

from latticework import materials
from latticework.analysis.atoms.familiar import signs_of
from latticework.analysis.atoms.table import DOUBTFUL, LOWEST_PROBABILITY, read_map
from latticework.cli.published import weights
from latticework.config.stem import Imaging, Simulation
from latticework.datasets.read import read_picture
from latticework.evaluation.matching import scores
from latticework.hardware import best_device
from latticework.imaging.bank import image_bank
from latticework.imaging.normalisation import local_mean
from latticework.imaging.scan import straight_scan
from latticework.imaging.stem import drawn_microscopes, signal
from latticework.inference import familiarity
from latticework.inference.class_maps import predict
from latticework.learning.weights import load
from latticework.simulation.stem import image_of

SCALES = np.geomspace(1.0, 12.0, 26)  # px, widths of the maxima that are looked for
SPOTS = 60  # strongest maxima
REACH = 3.0  # of a fit, in widths
BOX, PIXEL, MICROSCOPES = 16.0, 0.1, 200  # Å, Å, of the training's atom
THRESHOLD, CLICKED = 0.3, 6.0  # of the scored atoms, and px to a click


def spots(image: np.ndarray, count: int) -> np.ndarray:
    """The strongest maxima (count, 3) of a picture in scale space: x, y and width in px."""
    seen = np.stack([-(s**2) * ndimage.gaussian_laplace(image, s) for s in SCALES])
    scale, y, x = np.nonzero(seen == ndimage.maximum_filter(seen, size=(3, 7, 7)))
    best = np.argsort(-seen[scale, y, x])[:count]
    return np.column_stack([x, y, SCALES[scale]])[best]


def fitted_width(image: np.ndarray, x: float, y: float, width: float) -> float:
    """Width of the Gaussian on a constant that fits a maximum of about a width, px."""
    along_y, along_x = np.indices(image.shape)
    near = np.hypot(along_x - x, along_y - y) < REACH * width
    seen, column, row = image[near], along_x[near], along_y[near]
    level = float(np.median(seen))

    def misfit(p: np.ndarray) -> np.ndarray:
        return (
            p[0] * np.exp(-(np.hypot(column - p[1], row - p[2]) ** 2) / 2 / p[3] ** 2) + p[4] - seen
        )

    start = [float(seen.max()) - level, x, y, width, level]
    return float(abs(optimize.least_squares(misfit, start, x_scale=np.abs(start) + 1e-9).x[3]))


def training_widths(card: dict, element: str) -> np.ndarray:
    """Widths (n,) in Å of a single atom in microscopes that are drawn as in the training."""
    given = Simulation.model_validate(card["simulation"])
    atom = Atoms(element, positions=[[BOX / 2, BOX / 2, 2]], cell=(BOX, BOX, 4), pbc=(1, 1, 0))
    bank = image_bank(torch.from_numpy(image_of(atom, given)[None]).float(), BOX)
    ranges = Imaging.model_validate(card["imaging"]).ranges()
    drawn = drawn_microscopes(ranges, MICROSCOPES, torch.Generator().manual_seed(0))
    scan = straight_scan(MICROSCOPES, PIXEL, BOX, int(BOX / PIXEL))
    first = torch.zeros(MICROSCOPES, dtype=torch.long)
    seen = signal(bank, first, drawn, scan, given.energy, given.semiangle)
    seen = local_mean(seen, (drawn["smoothing"] / PIXEL).reshape(-1, 1, 1).clamp(min=0.05)).numpy()
    middle, start = BOX / 2 / PIXEL, 0.45 / PIXEL
    return PIXEL * np.array(
        [fitted_width(one / one.max(), middle, middle, start) for one in seen.astype(float)]
    )


def reading(image: np.ndarray, sampling: float, path: Path, name: str) -> tuple[dict, np.ndarray]:
    """What a network says of a picture (1, ny, nx) at a pixel, and its atoms (n, 2) of a class."""
    network, card = load(path)
    how = {"tile": 1024, "overlap": 64, "symmetries": 1, "device": best_device()}
    with familiarity.watched(network) as features:
        maps, pixel = predict(network, card, image, sampling, **how)
    material = materials.load(card["material"])
    size = image.shape[1:]
    at = {"epsilon": 0.995, "threshold": LOWEST_PROBABILITY}
    table, _ = read_map(maps, pixel, size, sampling, card, material, **at)
    known = familiarity.load(path)
    score = known.score(signs_of(features, maps, image, sampling, card, table)) if known else None
    mine = table[table["class"] == name]
    atoms = mine.loc[mine["probability"] >= THRESHOLD, ["x_px", "y_px"]].to_numpy()
    said = {
        "familiarity": score,
        "probability": mine.loc[mine["probability"] >= DOUBTFUL, "probability"].mean(),
        "of_class": mine.loc[mine["probability"] >= 0.5, f"p_{name}"].mean(),
    }
    return said, atoms


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("--study", default="stem_graphene")
    parser.add_argument("--element", default="Si", help="of the training's bright atoms")
    parser.add_argument("--clicks", type=Path, help="a table with x and y of atoms, px")
    given = parser.parse_args()
    path = weights(given.study, None)
    image = read_picture(given.picture).image[:1].astype(np.float32)
    _, card = load(path)
    training = np.median(training_widths(card, given.element))
    found = spots(image[0].astype(float), 2 * SPOTS)
    width = np.array([fitted_width(image[0].astype(float), *spot) for spot in found])
    sizes = {}
    print(f"width of {given.element} in the training's microscopes, median: {training:.3f} Å")
    for count in (SPOTS, SPOTS // 2, 2 * SPOTS):
        of_spots = float(np.median(width[:count]))
        sizes[f"width, {count} spots"] = training / of_spots
        print(
            f"of the {count} strongest maxima: {of_spots:.2f} px, so {training / of_spots:.4f} Å/px"
        )
    scale = float(np.median(found[:SPOTS, 2]))
    sizes[f"scale space, {SPOTS} spots"] = training / scale
    print(f"of these, in scale space: {scale:.2f} px, so {training / scale:.4f} Å/px")
    if given.clicks is None:
        return
    clicks = pd.read_csv(given.clicks).iloc[:, :2].to_numpy(dtype=float)
    sizes |= {f"{size:.3f}": size for size in np.geomspace(0.06, 0.36, 17)}
    rows = []
    for name, size in sizes.items():
        said, atoms = reading(image, size, path, given.element)
        got = scores(atoms, clicks, CLICKED)
        keys = ("precision", "recall", "f1")
        rows.append(
            {"size by": name, "pixel": size, "atoms": len(atoms)} | {k: got[k] for k in keys} | said
        )
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
