"""Structures for tests: those of the generators' defaults, with some parameters changed."""

from typing import Any

import numpy as np
from ase import Atoms

from latticework import materials
from latticework.structures import graphene, nanoparticles, sheets


def grow_sheet(rng: np.random.Generator, **changed: Any) -> Atoms:
    """A quasi-random sheet of graphene; without contamination unless it is asked for."""
    given = graphene.Parameters(**({"contamination": (0, 0)} | changed)).model_dump()
    return graphene.graphene(rng, **sheets.material_of(materials.load("graphene")), **given)


def grow_particle(rng: np.random.Generator, **changed: Any) -> Atoms:
    """A gold particle."""
    gold = materials.load("gold")
    given = nanoparticles.Parameters(**changed).model_dump()
    return nanoparticles.nanoparticle(
        rng, element=gold.elements[0], lattice_constant=gold.lattice_constant, **given
    )
