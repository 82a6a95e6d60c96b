"""Perfect periodic crystals, as references for the limits of an image."""

import numpy as np
from ase import Atoms

from latticework.materials import Material

MARGIN = 2.0  # of empty space along the beam, Å


def reference_crystal(material: Material) -> Atoms:
    """A material's reference crystal in a square cell, periodic in x and y.

    The cells are stretched to an exact square, which they are nearly. The integer array `column`
    numbers the columns along the beam: atoms at the same place in projection.

    Raises ValueError for a material without a reference crystal.
    """
    reference = material.reference
    if reference is None:
        raise ValueError(f"{material.name} has no reference crystal")
    repeats = np.array(reference.repeats)
    sites = np.array([site.at for site in reference.basis])
    corners = np.array([(i, j) for i in range(repeats[0]) for j in range(repeats[1])])
    side = np.sqrt(np.prod(np.array(reference.cell) * repeats))
    plane = ((corners[:, None] + sites[:, :2]) / repeats * side).reshape(-1, 2)
    heights = (sites[:, 2:] + np.arange(reference.layers)) * reference.period + MARGIN
    heights = np.tile(heights, (len(corners), 1))
    elements = np.tile([site.element for site in reference.basis], len(corners))
    crystal = Atoms(
        np.repeat(elements, reference.layers),
        positions=np.column_stack([np.repeat(plane, reference.layers, axis=0), heights.ravel()]),
        cell=(side, side, heights.max() + MARGIN),
        pbc=(True, True, False),
    )
    _, first, column = np.unique(plane.round(6), axis=0, return_index=True, return_inverse=True)
    in_order = np.argsort(np.argsort(first))
    crystal.new_array("column", np.repeat(in_order[column.ravel()], reference.layers))
    return crystal
