"""How refined positions follow displacements of a sheet that are known, beside the network's.

    python scripts/tools/refinement_response.py [--conditions random:0.1 one:0.4 wave:0.1:8] \
        [--defocus -60 60] [--doses 1e4 1e5] [--seeds 0 1 2] [-o response.csv]

Images of a displaced sheet of graphene by multislice, read with the published network of the study
and refined. A row for each estimator: the network, the likelihood, the posterior. Rows are written
as they come, and images whose rows the output has already are left out.
"""

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from latticework import materials
from latticework.cli import published
from latticework.evaluation.response import (
    answers,
    displaced,
    image_of,
    plain_microscope,
    refined_image,
    response,
)
from latticework.inference.class_maps import working_sampling
from latticework.learning import weights
from latticework.simulation.exit_waves import wave_maker
from latticework.structures.references import reference_crystal

CS, SPREAD, MTF, BORDER, REPEATS = -1.15e5, 28.0, (0.0, 0.49, 2.34), 4.0, 2
CASE = ["condition", "defocus", "dose", "seed"]
FOUND = ["slope", "rms", "within", "moved", "fitted_defocus", "seconds"]


def rows(network, card, condition: str, defocus: float, dose: float, seed: int):
    """Rows of the three estimators for one image."""
    kind, size, *length = condition.split(":")
    material = materials.load(card["material"])
    crystal = reference_crystal(material) * (REPEATS, REPEATS, 1)
    rng = np.random.default_rng(seed)
    sheet = displaced(crystal, kind, float(size), rng, *map(float, length))
    # Finer than the network's training: these waves are converged.
    simulate = wave_maker(card["simulation"] | {"sampling": 0.08, "slice_thickness": 1.0})
    image, step = image_of(
        sheet, crystal, simulate, energy=card["energy"],
        microscope=plain_microscope(defocus, CS, SPREAD, MTF),
        sampling=working_sampling(card), dose=dose, band_limit=card["imaging"]["band_limit"],
        seed=seed,
    )  # fmt: skip
    start = time.process_time()
    found = refined_image(network, card, material, image, step)
    seconds = time.process_time() - start
    for name, (places, sigma) in answers(found.atoms).items():
        yield {
            "condition": condition, "defocus": defocus, "dose": dose, "seed": seed,
            "estimator": name, **response(places, sigma, sheet, BORDER), "seconds": seconds,
            "fitted_defocus": found.parameters["defocus_angstrom"][0],
            "warnings": "; ".join(found.warnings),
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="graphene")
    parser.add_argument("--conditions", nargs="+", default=["random:0.1", "one:0.4", "wave:0.1:8"])
    parser.add_argument("--defocus", nargs="+", type=float, default=[-60.0, 60.0])
    parser.add_argument("--doses", nargs="+", type=float, default=[1e4, 1e5])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("response.csv"))
    arguments = parser.parse_args()
    network, card = weights.load(published.weights(arguments.study))
    cases = pd.DataFrame(
        itertools.product(
            arguments.seeds, arguments.conditions, arguments.defocus, arguments.doses
        ),
        columns=["seed", "condition", "defocus", "dose"],
    )[CASE]
    known = pd.read_csv(arguments.output) if arguments.output.exists() else cases[:0]
    done = set(known[CASE].itertuples(index=False, name=None))
    for case in tqdm(list(cases.itertuples(index=False, name=None)), unit="image"):
        if case not in done:
            table = pd.DataFrame(rows(network, card, *case))
            new = not arguments.output.exists()
            table.to_csv(arguments.output, mode="a", header=new, index=False)
    print(summary(pd.read_csv(arguments.output).merge(cases)).round(3).to_string())


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread over seeds of what each estimator found in each condition."""
    groups = table.groupby([*CASE[:-1], "estimator"], sort=False)
    return groups[FOUND].agg(["mean", "std"])


if __name__ == "__main__":
    main()
