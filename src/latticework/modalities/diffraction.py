"""Convergent-beam diffraction: a probe through a thick crystal, a pattern in the far field."""

from collections.abc import Iterator
from typing import Any

from latticework import names
from latticework.config.modality import Modality

MODALITY = Modality(
    sections={
        "simulation": "config.thick_crystals:Simulation",
        "imaging": "config.patterns:Imaging",
        "training": "config.training:Schedule",
        "tuning": "config.tuning:Tuning",
        "inference": "config.inference:Scans",
        "evaluation": "config.evaluation_peaks:Evaluation",
    },
    simulate="simulation.diffraction:simulate",
    simulation_memory=3000,
    source="learning.sources.diffraction:source",
    kinds=("scan",),
    calibrate="inference.scan_calibration:calibrate",
    predict="analysis.diffraction.scan_peaks:predict",
    predict_with=("threshold", "samples"),
    analyses=("peaks.csv",),
    evaluate="evaluation.peaks:evaluate_network",
    evaluate_with={"evaluation": ("radius", "samples", "precision", "trials"), "inference": ()},
    prepared=("patterns.h5", "patterns.csv"),
    tables=("scores.csv", "table1.csv", "accuracy.csv", "comparison.csv"),
)


def problems(study: Any) -> Iterator[str]:
    """What in a study of diffraction patterns does not fit together, one line each."""
    size = study.simulation.size
    for row, network in study.networks.items():
        if network.network is None:
            continue
        module = names.load("networks", network.network["name"])
        unit = module.multiple(module.Parameters.model_validate(study.parameters_of(row)))
        if size % unit:
            yield f"simulation.size ({size}) must be a multiple of {unit}, as networks.{row} pools"
    if taken := sorted(set(study.evaluation.baselines) & set(study.networks)):
        yield f"networks.{taken[0]} has the name of a baseline; choose another"
    parameters = study.structures.parameters
    if not hasattr(parameters, "low_index"):
        yield f"structures.generator: '{study.structures.generator}' makes no oriented crystals"
        return
    each = parameters.low_index + parameters.random
    if study.structures.held_out <= each:
        yield (
            f"structures.held_out ({study.structures.held_out}) must be more than {each}, the "
            "orientations of a crystal: tuning and test need a crystal each"
        )
