"""Signs of whether an image is what a network knows, from its class maps and its atoms."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from latticework.analysis.atoms.table import LOWEST_PROBABILITY, atoms_table
from latticework.inference.class_maps import as_read, working_sampling
from latticework.inference.familiarity import Features, signs

# px of the network's grid: the image itself is compared with the maps in its middle only.
LARGEST = 768


def signs_of(
    features: Features,
    maps: np.ndarray,
    image: np.ndarray,
    sampling: float,
    card: Mapping[str, Any],
    table: pd.DataFrame | None = None,
) -> dict[str, float]:
    """`inference.familiarity.signs` of an image (series, ny, nx) with a pixel of `sampling` Å.

    `table` is what `atoms_table` gives down to the lowest probability; it is made where it is not
    given.
    """
    pixel = working_sampling(card)
    if table is None:
        table = atoms_table(
            maps, pixel, sampling, card, epsilon=0.995, threshold=LOWEST_PROBABILITY
        )
    ratio = pixel / sampling
    start = [max(0, (n - LARGEST) // 2) for n in maps.shape[1:]]
    y, x = (slice(s, s + min(n, LARGEST)) for s, n in zip(start, maps.shape[1:], strict=True))
    rows, columns = (
        slice(int(part.start * ratio), int(np.ceil(part.stop * ratio)) + 1) for part in (y, x)
    )
    part = maps[:, y, x]
    read = as_read(card, image[:, rows, columns], sampling)[0, : part.shape[1], : part.shape[2]]
    return signs(
        features,
        part[:, : read.shape[0], : read.shape[1]],
        read,
        table[["x_angstrom", "y_angstrom"]].to_numpy() / pixel - [x.start, y.start],
        table["probability"].to_numpy(),
        pixel=pixel,
        label_sigma=card["imaging"]["label_sigma"],
    )
