"""Held-out particles, their images in several microscopes, and the network's output."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latticework import shards
from latticework.analysis.atoms.localisation import localise
from latticework.evaluation.held_out import load_held_out, read_held_out
from latticework.logs import tee
from latticework.seeds import torch_seed
from latticework.structures import targets

EXAMPLES = 5


def main(
    weights: Path,
    structures: Sequence[Path],
    simulations: Sequence[Path],
    output: Path,
    *,
    evaluation: Mapping[str, Any],
    inference: Mapping[str, Any],
    seed: int,
) -> None:
    """Write the first particles, format "examples", each at another defocus and dose."""
    held_out = load_held_out(weights, structures, simulations, evaluation, inference)
    settings, reading = held_out.settings, held_out.inference
    images, maps, positions, counts, located, titles = [], [], [], [], [], []
    for number, atoms in enumerate(held_out.structures[:EXAMPLES]):
        defocus = settings.defocus[number % len(settings.defocus)]
        dose = settings.doses[::-1][number % len(settings.doses)]
        image, probabilities, sampling = read_held_out(
            held_out,
            number,
            defocus=defocus,
            dose=dose,
            seed=torch_seed(seed, "figure/particles", number),
        )
        found = localise(probabilities, epsilon=reading.epsilon, threshold=reading.threshold)
        column = atoms.arrays["column"]
        tilt, axis = atoms.info["tilt_degrees"], atoms.info["zone_axis"]
        images.append(image[0])
        maps.append(1 - probabilities[0])
        positions.append(targets(atoms).positions[:, :2])
        counts.append(np.unique(column[column >= 0], return_counts=True)[1])
        located.append(found[["x_px", "y_px"]].to_numpy() * sampling)
        words = f"[{axis}], tilt {tilt:.1f}°\n{dose:,.0f} e/Å², {defocus:g} Å"
        titles.append(words.replace("-", "−"))
    box = held_out.bank.box
    arrays = {
        "box": shards.Array(np.array(box), "Å", ()),
        "image": shards.Array(np.stack(images), "counts", ("particle", "y", "x")),
        "sampling": shards.Array(np.array(box / images[0].shape[-1]), "Å", ()),
        "foreground": shards.Array(np.stack(maps), "1", ("particle", "y", "x")),
        "map_sampling": shards.Array(np.array(sampling), "Å", ()),
        "positions": shards.Array(
            positions, "Å", ("particle", "column", "axis (x, y)"), ragged=True
        ),
        "counts": shards.Array(counts, "atoms", ("particle", "column"), ragged=True),
        "found": shards.Array(located, "Å", ("particle", "column", "axis (x, y)"), ragged=True),
    }
    shards.write(output, "examples", arrays, {"titles": titles})


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.weights),
        [Path(snakemake.input.structures)],
        [Path(snakemake.input.simulations)],
        Path(snakemake.output[0]),
        evaluation=snakemake.params.evaluation,
        inference=snakemake.params.inference,
        seed=snakemake.params.seed,
    )
