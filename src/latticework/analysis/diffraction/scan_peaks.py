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
    """The peaks of the pattern at a `place` in the scan; whether its detector looks saturated."""

    place: tuple[int, ...]
    pattern: np.ndarray
    peaks: pd.DataFrame
    saturated: bool


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
    doubts = pattern_warnings(calibration.probe, grid, shape, card)
    ready = prepared(network.to(best_device()), sampling=True)
    return Reader(ready, card, grid, calibration.probe, threshold, samples), doubts


def scan_peaks(
    patterns: Patterns, reader: Reader, *, batch: int = BATCH, progress: bool = True
) -> Iterator[PatternPeaks]:
    """Peaks of one pattern after the other, with a progress bar.

    Columns are those of `peak_table.UNITS`; intensities are over the strongest peak's.
    Raises PictureError for a pattern that cannot be read.
    """
    number = 0
    with tqdm(
        total=len(patterns), desc=patterns.path.name, unit="pattern", disable=not progress
    ) as bar:
        for places, read in patterns.batches(batch):
            recorded, vacuum = normalised(read, reader.probe, reader.grid)
            found = predict_batch(
                reader.network,
                recorded,
                vacuum.expand(len(recorded), -1, -1),
                reader.samples,
                torch_seed(number, "dropout", 0),
                "auto",
            )
            for index, place in enumerate(places):
                yield PatternPeaks(
                    place,
                    read[index],
                    _table(found[:, index], reader),
                    saturated_share(read[index]) > 0,
                )
            number += len(places)
            bar.update(len(places))


def _table(samples: Any, reader: Reader) -> pd.DataFrame:
    table = monte_carlo_peaks(samples, reader.grid.sampling, threshold=reader.threshold)
    height = table["intensity"].max() if len(table) else 1.0
    table[["intensity", "sigma_intensity"]] /= height
    x, y = reader.grid.to_user(table["qx"], table["qy"])
    return table.assign(x_px=x, y_px=y)


def saturation_warning(saturated: int, total: int) -> list[str]:
    """What to say where patterns look saturated."""
    if not saturated:
        return []
    return [
        f"{saturated} of {total} patterns look saturated: their strongest disks are cut off, and "
        "the structure factors with them"
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
        saturated = _write(stream, patterns, reader)
        stream.put("reciprocal_sampling", shards.Array(np.float64(sampling), "1/Å", ()))
        stream.put("beam", shards.Array(np.array(reader.grid.beam), "px", ("axis (x, y)",)))
        warnings = doubts + saturation_warning(saturated, len(patterns))
        stream.attributes |= {"card": dict(reader.card), "warnings": warnings}
    for warning in warnings:
        print(f"WARNING {dataset.title}: {warning}")


def _ragged(rows: list[np.ndarray], units: str) -> shards.Array:
    return shards.Array(rows, units, ("position", "peak"), ragged=True)


def _write_nothing(stream: shards.Stream) -> None:
    for name, units in UNITS.items():
        stream.append(name, _ragged([np.zeros(0)], units))


def _write(stream: shards.Stream, patterns: Patterns, reader: Reader) -> int:
    """Append every pattern's peaks; the number of patterns that look saturated."""
    shown = np.unique(np.linspace(0, len(patterns) - 1, EXCERPT).round().astype(int))
    saturated = 0
    for number, found in enumerate(scan_peaks(patterns, reader)):
        saturated += found.saturated
        for name, units in UNITS.items():
            stream.append(name, _ragged([found.peaks[name].to_numpy(float)], units))
        if number in shown:
            excerpt = shards.Array([found.pattern], "counts", ("excerpt", "ky", "kx"))
            place = shards.Array([np.array(number)], "1", ("excerpt",))
            stream.append("excerpt", excerpt)
            stream.append("excerpt_position", place)
    return saturated
