"""What the configuration's sections are made of: ranges with units, shards.

Units: Å, eV, rad and e/Å² unless a field says otherwise. Every field's description says which.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Range(Section):
    """Limits from which an imaging parameter is drawn."""

    low: float = Field(description="Smallest value.")
    high: float = Field(description="Largest value.")
    distribution: Literal["uniform", "loguniform"] = Field(
        "uniform", description="Uniform in the value or in its logarithm."
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if self.high < self.low:
            raise ValueError(f"high ({self.high}) must not be less than low ({self.low})")
        if self.distribution == "loguniform" and self.low <= 0:
            raise ValueError(f"low ({self.low}) must be positive for a loguniform range")
        return self


def bounded(description: str, low: float, high: float) -> Any:
    """A range whose both limits must lie within [low, high]: catches a wrong unit."""

    def check(value: Range) -> Range:
        if value.low < low or value.high > high:
            raise ValueError(
                f"range {value.low} to {value.high} is outside of what is allowed, "
                f"{low:g} to {high:g}; is the unit right? {description}"
            )
        return value

    return Annotated[
        Range, AfterValidator(check), Field(description=f"{description} {low:g} to {high:g}.")
    ]


def ascending(limits: tuple[Any, Any]) -> tuple[Any, Any]:
    """Validator of a pair of numbers, not negative, the lower one first."""
    if not 0 <= limits[0] <= limits[1]:
        raise ValueError("must be two numbers, not negative, the lower one first")
    return limits


Integers = Annotated[
    tuple[int, int],
    AfterValidator(ascending),
    Field(description="Inclusive range of integers, not negative."),
]
Lengths = Annotated[
    tuple[float, float], AfterValidator(ascending), Field(description="Uniform range, Å.")
]
Shares = Annotated[
    tuple[Annotated[float, Field(le=1)], Annotated[float, Field(le=1)]],
    AfterValidator(ascending),
    Field(description="Uniform range of a share, 0 to 1."),
]
Precision = Literal["auto", "32-true", "bf16-mixed"]  # of predictions
Positive = Annotated[float, Field(gt=0)]


class Sharded(Section):
    """Structures in shards: one job each."""

    count: int = Field(gt=0, description="Structures to train on.")
    held_out: int = Field(gt=0, description="Structures for the evaluation only.")
    shard_size: int = Field(gt=0, le=1000, description="Structures in one shard, one job.")

    @property
    def shards(self) -> int:
        """Number of training shards."""
        return -(-self.count // self.shard_size)

    @property
    def held_out_shards(self) -> int:
        return -(-self.held_out // self.shard_size)
