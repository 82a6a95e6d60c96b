"""Section `tuning` of a study: what Optuna searches, and for how long."""

from typing import Annotated

from pydantic import AfterValidator, Field

from latticework.config.base import Range, Section

SCHEDULE = ("learning_rate", "weight_decay")


def _not_empty(choices: list[int | float]) -> list[int | float]:
    if not choices:
        raise ValueError("expected at least one value to choose from")
    return choices


Choices = Annotated[list[int | float], AfterValidator(_not_empty)]


class Tuning(Section):
    """The search of Optuna; it runs only when a tuning is asked for."""

    trials: int = Field(gt=0, description="Trainings, including those that are stopped early.")
    workers: int = Field(gt=0, description="Jobs that share the trials.")
    steps: int = Field(gt=0, description="Optimiser steps of a trial that is not stopped.")
    random: int = Field(10, ge=0, description="Trials with random parameters before any other.")
    reduction: int = Field(
        3, gt=1, description="At each rung one trial in this many is allowed to go on."
    )
    space: dict[str, Choices | Range] = Field(
        min_length=1,
        description="Parameters of the network, learning_rate or weight_decay: a list of values "
        "to choose from, or a range.",
    )
