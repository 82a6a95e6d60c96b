"""Published weights: safetensors whose header says all that is needed to use them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from latticework import names, networks
from latticework.shards import atomic

# Key of the card as it is stored; and more than any weight of a trained network is.
CHECKSUM, LARGEST = "sha256", 1e6


class WeightsError(ValueError):
    """A weights file cannot be used: path, what was expected, what was found."""


def save(
    path: str | Path, network: torch.nn.Module, card: Mapping[str, Any], *, half: bool = False
) -> None:
    """Write a network with its card (JSON types) in the header, atomically.

    With `half` its kernels are stored in 16 bits: half the size, and the same atoms are found.
    Statistics of batches may lie beyond their range and stay in 32.

    The card (`learning.recipe.Recipe.card`) has `study`, `material`, `classes` (names),
    `network` (name and arguments), `energy` in eV, and the sections of the study.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    if half:
        tensors = {
            name: t.half() if t.dtype == torch.float32 and t.ndim > 1 else t
            for name, t in tensors.items()
        }
    # In the card: the order of several entries of a header is left to chance.
    signed = dict(card) | {CHECKSUM: checksum(tensors)}
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={"card": json.dumps(signed, sort_keys=True)})


def extend_card(path: str | Path, more: Mapping[str, Any]) -> None:
    """Add to the card of a weights file, or replace in it; the tensors stay as they are.

    Raises WeightsError as `load`.
    """
    load(path)
    with safe_open(path, framework="pt") as file:
        card = json.loads(file.metadata()["card"]) | dict(more)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={"card": json.dumps(card, sort_keys=True)})


def checksum(tensors: Mapping[str, torch.Tensor]) -> str:
    """sha256 of tensors' names, types, shapes and bytes, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def check_tensors(
    tensors: Mapping[str, torch.Tensor], expected: str | None, path: str | Path
) -> None:
    """Raise WeightsError for tensors that are damaged: by their checksum, where the header has one,
    and by numbers that no training gives."""
    if expected is not None and checksum(tensors) != expected:
        raise WeightsError(f"{path}: its weights are not those that were saved; get it again")
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() and not tensor.is_complex():
            continue
        if not bool(torch.isfinite(tensor).all()) or float(tensor.abs().max()) > LARGEST:
            raise WeightsError(
                f"{path}: damaged, {name} has a weight that is NaN, infinite or above "
                f"{LARGEST:.0e}; get the file again"
            )


def load(path: str | Path) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Read a network, in evaluation mode on the CPU, and its card.

    Raises WeightsError for a file that is missing, is not safetensors, is damaged, or has no card
    of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path}: expected a .safetensors file of weights, found: {error}"
        ) from error
    if "card" not in metadata:
        raise WeightsError(
            f"{path}: expected weights written by latticework, found no card in them"
        )
    try:
        card = json.loads(metadata["card"])
        expected = card.pop(CHECKSUM, None)
        network = networks.build(card["network"])
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        known = list(names.available("networks"))
        raise WeightsError(
            f"{path}: expected a card that describes one of the networks {known}, found: {error!r}"
        ) from error
    check_tensors(tensors, expected, path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        found = " ".join(str(error).split())[:300]
        raise WeightsError(
            f"{path}: expected weights that fit their own card, found: {found}"
        ) from error
    return network.eval().to(memory_format=torch.channels_last), card


def copy_matching(network: torch.nn.Module, path: str | Path) -> list[str]:
    """Copy the tensors of a weights file that have the name and shape of a network's own.

    A first layer for another number of images, or a last one for other classes, stays as it is.
    Returns the names that were copied; raises WeightsError as `load`, or where there are
    none.
    """
    known, _ = load(path)
    own = network.state_dict()
    taken = {
        name: tensor
        for name, tensor in known.state_dict().items()
        if name in own and own[name].shape == tensor.shape
    }
    if not any(name.endswith("weight") for name in taken):
        raise WeightsError(f"{path}: expected weights of a network like this one, found none")
    network.load_state_dict(own | taken)
    return sorted(taken)
