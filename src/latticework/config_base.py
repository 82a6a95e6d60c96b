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
Precision = Literal["auto", "32-true", "bf16-mixed"]  # of predictions
Accelerator = Literal["auto", "cpu", "gpu"]
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


class Schedule(Section):
    """What every training needs to know, whatever it learns."""

    batch_size: int = Field(gt=0, description="Pictures a step and device.")
    steps: int = Field(gt=0, description="Optimiser steps.")
    steps_per_epoch: int = Field(gt=0, description="Steps between checkpoints and log lines.")
    learning_rate: float = Field(gt=0, lt=1, description="Peak, for AdamW.")
    weight_decay: float = Field(ge=0, lt=10, description="λ of eq. 6, decoupled.")
    warmup_steps: int = Field(0, ge=0, description="Linear warm-up.")
    decay: float = Field(0.3, gt=0, le=1, description="Last fraction of steps: linear to zero.")
    accelerator: Accelerator = Field("auto", description="For Lightning.")
    devices: int = Field(1, gt=0, description="Devices a node.")
    nodes: int = Field(1, gt=0, description="Nodes.")
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = Field(
        "32-true",
        description="Of the network; pictures are always made in 32 bits. auto: bf16-mixed where "
        "the device multiplies bfloat16 in hardware (GPU, CPU with AMX), else 32-true.",
    )
    threads: int = Field(2, gt=0, description="CPU threads; results depend on their number.")
    start: str | None = Field(
        None,
        description="A .safetensors file to start from: its tensors of equal name and shape are "
        "taken over.",
    )
