"""Scanning tunnelling microscopy: a tip above a surface, an image of its height or its current."""

from collections.abc import Iterator
from typing import Any

from latticework.config.modality import Modality
from latticework.modalities import size_problems

# What scores depend on.
SCORED_WITH = {
    "evaluation": ("radius", "noises", "border"),
    "inference": ("tile", "overlap", "symmetries", "epsilon", "threshold"),
}
MODALITY = Modality(
    sections={
        "simulation": "config.stm:Simulation",
        "imaging": "config.stm:Imaging",
        "training": "config.training:ClassMapTraining",
        "tuning": "config.tuning:Tuning",
        "inference": "config.inference:Images",
        "evaluation": "config.stm:Evaluation",
        "movies": "config.movies:Movies",
    },
    simulate="simulation.stm:simulate",
    simulation_memory=600,
    source="learning.sources.stm:source",
    kinds=("image", "set", "movie"),
    calibrate="inference.calibrate:images",
    predict="inference.images:predict",
    predict_with=("tile", "overlap", "symmetries"),
    analyses=("atoms.csv",),
    evaluate="evaluation.atoms_stm:evaluate_network",
    evaluate_with=SCORED_WITH,
    order="evaluation.order_stm:evaluate_order",
    order_with=SCORED_WITH,
)


def problems(study: Any) -> Iterator[str]:
    """What in a study of tunnelling images does not fit together, one line each."""
    if study.material is None:
        yield "material: a study of images needs one"
    yield from size_problems(study)
    if not hasattr(study.structures.parameters, "box"):
        yield f"structures.generator: '{study.structures.generator}' fills no square box"
