"""How well refined positions do in microscopes drawn as in a network's training, beside the bound.

    python scripts/tools/refine_in_drawn_microscopes.py [--microscopes 12] [--doses 1e3 1e4 1e5] \\
        [--first 0] [-o drawn.csv]

A sheet of graphene whose atoms are displaced at random by 0.1 Å per axis, another one for every
microscope, at every dose: read with the published network and refined. A row for each estimator,
with the Cramér-Rao bound of this sheet in this microscope, all of whose parameters are known. Rows
are written as they come, and microscopes that the output has already are left out.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from latticework import materials
from latticework.cli import published
from latticework.config.micrographs import Imaging
from latticework.evaluation.response import (
    answers,
    displaced,
    image_of,
    refined_image,
    response,
)
from latticework.imaging.draws import draw
from latticework.inference.class_maps import working_sampling
from latticework.learning import weights
from latticework.limits.images import bound_in_sheet
from latticework.simulation.exit_waves import wave_maker
from latticework.structures.references import reference_crystal

DISPLACED, BORDER, REPEATS = 0.1, 4.0, 2
SHOWN = ("defocus", "cs", "focal_spread", "astigmatism")
BOUND = 0.1  # Å: where the bound is below, errors are compared with it


def rows(
    network: torch.nn.Module, card: Mapping[str, Any], number: int, doses: list[float]
) -> Iterator[dict[str, Any]]:
    """Rows of the three estimators for one microscope and sheet at some doses."""
    material = materials.load(card["material"])
    crystal = reference_crystal(material) * (REPEATS, REPEATS, 1)
    sheet = displaced(crystal, "random", DISPLACED, np.random.default_rng(number))
    imaging = Imaging.model_validate(card["imaging"])
    microscope = draw(imaging.ranges(), 1, torch.Generator().manual_seed(number))
    # Finer than the network's training: these waves are converged.
    simulate = wave_maker(card["simulation"] | {"sampling": 0.08, "slice_thickness": 1.0})
    moved = crystal.copy()
    moved.positions[:, :2] = sheet.truth
    # Of the repeated cells every atom moves alone.
    moved.arrays.pop("column", None)
    given = {"energy": card["energy"], "band_limit": imaging.band_limit}
    bound = None
    for dose in doses:
        image, step = image_of(
            sheet, crystal, simulate, microscope=microscope, sampling=working_sampling(card),
            dose=dose, seed=number, **given,
        )  # fmt: skip
        if bound is None:
            bound = bound_in_sheet(
                moved, simulate, material.reference.neighbours, microscope, size=len(image),
                dose=1.0, **given,
            )  # fmt: skip
        found = refined_image(network, card, material, image, step)
        for name, (places, sigma) in answers(found.atoms).items():
            yield {
                "microscope": number, "dose": dose, "estimator": name,
                **response(places, sigma, sheet, BORDER), "bound": bound / np.sqrt(dose),
                **{key: float(microscope[key]) for key in SHOWN},
                "fitted_defocus": found.parameters.get("defocus_angstrom", [np.nan])[0],
            }  # fmt: skip


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Medians over microscopes at each dose; over the bound where that is below 0.1 Å."""
    known = table["bound"] < BOUND
    table = table.assign(over_bound=(table["rms"] / table["bound"]).where(known), known=known)
    shown = table.groupby(["dose", "estimator"], sort=False)
    medians = shown[["recall", "slope", "rms", "within", "bound", "over_bound"]].median()
    return medians.assign(pictures=shown.size(), with_bound=shown["known"].sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="graphene")
    parser.add_argument("--weights", type=Path, help="other weights than the study's published")
    parser.add_argument("--microscopes", type=int, default=12, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--doses", nargs="+", type=float, default=[1e3, 1e4, 1e5])
    parser.add_argument("-o", "--output", type=Path, default=Path("drawn.csv"))
    arguments = parser.parse_args()
    network, card = weights.load(arguments.weights or published.weights(arguments.study))
    done = set(pd.read_csv(arguments.output)["microscope"]) if arguments.output.exists() else set()
    numbers = range(arguments.first, arguments.first + arguments.microscopes)
    for number in tqdm([n for n in numbers if n not in done], unit="microscope"):
        table = pd.DataFrame(rows(network, card, number, arguments.doses))
        new = not arguments.output.exists()
        table.to_csv(arguments.output, mode="a", header=new, index=False)
    print(summary(pd.read_csv(arguments.output)).round(3).to_string())


if __name__ == "__main__":
    main()
