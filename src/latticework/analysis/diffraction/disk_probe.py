"""The vacuum probe, a disk, wherever it is shifted to: cubic B-splines of a picture of it."""

import math
from dataclasses import dataclass

import torch

MARGIN = 2.5  # px around a disk that count, too


@dataclass(frozen=True)
class Probe:
    """A vacuum probe made ready: spline coefficients (size, size), its centre and radius in px.

    The compressed probe's centre (x, y) lies in the middle of the coefficients.
    """

    coefficients: torch.Tensor
    radius: float
    power: float


def make_probe(
    probe: torch.Tensor, centre: tuple[float, float], radius: float, power: float
) -> Probe:
    """The `Probe` of a picture (ky, kx) whose disk has a centre (x, y) and a radius in px."""
    half = math.ceil(radius + MARGIN) + 6
    size = 2 * half + 1
    compressed = (probe.double().clamp(min=0) / probe.max()).pow(power)
    coefficients = _spline_coefficients(compressed)
    y, x = (torch.arange(size, dtype=torch.float64) - half + c for c in (centre[1], centre[0]))
    # Resampled so that the centre is in the middle of a pixel, by the spline itself.
    rows, columns = (_spline_matrix(p, n) for p, n in zip((y, x), probe.shape, strict=True))
    return Probe(_spline_coefficients(rows @ coefficients @ columns.T), radius, power)


def _spline_coefficients(picture: torch.Tensor) -> torch.Tensor:
    """Coefficients of the cubic B-spline that interpolates a picture."""
    from scipy.ndimage import spline_filter

    return torch.from_numpy(spline_filter(picture.numpy(), order=3, mode="mirror"))


def _cubic(t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cubic B-spline and its derivative."""
    a = t.abs()
    inner = 2 / 3 - a**2 + a**3 / 2
    outer = (2 - a).clamp(min=0) ** 3 / 6
    value = torch.where(a < 1, inner, outer)
    slope = torch.where(a < 1, -2 * a + 1.5 * a**2, -((2 - a).clamp(min=0) ** 2) / 2)
    return value, slope * t.sign()


def shifted(probe: Probe, half: int, places: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The probe at places (…, 2) px from the middle of a square of 2 half + 1 px.

    With its derivatives by the place along x and y: three of (…, px).
    """
    size = len(probe.coefficients)
    # How far a pixel is from a knot is one of few numbers: what all splines need is computed once.
    apart = torch.arange(2 * half + size, dtype=torch.float64) - half - size // 2
    splines = (_cubic(apart - places[..., axis, None]) for axis in (0, 1))
    (wx, dx), (wy, dy) = (
        (part.unfold(-1, size, 1).contiguous() for part in pair) for pair in splines
    )
    coefficients = probe.coefficients.flip(0, 1)
    inner = wy @ coefficients
    value = inner @ wx.mT
    along_x = -inner @ dx.mT
    along_y = -(dy @ coefficients) @ wx.mT
    return tuple(a.flatten(-2) for a in (value, along_x, along_y))


def _spline_matrix(positions: torch.Tensor, size: int) -> torch.Tensor:
    return _cubic(positions[:, None] - torch.arange(size, dtype=positions.dtype))[0]
