"""Diamond-structure crystals along ⟨110⟩: the dumbbells of silicon. Lengths are in Å."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms
from pydantic import Field

from latticework.config.base import Integers
from latticework.materials import Material
from latticework.structures import numbered
from latticework.structures.projected import Crystal, Projection, arrangement, crystal


class Parameters(Crystal):
    """Parameters of a foil of dumbbells; ranges are drawn uniformly."""

    box: float = Field(27.0, gt=15, le=100, description="Side of the periodic square, Å.")
    twinned: float = Field(0.15, ge=0, le=1, description="Probability of two twins.")
    amorphous: Integers = (0, 1)


def dumbbells(lattice_constant: float) -> Projection:
    """The diamond structure along [110], [1-10] to the right and [001] up; a dumbbell is a/4 long.

    Its {111} twins are mirrored in the middle of a bond that lies in the picture.
    """
    a = lattice_constant
    cell = (a / np.sqrt(2), a)
    sites = np.array([[0, 0], [0, 0.25], [0.5, 0.5], [0.5, 0.75]])
    contents = tuple((("atom", half),) for half in (0.0, 0.5, 0.5, 0.0))
    # The bond from the upper atom of a dumbbell to the lower one of the next, along [1-11].
    start, end = sites[1] * cell, sites[2] * cell
    normal, middle = (end - start) / np.linalg.norm(end - start), (start + end) / 2
    return Projection(cell, a / np.sqrt(2), sites, contents, (*normal, *middle))


def classes(parameters: Mapping[str, Any], material: Material) -> list[str]:
    """One class, the columns of the element."""
    return material.elements[:1]


def make_shard(
    parameters: Mapping[str, Any],
    material: Material,
    seed: int,
    study: str,
    split: str,
    indices: range,
) -> list[Atoms]:
    """Structures number `indices` of a study's split; `parameters` are those of `Parameters`."""
    given = Parameters.model_validate(parameters)
    projection = dumbbells(material.lattice_constant)
    elements = {"atom": {material.elements[0]: 1.0}}
    kinds = [1] * len(projection.sites)
    return numbered(
        lambda rng: crystal(
            rng, projection, arrangement(rng, projection, given), elements, kinds, given
        ),
        seed=seed,
        study=study,
        split=split,
        indices=indices,
    )
