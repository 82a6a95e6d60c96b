"""A study: one row of the workflow. What differs between studies is data, and stands here."""

from typing import Any

from pydantic import Field, SerializeAsAny

from latticework import names
from latticework.config.base import Section, Sharded
from latticework.config.modality import Modality
from latticework.config.movies import Movies
from latticework.config.networks import NetworkRow
from latticework.config.scans import Scans
from latticework.config.tuning import Tuning


class Structures(Sharded):
    """The structures of a study, made by a generator: a file of structures/."""

    generator: str = Field(description="Name of the generator, a file of structures/.")
    parameters: SerializeAsAny[Section] = Field(description="Parameters of the generator.")


class Study(Section):
    """One study, its defaults filled in."""

    title: str = Field(description="Human-readable title for figures and the report.")
    modality: str = Field(description="Kind of experiment, a file of modalities/.")
    material: str | None = Field(None, description="What is looked at, a file of materials/.")
    sources: list[str] = Field(
        [],
        description="Studies of whose simulated images this one learns, in place of structures and "
        "a simulation of its own.",
    )
    unseen: list[str] = Field(
        [], description="Studies on whose held-out structures it is scored, and never trained."
    )
    structures: Structures | None = None
    simulation: SerializeAsAny[Section] | None = None
    imaging: SerializeAsAny[Section]
    networks: dict[str, NetworkRow] = Field(
        min_length=1,
        description="Networks by a name of your choice; null removes one that an earlier file has.",
    )
    training: SerializeAsAny[Section]
    tuning: Tuning | None = None
    inference: SerializeAsAny[Section]
    evaluation: SerializeAsAny[Section]
    datasets: list[str] = Field([], description="Names in config/datasets.yaml to be analysed.")
    movies: Movies = Field(default_factory=Movies, description="Movies of moving atoms.")
    scans: Scans = Field(
        default_factory=Scans, description="Simulated scans on which strain is measured."
    )
    tables: list[str] = Field(
        [], description="Tables in evaluation/<study>/ beside those that every study has."
    )
    figures: list[str] = Field(
        [], description="Figures of the study as a whole; those of a data set stand with it."
    )
    dataset_figures: list[str] = Field(
        [], description="Figures of each data set, beside those that stand with the data set."
    )
    compared_with: str | None = Field(
        None, description="A study of the same real data that is shown beside this one."
    )

    @property
    def kind(self) -> Modality:
        """The modality itself."""
        return names.load("modalities", self.modality).MODALITY

    @property
    def reader(self) -> str:
        """The row of `networks` that reads real data."""
        return self.inference.network or next(iter(self.networks))

    @property
    def scored(self) -> list[str]:
        """The rows of `networks` that are scored on held-out structures."""
        return self.evaluation.networks or list(self.networks)

    @property
    def trained(self) -> list[str]:
        """The rows of `networks` that this run trains."""
        return [row for row, network in self.networks.items() if network.weights is None]

    def weights_of(self, name: str, row: str) -> str:
        """Published weights of a row of networks, or where those of the study `name` will lie."""
        return self.networks[row].weights or f"<results>/models/{name}/{row}/weights.safetensors"

    def parameters_of(self, row: str) -> dict[str, Any]:
        """Parameters of a row's network, without its name."""
        return {k: v for k, v in (self.networks[row].network or {}).items() if k != "name"}

    @property
    def baselines(self) -> list[str]:
        """Methods without a network that the scores are compared with."""
        return getattr(self.evaluation, "baselines", [])

    @property
    def methods(self) -> list[str]:
        """What is compared: the scored networks and the baselines."""
        return self.scored + self.baselines

    def shards(self, split: str) -> list[str]:
        """Names of all shards of a split, "train-0000" and so on."""
        structures = self.structures
        count = structures.shards if split == "train" else structures.held_out_shards
        return [f"{split}-{number:04d}" for number in range(count)]

    def indices(self, split: str, shard: int) -> tuple[int, int]:
        """First and last (exclusive) structure of a shard."""
        structures = self.structures
        count = structures.count if split == "train" else structures.held_out
        first = shard * structures.shard_size
        return first, min(first + structures.shard_size, count)

    def tables_of(self, name: str) -> list[str]:
        """Tables that the study asks for under its name, below results/<run>/."""
        kind = self.kind
        tables = [f"evaluation/{name}/{table}" for table in (*kind.tables, *self.tables)]
        for row in self.scored:
            tables += [f"evaluation/{name}/{row}/{table}" for table in kind.network_tables]
        for dataset in self.datasets:
            tables += [f"analysis/{dataset}/{name}/{table}" for table in kind.analyses]
        return tables
