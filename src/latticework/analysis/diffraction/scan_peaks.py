"""Scans of diffraction patterns → Bragg peaks by a trained network, in bounded memory.

The workflow's rule and the command line read a scan by the same functions. Positions are in 1/Å
from the direct beam, and in px of the user's patterns.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from latticework import shards
from latticework.analysis.diffraction.bragg import monte_carlo_peaks
from latticework.analysis.diffraction.peak_table import UNITS
from latticework.datasets.read import PictureError
from latticework.datasets.registry import Dataset
from latticework.datasets.scans import Patterns, read_patterns, saturated_share
from latticework.hardware import best_device
from latticework.inference.network_grid import (
    NetworkGrid,
    network_grid,
    normalised,
    pattern_warnings,
)
from latticework.inference.scan_calibration import Calibration, scan_file
from latticework.inference.structure_factors import predict_batch, prepared
from latticework.learning import weights
from latticework.seeds import torch_seed

BATCH = 16
# Patterns that are kept with their peaks, to be looked at.
EXCERPT = 6


@dataclass(frozen=True)
class Reader:
    """A network made ready for the patterns of one scan; `card` is the network's."""

    network: Any
    card: Mapping[str, Any]
    grid: NetworkGrid
    probe: np.ndarray
    threshold: float
    samples: int


@dataclass(frozen=True)
class PatternPeaks:
    """The peaks of the pattern at a `place` in the scan; whether its detector looks saturated;
    the problem for which it was not read, in words, or nothing."""

    place: tuple[int, ...]
    pattern: np.ndarray
    peaks: pd.DataFrame
    saturated: bool
    problem: str = ""


def make_reader(
    weights_path: Path,
    shape: tuple[int, int],
    calibration: Calibration,
    *,
    threshold: float,
    samples: int,
) -> tuple[Reader, list[str]]:
    """The reader of patterns (ky, kx) of a shape, and what makes their answers doubtful.

    Raises WeightsError, and PictureError for a probe that does not fit the patterns.
    """
    network, card = weights.load(weights_path)
    grid = network_grid(calibration.probe, shape, calibration.sampling, card)
    doubts = [*calibration.warnings, *pattern_warnings(calibration.probe, grid, shape, card)]
    # Dropout goes on where its scatter is wanted; one draw of it is a worse answer than the mean.
    ready = prepared(network.to(best_device()), sampling=samples > 1)
    return Reader(ready, card, grid, calibration.probe, threshold, samples), doubts


def scan_peaks(
    patterns: Patterns,
    reader: Reader,
    *,
    batch: int = BATCH,
    progress: bool = True,
    first: int = 0,
) -> Iterator[PatternPeaks]:
    """Peaks of one pattern after the other, with a progress bar, from the number `first` on.

    The answers are those of a run from the first pattern if `first` is a multiple of `batch`.
    Columns are those of `peak_table.UNITS`; intensities are over the strongest peak's.
    A pattern that cannot be read has no peaks, and its problem in words.
    """
    number = first
    nothing = pd.DataFrame({name: np.zeros(0) for name in UNITS})
    with tqdm(
        total=len(patterns),
        initial=first,
        desc=patterns.path.name,
        unit="pattern",
        disable=not progress,
    ) as bar:
        for places, read, problems in patterns.checked(batch, first):
            good = [index for index, problem in enumerate(problems) if not problem]
            found = _structure_factors(read[good], reader, number, patterns.path)
            for index, place in enumerate(places):
                if problems[index]:
                    table, saturated = nothing, False
                else:
                    table = _table(found[:, good.index(index)], reader, patterns.shape)
                    saturated = saturated_share(read[index]) > 0
                yield PatternPeaks(place, read[index], table, saturated, problems[index])
            number += len(places)
            bar.update(len(places))


def _structure_factors(patterns: np.ndarray, reader: Reader, number: int, path: Path) -> Any:
    """Samples of structure factors of patterns (n, ky, kx), the first of which has a number."""
    if not len(patterns):
        return None
    try:
        recorded, vacuum = normalised(patterns, reader.probe, reader.grid)
    except PictureError as error:
        raise PictureError(f"{path}, patterns from {number} on: {error}") from error
    return predict_batch(
        reader.network,
        recorded,
        vacuum.expand(len(recorded), -1, -1),
        reader.samples,
        torch_seed(number, "dropout", 0),
        "auto",
    )


def _table(samples: Any, reader: Reader, shape: tuple[int, int]) -> pd.DataFrame:
    """Peaks inside of the detector (ky, kx), which may be smaller than the network's grid."""
    table = monte_carlo_peaks(samples, reader.grid.sampling, threshold=reader.threshold)
    x, y = reader.grid.to_user(table["qx"], table["qy"])
    inside = (x >= -0.5) & (x <= shape[1] - 0.5) & (y >= -0.5) & (y <= shape[0] - 0.5)
    table, x, y = table[inside].reset_index(drop=True), x[inside], y[inside]
    height = table["intensity"].max() if len(table) else 1.0
    table[["intensity", "sigma_intensity"]] /= height
    return table.assign(x_px=np.asarray(x), y_px=np.asarray(y))


def saturation_warning(saturated: int, total: int) -> list[str]:
    """What to say where patterns look saturated."""
    if not saturated:
        return []
    return [
        f"{saturated} of {total} patterns look saturated: their strongest disks are cut off, and "
        "the structure factors with them"
    ]


def problem_warning(problems: Mapping[str, list[int]], total: int) -> list[str]:
    """What to say of patterns that were not read: problem → their numbers."""
    return [
        f"{len(numbers)} of {total} patterns were left out, as of each {problem} "
        f"({', '.join(map(str, numbers[:8]))}{', …' if len(numbers) > 8 else ''})"
        for problem, numbers in problems.items()
    ]


def predict(
    dataset_path: Path,
    source_folder: Path,
    weights_path: Path,
    output_path: Path,
    *,
    settings: Mapping[str, Any],
    attributes: Mapping[str, Any],
) -> None:
    """Write the peaks of a calibrated scan, format "bragg_peaks", as they are found.

    `settings` has threshold and samples, as the section `inference` of a study. Ragged arrays, one
    item a position of the scan, have the columns of `UNITS`; `excerpt` holds a few patterns at the
    positions `excerpt_position`. A scan that was skipped has no positions.
    """
    arrays, known = shards.read(dataset_path, "dataset")
    with shards.stream(output_path, "bragg_peaks") as stream:
        stream.attributes |= dict(attributes) | {
            "scan": known.get("scan", []),
            "skipped": known["skipped"],
            "title": known["entry"]["title"],
            "warnings": [],
        }
        if known["skipped"]:
            _write_nothing(stream)
            return
        dataset = Dataset.model_validate(known["entry"])
        patterns = read_patterns(scan_file(dataset, source_folder))
        sampling = float(arrays["reciprocal_sampling"])
        calibration = Calibration(sampling, known["sampling_source"][0], arrays["probe"])
        reader, doubts = make_reader(weights_path, patterns.shape, calibration, **settings)
        saturated, problems = _write(stream, patterns, reader)
        stream.put("reciprocal_sampling", shards.Array(np.float64(sampling), "1/Å", ()))
        stream.put("beam", shards.Array(np.array(reader.grid.beam), "px", ("axis (x, y)",)))
        total = len(patterns)
        warnings = doubts + problem_warning(problems, total) + saturation_warning(saturated, total)
        stream.attributes |= {"card": dict(reader.card), "warnings": warnings}
    for warning in warnings:
        print(f"WARNING {dataset.title}: {warning}")


def _ragged(rows: list[np.ndarray], units: str) -> shards.Array:
    return shards.Array(rows, units, ("position", "peak"), ragged=True)


def _write_nothing(stream: shards.Stream) -> None:
    for name, units in UNITS.items():
        stream.append(name, _ragged([np.zeros(0)], units))


def _write(
    stream: shards.Stream, patterns: Patterns, reader: Reader
) -> tuple[int, dict[str, list[int]]]:
    """Append every pattern's peaks; the number of those that look saturated, and the problems."""
    problems: dict[str, list[int]] = {}
    shown = np.unique(np.linspace(0, len(patterns) - 1, EXCERPT).round().astype(int))
    saturated = 0
    for number, found in enumerate(scan_peaks(patterns, reader)):
        saturated += found.saturated
        if found.problem:
            problems.setdefault(found.problem, []).append(number)
        for name, units in UNITS.items():
            stream.append(name, _ragged([found.peaks[name].to_numpy(float)], units))
        if number in shown:
            excerpt = shards.Array([found.pattern], "counts", ("excerpt", "ky", "kx"))
            place = shards.Array([np.array(number)], "1", ("excerpt",))
            stream.append("excerpt", excerpt)
            stream.append("excerpt_position", place)
    return saturated, problems
