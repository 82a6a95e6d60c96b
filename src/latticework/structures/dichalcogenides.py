"""Monolayers of 2H dichalcogenides: alloys, vacancies alone and in lines, mirror boundaries, holes.

What is found are columns: a metal atom, or the one or two chalcogen atoms of a site. Lengths are in
Å, the square box is periodic.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from ase import Atoms
from pydantic import Field
from scipy.spatial import cKDTree

from latticework.config.base import Integers, Lengths, Section
from latticework.materials import Material
from latticework.structures import numbered
from latticework.structures.displacements import between
from latticework.structures.outlines import random_outline

CLASSES = ["Mo", "W", "S2", "S", "SSe", "Se2", "Se"]
HEIGHT = {"S": 1.56, "Se": 1.67}  # of a chalcogen above the metal
MARGIN = 2.0  # of empty space along the beam
ACROSS = (2.5, 2.9)  # between metals across shared chalcogens, before stretching to the box
ADATOM_HEIGHT = 1.9  # above the upper chalcogens
COVERED = 0.8  # columns nearer than this to an adatom are no labels

Host = Literal["MoS2", "MoSe2", "WS2", "WSe2"]


class Parameters(Section):
    """Parameters of a monolayer."""

    box: float = Field(22.0, gt=15, le=100, description="Side of the periodic square, Å.")
    cells: tuple[int, int] = Field((7, 4), description="Rectangular cells a × √3a along x and y.")
    hosts: list[Host] = Field(
        ["MoS2"], min_length=1, description="Drawn with equal chances; a name may stand twice."
    )
    metal_alloy: Lengths = (0.0, 0.1)
    chalcogen_alloy: Lengths = (0.0, 0.1)
    vacancies: Lengths = (0.0, 0.12)
    divacancies: float = Field(0.2, ge=0, le=1, description="Share of both atoms of a site.")
    lines: Integers = (0, 1)
    line_length: Integers = (3, 7)
    metal_vacancies: Integers = (0, 1)
    adatoms: Integers = (0, 1)
    mirror: float = Field(0.2, ge=0, le=1, description="Probability of both mirror boundaries.")
    holes: Integers = (0, 1)
    hole_radius: Lengths = (2.0, 6.0)
    holed: float = Field(0.3, ge=0, le=1, description="Share of layers that may have holes.")
    disorder: Lengths = (0.0, 0.12)


def classes(parameters: Mapping[str, Any], material: Material) -> list[str]:
    """What a column holds."""
    return CLASSES


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
        lambda rng: monolayer(rng, **given), seed=seed, study=study, split=split, indices=indices
    )


def sites(
    rng: np.random.Generator, box: float, cells: tuple[int, int], mirrored: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Columns of a layer: positions (n, 2), and whether of metal.

    A mirrored layer has a strip whose chalcogens stand on the other side of the metals.
    """
    if mirrored:
        points, is_metal = mirrored_sites(rng, box, cells)
        return points % box, is_metal
    corners = np.array([(i, j) for i in range(cells[0]) for j in range(cells[1])], dtype=float)
    metal = (corners[:, None] + [[0, 0], [0.5, 0.5]]).reshape(-1, 2)
    points = np.concatenate([metal, metal + np.array([0, 1 / 3])]) / cells * box % box
    return points, np.arange(len(points)) < len(metal)


def mirrored_sites(
    rng: np.random.Generator, box: float, cells: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Columns of a layer with both mirror boundaries that run along a zigzag row.

    On one mirror plane each chalcogen is shared by four metals, a chain of rhombi that touch at
    corners (4|4P); on the other it joins two, a chain of octagons that share edges (Zhou et al.
    2013; Truong et al. 2018). Both together keep the stoichiometry. The rows are stretched along y
    to the box, by 4 % at most.

    Returns
    -------
    np.ndarray, np.ndarray
        Positions (n, 2), Å, not wrapped into the box, and whether of metal.
    """
    rows = 2 * cells[1]
    row, bond = box / rows, 2 / 3 * box / rows
    across = rng.uniform(*ACROSS)
    upright = int(rng.integers(2, rows - 1))  # rows whose chalcogens stand above
    number = np.arange(rows)
    inverted = number >= upright
    # From the octagons' mirror plane both grains count away from its chalcogens.
    metal = across / 2 + number * row + inverted * (2 * bond - row)
    chalcogen = np.append(np.where(inverted, metal - bond, metal + bond), 0.0)
    # The two grains' own rows of the octagons' plane are one.
    chalcogen = np.delete(chalcogen, upright)
    shift = (number - inverted) / 2
    shifts = np.append(np.delete(shift, upright), 0.5)
    heights = np.concatenate([metal, chalcogen]) / (metal[-1] + across / 2) * box
    along = np.arange(cells[0]) + np.concatenate([shift, shifts])[:, None]
    points = np.stack(
        [along / cells[0] * box, np.repeat(heights[:, None], cells[0], axis=1)], axis=-1
    )
    is_metal = np.repeat(np.arange(2 * rows) < rows, cells[0])
    return points.reshape(-1, 2) + rng.uniform(0, box, 2), is_metal


def line_of(
    rng: np.random.Generator, points: np.ndarray, box: float, spacing: float, length: int
) -> np.ndarray:
    """Numbers of `length` chalcogens in a row from a random one, along one of three directions."""
    angle = rng.integers(3) * np.pi / 3
    steps = spacing * np.arange(length)[:, None] * [np.cos(angle), np.sin(angle)]
    start = points[int(rng.integers(len(points)))]
    distance, found = cKDTree(points, boxsize=box).query((start + steps) % box)
    return np.unique(found[distance < 0.3 * spacing])


def monolayer(
    rng: np.random.Generator,
    *,
    box: float,
    cells: tuple[int, int],
    hosts: list[str],
    metal_alloy: tuple[float, float],
    chalcogen_alloy: tuple[float, float],
    vacancies: tuple[float, float],
    divacancies: float,
    lines: tuple[int, int],
    line_length: tuple[int, int],
    metal_vacancies: tuple[int, int],
    adatoms: tuple[int, int],
    mirror: float,
    holes: tuple[int, int],
    hole_radius: tuple[float, float],
    holed: float,
    disorder: tuple[float, float],
) -> Atoms:
    """One layer with defects.

    Parameters
    ----------
    rng
        The structure's own random stream.
    box, cells
        Side of the periodic square, Å, and the rectangular cells that fill it.
    hosts
        One is drawn.
    metal_alloy, chalcogen_alloy, vacancies
        Uniform ranges of a share, one a layer: of metals that are the other one; of chalcogen atoms
        that are the other one; of chalcogen sites with a vacancy.
    divacancies
        Share of vacancies, also of lines of them, that take both atoms of a site.
    lines, line_length
        Inclusive ranges: of lines of vacancies, and of sites in one.
    metal_vacancies, adatoms, holes
        Inclusive ranges of numbers.
    mirror, holed, hole_radius
        See `Parameters`.
    disorder
        Range of the RMS random displacement of a column per axis, Å, one a layer.

    Returns
    -------
    ase.Atoms
        With `visible`, `specimen`, `column`, `displacement` and `classes`: see `CLASSES`.
    """
    host = str(rng.choice(hosts))
    metals = ("Mo", "W") if host.startswith("Mo") else ("W", "Mo")
    chalcogens = ("S", "Se") if host.endswith("S2") else ("Se", "S")
    points, is_metal = sites(rng, box, cells, bool(rng.random() < mirror))
    count = len(points)
    keep = np.ones(count, bool)
    if rng.random() < holed:
        for _ in range(between(rng, holes)):
            keep &= random_outline(rng, box, hole_radius).depth(points, box) < 0
    metal_sites = np.flatnonzero(is_metal & keep)
    gone = rng.permutation(metal_sites)[: between(rng, metal_vacancies)]
    keep[gone] = False

    atoms_at = np.where(is_metal, 1, 2) * keep
    others = np.flatnonzero(~is_metal & keep)
    missing = [others[rng.random(len(others)) < rng.uniform(*vacancies)]]
    for _ in range(between(rng, lines)):
        row = line_of(rng, points[others], box, box / cells[0], between(rng, line_length))
        missing.append(others[row])
    for group in missing:
        both = rng.random(len(group)) < divacancies
        atoms_at[group] = np.where(both, 0, 1)

    elements = np.empty((count, 2), dtype=object)
    other_metal = rng.random(count) < rng.uniform(*metal_alloy)
    other_chalcogen = rng.random((count, 2)) < rng.uniform(*chalcogen_alloy)
    for atom in (0, 1):
        of_metal = np.where(other_metal, metals[1], metals[0])
        of_chalcogen = np.where(other_chalcogen[:, atom], chalcogens[1], chalcogens[0])
        elements[:, atom] = np.where(is_metal, of_metal, of_chalcogen)

    displacement = rng.normal(0, rng.uniform(*disorder), points.shape)
    points = points + displacement
    upper = rng.random(count) < 0.5  # which of a pair stays where one is missing
    number, symbols, positions = [], [], []
    for site in np.flatnonzero(atoms_at):
        chosen = (0, 1) if atoms_at[site] == 2 else (0 if is_metal[site] else int(upper[site]),)
        for atom in chosen:
            symbol = str(elements[site, atom])
            z = 0.0 if is_metal[site] else HEIGHT[symbol] * (1 - 2 * atom)
            number.append(site)
            symbols.append(symbol)
            positions.append((*points[site], z))
    atoms = finished(rng, number, symbols, np.array(positions), box, between(rng, adatoms))
    moved = np.zeros((len(atoms), 2))
    moved[: len(number)] = displacement[number]
    atoms.new_array("displacement", moved)
    return atoms


def finished(
    rng: np.random.Generator,
    number: list[int],
    symbols: list[str],
    positions: np.ndarray,
    box: float,
    adatoms: int,
) -> Atoms:
    """A layer's atoms, with their columns and classes, under adatoms anywhere on it."""
    places = np.column_stack(
        [rng.uniform(0, box, (adatoms, 2)), np.full(adatoms, HEIGHT["S"] + ADATOM_HEIGHT)]
    )
    tilt = np.pad(rng.normal(0, 0.02, (len(positions), 2)), ((0, 0), (0, 1)))
    # The atoms of a column stay together where it stands on the border of the box.
    inside = positions - np.pad(positions[:, :2] // box * box, ((0, 0), (0, 1)))
    everything = np.concatenate([inside + tilt, places])
    everything[:, 2] -= everything[:, 2].min() - MARGIN
    kinds = symbols + [str(rng.choice(["C", "S", "Mo", "W"])) for _ in range(adatoms)]
    atoms = Atoms(
        kinds,
        positions=everything,
        cell=(box, box, everything[:, 2].max() + MARGIN),
        pbc=(True, True, False),
    )
    layer = np.arange(len(atoms)) < len(symbols)
    column = np.concatenate([number, max(number, default=0) + 1 + np.arange(adatoms)]).astype(int)
    visible = layer.copy()
    if adatoms:
        distance = cKDTree(places[:, :2], boxsize=box).query(everything[:, :2] % box)[0]
        visible &= distance >= COVERED
    # Column by column, so that a column is hidden as a whole.
    hidden = np.isin(column, column[~visible])
    atoms.new_array("visible", layer & ~hidden)
    atoms.new_array("specimen", layer)
    atoms.new_array("adatom", ~layer)
    atoms.new_array("column", column)
    # The class of an adatom, which is never a label, does not matter.
    kind = class_numbers(number, symbols)
    atoms.new_array("classes", np.array([kind.get(int(c), 1) for c in column], dtype=int))
    return atoms


def class_numbers(number: Sequence[int], symbols: Sequence[str]) -> dict[int, int]:
    """Class, from 1 on, of every column by what it holds; columns and elements of all atoms."""
    content: dict[int, list[str]] = {}
    for column, symbol in zip(number, symbols, strict=True):
        content.setdefault(int(column), []).append(symbol)
    pairs = {"SS": "S2", "SSe": "SSe", "SeSe": "Se2"}
    named = {column: "".join(sorted(held)) for column, held in content.items()}
    return {column: CLASSES.index(pairs.get(name, name)) + 1 for column, name in named.items()}
