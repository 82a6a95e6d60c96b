"""Bonds, rings and their statistics, from positions alone. Lengths are in Å."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Voronoi, cKDTree

from latticework.materials import Bonds

Cell = tuple[float, float] | np.ndarray
# A Voronoi vertex is an atom if it is at most this far from its ring centres, over the median.
LARGEST_RADIUS_RATIO = 1.5
# Scales the median absolute deviation to the standard deviation of a normal distribution.
NORMAL = 1.4826
RING_COLUMNS = ["ring", "size", "order", "x_angstrom", "y_angstrom"]


def bond_graph(positions: np.ndarray, cutoff: float, cell: Cell | None = None) -> np.ndarray:
    """Pairs of atoms nearer than a cut-off.

    Parameters
    ----------
    positions
        (n, 2), Å.
    cutoff
        Å.
    cell
        Sides (Lx, Ly) in Å of a periodic rectangle; without it the field is open.

    Returns
    -------
    np.ndarray
        (bonds, 2) indices, each bond once, the lower index first, sorted.

    Raises ValueError if positions are not (n, 2) and finite, or if the cell is narrower than two
    cut-offs, where two atoms could be bonded twice.
    """
    positions = np.asarray(positions, dtype=float).reshape(-1, 2)
    if not np.isfinite(positions).all():
        raise ValueError("positions must be finite")
    if len(positions) == 0:
        return np.zeros((0, 2), dtype=int)
    if cell is None:
        tree = cKDTree(positions)
    else:
        cell = np.asarray(cell, dtype=float)
        if not np.all(cell >= 2 * cutoff):
            raise ValueError(f"cell {tuple(cell)} must be at least two cutoffs ({cutoff}) wide")
        wrapped = np.mod(positions, cell)
        wrapped[wrapped >= cell] = 0.0  # mod of a tiny negative number rounds up to the cell
        tree = cKDTree(wrapped, boxsize=cell)
    bonds = np.sort(tree.query_pairs(cutoff, output_type="ndarray"), axis=1)
    return bonds[np.lexsort(bonds.T[::-1])]


def material_bonds(
    positions: np.ndarray, classes: Sequence[str], bonds: Bonds, cell: Cell | None = None
) -> np.ndarray:
    """`bond_graph` by a material's cut-offs, which may depend on the classes (names, n) of a pair.

    Raises ValueError as `bond_graph`.
    """
    graph = bond_graph(positions, bonds.longest, cell)
    if not isinstance(bonds.cutoff, dict) or len(graph) == 0:
        return graph
    names, codes = np.unique(np.asarray(classes, dtype=str), return_inverse=True)
    cutoffs = np.array([[bonds.cutoff_of(a, b) for b in names] for a in names])
    allowed = cutoffs[codes[graph[:, 0]], codes[graph[:, 1]]]
    return graph[bond_lengths(positions, graph, cell) <= allowed]


def bond_vectors(positions: np.ndarray, bonds: np.ndarray, cell: Cell | None = None) -> np.ndarray:
    """Vectors (bonds, 2) in Å from the first to the second atom of each of the `bonds` (bonds, 2).

    In a periodic `cell` (Lx, Ly) they lead to the nearest image.
    """
    positions = np.asarray(positions, dtype=float)
    vectors = positions[bonds[:, 1]] - positions[bonds[:, 0]]
    if cell is not None:
        cell = np.asarray(cell, dtype=float)
        vectors = vectors - cell * np.rint(vectors / cell)
    return vectors


def bond_lengths(positions: np.ndarray, bonds: np.ndarray, cell: Cell | None = None) -> np.ndarray:
    """Length (bonds,) of each bond in Å: see `bond_vectors`."""
    return np.hypot(*bond_vectors(positions, bonds, cell).T)


def neighbour_counts(bonds: np.ndarray, n_atoms: int) -> np.ndarray:
    """Number of bonds (n_atoms,) of each atom."""
    return np.bincount(np.asarray(bonds).ravel(), minlength=n_atoms)


def bond_statistics(lengths: np.ndarray) -> dict[str, float]:
    """Mean and spread of bond lengths (bonds,) in Å, plain and robust.

    Returns `count` and, in Å, `mean`, `sd` (of the sample), `min`, `max`, `median` and
    `robust_sd` (1.4826 × the median absolute deviation: the SD of a normal distribution, robust
    to outliers). NaN without bonds.
    """
    lengths = np.asarray(lengths, dtype=float)
    names = ("mean", "sd", "min", "max", "median", "robust_sd")
    if lengths.size == 0:
        return {"count": 0, **dict.fromkeys(names, np.nan)}
    median = np.median(lengths)
    sd = lengths.std(ddof=1) if lengths.size > 1 else np.nan
    robust = NORMAL * np.median(np.abs(lengths - median))
    values = (lengths.mean(), sd, lengths.min(), lengths.max(), median, robust)
    return {"count": int(lengths.size), **dict(zip(names, map(float, values), strict=True))}


def faces(
    positions: np.ndarray, bonds: np.ndarray, cell: Cell | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Faces of the planar bond graph.

    Every bond is walked once in either direction, with the sharpest left turn at every atom, so
    that each walk goes around the one face on its left. In all it turns by +2π around a ring, by
    −2π around a flake's outside and by 0 around a periodic cell: a sum that needs neither the
    order of the steps nor unwrapped positions.

    The graph must be planar, as it is when the longest bond is shorter than √2 times the least
    distance of any two atoms; crossing bonds make rings that mean nothing.

    Parameters
    ----------
    positions
        (n, 2), Å.
    bonds
        (bonds, 2) indices.
    cell
        Sides (Lx, Ly) in Å of a periodic rectangle; without it the field is open.

    Returns
    -------
    origin
        (2 bonds,) atom at the start of each directed bond.
    face
        (2 bonds,) face on the left of each directed bond.
    size
        (faces,) number of directed bonds of each face; a dangling bond counts twice.
    interior
        (faces,) False for the outside of a flake and for strips around a periodic cell.
    """
    bonds = np.asarray(bonds, dtype=int).reshape(-1, 2)
    count = len(bonds)
    origin = np.concatenate([bonds[:, 0], bonds[:, 1]])
    end = np.concatenate([bonds[:, 1], bonds[:, 0]])
    if count == 0:
        return origin, origin.copy(), np.zeros(0, dtype=int), np.zeros(0, dtype=bool)
    vectors = bond_vectors(positions, bonds, cell)
    angle = np.arctan2(*np.concatenate([vectors, -vectors]).T[::-1])

    # Directed bonds sorted by origin, then counterclockwise: a walker who arrives along `back`
    # reversed leaves by the bond that stands just before `back`, i.e. clockwise of it.
    order = np.lexsort((angle, origin))
    place = np.empty(2 * count, dtype=int)
    place[order] = np.arange(2 * count)
    degree = np.bincount(origin)
    first = np.cumsum(degree) - degree
    back = np.roll(np.arange(2 * count), count)
    step = (place[back] - first[end] - 1) % degree[end]
    following = order[first[end] + step]

    walks = coo_array((np.ones(2 * count), (np.arange(2 * count), following)))
    n_faces, face = connected_components(walks, directed=True, connection="weak")
    turn = angle[following] - angle
    turn = np.where(following == back, -np.pi, (turn + np.pi) % (2 * np.pi) - np.pi)
    total = np.bincount(face, turn, n_faces)
    return origin, face, np.bincount(face, minlength=n_faces), total > np.pi


def ring_members(
    positions: np.ndarray,
    bonds: np.ndarray,
    *,
    size: int,
    coordination: int,
    cell: Cell | None = None,
) -> np.ndarray:
    """Mask (n,) of the atoms with all `coordination` bonds that belong to rings of `size` only.

    In graphene the "hexagonal" atoms of Madsen 2018's evaluation have three neighbours and belong
    to hexagons only; atoms at edges, in other rings and around them do not.
    """
    origin, face, sizes, interior = faces(positions, bonds, cell)
    ring = interior & (sizes == size)
    corners = np.bincount(origin[ring[face]], minlength=len(positions))
    complete = neighbour_counts(bonds, len(positions)) == coordination
    return complete & (corners == coordination)


def voronoi_vertices(ring_centres: np.ndarray) -> np.ndarray:
    """Atom positions (atoms, 2) as the Voronoi vertices of the centres (rings ≥ 4, 2) of rings.

    A vertex is kept if its distance to its ring centres is at most 1.5 times the median: the
    field's border and gaps in the list of centres give far vertices, which are no atoms. Where
    rings of different size meet, vertices are up to 0.5 Å off and some nearly coincide.

    The unit is that of the centres. Raises ValueError if they are not (n ≥ 4, 2).
    """
    ring_centres = np.asarray(ring_centres, dtype=float)
    if ring_centres.ndim != 2 or ring_centres.shape[1] != 2 or len(ring_centres) < 4:
        raise ValueError(f"ring_centres must be (n >= 4, 2), not {ring_centres.shape}")
    vertices = Voronoi(ring_centres).vertices
    radius, _ = cKDTree(ring_centres).query(vertices)
    return vertices[radius <= LARGEST_RADIUS_RATIO * np.median(radius)]


def bond_table(positions: np.ndarray, bonds: np.ndarray) -> pd.DataFrame:
    """Every bond once, as a table.

    Columns: x_angstrom, y_angstrom (the bond's middle), length_angstrom, and the indices first,
    second of its atoms in `positions` (n, 2).
    """
    positions = np.asarray(positions, dtype=float).reshape(-1, 2)
    middle = positions[bonds].mean(axis=1)
    return pd.DataFrame(
        {
            "x_angstrom": middle[:, 0],
            "y_angstrom": middle[:, 1],
            "length_angstrom": bond_lengths(positions, bonds),
            "first": bonds[:, 0],
            "second": bonds[:, 1],
        }
    )


def ring_table(positions: np.ndarray, bonds: np.ndarray) -> pd.DataFrame:
    """The corners of every ring of an open field, one row a corner, in order around the ring.

    Columns: ring (its number), size (number of corners), order (0 … size − 1), x_angstrom,
    y_angstrom.
    """
    positions = np.asarray(positions, dtype=float).reshape(-1, 2)
    origin, face, size, interior = faces(positions, bonds)
    parts = []
    for ring, number in enumerate(np.flatnonzero(interior)):
        corners = positions[origin[face == number]]
        # Corners of a convex ring, in order around its centre.
        around = corners - corners.mean(axis=0)
        ordered = corners[np.argsort(np.arctan2(*around.T[::-1]))]
        order = np.arange(size[number])
        parts.append(
            np.column_stack([np.full_like(order, ring), 0 * order + size[number], order, ordered])
        )
    table = pd.DataFrame(np.concatenate([np.empty((0, 5)), *parts]), columns=RING_COLUMNS)
    return table.astype(dict.fromkeys(RING_COLUMNS[:3], int))
