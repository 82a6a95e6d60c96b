"""Seconds to turn one probability map into a table of atoms.

    python scripts/tools/benchmark_localisation.py

Not a rule: its result goes into docs/scaling.md by hand, with the machine that it was measured on.
"""

import argparse
import time

import numpy as np
import torch

from latticework import materials, names
from latticework.analysis.atoms.localisation import localise
from latticework.imaging.labels import render_labels

LABEL_SIGMA = 0.35


def made_up_map(side: int, atoms: int, seed: int = 1) -> np.ndarray:
    """Probabilities (2, side, side) of a sheet with about `atoms` atoms, faint noise between."""
    box = np.sqrt(atoms / 0.381)
    parameters = {"box": float(box), "holes": (0, 0), "contamination": (0, 0)}
    generator, material = names.load("structures", "graphene"), materials.load("graphene")
    (sheet,) = generator.make_shard(parameters, material, seed, "benchmark", "train", range(1))
    labels = render_labels(
        torch.from_numpy(sheet.positions[None, :, :2]).float(),
        torch.ones(1, len(sheet), dtype=torch.long),
        (side, side),
        torch.tensor([box / side], dtype=torch.float32),
        LABEL_SIGMA,
        2,
        box=float(box),
    )[0, 1].numpy()
    noise = np.random.default_rng(seed).uniform(0, 0.004, labels.shape)
    atom = np.clip(0.9 * labels + noise, 0, 1)
    return np.stack([1 - atom, atom]).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=1024, help="px")
    parser.add_argument("--atoms", type=int, default=6000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    probabilities = made_up_map(arguments.side, arguments.atoms)
    seconds = []
    for _ in range(arguments.repeats):
        start = time.perf_counter()
        found = localise(probabilities, epsilon=0.995, threshold=0.5)
        seconds.append(time.perf_counter() - start)
    print(
        f"{len(found)} atoms in {arguments.side}² px: {min(seconds):.2f} s at best, "
        f"{np.median(seconds):.2f} s in the middle of {arguments.repeats}"
    )


if __name__ == "__main__":
    main()
