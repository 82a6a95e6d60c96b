"""Scanning TEM: a focused probe on a thin specimen, an image of what it scatters to an annulus."""

from collections.abc import Iterator
from typing import Any

from latticework.config.modality import Modality
from latticework.modalities import size_problems

# How images are read for scores.
READING = ("tile", "overlap", "symmetries", "epsilon", "threshold")

MODALITY = Modality(
    sections={
        "simulation": "config.stem:Simulation",
        "imaging": "config.stem:Imaging",
        "training": "config.training:ClassMapTraining",
        "tuning": "config.tuning:Tuning",
        "inference": "config.inference:Images",
        "evaluation": "config.evaluation_atoms:Evaluation",
        "movies": "config.movies:Movies",
    },
    simulate="simulation.stem:simulate",
    simulation_memory=1200,
    source="learning.sources.stem:source",
    kinds=("image", "set", "movie"),
    calibrate="inference.calibrate:images",
    predict="inference.images:predict",
    predict_with=("tile", "overlap", "symmetries"),
    analyses=("atoms.csv", "defects.csv"),
    evaluate="evaluation.atoms_stem:evaluate_network",
    evaluate_with={"evaluation": ("radius", "doses", "defocus", "border"), "inference": READING},
    bounds="limits.scanning_images:bounds",
    bounds_with={
        "evaluation": ("radius", "doses", "defocus"),
        "imaging": ("sampling", "source_size", "maadf"),
    },
    tables=("bounds.csv", "real_images.csv"),
    refine="analysis.atoms.gaussian_columns:refine",
    network_tables=("scores.csv", "drawn.csv"),
    drawn="evaluation.atoms_stem:evaluate_drawn",
    drawn_with={"evaluation": ("radius", "border"), "inference": READING},
    refined="evaluation.refined_stem:evaluate_refined",
    refined_with={"evaluation": ("radius", "doses", "defocus", "border"), "inference": READING},
    cross_domain="evaluation.cross_domain:evaluate_cross_domain",
    cross_domain_with={"evaluation": ("radius", "border"), "inference": READING},
)


def problems(study: Any) -> Iterator[str]:
    """What in a study of scanning images does not fit together, one line each."""
    if study.material is None:
        yield "material: a study of images needs one"
    yield from size_problems(study)
    if not hasattr(study.structures.parameters, "box"):
        yield f"structures.generator: '{study.structures.generator}' fills no square box"
