"""Where a dataset's reference says that atoms are."""

import numpy as np

from latticework.analysis.atoms.bonds_and_rings import voronoi_vertices

KINDS = ("ring_centres", "atoms")


def reference_atoms(points: np.ndarray, kind: str) -> np.ndarray:
    """Atoms (atoms, 2) of a reference in the unit of its points (n, 2).

    Parameters
    ----------
    points
        x, y of what the reference lists.
    kind
        "atoms", or "ring_centres", whose Voronoi vertices are the atoms.

    Raises ValueError for another kind.
    """
    if kind == "atoms":
        return points
    if kind == "ring_centres":
        return voronoi_vertices(points)
    raise ValueError(f"a reference of the kind {kind!r} is not known; there are {list(KINDS)}")
