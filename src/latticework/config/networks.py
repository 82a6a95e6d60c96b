"""Section `networks` of a study: its networks, by names of your choice."""

from typing import Any

from pydantic import Field, model_validator

from latticework.config.base import Section


class NetworkRow(Section):
    """One network of a study, with a training of its own or with weights that exist."""

    network: dict[str, Any] | None = Field(
        None, description="Architecture: `name`, a file of networks/, and its parameters."
    )
    steps: int | None = Field(
        None, gt=0, description="Replaces training.steps, for a comparison at equal time."
    )
    learning_rate: float | None = Field(
        None, gt=0, lt=1, description="Replaces training.learning_rate."
    )
    weights: str | None = Field(
        None, description="Weights (.safetensors) to use; null: this run trains the network."
    )

    @model_validator(mode="after")
    def _known(self) -> "NetworkRow":
        if self.weights is None and self.network is None:
            raise ValueError("a network needs `network` (to be trained) or `weights` (to be used)")
        return self
