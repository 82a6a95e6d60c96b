"""Random streams depend on seed, name and number, and on nothing else."""

import numpy as np

from latticework.seeds import sequence, stream, torch_seed


def test_a_stream_is_the_same_every_time():
    assert (
        stream(1, "graphene", 7).random(3).tolist() == stream(1, "graphene", 7).random(3).tolist()
    )


def test_a_stream_is_the_same_on_every_machine():
    """Written down once: a change of these numbers changes every structure of every run."""
    assert stream(2018, "graphene", 0).integers(0, 1000, 4).tolist() == [359, 982, 806, 709]
    assert torch_seed(2018, "graphene/step", 0) == 1106591709029222694


def test_seed_name_and_number_all_matter():
    keys = [(1, "a", 0), (2, "a", 0), (1, "b", 0), (1, "a", 1), (1, "a", 0, 0), (1, "a", 0, 1)]
    assert len({tuple(sequence(*key).generate_state(4).tolist()) for key in keys}) >= 5
    assert len({torch_seed(1, "a", index) for index in range(1000)}) == 1000


def test_neighbouring_streams_are_unrelated():
    draws = np.array([stream(1, "graphene", index).normal(size=2000) for index in range(8)])
    correlation = np.corrcoef(draws) - np.eye(8)
    assert np.abs(correlation).max() < 0.12


def test_a_torch_seed_has_63_bits():
    seeds = [torch_seed(0, "x", index) for index in range(200)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**61
