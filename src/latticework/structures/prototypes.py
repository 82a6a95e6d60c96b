"""Crystals of many prototypes in low-index and random orientations (Munshi 2022, Methods).

A structure is a crystal in one orientation; all orientations of a crystal come in a row. How
crystals are built is in `structures.crystals`.
"""

from collections.abc import Mapping
from typing import Any

from ase import Atoms
from pydantic import Field, model_validator

from latticework.config.base import Section
from latticework.materials import Material


class Parameters(Section):
    """Parameters of `structures.crystals.make_crystals`."""

    low_index: int = Field(5, ge=0, le=10, description="Zone axes of a crystal along the beam.")
    random: int = Field(5, ge=0, description="Random orientations of a crystal.")
    held_out_prototypes: float = Field(
        0.1, gt=0, lt=1, description="Share of the prototypes that is kept for the evaluation."
    )
    frozen: str | None = Field(
        None,
        description="File of real crystals to draw from instead of prototypes, with its table "
        "beside it: scripts/tools/freeze_crystals.py writes both.",
    )

    @property
    def files(self) -> list[str]:
        """Files that structures are made from."""
        return [self.frozen] if self.frozen else []

    @model_validator(mode="after")
    def _some(self) -> "Parameters":
        if not self.low_index + self.random:
            raise ValueError(
                "low_index and random must not both be 0: a crystal needs orientations"
            )
        return self


def make_shard(
    parameters: Mapping[str, Any],
    material: Material | None,
    seed: int,
    study: str,
    split: str,
    indices: range,
) -> list[Atoms]:
    """Structures number `indices` of a study's split; `parameters` are those of `Parameters`.

    They are of many materials: `material` is not used. Raises ValueError where there are not as
    many crystals as asked for.
    """
    from latticework.structures.crystals import make_crystals

    given = Parameters.model_validate(parameters).model_dump()
    return make_crystals(seed, study, split, indices, **given)


def classes(parameters: Mapping[str, Any], material: Material | None) -> list[str]:
    """Names of classes: none, since a pattern is read as structure factors."""
    return []
