"""A simulated STEM movie of a crystal whose columns lose atoms, read by the published network.

    python scripts/tools/movie_of_transitions.py --out transitions --doses 3e4 1e5 3e5

The true changes beside those that are found, raw and corrected, for each dose: transitions.csv, of
all movies together pooled.csv, and a picture of each. The confusion is measured on a movie of
another crystal, drift and noise, or fitted along.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import torch

from latticework import materials
from latticework.analysis.atoms.reading import Prediction, predict_files
from latticework.analysis.atoms.table import LOWEST_PROBABILITY
from latticework.analysis.movies.transformations import Followed, follow
from latticework.analysis.movies.transitions import (
    share_table,
    state_table,
    transition_table,
)
from latticework.cli import published
from latticework.config.inference import Images
from latticework.config.stem import Imaging, Simulation
from latticework.evaluation.transitions import (
    confusion_table,
    pooled,
    transition_scores,
    true_states,
)
from latticework.figures.transitions import save_transitions, transitions
from latticework.imaging.movies import random_drift
from latticework.imaging.scanned_movies import crystal_images, scanned_frames
from latticework.imaging.stem import middle_probe
from latticework.learning import weights
from latticework.seeds import stream, torch_seed
from latticework.shards import write_csv
from latticework.simulation.stem import image_of
from latticework.structures.changing_columns import ChangingCrystal, changing_crystal

STUDY, ELEMENT, SAMPLING = "stem_tmd", "S", 0.25
# Of the number of atoms in a column, from a pair down to none: a pair loses one, which may come
# back; a single one is lost faster.
MATRIX = np.array([[0.985, 0.015, 0.0], [0.02, 0.95, 0.03], [0.0, 0.01, 0.99]])
START = np.array([0.75, 0.13, 0.12])
DISORDER, DRIFT, JITTER, READOUT = 0.05, 0.3, 0.05, 0.2


def crystal_of(name: str, seed: int, frames: int, repeats: tuple[int, int]) -> ChangingCrystal:
    _, card = weights.load(published.weights(STUDY))
    return changing_crystal(
        (stream(seed, f"{name}/crystal"), stream(seed, f"{name}/changes")),
        material=materials.load(card["material"]),
        repeats=repeats,
        element=ELEMENT,
        matrix=MATRIX,
        start=START,
        disorder=DISORDER,
        frames=frames,
    )


def truth_of(crystal: ChangingCrystal) -> pd.DataFrame:
    """A row for each column in each frame."""
    frames = len(crystal.counts)
    columns = np.arange(len(crystal.columns))
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "frame": frame,
                    "column": columns,
                    "x_angstrom": crystal.columns[:, 0],
                    "y_angstrom": crystal.columns[:, 1],
                    "class": crystal.classes(frame),
                }
            )
            for frame in range(frames)
        ],
        ignore_index=True,
    )


def sharp_images(crystal: ChangingCrystal, path: Path) -> np.ndarray:
    """What a perfect probe sees in every frame, computed once."""
    if not path.exists():
        _, card = weights.load(published.weights(STUDY))
        given = Simulation.model_validate(card["simulation"])
        structures = (crystal.atoms(frame) for frame in range(len(crystal.counts)))
        made = crystal_images(structures, lambda atoms: image_of(atoms, given))
        np.save(path, np.stack(list(made)))
    return np.load(path)


def film(
    name: str, crystal: ChangingCrystal, sharp: np.ndarray, dose: float, seed: int, path: Path
) -> None:
    """Write the frames as an ImageJ stack."""
    _, card = weights.load(published.weights(STUDY))
    given = Simulation.model_validate(card["simulation"])
    microscope = middle_probe(Imaging.model_validate(card["imaging"]).ranges(), 1, 0.0)
    others = {
        "sampling": SAMPLING,
        "dose": dose,
        "readout": READOUT,
        "offset": 0.3,
        "line_jitter": JITTER,
        "flyback": 0.3,
        "smoothing": 0.03,
        "sharpening": 200.0,
        "saturation": 20.0,
    }
    microscope |= {key: torch.full((1,), value) for key, value in others.items()}
    drift = random_drift(stream(seed, f"{name}/drift"), len(sharp), DRIFT)
    generator = torch.Generator()
    generator.manual_seed(torch_seed(seed, f"{name}/{dose:g}/noise"))
    frames = scanned_frames(
        sharp,
        crystal.box,
        drift,
        size=int(crystal.box / SAMPLING) - 4,
        energy=given.energy,
        semiangle=given.semiangle,
        microscope=microscope,
        generator=generator,
    )
    stack = np.stack(list(frames)).astype(np.float32)
    tifffile.imwrite(
        path,
        stack,
        imagej=True,
        resolution=(1 / SAMPLING, 1 / SAMPLING),
        metadata={"unit": "angstrom", "axes": "TYX"},
    )
    table = pd.DataFrame(drift, columns=["drift_x_angstrom", "drift_y_angstrom"])
    write_csv(path.with_suffix(".drift.csv"), table)


def read(path: Path) -> Followed:
    """Atoms of every frame by the published network, and what stands at each site."""
    found: Prediction = predict_files(
        [path],
        published.weights(STUDY),
        Images(threshold=LOWEST_PROBABILITY),
        progress=False,
    )
    print(path.name, f"{found.sampling:.4f} Å/px by the {found.sampling_source}", *found.warnings)
    return follow(
        found.atoms, found.frames, found.sampling, tuple(found.card["classes"]), found.mask
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--doses", type=float, nargs="+", default=[3e4, 1e5, 3e5], help="e/Å²")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--repeats", type=int, nargs=2, default=(14, 8), metavar=("X", "Y"))
    parser.add_argument("--movies", type=int, default=1, help="that are judged")
    parser.add_argument("--seed", type=int, default=2018)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = ["calibration", *(f"judged_{n}" for n in range(arguments.movies))]
    rows = []
    for dose in arguments.doses:
        confusion = None
        for name in names:
            crystal = crystal_of(name, arguments.seed, arguments.frames, tuple(arguments.repeats))
            sharp = sharp_images(crystal, arguments.out / f"{name}.npy")
            path = arguments.out / f"{name}_{dose:.0e}.tif"
            film(name, crystal, sharp, dose, arguments.seed, path)
            followed = read(path)
            true = true_states(truth_of(crystal), followed)
            drift = pd.read_csv(path.with_suffix(".drift.csv")).to_numpy()
            off = followed.drift - drift - (followed.drift - drift).mean(axis=0)
            print(f"{len(followed.sites)} sites, drift {np.sqrt(np.nanmean(off**2)):.3f} Å RMS")
            if confusion is None:
                confusion = confusion_table(followed, true)
                print(confusion.to_string())
                write_csv(arguments.out / f"confusion_{dose:.0e}.csv", confusion)
                continue
            for kind, known in (("measured", confusion), ("fitted", None)):
                table, chains = transition_table(followed, known)
                scores = transition_scores(table, followed, true)
                rows.append(scores.assign(dose=dose, movie=name, confusion=kind))
                print(rows[-1].round(4).to_string())
                states = state_table(followed, chains)
                first = tifffile.imread(path)[0]
                drawn = transitions(first, SAMPLING, states, share_table(states), scores)
                save_transitions(path.with_suffix(f".{kind}.png"), drawn)
    scores = pd.concat(rows, ignore_index=True)
    write_csv(arguments.out / "transitions.csv", scores)
    together = pooled(scores, ["dose", "confusion"])
    write_csv(arguments.out / "pooled.csv", together)
    print(together.round(4).to_string())


if __name__ == "__main__":
    main()
