"""Held-out scores, matching, and checks on real data."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from latticework.shards import Array


@dataclass(frozen=True)
class Evaluated:
    """What the evaluation of a network gives.

    `scores` is the table of scores; `arrays` and `attributes` are what the file of details,
    format "evaluation", has beside it.
    """

    scores: pd.DataFrame
    arrays: dict[str, Array]
    attributes: dict[str, Any]
