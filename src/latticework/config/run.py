"""A run: the scale of all studies, and everything that its results depend on."""

from typing import Literal

from pydantic import Field, field_validator

from latticework.config.base import Section
from latticework.config.study import Study


class Run(Section):
    """The settings that all studies of a run share."""

    run: str = Field(
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Results go to results/<run>/; results/shared/ holds what runs share.",
    )
    seed: int = Field(ge=0, lt=2**32, description="Seed of every random stream.")
    mirror: str | None = Field(
        None,
        description="Folder that is searched for data before any address; the environment variable "
        "LATTICEWORK_MIRROR takes precedence.",
    )
    missing_data: Literal["error", "skip"] = Field(
        description="What to do where data can be had neither from the mirror nor from the address."
    )
    meaningful: bool = Field(
        description="false: the scale is too small for the numbers to mean anything, and figures "
        "of networks that the run trained say so."
    )

    @field_validator("run")
    @classmethod
    def _not_shared(cls, run: str) -> str:
        if run == "shared":
            raise ValueError("any name but 'shared', where runs keep the data that they share")
        return run


class Config(Run):
    """Everything that a run's results depend on."""

    studies: dict[str, Study] = Field(min_length=1, description="The rows of the workflow.")

    def alike(self, study: str) -> list[str]:
        """Names of the studies of a study's modality, its own among them."""
        modality = self.studies[study].modality
        return [name for name, row in self.studies.items() if row.modality == modality]

    def weights_alike(self, study: str) -> list[str]:
        """Weights of the network that reads real data, of each of these studies."""
        rows = {name: self.studies[name] for name in self.alike(study)}
        return [row.weights_of(name, row.reader) for name, row in rows.items()]

    def tables_alike(self, study: str, table: str) -> list[str]:
        """A table of scores of the network that reads real data, of each of these studies."""
        return [
            f"<results>/evaluation/{name}/{self.studies[name].reader}/{table}"
            for name in self.alike(study)
        ]
