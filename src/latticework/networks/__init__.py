"""Networks: an architecture is a file that a configuration names, its layers are in layers/."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from latticework import names

if TYPE_CHECKING:
    from torch import nn


def build(description: Mapping[str, Any]) -> "nn.Module":
    """A network with random weights from its `name` and arguments, as in a card.

    Raises UnknownNameError for a name that no file has, TypeError for arguments that do not fit.
    """
    arguments = {key: value for key, value in description.items() if key != "name"}
    return names.load("networks", description["name"]).build(arguments)
