"""The description of a modality: what kind of experiment its studies are.

Functions and models are named, "room.module:attribute", and loaded when they are needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Modality:
    """One kind of experiment.

    Parameters
    ----------
    sections
        The model of each section of a study, by the section's name.
    simulate
        Atoms to a shard's arrays: exit waves, patterns. None where studies learn from the shards
        of others.
    simulation_memory
        Peak memory of simulating a shard, MB, as measured.
    source
        Shards to numbered training batches.
    kinds
        Kinds of data sets that its networks read: image, set, movie, scan.
    calibrate
        A data set's files to one calibrated file.
    predict
        A calibrated data set and weights to class maps or peaks.
    predict_with
        Keys of the section `inference` that decide what `predict` gives.
    analyses
        Tables of every data set, in analysis/<dataset>/<study>/.
    evaluate
        Weights and held-out shards to scores.
    evaluate_with
        Keys of sections that decide the scores, by section.
    prepared
        Files in evaluation/<study>/ that the evaluation needs beside the held-out shards.
    bounds
        Sections to limits of what is measured.
    bounds_with
        Keys of sections that decide the limits, by section.
    tables
        Tables of every study, in evaluation/<study>/.
    network_tables
        Tables of every network that is scored, in evaluation/<study>/<network>/.
    drawn
        Weights and held-out shards to scores in drawn microscopes, the table drawn.csv.
    drawn_with
        Keys of sections that decide those, by section.
    refined
        Weights, held-out shards and the bounds to scores and errors of refined positions, the table
        refined.csv.
    refined_with
        Keys of sections that decide those, by section.
    cross_domain
        Weights, and weights and held-out shards of all studies of the modality, to scores and
        warnings on each, the table cross_domain.csv.
    cross_domain_with
        Keys of sections that decide those, by section.
    order
        Weights and held-out shards to scores of the order that is read, and what a figure shows of
        one structure: the table order.csv.
    order_with
        Keys of sections that decide those, by section.
    refine
        Images and their atoms to refined ones; see `analysis.atoms.refined.Refined`. None where
        there is no refinement.
    """

    sections: Mapping[str, str]
    simulate: str | None
    simulation_memory: int
    source: str
    kinds: tuple[str, ...]
    calibrate: str
    predict: str
    predict_with: tuple[str, ...]
    analyses: tuple[str, ...]
    evaluate: str
    evaluate_with: Mapping[str, tuple[str, ...]]
    bounds: str | None = None
    bounds_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prepared: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    network_tables: tuple[str, ...] = ("scores.csv",)
    drawn: str | None = None
    drawn_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refined: str | None = None
    refined_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cross_domain: str | None = None
    cross_domain_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    order: str | None = None
    order_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refine: str | None = None
