"""The card of weights, as far as reading images and patterns with them depends on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from latticework import names
from latticework.cards import CardError
from latticework.config.base import Range


class Part(BaseModel):
    # A card has the whole recipe, of which this is a part.
    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)


class ImagesNetwork(Part):
    name: str
    frames: int = Field(ge=1, le=100)


class Preparation(Part):
    sampling: Range
    label_sigma: float = Field(gt=0, lt=10)
    normalisation_sigma: float = Field(gt=0, lt=1000)

    @model_validator(mode="after")
    def _has_a_pixel(self) -> "Preparation":
        if not 0.005 <= self.sampling.low <= self.sampling.high <= 5:
            raise ValueError("sampling must be 0.005 to 5 Å")
        return self


class ImagesCard(Part):
    """Of a network that reads images."""

    study: str
    material: str
    classes: list[str] = Field(min_length=1)
    network: ImagesNetwork
    imaging: Preparation

    @model_validator(mode="after")
    def _is_known(self) -> "ImagesCard":
        if self.material not in (known := list(names.available("materials"))):
            raise ValueError(f"material '{self.material}' is not one of {known}")
        return self


class Beam(Part):
    size: int = Field(ge=16, le=4096)
    binning: float = Field(gt=0)
    box: float = Field(gt=0)
    energy: float = Field(ge=1e3, le=1e7)
    semiangles: list[float] = Field(min_length=1)


class PatternsNetwork(Part):
    name: str


class PatternsCard(Part):
    """Of a network that reads diffraction patterns."""

    network: PatternsNetwork
    simulation: Beam


def check_card(card: Mapping[str, Any], path: Path, *, patterns: bool) -> None:
    """Raise CardError, naming every key, for a card that weights cannot be used with."""
    try:
        (PatternsCard if patterns else ImagesCard).model_validate(card)
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'card'}: "
            f"{problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        )
        raise CardError(
            f"{path}: its card does not say what reading with it needs ({said}); train the network "
            "again"
        ) from error
