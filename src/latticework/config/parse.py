"""From the configuration's text to typed studies, with one message for everything wrong."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from latticework import names, yaml_files
from latticework.config.run import Config, Run
from latticework.config.study import Study

Model = TypeVar("Model", bound=BaseModel)
STUDY_NAME = re.compile(r"[A-Za-z0-9_]+")


class ConfigError(ValueError):
    """One message naming every wrong key, its value, and what is allowed."""


class Reader:
    """Validates one section after the other and collects what is wrong."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def say(self, where: str, message: str) -> None:
        """Note a problem of a key."""
        self.problems.append(f"  {where}: {message}")

    def section(self, where: str, model: type[Model], values: Any) -> Model | None:
        """Values as a model, or None after noting what is wrong with them."""
        try:
            return model.model_validate({} if values is None else values)
        except ValidationError as error:
            self.problems += [_line(where, problem) for problem in error.errors()]
            return None

    def load(self, where: str, room: str, name: Any) -> Any:
        """The module that a name of the configuration stands for, or None after noting it."""
        try:
            return names.load(room, name)
        except names.UnknownNameError as error:
            self.say(where, str(error))
            return None


def _line(where: str, problem: Mapping[str, Any]) -> str:
    key = ".".join([where, *map(str, problem["loc"])]).strip(".") or "config"
    shown = json.dumps(problem["input"], default=str)
    # Where a whole section disagrees with itself, the message names the values.
    shown = f" = {shown}" if len(shown) < 80 else ""
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key; config/schema.json lists those that are allowed"
    return f"  {key}{shown}: {message}"


def without_null(rows: Any) -> Any:
    """A mapping without the rows that a later file sets to null."""
    if not isinstance(rows, dict):
        return rows
    return {name: row for name, row in rows.items() if row is not None}


def check_files(paths: Iterable[str | Path]) -> None:
    """Raise ConfigError for a key that a file has twice, of which Snakemake keeps the later."""
    for path in paths:
        try:
            yaml_files.check_file(path)
        except yaml_files.DuplicateKeyError as error:
            raise ConfigError(f"The configuration is wrong:\n  {error}") from error


def parse(values: Mapping[str, Any]) -> Config:
    """Validate a configuration as Snakemake hands it over.

    A study, or a network, that a later file sets to null is left out.
    Raises ConfigError with one line for every wrong key: its path, its value, what is allowed.
    """
    reader = Reader()
    rows = without_null(values.get("studies"))
    run = reader.section("", Run, {k: v for k, v in values.items() if k != "studies"})
    studies = {}
    if not isinstance(rows, dict) or not rows:
        reader.say("studies", "expected at least one study")
    else:
        studies = {name: _study(reader, name, row) for name, row in rows.items()}
        if all(studies.values()):
            for line in (*_comparisons(studies), *_sources(studies)):
                reader.say("studies", line)
    if reader.problems:
        raise ConfigError("The configuration is wrong:\n" + "\n".join(reader.problems))
    return Config.model_validate(dict(run) | {"studies": studies})


def _study(reader: Reader, name: str, row: Any) -> Study | None:
    """A study whose sections are those of its modality, or None after noting what is wrong."""
    where = f"studies.{name}"
    if not STUDY_NAME.fullmatch(name):
        reader.say(where, "a study's name has letters, digits and _ only")
    if not isinstance(row, dict):
        reader.say(where, "expected the sections of a study")
        return None
    modality = reader.load(f"{where}.modality", "modalities", row.get("modality"))
    if modality is None:
        return None
    before = len(reader.problems)
    material = row.get("material")
    if material is not None and material not in names.available("materials"):
        known = list(names.available("materials"))
        reader.say(f"{where}.material", f"there is no '{material}'; there are {known}")
    values = dict(row) | {"networks": _networks(reader, where, row.get("networks"))}
    # What others have grown and simulated needs no structures.
    if not row.get("sources"):
        values["structures"] = _structures(reader, where, row.get("structures"))
    for section, model in modality.MODALITY.sections.items():
        if section == "tuning" and row.get(section) is None:
            continue
        typed = names.resolve(model)
        values[section] = reader.section(f"{where}.{section}", typed, row.get(section))
    if len(reader.problems) > before:
        return None
    study = reader.section(where, Study, values)
    if study is not None:
        for line in (*_asked(study), *modality.problems(study)):
            reader.say(where, line)
    return study


def _structures(reader: Reader, where: str, section: Any) -> Any:
    """The section `structures` with the parameters of its generator."""
    if not isinstance(section, dict):
        reader.say(f"{where}.structures", "expected generator, count, held_out and shard_size")
        return None
    generator = reader.load(f"{where}.structures.generator", "structures", section.get("generator"))
    if generator is None:
        return None
    parameters = reader.section(
        f"{where}.structures.parameters", generator.Parameters, section.get("parameters")
    )
    return section | {"parameters": parameters}


def _networks(reader: Reader, where: str, rows: Any) -> Any:
    """The rows of `networks` with the defaults of their architectures."""
    rows = without_null(rows)
    if not isinstance(rows, dict) or not rows:
        reader.say(f"{where}.networks", "expected at least one network that is not null")
        return {}
    return {name: _network(reader, f"{where}.networks.{name}", row) for name, row in rows.items()}


def _network(reader: Reader, where: str, row: Any) -> Any:
    network = row.get("network") if isinstance(row, dict) else None
    if not isinstance(network, dict):
        return row
    module = reader.load(f"{where}.network.name", "networks", network.get("name"))
    if module is None:
        return row
    given = {key: value for key, value in network.items() if key != "name"}
    parameters = reader.section(f"{where}.network", module.Parameters, given)
    if parameters is None:
        return row
    return row | {"network": {"name": network["name"]} | parameters.model_dump(mode="json")}


def _asked(study: Study) -> Iterator[str]:
    """What is asked for and not there: rows of `networks`, a refinement."""
    asked = {"inference.network": [study.reader], "evaluation.networks": study.scored}
    for key, rows in asked.items():
        if unknown := sorted(set(rows) - set(study.networks)):
            yield f"{key}: {unknown} not among the networks {list(study.networks)}"
    if getattr(study.inference, "refine", False) and study.kind.refine is None:
        yield f"inference.refine: {study.modality} has no refinement"


def _comparisons(studies: Mapping[str, Study]) -> Iterator[str]:
    for name, study in studies.items():
        if study.compared_with is not None:
            other = studies.get(study.compared_with)
            if other is None or not set(study.datasets) <= set(other.datasets):
                yield (
                    f"{name}.compared_with ({study.compared_with}) must be a study that reads "
                    f"{study.datasets} as well"
                )


def _sources(studies: Mapping[str, Study]) -> Iterator[str]:
    for name, study in studies.items():
        own = sorted(other for other, row in studies.items() if row.simulation is not None)
        for key in ("sources", "unseen"):
            if wrong := sorted(set(getattr(study, key)) - set(own)):
                yield f"{name}.{key}: {wrong} must be studies that simulate images, of {own}"
        if both := sorted(set(study.sources) & set(study.unseen)):
            yield f"{name}.unseen: {both} are sources, too"


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dictionaries, the second over the first (as Snakemake merges configfiles)."""
    merged = dict(base)
    for key, value in override.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def load(*paths: str | Path) -> Config:
    """Read YAML files, later over earlier ones, and validate the result."""
    values: dict[str, Any] = {}
    for path in paths:
        values = merge(values, yaml_files.load(Path(path).read_text(encoding="utf-8")) or {})
    return parse(values)
