"""Sites of any lattice at any scale: images of several kinds of experiment, read as one kind."""

from collections.abc import Iterator
from typing import Any

from latticework.config.modality import Modality
from latticework.modalities import size_problems

MODALITY = Modality(
    sections={
        "imaging": "config.sites:Imaging",
        "training": "config.training:ClassMapTraining",
        "tuning": "config.tuning:Tuning",
        "inference": "config.inference:Images",
        "evaluation": "config.sites:Evaluation",
        "movies": "config.movies:Movies",
    },
    simulate=None,
    simulation_memory=0,
    source="learning.sources.sites:source",
    kinds=("image", "set", "movie"),
    calibrate="inference.calibrate:images",
    predict="inference.images:predict",
    predict_with=("tile", "overlap", "symmetries"),
    analyses=(),
    evaluate="evaluation.sites:evaluate_network",
    evaluate_with={
        "evaluation": ("radius", "images", "border", "specific"),
        "inference": ("tile", "overlap", "symmetries", "epsilon", "threshold"),
    },
)


def problems(study: Any) -> Iterator[str]:
    """What in a study of sites does not fit together, one line each."""
    if study.material is None:
        yield "material: a study of images needs one"
    if not study.sources:
        yield "sources: expected the studies whose images it learns from"
    if study.datasets:
        yield "datasets: images without a known pixel are read by `latticework predict` only"
    yield from size_problems(study)
