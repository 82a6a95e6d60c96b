"""What an experiment is: one file a modality, which says how its studies are simulated, learned,
read and scored."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from latticework import names
from latticework.config.modality import Modality


def modality_of(card: Mapping[str, Any]) -> Modality | None:
    """The modality of a network by its card: that whose section `imaging` it has, or None."""
    for name in names.available("modalities"):
        modality = names.load("modalities", name).MODALITY
        try:
            names.resolve(modality.sections["imaging"]).model_validate(card["imaging"])
        except ValidationError:
            continue
        return modality
    return None


def size_problems(study: Any) -> Iterator[str]:
    """What in the sizes of a study's training images and tiles does not fit its networks."""
    tile, overlap, crop = study.inference.tile, study.inference.overlap, study.imaging.crop
    if overlap >= tile:
        yield f"inference.overlap ({overlap}) must be less than inference.tile ({tile})"
    for row, network in study.networks.items():
        if network.network is None:
            continue
        module = names.load("networks", network.network["name"])
        unit = module.multiple(module.Parameters.model_validate(study.parameters_of(row)))
        for key, size in (("imaging.crop", crop), ("inference.tile", tile)):
            if size % unit:
                yield f"{key} ({size}) must be a multiple of {unit}, as networks.{row} pools"
