"""A user's diffraction patterns and vacuum probe on the grid that a network was trained on.

The grid has the network's number of pixels, its pixel in 1/Å and the direct beam in the middle;
intensities are over the brightest pixel of the probe, and a pattern has as many electrons as it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, grid_sample

from latticework.datasets.read import PictureError
from latticework.electrons import wavelength
from latticework.inference.scan_calibration import disk

# A probe whose semiangle is farther than by this factor outside of those of the training is new
# to a network.
SEMIANGLE_MARGIN = 1.3
# px: the largest grid on which patterns are averaged to the network's.
LARGEST_FINE = 8192


@dataclass(frozen=True)
class NetworkGrid:
    """Where a network's pixels lie in a user's patterns: its side and pixel, the user's pixel (both
    1/Å) and the direct beam (x, y) in the user's pixels."""

    size: int
    sampling: float
    user_sampling: float
    beam: tuple[float, float]

    def resample(self, pictures: np.ndarray) -> torch.Tensor:
        """Pictures (n, ky, kx) on the network's grid, (n, size, size); dark outside of them.

        Where pixels grow, the mean of the finer ones is taken; intensities per area are kept.
        """
        finer = max(1, math.ceil(self.sampling / self.user_sampling))
        fine = torch.arange(self.size * finer, dtype=torch.float64)
        # Middles of the finer pixels about the middle of pixel size // 2.
        offset = ((fine + 0.5) / finer - 0.5 - self.size // 2) * (
            self.sampling / self.user_sampling
        )
        ny, nx = pictures.shape[-2:]
        x = 2 * (offset + self.beam[0] + 0.5) / nx - 1
        y = 2 * (offset + self.beam[1] + 0.5) / ny - 1
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).float()
        picture = torch.from_numpy(np.ascontiguousarray(pictures, dtype=np.float32))
        sampled = grid_sample(
            picture[:, None],
            grid.expand(len(picture), -1, -1, -1),
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )
        return avg_pool2d(sampled, finer)[:, 0]

    def to_user(self, qx: np.ndarray, qy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (x, y) of the user's patterns of positions in 1/Å from the direct beam."""
        return self.beam[0] + qx / self.user_sampling, self.beam[1] + qy / self.user_sampling


def network_grid(
    probe: np.ndarray, shape: tuple[int, int], user_sampling: float, card: Mapping[str, Any]
) -> NetworkGrid:
    """The grid of a network (its card) for patterns of `shape` with a vacuum probe (ky, kx).

    Raises PictureError for a probe of another size than the patterns.
    """
    if tuple(probe.shape) != tuple(shape):
        raise PictureError(
            f"the vacuum probe has {probe.shape[0]} × {probe.shape[1]} px, the patterns "
            f"{shape[0]} × {shape[1]}: expected the same camera, binning and camera length"
        )
    simulation = card["simulation"]
    centre, _ = disk(probe)
    sampling = simulation["binning"] / simulation["box"]
    if simulation["size"] * sampling / user_sampling > LARGEST_FINE:
        raise PictureError(
            f"a pixel of {user_sampling:.3g} 1/Å is {sampling / user_sampling:.0f} times finer "
            f"than the network's, {sampling:.3g} 1/Å: is the reciprocal pixel right?"
        )
    return NetworkGrid(simulation["size"], sampling, user_sampling, centre)


def normalised(
    patterns: np.ndarray, probe: np.ndarray, grid: NetworkGrid
) -> tuple[torch.Tensor, torch.Tensor]:
    """Patterns and the probe as a network expects them, (n, size, size) and (1, size, size)."""
    vacuum = grid.resample(np.maximum(probe, 0)[None])
    vacuum = vacuum / vacuum.amax()
    recorded = grid.resample(np.maximum(patterns, 0))
    electrons = recorded.sum(dim=(-2, -1), keepdim=True)
    if not (electrons > 0).all():
        raise PictureError("a pattern has no intensity around the direct beam")
    return recorded * (vacuum.sum() / electrons), vacuum


def pattern_warnings(
    probe: np.ndarray, grid: NetworkGrid, shape: tuple[int, int], card: Mapping[str, Any]
) -> list[str]:
    """What makes patterns with a vacuum probe (ky, kx) unlike the ones a network was trained on."""
    notes = []
    simulation = card["simulation"]
    _, radius = disk(probe)
    semiangle = radius * grid.user_sampling * wavelength(simulation["energy"]) * 1e3
    low, high = min(simulation["semiangles"]), max(simulation["semiangles"])
    if not low / SEMIANGLE_MARGIN <= semiangle <= high * SEMIANGLE_MARGIN:
        notes.append(
            f"out of distribution: the probe's radius is that of {semiangle:.2g} mrad at "
            f"{simulation['energy'] / 1e3:g} kV; the network was trained on {low:g} to {high:g} "
            "mrad. Is the pixel right?"
        )
    seen = min(shape) * grid.user_sampling / (grid.size * grid.sampling)
    if seen < 0.5:
        notes.append(
            f"the patterns reach {0.5 * min(shape) * grid.user_sampling:.2g} 1/Å, {seen:.0%} of "
            "what the network was trained on: disks at the edge are unreliable"
        )
    return notes
