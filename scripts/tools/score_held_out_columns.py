"""Scores of a scanning network on held-out shards, by class, without any refinement.

    python scripts/tools/score_held_out_columns.py stem_tmd results/laptop \\
        --config config/config.yaml config/laptop.yaml --doses 3e4 1e5 3e5 1e6

The images are those of refined.csv, of as many shards as there are: three drawn microscopes of each
structure, of which those below the lowest dose are scored apart, and with --middle those in the
middle of the ranges, in focus and at 40 Å. Classes are the network's own word, and that of
cross-sections. The noise of a structure is that of its number.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from latticework import materials
from latticework.analysis.atoms.cross_sections import by_cross_section
from latticework.analysis.atoms.table import LOWEST_PROBABILITY, atoms_table
from latticework.cli.published import weights
from latticework.config.parse import load
from latticework.evaluation.atoms import ALL, class_scores, pooled
from latticework.evaluation.atoms_stem import drawn_image, load_held_out
from latticework.evaluation.drawn import REPEATS
from latticework.evaluation.held_out import HeldOut
from latticework.inference.class_maps import working_sampling
from latticework.seeds import torch_seed
from latticework.structures import specimen

DEFOCUS = (0.0, 40.0)  # Å
KEYS = ["images", "way", "class"]


def images(
    held_out: HeldOut, seed: int, doses: list[float], middle: bool
) -> Iterator[tuple[str, int, np.ndarray, float]]:
    """Kind, number of the structure, image (1, ny, nx) and its pixel in Å, one after another."""
    for number in tqdm(range(len(held_out.structures)), unit="structure"):
        for repeat in range(REPEATS):
            drawn = torch_seed(seed, f"evaluation/drawn/{repeat}/microscope", number)
            image, sampling, microscope = drawn_image(held_out, number, drawn)
            kind = "drawn" if microscope["dose"] >= min(doses) else "drawn, fewer electrons"
            yield kind, number, image, sampling
        for defocus, dose in [(f, d) for f in DEFOCUS for d in doses if middle]:
            noise = torch_seed(seed, f"evaluation/{defocus:g}/{dose:g}", number)
            image = held_out.imaged(held_out, number, defocus=defocus, dose=dose, seed=noise)
            yield "middle", number, image, working_sampling(held_out.card)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study")
    parser.add_argument("results", type=Path, help="folder of a run, with its held-out shards")
    parser.add_argument("--config", type=Path, nargs="+", required=True)
    parser.add_argument("--weights", type=Path, help="other weights than the published")
    parser.add_argument("--doses", type=float, nargs="+", required=True, help="e/Å²")
    parser.add_argument("--middle", action="store_true", help="also the middle of the ranges")
    given = parser.parse_args()
    config = load(*given.config)
    study = config.studies[given.study]
    shards = sorted((given.results / "simulations" / given.study).glob("heldout-*.h5"))
    grown = [given.results / "structures" / given.study / f"{p.stem}.extxyz" for p in shards]
    held_out = load_held_out(
        given.weights or weights(given.study, None),
        grown,
        shards,
        study.evaluation.model_dump(mode="json"),
        study.inference.model_dump(mode="json"),
    )
    material, how = materials.load(held_out.card["material"]), held_out.inference
    rows = []
    for kind, number, image, sampling in images(held_out, config.seed, given.doses, given.middle):
        maps, pixel = held_out.read(image, sampling)
        weak = {"epsilon": how.epsilon, "threshold": LOWEST_PROBABILITY}
        table = atoms_table(maps, pixel, sampling, held_out.card, **weak)
        told = by_cross_section(table, image[0], sampling, material)
        structure = held_out.structures[number]
        for way, atoms in (("network", table), ("cross-sections", told)):
            certain = atoms[atoms["probability"] >= how.threshold]
            names = {name: n for n, name in enumerate(held_out.classes, start=1)}
            scored = class_scores(
                certain[["x_angstrom", "y_angstrom"]].to_numpy(),
                certain["class"].map(names).to_numpy(dtype=int),
                structure,
                held_out.classes,
                np.full(len(specimen(structure).positions), ALL),
                radius=held_out.settings.radius,
                border=held_out.settings.border,
            )
            rows += [{"images": kind, "way": way, **row} for row in scored]
    table = pooled(pd.DataFrame(rows), KEYS)
    counts = ["true_positives", "false_positives", "false_negatives", "f1"]
    print(table[[*KEYS, *counts]].round(3).to_string(index=False))


if __name__ == "__main__":
    main()
