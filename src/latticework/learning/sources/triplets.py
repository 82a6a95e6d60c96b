"""Triplets of pattern, probe and structure factors from diffraction shards, read when needed.

A library at the paper's scale is 200 GB: nothing is kept in memory but the probes and the structure
factors of an orientation, which are the same for all its patterns, are read with them.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from latticework import shards
from latticework.seeds import torch_seed

NAMES = ("pattern", "probe", "structure_factors")


@dataclass(frozen=True)
class Stored:
    """Patterns, probes and structure factors (n, size, size) as simulated, on the CPU."""

    pattern: torch.Tensor
    probe: torch.Tensor
    structure_factors: torch.Tensor

    def to(self, device: torch.device) -> "Stored":
        """The same on a device."""
        return Stored(*(array.to(device) for array in (vars(self).values())))


class TripletShards:
    """Diffraction shards as one numbered collection of triplets.

    Triplet i is one thickness of one semiangle of one orientation; thicknesses run fastest.
    `step` is the patterns' pixel in 1/Å. Raises ShardError for a shard that is corrupt, or that
    disagrees with the first in semiangles, thicknesses, size or pixel.
    """

    def __init__(self, paths: Sequence[Path]):
        self.files = [shards.open_lazily(path, "diffraction", NAMES) for path in paths]
        shapes = [file["pattern"].shape for file in self.files]
        steps = [float(file["reciprocal_sampling"][()]) for file in self.files]
        for path, shape, step in zip(paths, shapes, steps, strict=True):
            if shape[1:] != shapes[0][1:] or step != steps[0]:
                raise shards.ShardError(
                    f"{path}: expected patterns {shapes[0][1:]} (semiangle, thickness, y, x) of "
                    f"{steps[0]:.4g} 1/Å a pixel as in {paths[0]}, found {shape[1:]} of {step:.4g}"
                )
        self.step = steps[0]
        self.semiangles, self.thicknesses, self.size = shapes[0][1:4]
        self.ends = np.cumsum([shape[0] for shape in shapes])
        self.probes = torch.from_numpy(self.files[0]["probe"][()])

    def __len__(self) -> int:
        return int(self.ends[-1]) * self.semiangles * self.thicknesses

    def read(self, numbers: Sequence[int]) -> Stored:
        """The triplets of some numbers below `len`."""
        patterns, probes, truths = [], [], []
        for number in numbers:
            rest, thickness = divmod(int(number), self.thicknesses)
            orientation, semiangle = divmod(rest, self.semiangles)
            shard = int(np.searchsorted(self.ends, orientation, side="right"))
            row = orientation - (int(self.ends[shard - 1]) if shard else 0)
            file = self.files[shard]
            patterns.append(file["pattern"][row, semiangle, thickness])
            truths.append(file["structure_factors"][row])
            probes.append(self.probes[semiangle])
        return Stored(
            torch.from_numpy(np.stack(patterns)),
            torch.stack(probes),
            torch.from_numpy(np.stack(truths)).float(),
        )


class Draws:
    """Numbered batches of random triplets of a collection, each read while the one before is used.

    A batch depends on its number and on nothing else, so that a resumed training sees what an
    undisturbed one would have seen.
    """

    def __init__(self, triplets: TripletShards, batch_size: int, seed: int, stream: str):
        self.triplets, self.batch_size = triplets, batch_size
        self.seed, self.stream = seed, stream
        self.reader = ThreadPoolExecutor(1)
        self.ahead: tuple[int, Future[Stored]] | None = None

    def _read(self, number: int) -> Stored:
        generator = torch.Generator().manual_seed(torch_seed(self.seed, self.stream, number))
        chosen = torch.randint(len(self.triplets), (self.batch_size,), generator=generator)
        return self.triplets.read(chosen.tolist())

    def batch(self, number: int, following: int) -> Stored:
        """Batch `number`; `following` is the one that will be asked for next."""
        if self.ahead is None or self.ahead[0] != number:
            self.ahead = number, self.reader.submit(self._read, number)
        batch = self.ahead[1].result()
        self.ahead = following, self.reader.submit(self._read, following)
        return batch
