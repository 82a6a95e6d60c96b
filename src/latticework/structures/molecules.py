"""Molecules on gold: a hexagonal layer of C60, or of bowls cut from it, each in one of few
orientations, with domains, boundaries and vacancies.

All atoms of a molecule have one number in `column`, so that a molecule is found as one, and the
class of its orientation. Beside that, `azimuth` (degrees from x) and `domain` (from 0) are those of
the molecule. Lengths are in Å; the square box is periodic.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.build import molecule as named_molecule
from pydantic import Field
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from latticework.config.base import Integers, Lengths, Section
from latticework.materials import Material
from latticework.structures import numbered

MARGIN = 2.0  # of empty space along the beam
BOND = 1.6  # longest carbon bond
BOWL_DEPTH = 1.11  # of sumanene
SECOND_LAYER = 8.2  # height of a molecule on top of others, as layers of C60 crystals are apart


class Parameters(Section):
    """Parameters of a layer of molecules."""

    molecule: Literal["fullerene", "bowl"] = Field("fullerene", description="C60 or sumanene.")
    box: float = Field(100.0, gt=40, le=300, description="Side of the periodic square, Å.")
    mixing: Lengths = (0.0, 0.35)
    domains: Integers = (1, 8)
    vacancies: Lengths = (0.0, 0.08)
    on_top: Integers = (0, 1)
    tilt: Lengths = (0.0, 6.0)
    azimuth: Lengths = (0.0, 6.0)
    disorder: Lengths = (0.0, 0.3)


def classes(parameters: Mapping[str, Any], material: Material) -> list[str]:
    """Names of the orientations, without their azimuths: those of the material."""
    return list(material.classes)


def make_shard(
    parameters: Mapping[str, Any],
    material: Material,
    seed: int,
    study: str,
    split: str,
    indices: range,
) -> list[Atoms]:
    """Structures number `indices` of a study's split; `parameters` are those of `Parameters`."""
    given = Parameters.model_validate(parameters).model_dump()
    return numbered(
        lambda rng: layer(rng, constant=material.lattice_constant, **given),
        seed=seed,
        study=study,
        split=split,
        indices=indices,
    )


@cache
def fullerene() -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray], np.ndarray]:
    """C60: atoms (60, 3), its hexagons and pentagons (numbers of atoms), and 6:6 bonds (30, 2)."""
    positions = named_molecule("C60").positions
    positions = positions - positions.mean(axis=0)
    bonds = cKDTree(positions).query_pairs(BOND, output_type="ndarray")
    neighbours = [set(bonds[(bonds == i).any(1)].ravel()) - {i} for i in range(60)]
    rings = {5: set(), 6: set()}
    paths = [(i,) for i in range(60)]
    for length in range(1, 7):
        if length in rings:
            closed = (p for p in paths if p[0] in neighbours[p[-1]])
            rings[length] |= {frozenset(p) for p in closed if _flat(positions[list(p)])}
        paths = [(*p, n) for p in paths for n in neighbours[p[-1]] if n not in p]
    pentagons = [np.array(sorted(r)) for r in sorted(rings[5], key=sorted)]
    hexagons = [np.array(sorted(r)) for r in sorted(rings[6], key=sorted)]
    shared = [sum(set(bond) <= set(h) for h in hexagons) for bond in bonds.tolist()]
    return positions, hexagons, pentagons, bonds[np.array(shared) == 2]


def _flat(ring: np.ndarray) -> bool:
    """Whether atoms lie on a circle of a ring's size, and not along the ball."""
    off = ring - ring.mean(axis=0)
    return bool(np.linalg.svd(off, compute_uv=False)[2] < 0.1)


def oriented(up: np.ndarray, along: np.ndarray) -> Rotation:
    """The rotation that takes the direction `up` to z and `along`, made normal to it, to x."""
    z = up / np.linalg.norm(up)
    x = along - (along @ z) * z
    x = x / np.linalg.norm(x)
    return Rotation.from_matrix(np.stack([x, np.cross(z, x), z]))


@cache
def orientations(molecule: str) -> list[tuple[np.ndarray, int]]:
    """Atoms (n, 3) of a molecule in each orientation, and how many azimuths a hexagonal layer has.

    Of C60: a hexagon up, its three 6:6 bonds' middles at 0°, 120°, 240°; a 6:6 bond up, along x; a
    pentagon up, a corner along x; an atom up, its 6:6 bond along x. The azimuths are those that a
    layer with the symmetry of a hexagon tells apart: two, three, one and six of them, where the
    pentagon's twelve are one because it is read as one appearance. Of the bowl: open to the
    vacuum, and open to the metal; four azimuths.
    """
    positions, hexagons, pentagons, bonds = fullerene()
    hexagon = hexagons[0]
    inside = [b for b in bonds if set(b.tolist()) <= set(hexagon.tolist())]
    middle = positions[inside[0]].mean(axis=0)
    on_hexagon = oriented(positions[hexagon].mean(axis=0), middle).apply(positions)
    if molecule == "bowl":
        # The centre hexagon, its neighbours, and theirs that close the six rings around it.
        bowl = _bowl(on_hexagon)
        return [(bowl * [1, 1, -1], 4), (bowl, 4)]
    bond, pentagon = bonds[0], pentagons[0]
    partner = next(b for b in bonds if bond[0] in b)
    other = positions[partner[partner != bond[0]][0]]
    return [
        (on_hexagon, 2),
        (
            oriented(positions[bond].mean(0), positions[bond[1]] - positions[bond[0]]).apply(
                positions
            ),
            3,
        ),
        (oriented(positions[pentagon].mean(0), positions[pentagon[0]]).apply(positions), 1),
        (oriented(positions[bond[0]], other).apply(positions), 6),
    ]


def _bowl(positions: np.ndarray) -> np.ndarray:
    """Sumanene's carbon (21, 3), dome up, of C60 with a hexagon up: its cap, made flatter."""
    height = np.sort(positions[:, 2])[::-1]
    cap = positions[positions[:, 2] >= height[20] - 1e-6]
    cap = cap - cap.mean(axis=0)
    return cap * [1, 1, BOWL_DEPTH / np.ptp(cap[:, 2])]


def layer(
    rng: np.random.Generator,
    *,
    constant: float,
    molecule: str,
    box: float,
    mixing: tuple[float, float],
    domains: tuple[int, int],
    vacancies: tuple[float, float],
    on_top: tuple[int, int],
    tilt: tuple[float, float],
    azimuth: tuple[float, float],
    disorder: tuple[float, float],
) -> Atoms:
    """One layer of molecules.

    Parameters
    ----------
    rng
        The structure's own random stream.
    constant
        Distance of neighbours, Å.
    molecule
        "fullerene" or "bowl".
    box
        Side of the periodic square, Å.
    mixing
        Uniform range of the share of molecules that do not have their domain's orientation.
    domains
        Inclusive range of the number of orientational domains.
    vacancies
        Uniform range of the share of missing molecules.
    on_top
        Inclusive range of the number of molecules of a second layer.
    tilt, azimuth
        Uniform ranges of the RMS deviation from an orientation, degrees.
    disorder
        Uniform range of the RMS displacement of a molecule per axis, Å.
    """
    columns, rows = round(box / constant), round(box / (constant * np.sqrt(3)))
    corners = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
    sites = np.concatenate([corners, corners + 0.5]) / (columns, rows) * box
    choices = [
        (kind, 360 / _symmetry(kind, molecule) / count * turn)
        for kind, (_, count) in enumerate(orientations(molecule))
        for turn in range(count)
    ]
    seeds = rng.uniform(0, box, (int(rng.integers(domains[0], domains[1] + 1)), 2))
    domain = cKDTree(seeds, boxsize=box).query(sites)[1]
    chosen = rng.integers(len(choices), size=len(seeds))[domain]
    odd = rng.random(len(sites)) < rng.uniform(*mixing)
    chosen = np.where(odd, rng.integers(len(choices), size=len(sites)), chosen)
    keep = rng.random(len(sites)) >= rng.uniform(*vacancies)
    spread = rng.uniform(*disorder), rng.uniform(*tilt), rng.uniform(*azimuth)

    parts = {
        name: [] for name in ("positions", "column", "classes", "azimuth", "domain", "visible")
    }

    def put(place: np.ndarray, number: int, choice: int, group: int, seen: bool) -> None:
        kind, turn = choices[choice]
        angle = turn + rng.normal(0, spread[2])
        rotation = Rotation.from_euler("z", angle, degrees=True)
        lean = Rotation.from_rotvec(np.deg2rad([*rng.normal(0, spread[1], 2), 0.0]))
        atoms = (lean * rotation).apply(orientations(molecule)[kind][0])
        parts["positions"].append(atoms + place)
        known = {"column": number, "classes": kind + 1, "azimuth": angle, "domain": group}
        for name, value in (known | {"visible": seen}).items():
            parts[name].append(np.full(len(atoms), value))

    numbers = np.flatnonzero(keep)
    for number in numbers:
        place = np.append(sites[number] + rng.normal(0, spread[0], 2), 0.0)
        put(place, number, chosen[number], domain[number], True)
    for extra in range(int(rng.integers(on_top[0], on_top[1] + 1))):
        below = sites[int(rng.choice(numbers))] + [0.5 * constant, constant / np.sqrt(12)]
        place = np.append(below, SECOND_LAYER)
        put(place, len(sites) + extra, int(rng.integers(len(choices))), 0, False)
    arrays = {name: np.concatenate(values) for name, values in parts.items()}
    positions = arrays.pop("positions")
    positions[:, 2] += MARGIN - positions[:, 2].min()
    atoms = Atoms(
        ["C"] * len(positions),
        positions=positions,
        cell=(box, box, positions[:, 2].max() + MARGIN),
        pbc=(True, True, False),
    )
    for name, values in arrays.items():
        atoms.new_array(name, values)
    atoms.new_array("specimen", arrays["column"] < len(sites))
    return atoms


def _symmetry(kind: int, molecule: str) -> int:
    """Rotations about z that leave an orientation as it is."""
    return (3, 2, 5, 1)[kind] if molecule == "fullerene" else 3
