"""The scan of a probe: where each pixel of an image was taken, and where atoms appear in it.

A scan is a grid of any pixel and direction, sheared by drift, whose lines are shifted by flyback
and jitter. Specimens are periodic, so a scan may go anywhere and be larger than the box.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

FLYBACK_LENGTH = 4.0  # Å along a line, over which the shift after flyback decays
WANDER = 4.0  # lines over which the slow part of the lines' shifts changes
PADDING = 2  # px around a periodic tile, as bicubic interpolation needs


@dataclass(frozen=True)
class Scan:
    """Scans of one size.

    Parameters
    ----------
    centre
        (n, 2), x and y in Å: what the middle of each image shows.
    matrix
        (n, 2, 2), Å per px: from pixels off the middle to the specimen.
    sampling
        (n,), the pixel in Å.
    slow, fast
        (n, size), shifts of the lines in px along x: what an atom follows, and what blurs it.
    flyback
        (n,), shift at the start of a line, px.
    size
        px.
    """

    centre: torch.Tensor
    matrix: torch.Tensor
    sampling: torch.Tensor
    slow: torch.Tensor
    fast: torch.Tensor
    flyback: torch.Tensor
    size: int

    def shift(self, x: torch.Tensor, lines: torch.Tensor) -> torch.Tensor:
        """Shift in px at columns x of lines whose own shifts are given; (n, …) each."""
        decay = torch.exp(-x.clamp(min=0) * (self._column(self.sampling, x) / FLYBACK_LENGTH))
        return lines + self._column(self.flyback, x) * decay

    @staticmethod
    def _column(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        return values.reshape(-1, *[1] * (like.ndim - 1))

    def places(self) -> torch.Tensor:
        """Where each pixel was taken, (n, size, size, 2), x and y in Å."""
        line = torch.arange(self.size, device=self.centre.device, dtype=torch.float32)
        x = line.expand(len(self.centre), self.size, -1)
        y = line[:, None].expand(len(self.centre), -1, self.size)
        x = x + self.shift(x, (self.slow + self.fast)[:, :, None])
        offset = torch.stack([x, y], dim=-1) - 0.5 * (self.size - 1)
        return offset @ self.matrix.mT[:, None] + self.centre[:, None, None]

    def appearances(
        self, positions: torch.Tensor, classes: torch.Tensor, box: float, margin: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Where atoms appear in the images, and those of their periodic images that do.

        Parameters
        ----------
        positions, classes
            (n, atoms, 2) Å, and (n, atoms); class 0 is padding.
        box
            Period along x and y, Å.
        margin
            Atoms at most this far outside of the image, px, are kept.

        Returns
        -------
        torch.Tensor, torch.Tensor
            (n, kept, 2) px, and (n, kept) with 0 where padded.
        """
        relative = positions - self.centre[:, None]
        relative = relative - box * torch.round(relative / box)
        reach = float(torch.linalg.matrix_norm(self.matrix, ord=2).max()) * self.size / math.sqrt(2)
        count = max(0, math.ceil(reach / box - 0.5))
        steps = box * torch.arange(-count, count + 1, device=positions.device)
        copies = torch.cartesian_prod(steps, steps)
        everywhere = (relative[:, :, None] + copies).flatten(1, 2)
        known = classes.repeat_interleave(len(copies), dim=1)
        seen = everywhere @ torch.linalg.inv(self.matrix).mT + 0.5 * (self.size - 1)
        line = seen[..., 1].round().long().clamp(0, self.size - 1)
        shift = self.shift(seen[..., 0], self.slow.gather(1, line))
        seen = torch.stack([seen[..., 0] - shift, seen[..., 1]], dim=-1)
        inside = ((seen > -margin) & (seen < self.size - 1 + margin)).all(dim=-1) & (known > 0)
        kept = max(1, int(inside.sum(dim=1).max()))
        order = torch.argsort(inside.long(), dim=1, descending=True, stable=True)[:, :kept]
        known = torch.where(inside, known, 0).gather(1, order)
        return seen.gather(1, order[..., None].expand(-1, -1, 2)), known


def random_scan(
    drawn: Mapping[str, torch.Tensor], box: float, size: int, generator: torch.Generator
) -> Scan:
    """Scans anywhere, in any direction, of either hand.

    Parameters
    ----------
    drawn
        (n,) each: `sampling` in Å, `shear`, `line_jitter` and `flyback` in Å.
    box
        Side of the specimen, Å.
    size
        Of the images, px.
    generator
        Everything random comes from it.
    """
    device, sampling = generator.device, drawn["sampling"]
    count = len(sampling)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(count, *shape, generator=generator, device=device)

    angle = 2 * math.pi * uniform()
    cos, sin = torch.cos(angle), torch.sin(angle)
    hand = torch.where(uniform() < 0.5, -1.0, 1.0)
    turn = torch.stack([torch.stack([cos, -sin * hand], -1), torch.stack([sin, cos * hand], -1)], 1)
    strain = (2 * uniform(2, 2) - 1) * drawn["shear"][:, None, None]
    matrix = sampling[:, None, None] * (turn @ (torch.eye(2, device=device) + strain))
    width = (drawn["line_jitter"] / sampling)[:, None]
    white = torch.randn(2, count, size, generator=generator, device=device)
    return Scan(
        box * uniform(2), matrix, sampling, width * wander(white[0]), 0.5 * width * white[1],
        (2 * uniform() - 1) * drawn["flyback"] / sampling, size,
    )  # fmt: skip


def straight_scan(count: int, sampling: float, box: float, size: int) -> Scan:
    """`count` scans along the box's sides whose first pixels are at its origin, without faults."""
    none = torch.zeros(count)
    corner = torch.full((count, 2), 0.5 * (size - 1) * sampling)
    matrix = (sampling * torch.eye(2)).expand(count, 2, 2)
    lines = torch.zeros(count, size)
    return Scan(corner, matrix, torch.full((count,), sampling), lines, lines, none, size)


def wander(white: torch.Tensor) -> torch.Tensor:
    """White noise (n, size) made smooth along its second axis, of the same variance."""
    reach = math.ceil(3 * WANDER)
    steps = torch.arange(-reach, reach + 1, device=white.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / WANDER) ** 2)
    kernel = kernel / kernel.square().sum().sqrt()
    padded = torch.nn.functional.pad(white[:, None], (reach, reach), mode="reflect")
    return torch.nn.functional.conv1d(padded, kernel[None, None])[:, 0]


def scanned(tiles: torch.Tensor, places: torch.Tensor, box: float) -> torch.Tensor:
    """Values (n, size, size) of periodic tiles (n, m, m) of side `box`, Å, at places (n, …, 2).

    Bicubic: the tiles' pixel has to be well below the resolution.
    """
    side = tiles.shape[-1]
    padded = torch.nn.functional.pad(tiles[:, None], [PADDING] * 4, mode="circular")
    pixels = torch.remainder(places / box, 1.0) * side + PADDING
    grid = 2 * (pixels + 0.5) / padded.shape[-1] - 1
    return torch.nn.functional.grid_sample(
        padded, grid, mode="bicubic", padding_mode="border", align_corners=False
    )[:, 0]
