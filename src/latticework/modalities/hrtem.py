"""High-resolution TEM: a plane wave through the specimen, an image by the objective lens."""

import math
from collections.abc import Iterator
from typing import Any

from latticework.config.modality import Modality
from latticework.modalities import size_problems

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
    bounds="limits.images:bounds",
    bounds_with={
        "evaluation": ("radius", "doses", "defocus", "cs", "focal_spread", "mtf", "border"),
        "imaging": ("sampling", "band_limit", "series"),
    },
    tables=("bounds.csv", "real_images.csv"),
    network_tables=("scores.csv", "drawn.csv"),
    drawn="evaluation.drawn:evaluate_network",
    drawn_with={
        "evaluation": ("radius", "border"),
        "inference": ("tile", "overlap", "symmetries", "epsilon", "threshold"),
    },
    refine="analysis.atoms.sheets.refinement:refine",
)


def problems(study: Any) -> Iterator[str]:
    """What in a study of micrographs does not fit together, one line each."""
    if study.material is None:
        yield "material: a study of micrographs needs one"
    yield from size_problems(study)
    limit = 0.5 / study.simulation.stored_sampling
    if study.imaging.band_limit > limit:
        yield (
            f"imaging.band_limit ({study.imaging.band_limit}) exceeds the Nyquist frequency of the "
            f"stored waves ({limit:.3g} 1/Å)"
        )
    yield from _field(study, study.imaging.crop)


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
