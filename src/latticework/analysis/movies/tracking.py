"""A movie, frame by frame: drift, class maps, columns. One frame is in memory at a time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from latticework.analysis.atoms.table import LOWEST_PROBABILITY, atoms_table, empty_table
from latticework.analysis.movies.drift import DriftTracker
from latticework.config.inference import Images
from latticework.datasets.movies import MovieFrame
from latticework.inference.class_maps import predict

# Å: frames are smoothed with it before they are compared.
DRIFT_SMOOTHING = 0.8


@dataclass(frozen=True)
class Track:
    """detections: the columns of all frames, drift taken off (x_px, y_px are where they are in
    their own frame); frames: a row a frame, with its drift in Å and its problem; mean: (ny, nx)
    mean of the frames, each put in place."""

    detections: pd.DataFrame
    frames: pd.DataFrame
    mean: np.ndarray


def track(
    frames: Iterable[MovieFrame],
    total: int,
    network: torch.nn.Module,
    card: Mapping[str, Any],
    sampling: float,
    inference: Images,
    device: torch.device | str = "cpu",
) -> Track:
    """Columns of every frame of a movie, with a progress bar that shows frames a second.

    sampling: Å/px of all frames. A frame without an image has a row that says why, and no
    columns. Raises ValueError where no frame could be read.
    """
    drift = DriftTracker(DRIFT_SMOOTHING / sampling)
    tables, rows = [empty_table(card)], []
    bar = tqdm(frames, total=total, desc="movie", unit="frame")
    for frame in bar:
        row = {"frame": frame.number, "name": frame.name, "problem": frame.problem}
        if frame.image is None:
            tqdm.write(f"WARNING skipped frame {frame.number}: {frame.problem}")
            rows.append({**row, "drift_x_angstrom": np.nan, "drift_y_angstrom": np.nan})
            continue
        shift = drift.shift(frame.image) * sampling
        probabilities, pixel = predict(
            network,
            card,
            frame.image[None],
            sampling,
            tile=inference.tile,
            overlap=inference.overlap,
            symmetries=inference.symmetries,
            device=device,
        )
        table = atoms_table(
            probabilities,
            pixel,
            sampling,
            card,
            epsilon=inference.epsilon,
            threshold=LOWEST_PROBABILITY,
            frame=frame.number,
        )
        table[["x_angstrom", "y_angstrom"]] -= shift
        tables.append(table)
        rows.append({**row, "drift_x_angstrom": shift[0], "drift_y_angstrom": shift[1]})
    if drift.mean is None:
        raise ValueError("no frame of the movie could be read")
    elapsed = bar.format_dict["elapsed"]
    print(f"{len(rows)} frames, {len(rows) / elapsed:.2f} frames a second")
    return Track(pd.concat(tables, ignore_index=True), pd.DataFrame(rows), drift.mean)
