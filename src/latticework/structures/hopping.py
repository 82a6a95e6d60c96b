"""Atoms that hop on a particle's surface: kinetic Monte Carlo on its lattice.

An atom with at most seven neighbours hops to a free neighbouring site, where it will have at least
three, at a rate ν min(1, e^{Δn/T}), Δn being the neighbours that it gains. Pairs of hops that lead
forth and back obey detailed balance for an energy of one unit per neighbour. The limits break it
elsewhere: a hop that ends at more than seven neighbours, or that starts from fewer than three, has
no way back, so that the surface slowly settles and never comes to equilibrium
(tests/physics/test_hopping.py counts these hops).
"""

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from latticework.structures.fcc import (
    COLUMN_KEYS,
    MARGIN,
    NEIGHBOURS,
    cut,
    oriented,
    roughen,
)
from latticework.structures.orientations import about

# Atoms with more neighbours than this stay where they are; a hop ends at this many or more.
MOBILE, LANDING = 7, 3


def hops(occupied: set[tuple[int, int, int]]) -> tuple[list, np.ndarray]:
    """All hops (from, to) that surface atoms can make, and the neighbours each wins or loses."""
    coordination = {}

    def count(site: tuple[int, int, int]) -> int:
        if site not in coordination:
            coordination[site] = sum(n in occupied for n in around(site))
        return coordination[site]

    moves, gains = [], []
    for site in sorted(occupied):
        here = count(site)
        if here > MOBILE:
            continue
        for target in around(site):
            if target in occupied:
                continue
            # The atom does not support itself where it goes.
            there = count(target) - 1
            if there >= LANDING:
                moves.append((site, target))
                gains.append(there - here)
    return moves, np.array(gains)


def around(site: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """The twelve nearest sites."""
    return [tuple(n) for n in (NEIGHBOURS + site).tolist()]


def hopping(
    rng: np.random.Generator, sites: np.ndarray, frames: int, rate: float, temperature: float
) -> Iterator[np.ndarray]:
    """Sites (n, 3) of a particle at the time of each of `frames` frames (residence times).

    rate: ν, hops per atom and frame. temperature: T in units of a neighbour.
    """
    occupied = {tuple(site) for site in sites.tolist()}
    moves, gains = hops(occupied)
    time = 0.0
    for frame in range(frames):
        while len(moves):
            odds = np.cumsum(rate * np.minimum(1, np.exp(gains / temperature)))
            wait = rng.exponential(1 / odds[-1]) if rate > 0 else np.inf
            if time + wait > frame:
                # Without memory: what is left of the wait may be drawn anew.
                break
            time += wait
            leaving, landing = moves[np.searchsorted(odds, rng.random() * odds[-1])]
            occupied.remove(leaving)
            occupied.add(landing)
            moves, gains = hops(occupied)
        time = float(frame)
        yield np.array(sorted(occupied))


def moving_particle(
    seeds: tuple[np.random.Generator, np.random.Generator],
    *,
    element: str,
    lattice_constant: float,
    box: float,
    radius: float,
    facets: dict[str, tuple[float, float]],
    added: float,
    tilt: float,
    frames: int,
    rate: float,
    temperature: float,
) -> Iterator[Atoms]:
    """A particle near ⟨110⟩ whose surface atoms hop, once a frame.

    Parameters
    ----------
    seeds
        Random streams of the particle and of its hops: movies with the same first one start with
        the same particle.
    element, lattice_constant
        Of the fcc metal; Å.
    box, radius, facets
        As in `nanoparticles.nanoparticle`, Å.
    added
        Atoms that roughening adds, over those cut; they are the first to move.
    tilt
        Angle off the zone axis, degrees.
    frames, rate, temperature
        As in `hopping`.

    Yields
    ------
    ase.Atoms
        With the array `key` (atoms, 2): two integers that name the atom's column for good. The
        crystal does not move.
    """
    still, moving = seeds
    sites = cut(still, radius, facets, lattice_constant)
    sites = roughen(still, sites, round(added * len(sites)), temperature)
    centre = oriented(sites, "110", lattice_constant).mean(axis=0)
    direction = still.uniform(0, 2 * np.pi)
    lean = about(np.array([np.cos(direction), np.sin(direction), 0]), np.deg2rad(tilt))
    turn = about(np.array([0, 0, 1.0]), still.uniform(0, 2 * np.pi))
    depth = 2 * 1.3 * radius + 2 * MARGIN
    for now in hopping(moving, sites, frames, rate, temperature):
        positions = (oriented(now, "110", lattice_constant) - centre) @ turn.T @ lean.T + (
            box / 2,
            box / 2,
            depth / 2,
        )
        atoms = Atoms(f"{element}{len(now)}", positions=positions, cell=(box, box, depth))
        atoms.pbc = (True, True, False)
        atoms.new_array("key", now @ COLUMN_KEYS["110"].T)
        yield atoms
