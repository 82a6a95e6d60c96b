"""High-resolution TEM: a plane wave through the specimen, an image by the objective lens."""

import math
from collections.abc import Iterator
from typing import Any

from latticework import names
from latticework.config.modality import Modality

MODALITY = Modality(
    sections={
        "simulation": "config.exit_waves:Simulation",
        "imaging": "config.micrographs:Imaging",
        "training": "config.training:ClassMapTraining",
        "tuning": "config.tuning:Tuning",
        "inference": "config.inference:Images",
        "evaluation": "config.evaluation_atoms:Evaluation",
        "movies": "config.movies:Movies",
    },
    simulate="simulation.exit_waves:simulate",
    simulation_memory=400,
    source="learning.sources.hrtem:source",
    kinds=("image", "set", "movie"),
    calibrate="inference.calibrate:images",
    predict="inference.images:predict",
    predict_with=("tile", "overlap", "symmetries"),
    analyses=("atoms.csv",),
    evaluate="evaluation.atoms:evaluate_network",
    evaluate_with={
        "evaluation": ("radius", "doses", "defocus", "cs", "focal_spread", "mtf", "border"),
        "inference": ("tile", "overlap", "symmetries", "epsilon", "threshold"),
    },
    tables=("bounds.csv", "real_images.csv"),
)


def problems(study: Any) -> Iterator[str]:
    """What in a study of micrographs does not fit together, one line each."""
    tile, overlap, crop = study.inference.tile, study.inference.overlap, study.imaging.crop
    if study.material is None:
        yield "material: a study of micrographs needs one"
    if overlap >= tile:
        yield f"inference.overlap ({overlap}) must be less than inference.tile ({tile})"
    for row, network in study.networks.items():
        if network.network is None:
            continue
        module = names.load("networks", network.network["name"])
        unit = module.multiple(module.Parameters.model_validate(study.parameters_of(row)))
        for key, size in (("imaging.crop", crop), ("inference.tile", tile)):
            if size % unit:
                yield f"{key} ({size}) must be a multiple of {unit}, as networks.{row} pools"
    limit = 0.5 / study.simulation.stored_sampling
    if study.imaging.band_limit > limit:
        yield (
            f"imaging.band_limit ({study.imaging.band_limit}) exceeds the Nyquist frequency of the "
            f"stored waves ({limit:.3g} 1/Å)"
        )
    yield from _field(study, crop)


def _field(study: Any, crop: int) -> Iterator[str]:
    """Images have an even number of pixels a side, and the crop must fit into the smallest."""
    box = getattr(study.structures.parameters, "box", None)
    if box is None:
        yield f"structures.generator: '{study.structures.generator}' fills no square box"
        return
    pixel = study.imaging.sampling
    smallest = 2 * math.ceil(box / pixel.high / 2 - 1e-9)
    if smallest > box / pixel.low + 1e-9:
        yield (
            f"imaging.sampling ({pixel.low} to {pixel.high}) divides the {box} Å box into no even "
            "number of pixels; widen it"
        )
    if crop > smallest:
        yield (
            f"imaging.crop ({crop}) must be at most {smallest}, the {box} Å box at the coarsest "
            "pixel"
        )
