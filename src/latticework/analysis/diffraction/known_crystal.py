"""Is a measured lattice that of a crystal that the user names? A check of the pixel size.

Of every low-index zone the crystal shows a lattice whose shape (ratio of lengths, angle) needs no
scale. Where a shape agrees, the scale says whether the pixel is right.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from latticework.analysis.diffraction.lattice import reduced
from latticework.simulation.structure_factors import fourier_coefficients, reciprocal_vectors

MOST_INDEX = 3  # of a zone axis
REACH = 1.2  # 1/Å: reflections that span a zone's lattice
FAINT = 1e-3  # of the strongest reflection: forbidden
SAME_RATIO, SAME_ANGLE = 0.02, 1.5  # relative; degrees
PIXEL_IS_WRONG = 0.03  # relative


@dataclass(frozen=True)
class ZoneMatch:
    """A zone axis [uvw] whose lattice has the measured shape; measured over true lengths."""

    zone: tuple[int, int, int]
    scale: float


def zone_lattice(g: np.ndarray) -> np.ndarray | None:
    """The reduced basis (2, 2) of the lattice that vectors (n, 3) of one zone span, or None."""
    shortest = g[np.argsort(np.linalg.norm(g, axis=1))]
    first = shortest[0]
    x = first / np.linalg.norm(first)
    across = shortest - np.outer(shortest @ x, x)
    off = np.linalg.norm(across, axis=1) > 1e-6
    if not off.any():
        return None
    y = across[off][0] / np.linalg.norm(across[off][0])
    plane = shortest @ np.stack([x, y]).T
    basis = reduced(np.stack([plane[0], plane[off][0]]))
    # Double diffraction reaches all sums of allowed reflections: shrink until all are in it.
    for vector in plane:
        fractions = vector @ np.linalg.inv(basis)
        rest = (fractions - np.round(fractions)) @ basis
        if np.linalg.norm(rest) > 1e-4:
            pairs = [np.stack([rest, b]) for b in basis]
            areas = [abs(np.linalg.det(pair)) for pair in pairs]
            usable = [p for p, area in zip(pairs, areas, strict=True) if area > 1e-6]
            basis = reduced(min(usable, key=lambda p: abs(np.linalg.det(p))))
    return basis


def shape(basis: np.ndarray) -> tuple[float, float]:
    """Ratio of the lengths, at least 1, and angle from 0 to 90 degrees of a reduced basis."""
    a, b = np.sort(np.linalg.norm(basis, axis=1))
    cosine = abs(basis[0] @ basis[1]) / (a * b)
    return b / a, float(np.degrees(np.arccos(np.clip(cosine, 0, 1))))


def match_zone(atoms: Atoms, measured: np.ndarray) -> ZoneMatch | None:
    """The zone of a crystal (its cell) whose lattice has the shape of u and v (2, 2), 1/Å.

    Of several the one whose lengths fit best; None if there is none.
    """
    indices = reciprocal_vectors(atoms.cell[:], REACH)
    indices = indices[np.any(indices != 0, axis=1)]
    strength = np.abs(fourier_coefficients(atoms, indices))
    allowed = indices[strength > FAINT * strength.max()]
    g = allowed @ np.linalg.inv(atoms.cell[:]).T
    line = np.arange(-MOST_INDEX, MOST_INDEX + 1)
    zones = np.stack(np.meshgrid(line, line, line), axis=-1).reshape(-1, 3)
    zones = zones[np.gcd.reduce(zones, axis=1) == 1]
    # Of equivalent zones the one that is easiest to read comes first.
    zones = zones[np.lexsort((*zones.T, -zones.sum(axis=1), np.abs(zones).sum(axis=1)))]
    basis = reduced(measured)
    ratio, angle = shape(basis)
    area = abs(np.linalg.det(basis))
    best: ZoneMatch | None = None
    for zone in zones:
        inside = allowed @ zone == 0
        lattice = zone_lattice(g[inside]) if inside.sum() >= 2 else None
        if lattice is None:
            continue
        known_ratio, known_angle = shape(lattice)
        if abs(known_ratio / ratio - 1) > SAME_RATIO or abs(known_angle - angle) > SAME_ANGLE:
            continue
        scale = float(np.sqrt(area / abs(np.linalg.det(lattice))))
        if best is None or abs(np.log(scale)) < abs(np.log(best.scale)) - 1e-9:
            best = ZoneMatch(tuple(int(i) for i in zone), scale)
    return best


def check_pixel(atoms: Atoms, measured: np.ndarray) -> tuple[str, bool]:
    """What a crystal says of the pixel size, in a sentence, and whether it agrees."""
    name = atoms.get_chemical_formula(mode="metal", empirical=True)
    found = match_zone(atoms, measured)
    if found is None:
        return (
            f"no zone of {name} up to ⟨{MOST_INDEX}{MOST_INDEX}{MOST_INDEX}⟩ has a lattice of this "
            "shape: another crystal, or an elliptic distortion"
        ), False
    zone = "".join(f"{i}" for i in found.zone)
    if abs(found.scale - 1) > PIXEL_IS_WRONG:
        return (
            f"the lattice has the shape of {name} [{zone}], but is {found.scale:.3f} times as "
            f"large: the pixel size is probably {found.scale:.3f} times too large"
        ), False
    return f"the lattice is that of {name} [{zone}], {found.scale:.4f} times as large", True
