"""Refined disks: one lattice for a whole pattern, so that the disks' edges decide.

Each disk is modelled as the vacuum probe, shifted to its place in the lattice, times a polynomial
of its own, on a constant of its own. The polynomial takes up what dynamical diffraction, mistilt
and noise of the rocking curve do inside a disk; polynomial and constant are linear and eliminated
(variable projection: Golub 1973, Kaufman 1975), and least squares over origin and two vectors is
left. Intensities and probe are compressed by a power, a fourth root for instance: a disk's edge
counts about as much in a weak disk as in a strong one.

In torch, many patterns at once. Lattices (n, 3, 2) are those of `lattice`: origin, u, v in px.
"""

import math
from dataclasses import dataclass

import torch

POWER = 0.5
DEGREE = 2
MARGIN = 2.5  # px around a disk that count, too
MOST_DISKS = 100
ROUNDS = 15
CONVERGED = 2e-3  # px of the outermost disk: a strain of 1e-5
RIDGE = 1e-6
LEAST_FREE = 0.12  # of a patch's pixels, for a disk to count
SECTORS = 6
GROUPS = 2 * SECTORS


@dataclass(frozen=True)
class Probe:
    """A vacuum probe made ready: spline coefficients (size, size), its centre and radius in px.

    The compressed probe's centre (x, y) lies in the middle of the coefficients.
    """

    coefficients: torch.Tensor
    radius: float
    power: float


@dataclass(frozen=True)
class Refined:
    """Refined lattices (n, 3, 2) of n patterns and how sure they are.

    covariance (n, 6, 6), px², in the order of `lattice.ravel()`; disks (n,) that decided;
    residual (n,): share of the compressed intensities' variance that is left; converged (n,).
    """

    lattice: torch.Tensor
    covariance: torch.Tensor
    disks: torch.Tensor
    residual: torch.Tensor
    converged: torch.Tensor


def make_probe(probe: torch.Tensor, centre: tuple[float, float], radius: float, power: float):
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


def _spline_matrix(positions: torch.Tensor, size: int) -> torch.Tensor:
    return _cubic(positions[:, None] - torch.arange(size, dtype=positions.dtype))[0]


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


def brightest_disks(
    pattern: torch.Tensor, lattice: torch.Tensor, radius: float, most: int = MOST_DISKS
) -> torch.Tensor:
    """Indices (m, 2) of the disks of a pattern (ky, kx) that hold most, by their mean intensity."""
    indices = lattice_points(lattice, tuple(pattern.shape), radius + 1)
    place = (lattice[0] + indices.to(lattice.dtype) @ lattice[1:]).round().long()
    half = max(1, int(0.7 * radius))
    smooth = torch.nn.functional.avg_pool2d(
        pattern.double()[None, None], 2 * half + 1, stride=1, padding=half
    )[0, 0]
    order = smooth[place[:, 1], place[:, 0]].argsort(descending=True, stable=True)
    return indices[order[:most]]


class _Patches:
    """Squares about the disks of a batch, compressed, and what of them counts."""

    def __init__(self, patterns, start, indices, probe, degree):
        self.probe, (count, ny, nx) = probe, patterns.shape
        half = math.ceil(probe.radius + MARGIN)
        self.design = torch.cat([torch.ones(len(indices), 1), indices], dim=1).double()
        places = self.design @ start
        self.corner = places.round()
        offset = torch.arange(-half, half + 1)
        columns, rows = (self.corner[..., i, None].long() + offset for i in (0, 1))
        inside = ((rows >= 0) & (rows < ny))[..., None] & ((columns >= 0) & (columns < nx))[
            ..., None, :
        ]
        number = torch.arange(count)[:, None, None, None]
        rows, columns = rows.clamp(0, ny - 1)[..., None], columns.clamp(0, nx - 1)[..., None, :]
        raw = patterns[number, rows, columns].double()
        # A pixel that is not finite is not known.
        inside &= raw.isfinite()
        self.data = raw.nan_to_num(0, 0, 0).clamp(min=0).pow(probe.power).flatten(2)
        y, x = torch.meshgrid(offset.double(), offset.double(), indexing="ij")
        self.offset = offset.double()
        grid = torch.stack([x, y], dim=-1).flatten(0, 1)
        away = grid - (places - self.corner)[..., None, :]
        counts = torch.linalg.norm(away, dim=-1) <= probe.radius + MARGIN
        for h, k in ((1, 0), (0, 1), (1, 1), (1, -1)):
            neighbour = h * start[:, 1] + k * start[:, 2]
            for sign in (-1, 1):
                distance = torch.linalg.norm(away - sign * neighbour[:, None, None], dim=-1)
                # Where disks overlap neither model holds: the rest of their edges decides.
                counts &= distance > probe.radius + 1
        self.counts = (counts & inside.flatten(2)).double()
        scaled = grid / probe.radius
        self.powers = torch.stack(
            [
                scaled[:, 0] ** i * scaled[:, 1] ** j
                for i in range(degree + 1)
                for j in range(degree + 1 - i)
            ],
            dim=-1,
        )

    def shifted(self, lattice):
        """The probe at its places (n, disks, px), and its derivatives along x and y."""
        shift = self.design @ lattice - self.corner
        size = len(self.probe.coefficients)
        knots = torch.arange(size, dtype=torch.float64) - size // 2
        (wx, dx), (wy, dy) = (
            _cubic(self.offset[:, None] - shift[..., i, None, None] - knots) for i in (0, 1)
        )
        inner = wy @ self.probe.coefficients
        value = inner @ wx.mT
        along_x = -inner @ dx.mT
        along_y = -(dy @ self.probe.coefficients) @ wx.mT
        return (a.flatten(2) for a in (value, along_x, along_y))


def _solve(patches, lattice):
    """Cost (n,), gradient (n, disks, 2), curvature (n, disks, 2, 2) and more of a lattice."""
    value, along_x, along_y = patches.shifted(lattice)
    w = patches.counts
    basis = torch.cat(
        [value[..., None] * patches.powers, torch.ones_like(value)[..., None]], dim=-1
    )
    weighted = basis * w[..., None]
    normal = weighted.mT @ basis
    ridge = RIDGE * normal.diagonal(dim1=-2, dim2=-1).mean(-1) + 1e-12
    normal = normal + ridge[..., None, None] * torch.eye(normal.shape[-1], dtype=normal.dtype)
    factor = torch.linalg.cholesky(normal)
    coefficients = torch.cholesky_solve(weighted.mT @ patches.data[..., None], factor)
    residual = (patches.data - (basis @ coefficients)[..., 0]) * w
    amplitude = (patches.powers @ coefficients[..., :-1, :])[..., 0]
    slopes = torch.stack([along_x * amplitude, along_y * amplitude], dim=-1) * w[..., None]
    inner = torch.cholesky_solve(weighted.mT @ slopes, factor)
    slopes = (slopes - basis @ inner) * w[..., None]
    gradient = (slopes.mT @ residual[..., None])[..., 0]
    curvature = slopes.mT @ slopes
    squares = residual.square().sum(-1)
    return squares, gradient, curvature


def refine(
    patterns: torch.Tensor,
    start: torch.Tensor,
    indices: torch.Tensor,
    probe: Probe,
    *,
    degree: int = DEGREE,
) -> Refined:
    """Lattices of patterns (n, ky, kx) from a start (n, 3, 2), by the disks with `indices` (m, 2).

    Gauss and Newton's steps; each disk counts by the variance of its own residuals. The covariance
    is the sandwich over groups of neighbouring disks: what dynamical diffraction does inside of one
    it does, a little differently, inside of the next one, and a count of pixels knows nothing of
    that.
    """
    lattice = start.double().clone()
    patches = _Patches(patterns, lattice, indices, probe, degree)
    free = patches.counts.sum(-1) - patches.powers.shape[-1] - 3
    known = (free > LEAST_FREE * patches.counts.shape[-1]).double()
    design = patches.design
    reach = torch.linalg.norm(design, dim=1).amax()
    done = torch.zeros(len(lattice), dtype=torch.bool)
    for _ in range(ROUNDS):
        squares, gradient, each = _solve(patches, lattice)
        weight = known / (squares / free.clamp(min=1)).clamp(min=1e-30)
        normal = _assembled(weight, design, each)
        scores = torch.einsum("nd,dk,nda->ndka", weight, design, gradient).flatten(2)
        scale = normal.diagonal(dim1=-2, dim2=-1)
        inverse = torch.linalg.pinv(normal + torch.diag_embed(1e-9 * scale + 1e-12))
        step = (inverse @ scores.sum(1)[..., None])[..., 0].unflatten(-1, (3, 2))
        moved = torch.linalg.norm(step, dim=-1).amax(-1) * reach
        # No farther at once than the patches reach.
        step = step / moved.clamp(min=1)[:, None, None]
        lattice = torch.where(done[:, None, None], lattice, lattice + step)
        done |= moved < CONVERGED
        if done.all():
            break
    grouped = torch.einsum("gd,ndk->ngk", _groups(indices, start.mean(0)), scores)
    covariance = inverse @ (grouped.mT @ grouped) @ inverse
    covariance = covariance * GROUPS / (GROUPS - 3)
    total = (patches.data * patches.counts).square().sum(-1).sum(-1)
    used = (known > 0).sum(-1)
    return Refined(lattice, covariance, used, squares.sum(-1) / total, done)


def curvature(
    patterns: torch.Tensor,
    lattice: torch.Tensor,
    indices: torch.Tensor,
    probe: Probe,
    degree: int = DEGREE,
) -> torch.Tensor:
    """Half of the second derivative (n, 6, 6) of the summed squares by the lattices (n, 3, 2)."""
    patches = _Patches(patterns, lattice.double(), indices, probe, degree)
    _, _, each = _solve(patches, lattice.double())
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
