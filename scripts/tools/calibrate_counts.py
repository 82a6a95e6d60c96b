"""Calibrate how sure a network is of its counts: into the card of its weights.

Fit it to structures that the network is neither trained nor scored on, such as those of a run with
another seed:

    snakemake --cores 1 --configfile config/laptop.yaml config/published.yaml \\
        --config run=calibration seed=90 -- \\
        results/calibration/simulations/gold_heights/train-000{0,1,2,3}.h5
    python scripts/tools/calibrate_counts.py \\
        models/gold_heights/residual_unet/weights.safetensors \\
        --structures results/calibration/structures/gold_heights/train-000{0,1,2,3}.extxyz \\
        --simulations results/calibration/simulations/gold_heights/train-000{0,1,2,3}.h5

Every image has a microscope and a dose of its own, from the ranges on the card.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from latticework.analysis.atoms.class_shares import Calibration, as_card, calibrate
from latticework.evaluation.counting import MISSED, counted_columns, share_names, top_label_error
from latticework.evaluation.drawn import NO_FIXED, drawn_image
from latticework.evaluation.held_out import HeldOut, load_held_out
from latticework.hardware import best_device
from latticework.inference.class_maps import predict
from latticework.learning.weights import extend_card
from latticework.seeds import torch_seed

SEED = 90
IMAGE = ["structure", "repeat"]


def counted(held_out: HeldOut, microscopes: int) -> Iterator[pd.DataFrame]:
    """The found columns of every structure in so many drawn microscopes, uncalibrated."""
    numbers = [
        (n, repeat) for n in range(len(held_out.structures)) for repeat in range(microscopes)
    ]
    how = held_out.inference
    for number, repeat in tqdm(numbers, unit="image"):
        seed = torch_seed(SEED, f"calibration/{repeat}/microscope", number)
        image, sampling, _ = drawn_image(held_out, number, seed)
        maps, pixel = predict(
            held_out.network, held_out.card, image, sampling, tile=how.tile, overlap=how.overlap,
            symmetries=how.symmetries, device=best_device(),
        )  # fmt: skip
        table = counted_columns(maps, pixel, held_out.structures[number], held_out.settings, how)
        yield table[table["counted"] != MISSED].assign(structure=number, repeat=repeat)


def calibrated_on(table: pd.DataFrame) -> Calibration:
    """The calibration fitted to counted columns."""
    return calibrate(
        table[share_names(table)].to_numpy(),
        table.groupby(IMAGE).ngroup().to_numpy(),
        table["truth"].to_numpy() - 1,
    )


def scores(table: pd.DataFrame, calibration: Calibration | None) -> tuple[float, float]:
    """Top-label calibration error, and the share of exact counts."""
    shares, truth = table[share_names(table)].copy(), table["truth"].to_numpy() - 1
    if calibration is not None:
        for rows in table.groupby(IMAGE).groups.values():
            shares.loc[rows] = calibration(shares.loc[rows].to_numpy())
    values = shares.to_numpy()
    return top_label_error(values, truth), float(np.mean(values.argmax(axis=1) == truth))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, help="their card is extended")
    parser.add_argument("--structures", type=Path, nargs="+", required=True)
    parser.add_argument("--simulations", type=Path, nargs="+", required=True)
    parser.add_argument("--radius", type=float, default=0.8, help="Å, of matching")
    parser.add_argument("--microscopes", type=int, default=8, help="images of each structure")
    arguments = parser.parse_args()
    held_out = load_held_out(
        arguments.weights,
        arguments.structures,
        arguments.simulations,
        NO_FIXED | {"radius": arguments.radius},
        {},
    )
    table = pd.concat(counted(held_out, arguments.microscopes), ignore_index=True)
    half = table["structure"] % 2 == 0
    for fitted, kept in ((table[half], table[~half]), (table[~half], table[half])):
        calibration = calibrated_on(fitted)
        before, after = scores(kept, None), scores(kept, calibration)
        print("the other half, error and exact:", *(f"{value:.3f}" for value in before + after))
    found = as_card(calibrated_on(table)) | {
        "columns": len(table),
        "structures": int(table["structure"].nunique()),
    }
    print(found)
    extend_card(arguments.weights, {"calibration": found})


if __name__ == "__main__":
    main()
