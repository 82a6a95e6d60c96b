"""The JSON schema of the configuration, written to config/schema.json for editors.

python -m latticework.config.schema > config/schema.json
"""

import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from latticework import names
from latticework.config.networks import NetworkRow
from latticework.config.run import Run
from latticework.config.scans import Scans, SimulatedScan
from latticework.config.study import Structures, Study


class _Schemas:
    """Schemas of models, with all definitions in one place under names that do not clash."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}

    def of(self, prefix: str, model: type[BaseModel]) -> dict[str, Any]:
        """A model's schema; what it refers to is defined as <prefix>.<model>."""
        schema = model.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
        inner = schema.pop("$defs", {})
        self.definitions |= {f"{prefix}.{name}": value for name, value in inner.items()}
        return schema


def _one_of(schemas: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"anyOf": list(schemas)}


def _generators(schemas: _Schemas) -> dict[str, Any]:
    """The section `structures`: each generator with its own parameters."""

    def of(name: str) -> dict[str, Any]:
        schema = schemas.of("structures", Structures)
        parameters = names.load("structures", name).Parameters
        schema["properties"]["generator"] = {"const": name}
        schema["properties"]["parameters"] = schemas.of(f"structures.{name}", parameters)
        schema["required"] = [key for key in schema["required"] if key != "parameters"]
        return schema

    return _one_of(of(name) for name in names.available("structures"))


def _networks(schemas: _Schemas) -> dict[str, Any]:
    """The section `networks`: rows with an architecture each, or null."""
    row = schemas.of("networks", NetworkRow)
    architectures = []
    for name in names.available("networks"):
        schema = schemas.of(f"networks.{name}", names.load("networks", name).Parameters)
        schema["properties"] = {"name": {"const": name}} | schema["properties"]
        schema["required"] = ["name", *schema.get("required", [])]
        architectures.append(schema)
    row["properties"]["network"] = _one_of([*architectures, {"type": "null"}])
    return {"type": "object", "additionalProperties": _one_of([row, {"type": "null"}])}


def _scans(schemas: _Schemas) -> dict[str, Any]:
    """The section `scans`: simulated scans with a specimen each, or null."""

    def of(name: str) -> dict[str, Any]:
        schema = schemas.of("scan", SimulatedScan)
        parameters = names.load("specimens", name).Parameters
        schema["properties"]["specimen"] = {"const": name}
        schema["properties"]["parameters"] = schemas.of(f"specimens.{name}", parameters)
        return schema

    scans = schemas.of("scans", Scans)
    kinds = [of(name) for name in names.available("specimens")]
    scans["properties"]["simulated"]["additionalProperties"] = _one_of([*kinds, {"type": "null"}])
    return scans


def _study(schemas: _Schemas, modality: str) -> dict[str, Any]:
    """A study of one modality."""
    sections = names.load("modalities", modality).MODALITY.sections
    schema = schemas.of(modality, Study)
    properties = schema["properties"]
    for section, reference in sections.items():
        model = schemas.of(f"{modality}.{section}", names.resolve(reference))
        properties[section] = model if section != "tuning" else _one_of([model, {"type": "null"}])
    properties |= {
        "modality": {"const": modality},
        "structures": _generators(schemas),
        "networks": _networks(schemas),
        "scans": _scans(schemas),
    }
    # A section whose keys all have defaults may be left out.
    schema["required"] = [
        key for key in schema["required"] if key not in sections or properties[key].get("required")
    ]
    return schema


def schema() -> dict[str, Any]:
    """The schema of the whole configuration: a run with its studies."""
    schemas = _Schemas()
    whole = schemas.of("run", Run)
    studies = [_study(schemas, modality) for modality in names.available("modalities")]
    whole["properties"]["studies"] = {
        "type": "object",
        "minProperties": 1,
        "description": "The rows of the workflow; null leaves a study out.",
        "additionalProperties": _one_of([*studies, {"type": "null"}]),
    }
    whole["required"] += ["studies"]
    return {"title": "Config"} | whole | {"$defs": schemas.definitions}


def main() -> None:
    """Print the schema."""
    print(json.dumps(schema(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
