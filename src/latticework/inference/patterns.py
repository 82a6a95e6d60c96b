"""A user's diffraction patterns and vacuum probe in the frame that a network was trained in.

The frame has the network's number of pixels, its pixel in 1/Å and the direct beam in the middle;
intensities are over the brightest pixel of the probe, and a pattern has as many electrons as it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import label
from torch.nn.functional import avg_pool2d, grid_sample

from latticework.datasets.read import PictureError
from latticework.imaging.aberrations import wavelength

# A probe whose semiangle is farther than by this factor outside of those of the training is new
# to a network.
SEMIANGLE_MARGIN = 1.3


@dataclass(frozen=True)
class Frame:
    """Where a network's pixels lie in a user's patterns: its side and pixel, the user's pixel (both
    1/Å) and the direct beam (x, y) in the user's pixels."""

    size: int
    step: float
    user_step: float
    beam: tuple[float, float]

    def resample(self, pictures: np.ndarray) -> torch.Tensor:
        """Pictures (n, ky, kx) in the network's frame, (n, size, size); dark outside of them.

        Where pixels grow, the mean of the finer ones is taken; intensities per area are kept.
        """
        finer = max(1, math.ceil(self.step / self.user_step))
        fine = torch.arange(self.size * finer, dtype=torch.float64)
        # Middles of the finer pixels about the middle of pixel size // 2.
        offset = ((fine + 0.5) / finer - 0.5 - self.size // 2) * (self.step / self.user_step)
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
        return self.beam[0] + qx / self.user_step, self.beam[1] + qy / self.user_step


def disk(probe: np.ndarray) -> tuple[tuple[float, float], float]:
    """Centre (x, y) and radius in px of a vacuum probe (ky, kx), by its half maximum.

    The maximum is the median of the brightest hundredth, which a hot pixel does not lift. Raises
    PictureError for a probe without a disk, or with one that fills the picture.
    """
    brightest = np.sort(probe.ravel())[-max(3, probe.size // 5000) :]
    inside = probe > 0.5 * np.median(brightest)
    area = int(inside.sum())
    if not 3 <= area <= 0.25 * probe.size:
        raise PictureError(
            f"the vacuum probe: expected a bright disk on a dark field, found {area} of "
            f"{probe.size} pixels above half of its brightness"
        )
    # The largest of what is bright: hot pixels and other disks are not the beam.
    labels, _ = label(inside)
    largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    y, x = np.nonzero(largest)
    return (float(x.mean()), float(y.mean())), math.sqrt(len(x) / math.pi)


def made_up_probe(
    shape: tuple[int, int], step: float, semiangle: float, energy: float, beam: tuple[float, float]
) -> np.ndarray:
    """A round disk (ky, kx) for patterns without a vacuum probe: semiangle in mrad, energy in eV.

    Its edge is one pixel wide. `beam` is its centre (x, y) in px.
    """
    radius = semiangle * 1e-3 / wavelength(energy) / step
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(x - beam[0], y - beam[1])
    return np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)


def network_frame(
    probe: np.ndarray, shape: tuple[int, int], user_step: float, card: Mapping[str, Any]
) -> Frame:
    """The frame of a network (its card) for patterns of `shape` with a vacuum probe (ky, kx).

    Raises PictureError for a probe of another size than the patterns.
    """
    if tuple(probe.shape) != tuple(shape):
        raise PictureError(
            f"the vacuum probe has {probe.shape[0]} × {probe.shape[1]} px, the patterns "
            f"{shape[0]} × {shape[1]}: expected the same camera, binning and camera length"
        )
    simulation = card["simulation"]
    centre, _ = disk(probe)
    return Frame(simulation["size"], simulation["binning"] / simulation["box"], user_step, centre)


def normalised(
    patterns: np.ndarray, probe: np.ndarray, frame: Frame
) -> tuple[torch.Tensor, torch.Tensor]:
    """Patterns and the probe as a network expects them, (n, size, size) and (1, size, size)."""
    vacuum = frame.resample(np.maximum(probe, 0)[None])
    vacuum = vacuum / vacuum.amax()
    recorded = frame.resample(np.maximum(patterns, 0))
    electrons = recorded.sum(dim=(-2, -1), keepdim=True)
    if not (electrons > 0).all():
        raise PictureError("a pattern has no intensity around the direct beam")
    return recorded * (vacuum.sum() / electrons), vacuum


def pattern_warnings(
    probe: np.ndarray, frame: Frame, shape: tuple[int, int], card: Mapping[str, Any]
) -> list[str]:
    """What makes patterns with a vacuum probe (ky, kx) unlike the ones a network was trained on."""
    notes = []
    simulation = card["simulation"]
    _, radius = disk(probe)
    semiangle = radius * frame.user_step * wavelength(simulation["energy"]) * 1e3
    low, high = min(simulation["semiangles"]), max(simulation["semiangles"])
    if not low / SEMIANGLE_MARGIN <= semiangle <= high * SEMIANGLE_MARGIN:
        notes.append(
            f"out of distribution: the probe's radius is that of {semiangle:.2g} mrad at "
            f"{simulation['energy'] / 1e3:g} kV; the network was trained on {low:g} to {high:g} "
            "mrad. Is the pixel right?"
        )
    seen = min(shape) * frame.user_step / (frame.size * frame.step)
    if seen < 0.5:
        notes.append(
            f"the patterns reach {0.5 * min(shape) * frame.user_step:.2g} 1/Å, {seen:.0%} of what "
            "the network was trained on: disks at the edge are unreliable"
        )
    return notes
