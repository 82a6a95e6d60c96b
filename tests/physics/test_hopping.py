"""Hopping atoms: detailed balance where there is a way back, and where there is none, why."""

import itertools

import numpy as np
import pytest

from latticework import materials
from latticework.seeds import stream
from latticework.structures.fcc import cut, roughen
from latticework.structures.hopping import LANDING, MOBILE, around, hopping, hops, moving_particle

FACETS = {"100": (0.8, 1.0), "110": (0.9, 1.1), "111": (0.8, 1.0)}
TEMPERATURE = 2.0  # in units of a neighbour, as in simulated movies


def particle(number=0, radius=6.5, added=0.15):
    """Sites (n, 3) of a rough particle of some hundred atoms."""
    rng = stream(3, "hopping", number)
    sites = cut(rng, radius, FACETS, materials.load("gold").lattice_constant)
    return roughen(rng, sites, round(added * len(sites)), TEMPERATURE)


def as_set(sites):
    return {tuple(site) for site in sites.tolist()}


def bonds(occupied):
    """Number of pairs of neighbours."""
    return sum(n in occupied for site in occupied for n in around(site)) // 2


def forth_and_back(occupied):
    """Of each hop: what it gains, what the way back gains (None: there is none), coordinations.

    The coordinations are those of the atom before and after the hop.
    """
    moves, gains = hops(occupied)
    for (leaving, landing), gain in zip(moves, gains, strict=True):
        after = (occupied - {leaving}) | {landing}
        back, back_gains = hops(after)
        ways = dict(zip(back, back_gains, strict=True))
        here, there = (
            sum(n in state for n in around(site))
            for site, state in ((leaving, occupied), (landing, after))
        )
        assert bonds(after) - bonds(occupied) == gain == there - here
        yield gain, ways.get((landing, leaving)), here, there


@pytest.fixture(scope="module")
def all_hops():
    """The hops of three particles, each at several times of its life."""
    found = []
    for number in range(3):
        life = hopping(stream(3, "life", number), particle(number), 21, 0.5, TEMPERATURE)
        for sites in itertools.islice(life, 0, None, 5):
            found += forth_and_back(as_set(sites))
    return found


def test_hops_forth_and_back_obey_detailed_balance(all_hops):
    """k(a → b)/k(b → a) = exp(−ΔE/T), where the energy is minus the number of bonds."""
    pairs = np.array([(gain, back) for gain, back, *_ in all_hops if back is not None])
    assert len(pairs) > 800
    forth, back = np.minimum(1, np.exp(pairs / TEMPERATURE)).T
    np.testing.assert_allclose(forth / back, np.exp(pairs[:, 0] / TEMPERATURE), rtol=1e-12)
    # Hops of both kinds are among them.
    assert (pairs[:, 0] > 0).any()
    assert (pairs[:, 0] < 0).any()


def test_hops_without_a_way_back_are_those_that_a_limit_closes(all_hops):
    """The atom landed where it is too well bound to move, or came from where none may land."""
    stuck = [there > MOBILE for _, back, _, there in all_hops if back is None]
    loose = [here < LANDING for _, back, here, _ in all_hops if back is None]
    assert all(a or b for a, b in zip(stuck, loose, strict=True))
    for _, back, here, there in all_hops:
        assert (back is None) == (there > MOBILE or here < LANDING)
    # They are few, but there are some: the surface settles and never comes to equilibrium.
    assert 0 < len(stuck) < 0.1 * len(all_hops)
    assert sum(stuck) > 0
    assert sum(loose) > 0


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_time_until_the_first_hop_is_that_of_all_rates_together(temperature):
    """The share of particles that are still unchanged after one frame, within four errors.

    A particle that hopped and came back counts as unchanged: with so many other hops to make, that
    is rare.
    """
    sites = particle(radius=4.5)
    gains = np.array([bonds_gained for bonds_gained, *_ in forth_and_back(as_set(sites))])
    rate = 0.5 / np.minimum(1, np.exp(gains / temperature)).sum()
    count, still = 1000, 0
    for number in range(count):
        _, last = hopping(stream(4, "first hop", number), sites, 2, rate, temperature)
        still += as_set(last) == as_set(sites)
    expected = np.exp(-0.5)
    error = np.sqrt(expected * (1 - expected) / count)
    assert still / count == pytest.approx(expected, abs=4 * error)


def test_atoms_are_conserved_and_stay_on_free_sites_of_the_lattice():
    sites = particle()
    frames = list(hopping(stream(3, "hops"), sites, 10, 0.05, TEMPERATURE))
    assert len(frames) == 10
    assert as_set(frames[0]) == as_set(sites)
    assert as_set(frames[-1]) != as_set(sites)
    for frame in frames:
        assert len(as_set(frame)) == len(frame) == len(sites)
        assert not (frame.sum(axis=1) % 2).any()


def test_nothing_moves_at_a_rate_of_zero():
    sites = particle()
    for frame in hopping(stream(3, "hops"), sites, 5, 0.0, TEMPERATURE):
        assert as_set(frame) == as_set(sites)


def test_bulk_atoms_stay():
    occupied = as_set(particle())
    for leaving, landing in hops(occupied)[0]:
        assert sum(n in occupied for n in around(leaving)) <= MOBILE
        assert landing not in occupied
        assert sum(n in occupied for n in around(landing)) - 1 >= LANDING


def test_a_moving_particle_keeps_its_atoms_its_columns_and_its_crystal():
    gold = materials.load("gold")

    def film(hop_stream):
        return list(
            moving_particle(
                (stream(3, "particle"), stream(3, hop_stream)),
                element="Au",
                lattice_constant=gold.lattice_constant,
                box=30.0,
                radius=6.5,
                facets=FACETS,
                added=0.15,
                tilt=1.0,
                frames=4,
                rate=0.1,
                temperature=TEMPERATURE,
            )
        )

    frames, other = film("some hops"), film("other hops")
    np.testing.assert_array_equal(frames[0].positions, other[0].positions)
    assert len({len(atoms) for atoms in frames}) == 1
    # An atom that is at a site in two frames is at the same place in space and in its column.
    places = [
        {tuple(p): tuple(k) for p, k in zip(a.positions.round(6), a.arrays["key"], strict=True)}
        for a in frames
    ]
    for before, after in itertools.pairwise(places):
        common = before.keys() & after.keys()
        assert len(common) > 0.8 * len(before)
        assert all(before[place] == after[place] for place in common)
    assert places[0] != places[-1]
