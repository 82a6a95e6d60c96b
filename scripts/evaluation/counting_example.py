"""One held-out particle whose columns are counted at up to three doses, for figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latticework import shards
from latticework.analysis.atoms.class_shares import calibration_of
from latticework.analysis.atoms.localisation import segment
from latticework.config.micrographs import Imaging
from latticework.evaluation.counting import counted_columns
from latticework.evaluation.held_out import load_held_out, read_held_out
from latticework.logs import tee
from latticework.seeds import torch_seed

# e/Å² of a whole series: the paper's highest.
HIGHEST_DOSE = 3.0e4
SHOWN = 3


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
    """Write the example, format "examples", the highest dose first.

    The largest particle on its zone axis, as in the paper; any, where none is.
    """
    held_out = load_held_out(weights, structures, simulations, evaluation, inference)
    calibration = calibration_of(held_out.card)
    settings, reading, known = held_out.settings, held_out.inference, held_out.structures
    aligned = [n for n, a in enumerate(known) if a.info["tilt_degrees"] == 0]
    chosen = max(aligned or range(len(known)), key=lambda n: len(known[n]))
    doses = [dose for dose in settings.doses if dose <= HIGHEST_DOSE][::-1]
    shown = doses[:: max(1, len(doses) // SHOWN)][:SHOWN]
    images, maps, segments, tables = [], [], [], []
    for dose in shown:
        image, probabilities, sampling = read_held_out(
            held_out,
            chosen,
            defocus=0.0,
            dose=dose,
            seed=torch_seed(seed, "figure/counting"),
        )
        images.append(image)
        maps.append(probabilities)
        segments.append(segment(probabilities[0], reading.epsilon))
        tables.append(
            counted_columns(probabilities, sampling, known[chosen], settings, reading, calibration)
        )
    names = list(tables[0])
    arrays = {
        "dose": shards.Array(np.array(shown), "e/Å²", ("dose",)),
        "defocus": shards.Array(
            np.array(Imaging.model_validate(held_out.card["imaging"]).series), "Å", ("series",)
        ),
        "images": shards.Array(np.stack(images), "counts", ("dose", "series", "y", "x")),
        "sampling": shards.Array(np.array(held_out.bank.box / images[0].shape[-1]), "Å", ()),
        "probabilities": shards.Array(np.stack(maps), "1", ("dose", "class", "y", "x")),
        "map_sampling": shards.Array(np.array(sampling), "Å", ()),
        "segments": shards.Array(np.stack(segments), "1", ("dose", "y", "x")),
        "columns": shards.Array(
            np.stack([table[names].to_numpy(float) for table in tables]),
            "Å, atoms, 1",
            ("dose", "column", "quantity"),
        ),
    }
    attributes = {"quantities": names, "classes": held_out.classes}
    shards.write(output, "examples", arrays, attributes)


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
