"""Which files of the package a study's row names: the code that makes its results, and no more."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from latticework import names
from latticework.cards import CardError, read_card
from latticework.config.study import Study


def module_file(reference: str) -> Path:
    """File of a module, "room.module", below the package."""
    return names.PACKAGE.joinpath(*reference.split(".")).with_suffix(".py")


def architecture(study: Study, row: str, root: Path) -> str | None:
    """Name of the architecture of a row of `networks`, if need be by the card of its weights.

    None for weights that cannot be read: whatever reads them says what is wrong. Paths of weights
    are relative to `root`.
    """
    network = study.networks[row]
    if network.network is not None:
        return network.network["name"]
    try:
        return read_card(root / network.weights)["network"]["name"]
    except CardError:
        return None


def _network(study: Study, row: str, root: Path) -> list[Path]:
    name = architecture(study, row, root)
    return [module_file(f"networks.{name}")] if name else []


# By what a rule uses of a study.
FILES: dict[str, Callable[[Study, str, Path], list[Path]]] = {
    "material": lambda study, row, root: (
        [names.PACKAGE / "materials" / f"{study.material}.yaml"] if study.material else []
    ),
    "generator": lambda study, row, root: [module_file(f"structures.{study.structures.generator}")],
    "method": lambda study, row, root: (
        [module_file(f"simulation.{study.simulation.method['name']}")]
        if hasattr(study.simulation, "method")
        else []
    ),
    # Only where it is asked for: the network's own positions do not depend on it.
    "refine": lambda study, row, root: (
        [module_file(study.kind.refine.split(":")[0])]
        if getattr(study.inference, "refine", False) and study.kind.refine
        else []
    ),
    "network": _network,
    "reader": lambda study, row, root: _network(study, study.reader, root),
    "scored": lambda study, row, root: _network(study, study.scored[0], root),
}


def used_files(
    study: Study, use: str, row: str, root: Path, sources: Sequence[Study] = ()
) -> list[Path]:
    """Files behind one use of a study by a rule.

    Parameters
    ----------
    use
        "material", "generator", "method" (of the simulation), "refine", "network" (of `row`),
        "reader", "scored", a role of the modality such as "simulate", or a module "room.module".
    row
        Row of `networks` that the rule is about; "" for none.
    root
        The checkout.
    sources
        Studies that it learns from: how their batches are made counts as well.
    """
    if use in FILES:
        return FILES[use](study, row, root)
    if "." in use:
        return [module_file(use)]
    asked = (study, *(sources if use == "source" else ()))
    roles = [getattr(one.kind, use) for one in asked]
    return [module_file(role.split(":")[0]) for role in roles if role is not None]


def recipe(
    name: str,
    study: Study,
    row: str,
    seed: int,
    classes: list[str],
    sources: Mapping[str, Study] | None = None,
) -> dict[str, Any]:
    """Everything that the weights of a network depend on besides its shards and its code.

    JSON types: the study's sections, without the numbers of its structures. Of the studies that it
    learns from, `sources`, what decides their images.
    """
    plain = study.model_dump(mode="json")
    if sources:
        others = {other: one.model_dump(mode="json") for other, one in sources.items()}
        kept = ("material", "imaging", "training")
        own = {"structures": {}, "simulation": {}, "sources": {}}
        for other, values in others.items():
            own["sources"][other] = {
                "source": sources[other].kind.source,
                "simulation": values["simulation"],
                "imaging": values["imaging"],
            }
    else:
        kept = ("material", "simulation", "imaging", "training")
        own = {"structures": {key: plain["structures"][key] for key in ("generator", "parameters")}}
    return (
        {key: plain[key] for key in kept}
        | own
        | {
            "study": name,
            "seed": seed,
            "classes": classes,
            "name": row,
            "network": plain["networks"][row],
        }
    )
