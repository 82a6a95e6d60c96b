"""Section `training` of a study: the schedule, and what a network of class maps needs besides."""

from typing import Literal

from pydantic import Field

from latticework.config.base import Range, Section


class Schedule(Section):
    """The schedule of a training, whatever it learns."""

    batch_size: int = Field(gt=0, description="Images per step and device.")
    steps: int = Field(gt=0, description="Optimiser steps.")
    steps_per_epoch: int = Field(gt=0, description="Steps between checkpoints and log lines.")
    learning_rate: float = Field(gt=0, lt=1, description="Peak, for AdamW.")
    weight_decay: float = Field(ge=0, lt=10, description="λ of eq. 6, decoupled.")
    warmup_steps: int = Field(0, ge=0, description="Linear warm-up.")
    decay: float = Field(0.3, gt=0, le=1, description="Last fraction of steps: linear to zero.")
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = Field(
        "32-true",
        description="Numerical precision of the network; images are always made in 32 bits. auto: "
        "bf16-mixed where the hardware multiplies bfloat16 (GPU, CPU with AMX or with AVX-512's "
        "bfloat16), else 32-true.",
    )
    start: str | None = Field(
        None,
        description="Weights (.safetensors) to start from: tensors of equal name and shape are "
        "copied.",
    )


class Curriculum(Section):
    """Ranges that training starts from; they widen linearly to the imaging ranges."""

    steps: int = Field(0, ge=0, description="Steps until the full ranges; 0: from the start.")
    defocus: Range | None = Field(None, description="Å.")
    cs: Range | None = Field(None, description="Å.")
    dose: Range | None = Field(None, description="e/Å².")

    def ranges(self) -> dict[str, Range]:
        """The easy ranges by name."""
        return {name: value for name, value in self if isinstance(value, Range)}


class ClassMapTraining(Schedule):
    """The training of a network of class maps."""

    loss: Literal["mse", "cross_entropy"] = Field(
        description="Mean squared error (Madsen 2018, eq. 6) or cross entropy."
    )
    displacement_weight: float = Field(
        0, ge=0, description="Weight of displaced atoms (squared, px²) beside the loss."
    )
    curriculum: Curriculum = Field(
        default_factory=Curriculum, description="Start with easy images and widen the ranges."
    )
