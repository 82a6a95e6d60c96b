"""Everything that the weights of a network depend on, as a rule of the workflow hands it over."""

from collections.abc import Callable
from typing import Any

from pydantic import Field

from latticework import names, networks
from latticework.config.base import Section
from latticework.config.networks import NetworkRow
from latticework.config.training import Schedule


class Runtime(Section):
    """How a training is run. Of these only the number of processes changes the result: each makes
    its own share of a step."""

    threads: int = Field(1, gt=0, description="CPU threads of a process.")
    devices: int = Field(1, gt=0, description="Processes on a node, one a device.")
    nodes: int = Field(1, gt=0, description="Nodes.")

    @property
    def processes(self) -> int:
        """Number of processes on all nodes."""
        return self.devices * self.nodes


class Origin(Section):
    """A study that another one learns from: what makes its training images."""

    source: str
    simulation: dict[str, Any]
    imaging: dict[str, Any]


class Recipe(Section):
    """A study's sections, and one of its networks. Sections are JSON types: the source knows
    their models."""

    study: str
    seed: int
    name: str
    material: str | None
    classes: list[str]
    structures: dict[str, Any]
    simulation: dict[str, Any]
    imaging: dict[str, Any]
    network: NetworkRow
    training: dict[str, Any]
    source: str
    sources: dict[str, Origin] = Field(
        default_factory=dict, description="Studies that it learns from, instead of its own shards."
    )

    def schedule(self) -> Schedule:
        """The study's schedule with what the network has of its own."""
        own = {"steps": self.network.steps, "learning_rate": self.network.learning_rate}
        values = self.training | {key: value for key, value in own.items() if value}
        return Schedule.model_validate({k: values[k] for k in Schedule.model_fields})

    def _of_source(self, attribute: str) -> Callable[..., Any]:
        return names.resolve(f"{self.source.split(':')[0]}:{attribute}")

    def description(self) -> dict[str, Any]:
        """The network's name and all arguments of its architecture."""
        return (self.network.network or {}) | self._of_source("arguments")(self)

    def build(self) -> Any:
        """The network with random weights."""
        return networks.build(self.description())

    def make_source(self, *paths: Any) -> Any:
        """The source of training batches, from paths of shards and of held-out shards."""
        return self._of_source("source")(self, *paths)

    def card(self, runtime: Runtime) -> dict[str, Any]:
        """What a user of the weights needs to know, as JSON types."""
        left_out = {"source", "network"} | (set() if self.sources else {"sources"})
        card = self.model_dump(mode="json", exclude=left_out)
        own = {key: value for key, value in self.schedule() if key in self.training}
        described = {"network": self.description(), "processes": runtime.processes}
        # A tunnelling tip has no energy.
        if "energy" in self.simulation:
            described["energy"] = self.simulation["energy"]
        return card | described | {"training": self.training | own}
