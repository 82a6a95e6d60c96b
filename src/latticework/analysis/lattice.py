"""Bonds, rings and their statistics, from atom positions alone."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, Voronoi, cKDTree

CARBON_BOND_CUTOFF = 1.9
"""Å: between graphene's first (1.42 Å) and second (2.46 Å) neighbours."""


def bond_graph(positions, cutoff=CARBON_BOND_CUTOFF, cell=None):
    """Pairs of atoms nearer than a cutoff.

    Parameters
    ----------
    positions : (n, 2) array
        Å.
    cutoff : float
        Å.
    cell : (float, float), optional
        Sides (Lx, Ly) in Å of a periodic rectangle; without it the field is open.

    Returns
    -------
    (bonds, 2) int array
        Each bond once, lower index first, sorted.

    Raises
    ------
    ValueError
        If positions are not (n, 2) and finite, or the cell is narrower than two cutoffs, where
        two atoms could be bonded twice.
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


def bond_vectors(positions, bonds, cell=None):
    """Vectors (Å) from the first to the second atom of each bond, the nearest image if periodic.

    Parameters
    ----------
    positions : (n, 2) array
    bonds : (bonds, 2) int array
    cell : (float, float), optional

    Returns
    -------
    (bonds, 2) array
    """
    positions = np.asarray(positions, dtype=float)
    vectors = positions[bonds[:, 1]] - positions[bonds[:, 0]]
    if cell is not None:
        cell = np.asarray(cell, dtype=float)
        vectors = vectors - cell * np.rint(vectors / cell)
    return vectors


def bond_lengths(positions, bonds, cell=None):
    """Length of each bond in Å: see `bond_vectors`."""
    return np.hypot(*bond_vectors(positions, bonds, cell).T)


def neighbour_counts(bonds, n_atoms):
    """Number of bonds of each atom, an (n_atoms,) int array."""
    return np.bincount(np.asarray(bonds).ravel(), minlength=n_atoms)


def bond_statistics(lengths):
    """Mean and spread of bond lengths, plain and robust.

    Parameters
    ----------
    lengths : (bonds,) array
        Å.

    Returns
    -------
    dict
        ``count``; in Å ``mean, sd`` (of the sample), ``min, max, median`` and ``robust_sd``
        (1.4826 × the median absolute deviation: the SD of a normal distribution, deaf to
        outliers). NaN without bonds.
    """
    lengths = np.asarray(lengths, dtype=float)
    names = ("mean", "sd", "min", "max", "median", "robust_sd")
    if lengths.size == 0:
        return {"count": 0, **dict.fromkeys(names, np.nan)}
    median = np.median(lengths)
    sd = lengths.std(ddof=1) if lengths.size > 1 else np.nan
    robust = 1.4826 * np.median(np.abs(lengths - median))
    values = (lengths.mean(), sd, lengths.min(), lengths.max(), median, robust)
    return {"count": int(lengths.size), **dict(zip(names, map(float, values), strict=True))}


def faces(positions, bonds, cell=None):
    """Faces of the planar bond graph.

    Every bond is walked once in either direction, with the sharpest left turn at every atom, so
    that each walk goes around the one face on its left. In all it turns by +2π around a ring, by
    −2π around a flake's outside and by 0 around a periodic cell: a sum that needs neither the
    order of the steps nor unwrapped positions.

    Parameters
    ----------
    positions : (n, 2) array
        Å.
    bonds : (bonds, 2) int array
    cell : (float, float), optional

    Returns
    -------
    origin : (2 bonds,) int array
        Atom at the start of each directed bond.
    face : (2 bonds,) int array
        Face on the left of each directed bond.
    size : (faces,) int array
        Number of directed bonds of each face; a dangling bond counts twice.
    interior : (faces,) bool array
        False for the outside of a flake and for strips around a periodic cell.
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


def ring_sizes(positions, bonds, cell=None):
    """Number of atoms around each ring of the bond graph.

    A hole in the sheet is one large ring; the outside of a flake is none. The graph must be
    planar, as it is when the longest bond is shorter than √2 times the least distance of any two
    atoms; crossing bonds make rings that mean nothing.

    Parameters
    ----------
    positions : (n, 2) array
        Å.
    bonds : (bonds, 2) int array
    cell : (float, float), optional
        Sides (Lx, Ly) in Å of a periodic rectangle.

    Returns
    -------
    (rings,) int array
    """
    _, _, size, interior = faces(positions, bonds, cell)
    return size[interior]


def hexagonal_atoms(positions, cutoff=CARBON_BOND_CUTOFF, cell=None):
    """Atoms with three neighbours that belong to hexagons only.

    These are the "hexagonal" atoms of Madsen's evaluation; at edges, in other rings and around
    them are the "other".

    Parameters
    ----------
    positions : (n, 2) array
        Å.
    cutoff : float
        Å.
    cell : (float, float), optional

    Returns
    -------
    (n,) bool array
    """
    positions = np.asarray(positions, dtype=float).reshape(-1, 2)
    bonds = bond_graph(positions, cutoff, cell)
    origin, face, size, interior = faces(positions, bonds, cell)
    hexagon = interior & (size == 6)
    corners = np.bincount(origin[hexagon[face]], minlength=len(positions))
    return (neighbour_counts(bonds, len(positions)) == 3) & (corners == 3)


def voronoi_vertices(ring_centres, max_radius_ratio=1.5):
    """Atom positions as the Voronoi vertices of the centres of the rings.

    A vertex is kept if its distance to its ring centres is at most ``max_radius_ratio`` times the
    median: the field's border and gaps in the list of centres give far vertices, which are no
    atoms. Where rings of different size meet, vertices are up to 0.5 Å off and some nearly
    coincide; `delaunay_centroids` of the same list are nearer to the atoms.

    Parameters
    ----------
    ring_centres : (rings, 2) array
        At least four, not on a line; any unit.
    max_radius_ratio : float

    Returns
    -------
    (atoms, 2) array
        In the same unit.

    Raises
    ------
    ValueError
        If ring_centres is not (n ≥ 4, 2).
    """
    ring_centres = _ring_centres(ring_centres)
    vertices = Voronoi(ring_centres).vertices
    radius, _ = cKDTree(ring_centres).query(vertices)
    return vertices[radius <= max_radius_ratio * np.median(radius)]


def delaunay_centroids(ring_centres, max_radius_ratio=1.5):
    """Atom positions as the means of the three ring centres around each of them.

    The same atoms as `voronoi_vertices`, one a Delaunay triangle, but less sensitive to errors of
    the centres, and right in topology between pentagons and heptagons too.

    Parameters
    ----------
    ring_centres : (rings, 2) array
        At least four, not on a line; any unit.
    max_radius_ratio : float
        Largest circumradius of a triangle over the median.

    Returns
    -------
    (atoms, 2) array
        In the same unit.

    Raises
    ------
    ValueError
        If ring_centres is not (n ≥ 4, 2).
    """
    ring_centres = _ring_centres(ring_centres)
    triangles = ring_centres[Delaunay(ring_centres).simplices]
    sides = triangles - np.roll(triangles, 1, axis=1)
    twice_area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    radius = np.hypot(sides[..., 0], sides[..., 1]).prod(axis=1) / (2 * twice_area)
    return triangles.mean(axis=1)[radius <= max_radius_ratio * np.median(radius)]


def _ring_centres(ring_centres):
    """Ring centres as an (n ≥ 4, 2) float array, or a ValueError."""
    ring_centres = np.asarray(ring_centres, dtype=float)
    if ring_centres.ndim != 2 or ring_centres.shape[1] != 2 or len(ring_centres) < 4:
        raise ValueError(f"ring_centres must be (n >= 4, 2), not {ring_centres.shape}")
    return ring_centres


def bond_table(positions, cutoff=CARBON_BOND_CUTOFF):
    """Every bond once, as a table.

    Parameters
    ----------
    positions : (n, 2) array
        Å.
    cutoff : float
        Longest bond, Å.

    Returns
    -------
    pandas.DataFrame
        ``x_angstrom, y_angstrom`` (the bond's middle), ``length_angstrom``, and the indices
        ``first, second`` of its atoms.
    """
    positions = np.asarray(positions, dtype=float).reshape(-1, 2)
    bonds = bond_graph(positions, cutoff)
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
