"""How many defects a contour's anomaly shows, and how many false alarms perfect crystals give.

    python scripts/tools/measure_anomalies.py stem_graphene --remove C --replace C:Na C:Si \\
        [--doses 3e5 1e6] [--repeats 2] [--rate 0.01] [-o anomalies.csv]

Exact images of the material's reference crystal, atoms displaced at random, by the simulation on
the card of the study's published network, which reads them. In half of the crystals atoms are
removed or replaced, far from each other. A row a dose and kind of defect: how many there were, how
many are anomalous, and of the perfect crystals how many sites were judged and are anomalous.
"""

import argparse

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.spatial import cKDTree
from tqdm import tqdm

from latticework import materials
from latticework.analysis.atoms.anomalies import find_anomalies
from latticework.analysis.atoms.table import atoms_table
from latticework.cli import published
from latticework.config.stem import Imaging, Simulation
from latticework.inference.class_maps import predict
from latticework.learning import weights
from latticework.limits.scanning_images import ScanningMicroscope
from latticework.seeds import stream
from latticework.simulation.stem import image_of
from latticework.structures.references import reference_crystal

PIXEL = 0.1  # Å
DISORDER = 0.05  # Å RMS per axis, frozen
APART, BORDER = 7.0, 4.5  # Å: between defects, and from the border of the picture
NEAR = 0.7  # Å, of an anomalous site from the defect
SEED = 14


def crystal(material: materials.Material, repeats: int, rng: np.random.Generator) -> Atoms:
    """The reference crystal, displaced at random; the atoms of a column together."""
    made = reference_crystal(material) * (repeats, repeats, 1)
    # Copies of a cell have its numbers.
    _, column = np.unique(made.positions[:, :2].round(3), axis=0, return_inverse=True)
    made.positions[:, :2] += rng.normal(0, DISORDER, (column.max() + 1, 2))[column.ravel()]
    return made


def defective(
    atoms: Atoms, kinds: list[tuple[str, str]], rng: np.random.Generator
) -> tuple[Atoms, list[tuple[str, np.ndarray]]]:
    """A crystal with defects far from each other; `kinds` (element, what is in its place or "")."""
    box, changed, places, gone = atoms.cell.lengths()[0], atoms.copy(), [], []
    for number in rng.permutation(len(atoms)):
        place = atoms.positions[number, :2]
        if place.min() < BORDER or place.max() > box - BORDER:
            continue
        if any(np.hypot(*(place - other)) < APART for _, other in places):
            continue
        suited = [kind for kind in kinds if kind[0] == atoms.symbols[number]]
        if not suited:
            continue
        element, other = suited[len(places) % len(suited)]
        places.append((f"{element} by {other}" if other else f"{element} missing", place))
        if other:
            changed.symbols[number] = other
        else:
            gone.append(number)
    del changed[gone]
    return changed, places


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--remove", nargs="*", default=[], help="elements")
    parser.add_argument("--replace", nargs="*", default=[], help="as in C:Si")
    parser.add_argument("--doses", nargs="+", type=float, default=[3e5, 1e6], help="e/Å²")
    parser.add_argument("--repeats", type=int, default=1, help="of the reference crystal's box")
    parser.add_argument("--crystals", type=int, default=2, help="of either kind")
    parser.add_argument("--pictures", type=int, default=2, help="of a crystal and dose")
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("-o", "--output", default="anomalies.csv")
    given = parser.parse_args()
    kinds = [(element, "") for element in given.remove]
    kinds += [tuple(pair.split(":")) for pair in given.replace]
    network, card = weights.load(published.weights(given.study))
    material = materials.load(card["material"])
    simulation = Simulation.model_validate(card["simulation"])
    ranges = Imaging.model_validate(card["imaging"]).ranges()
    microscope = ScanningMicroscope(simulation.energy, simulation.semiangle, ranges, PIXEL)
    rows = []
    for number in tqdm(range(2 * given.crystals), desc="crystals"):
        rng = stream(SEED, "anomalies/perfect", number)
        atoms, places = crystal(material, given.repeats, rng), []
        if number % 2:
            atoms, places = defective(atoms, kinds, rng)
        box = atoms.cell.lengths()[0]
        mean = microscope.mean_images(image_of(atoms, simulation)[None], box, 0.0)[0]
        step = box / len(mean)
        for dose in given.doses:
            for picture in range(given.pictures):
                noise = stream(SEED, f"anomalies/noise {dose:g}", number, picture)
                counts = noise.poisson(mean * microscope.electrons(dose, box)).astype(np.float32)
                maps, pixel = predict(
                    network, card, counts[None], step, tile=512, overlap=64, symmetries=1,
                    device="cpu",
                )  # fmt: skip
                table = atoms_table(maps, pixel, step, card, epsilon=0.995, threshold=0.5)
                sites = find_anomalies(counts, table, rate=given.rate, seed=picture).sites
                odd = sites["anomalous"].to_numpy()
                if not places:
                    judged = int(sites["p_value"].notna().sum())
                    rows.append((dose, "perfect", judged, int(odd.sum())))
                    continue
                near = np.full(len(places), np.inf)
                if odd.any():
                    tree = cKDTree(sites.loc[odd, ["x_px", "y_px"]].to_numpy() * step)
                    near = tree.query(np.array([place for _, place in places]))[0]
                rows += [
                    (dose, kind, 1, int(distance < NEAR))
                    for (kind, _), distance in zip(places, near, strict=True)
                ]
    table = pd.DataFrame(rows, columns=["dose", "kind", "sites", "anomalous"])
    table = table.groupby(["dose", "kind"]).sum().reset_index()
    table["share"] = table["anomalous"] / table["sites"]
    table.to_csv(given.output, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
