"""A held-out structure, its image, its label and the network's prediction, for a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from latticework import shards
from latticework.evaluation.held_out import load_held_out, read_held_out
from latticework.imaging.labels import render_labels
from latticework.logs import tee
from latticework.seeds import torch_seed


def main(
    weights: Path,
    structures: Sequence[Path],
    simulations: Sequence[Path],
    bounds: Path,
    output: Path,
    *,
    evaluation: Mapping[str, Any],
    inference: Mapping[str, Any],
    seed: int,
) -> None:
    """Write the example, format "examples".

    A typical structure (half of the others have more visible atoms), at the middle dose and at
    the defocus that the bound says is best.
    """
    held_out = load_held_out(weights, structures, simulations, evaluation, inference)
    bank, card, known = held_out.bank, held_out.card, held_out.structures
    doses = sorted(held_out.settings.doses)
    dose = doses[len(doses) // 2]
    table = pd.read_csv(bounds)
    at_dose = table[table["dose"] == dose]
    defocus = float(at_dose.loc[at_dose["bound"].idxmin(), "defocus"])
    order = sorted(range(len(known)), key=lambda i: known[i].arrays["visible"].sum())
    chosen = order[len(order) // 2]
    image, probabilities, sampling = read_held_out(
        held_out,
        chosen,
        defocus=defocus,
        dose=dose,
        seed=torch_seed(seed, "figure/training_example"),
    )
    size = image.shape[-1]
    truth = render_labels(
        bank.positions[[chosen]],
        bank.classes[[chosen]],
        (size, size),
        torch.tensor([bank.box / size]),
        card["imaging"]["label_sigma"],
        card["network"]["classes"],
        box=bank.box,
    )
    atoms = known[chosen]
    plane = ("y", "x")
    arrays = {
        "box": shards.Array(torch.tensor(bank.box).double().numpy(), "Å", ()),
        "positions": shards.Array(atoms.positions, "Å", ("atom", "axis (x, y, z)")),
        "visible": shards.Array(atoms.arrays["visible"], "1", ("atom",)),
        "specimen": shards.Array(
            atoms.arrays.get("specimen", atoms.arrays["visible"]), "1", ("atom",)
        ),
        "image": shards.Array(image[0], "counts", plane),
        "label": shards.Array(1 - truth[0, 0].numpy(), "1", plane),
        "prediction": shards.Array(1 - probabilities[0], "1", plane),
        "map_sampling": shards.Array(torch.tensor(sampling).double().numpy(), "Å", ()),
    }
    shards.write(output, "examples", arrays, {"dose": dose, "defocus": defocus})


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.weights),
        [Path(snakemake.input.structures)],
        [Path(snakemake.input.simulations)],
        Path(snakemake.input.bounds),
        Path(snakemake.output[0]),
        evaluation=snakemake.params.evaluation,
        inference=snakemake.params.inference,
        seed=snakemake.params.seed,
    )
