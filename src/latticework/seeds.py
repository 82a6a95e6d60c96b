"""Deterministic random streams: the same draw whatever the shard size, order or machine.

Streams of one name must all have the same number of indices. NumPy pads a short seed with zeros, so
that stream(1, "a"), stream(1, "a", 0) and stream(1, "a", 0, 0) are one and the same. The draws of
published results depend on this, so it stays; tests/unit/test_seeds.py makes sure that no two
streams of the package meet.
"""

from zlib import crc32

import numpy as np


def sequence(seed: int, name: str, *indices: int) -> np.random.SeedSequence:
    """Seed sequence of one item (a structure, a training step) of a named stream."""
    return np.random.SeedSequence([seed, crc32(name.encode()), *indices])


def stream(seed: int, name: str, *indices: int) -> np.random.Generator:
    """Random generator of one item of a named stream."""
    return np.random.default_rng(sequence(seed, name, *indices))


def torch_seed(seed: int, name: str, *indices: int) -> int:
    """A 63-bit integer for `torch.Generator.manual_seed`, from the same streams."""
    return int(sequence(seed, name, *indices).generate_state(1, np.uint64)[0] >> np.uint64(1))
