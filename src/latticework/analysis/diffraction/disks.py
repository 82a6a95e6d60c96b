"""Refined disks: one lattice for a whole pattern, so that the disks' edges decide.

Each disk is modelled as the vacuum probe, shifted to its place in the lattice, times a polynomial
of its own, on a constant of its own. The polynomial takes up what dynamical diffraction, mistilt
and noise of the rocking curve do inside a disk; polynomial and constant are linear and eliminated
(variable projection: Golub 1973, Kaufman 1975), and least squares over origin and two vectors is
left. Intensities and probe are compressed by a power, the square root: noise is then the
same everywhere, and weak disks count, too.

In torch, many patterns at once. Lattices (n, 3, 2) are those of `lattice`: origin, u, v in px.
"""

import math
from dataclasses import dataclass

import torch

from latticework.analysis.diffraction.disk_patches import Patches, solve
from latticework.analysis.diffraction.disk_probe import Probe

POWER = 0.5
DEGREE = 2
MOST_DISKS = 100
ROUNDS = 30
CONVERGED = 2e-3  # px of the outermost disk: a strain of 1e-5
LEAST_VARIANCE = 0.3  # of the pattern's usual one, added to every disk's
SECTORS = 6
GROUPS = 2 * SECTORS


@dataclass(frozen=True)
class Refined:
    """Refined lattices (n, 3, 2) of n patterns and how sure they are.

    influence (n, groups, 6), px, in the order of `lattice.ravel()`: what each group of neighbouring
    disks adds to the lattice's error; disks (n,) that decided; residual (n,): share of the
    compressed intensities' variance that is left; converged (n,).
    """

    lattice: torch.Tensor
    influence: torch.Tensor
    disks: torch.Tensor
    residual: torch.Tensor
    converged: torch.Tensor

    @property
    def covariance(self) -> torch.Tensor:
        """Of the lattices (n, 6, 6), px²: the sandwich over groups of neighbouring disks.

        What dynamical diffraction does inside of one disk it does, a little differently, inside of
        the next one, and a count of pixels knows nothing of that. With the usual correction for few
        groups, G/(G − 1) (Liang and Zeger 1986).
        """
        return self.influence.mT @ self.influence * GROUPS / (GROUPS - 1)


def lattice_points(lattice: torch.Tensor, shape: tuple[int, int], border: float) -> torch.Tensor:
    """Indices (m, 2) of a lattice (3, 2) whose places lie `border` px inside of a detector."""
    inverse = torch.linalg.inv(lattice[1:])
    ny, nx = shape
    corners = torch.tensor([[0, 0], [nx, 0], [0, ny], [nx, ny]], dtype=lattice.dtype)
    most = int(((corners - lattice[0]) @ inverse).abs().max().ceil())
    line = torch.arange(-most, most + 1)
    indices = torch.cartesian_prod(line, line)
    place = lattice[0] + indices.to(lattice.dtype) @ lattice[1:]
    limit = torch.tensor([nx - 1 - border, ny - 1 - border], dtype=lattice.dtype)
    return indices[((place >= border) & (place <= limit)).all(dim=1)]


def brightest_disks(pattern: torch.Tensor, lattice: torch.Tensor, radius: float) -> torch.Tensor:
    """Indices (m, 2) of the disks of a pattern (ky, kx) that hold most, by their mean intensity."""
    indices = lattice_points(lattice, tuple(pattern.shape), radius + 1)
    place = (lattice[0] + indices.to(lattice.dtype) @ lattice[1:]).round().long()
    half = max(1, int(0.7 * radius))
    smooth = torch.nn.functional.avg_pool2d(
        pattern.double()[None, None], 2 * half + 1, stride=1, padding=half
    )[0, 0]
    order = smooth[place[:, 1], place[:, 0]].argsort(descending=True, stable=True)
    return indices[order[:MOST_DISKS]]


def refine(
    patterns: torch.Tensor,
    start: torch.Tensor,
    indices: torch.Tensor,
    probe: Probe,
    *,
    degree: int = DEGREE,
) -> Refined:
    """Lattices of patterns (n, ky, kx) from a start (n, 3, 2), by the disks with `indices` (m, 2).

    Gauss and Newton's steps; each disk counts by the variance of its own residuals.
    """
    lattice = start.double().clone()
    patches = Patches(patterns, lattice, indices, probe, degree)
    reach = torch.linalg.norm(patches.design, dim=1).amax()
    moving = torch.arange(len(lattice))
    for _ in range(ROUNDS):
        _, inverse, scores = _equations(patches.part(moving), lattice[moving])
        step = (inverse @ scores.sum(1)[..., None])[..., 0].unflatten(-1, (3, 2))
        moved = torch.linalg.norm(step, dim=-1).amax(-1) * reach
        # No farther at once than the patches reach.
        lattice[moving] += step / moved.clamp(min=1)[:, None, None]
        moving = moving[moved >= CONVERGED]
        if not len(moving):
            break
    squares, inverse, scores = _equations(patches, lattice)
    grouped = torch.einsum("gd,ndk->ngk", _groups(indices, start.mean(0)), scores)
    settled = torch.ones(len(lattice), dtype=torch.bool)
    settled[moving] = False
    residual = squares.sum(-1) / patches.data.square().sum(-1).sum(-1)
    return Refined(lattice, grouped @ inverse, patches.known.sum(-1), residual, settled)


def _equations(
    patches: Patches, lattice: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Squares (n, disks), the inverse normal matrices (n, 6, 6), each disk's pull (n, disks, 6)."""
    squares, gradient, each = solve(patches, lattice)
    variance = squares / patches.free.clamp(min=1)
    # The faintest disks of a pattern without noise would otherwise decide alone.
    usual = variance.where(patches.known > 0, torch.nan).nanmedian(-1, keepdim=True).values
    weight = patches.known / (variance + LEAST_VARIANCE * usual).clamp(min=1e-30)
    normal = _assembled(weight, patches.design, each)
    pull = torch.einsum("nd,dk,nda->ndka", weight, patches.design, gradient).flatten(2)
    scale = normal.diagonal(dim1=-2, dim2=-1)
    return squares, torch.linalg.pinv(normal + torch.diag_embed(1e-9 * scale + 1e-12)), pull


def curvature(
    patterns: torch.Tensor,
    lattice: torch.Tensor,
    indices: torch.Tensor,
    probe: Probe,
    degree: int = DEGREE,
) -> torch.Tensor:
    """Half of the second derivative (n, 6, 6) of the summed squares by the lattices (n, 3, 2)."""
    patches = Patches(patterns, lattice.double(), indices, probe, degree)
    _, _, each = solve(patches, lattice.double())
    ones = torch.ones(each.shape[:2], dtype=torch.float64)
    return _assembled(ones, patches.design, each)


def _assembled(weight: torch.Tensor, design: torch.Tensor, curvature: torch.Tensor) -> torch.Tensor:
    """Normal matrices (n, 6, 6) of lattices from the curvature (n, disks, 2, 2) of each disk."""
    normal = torch.einsum("nd,dk,dl,ndab->nkalb", weight, design, design, curvature)
    return normal.flatten(3).flatten(1, 2)


def _groups(indices: torch.Tensor, lattice: torch.Tensor) -> torch.Tensor:
    """Membership (groups, disks) of disks in sectors about the direct beam, inner and outer."""
    place = indices.double() @ lattice[1:]
    distance = torch.linalg.norm(place, dim=1)
    sector = (torch.atan2(place[:, 1], place[:, 0]) / (2 * math.pi) * SECTORS).floor() % SECTORS
    group = (sector + SECTORS * (distance > distance.median())).long()
    return torch.nn.functional.one_hot(group, GROUPS).double().T
