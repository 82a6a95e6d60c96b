"""Refined disks: one lattice for a whole pattern, so that the disks' edges decide.

Each disk is modelled as the vacuum probe, shifted to its place in the lattice, times a polynomial
of its own, on a constant of its own. The polynomial takes up what dynamical diffraction, mistilt
and noise of the rocking curve do inside a disk; polynomial and constant are linear and eliminated
(variable projection: Golub 1973, Kaufman 1975), and least squares over origin and two vectors is
left. Intensities and probe are compressed by a power, the square root: noise is then the
same everywhere, and weak disks count, too.

In torch, many patterns at once. Lattices (n, 3, 2) are those of `lattice`: origin, u, v in px.
"""

import copy
import math
from dataclasses import dataclass

import torch

POWER = 0.5
DEGREE = 2
MARGIN = 2.5  # px around a disk that count, too
MOST_DISKS = 100
ROUNDS = 30
CONVERGED = 2e-3  # px of the outermost disk: a strain of 1e-5
RIDGE = 1e-6
LEAST_VARIANCE = 0.3  # of the pattern's usual one, added to every disk's
FREE_EDGE = 0.75  # of a disk's edge: where more is covered, overlaps are modelled
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


def _spline_matrix(positions: torch.Tensor, size: int) -> torch.Tensor:
    return _cubic(positions[:, None] - torch.arange(size, dtype=positions.dtype))[0]


def design_matrix(indices: torch.Tensor) -> torch.Tensor:
    """Rows (1, h, k) for indices (m, 2): times a lattice (3, 2) it gives places (m, 2)."""
    return torch.cat([torch.ones(len(indices), 1), indices], dim=1).double()


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


class _Patches:
    """Squares about the disks of a batch, compressed, and what of them counts."""

    def __init__(
        self,
        patterns: torch.Tensor,
        start: torch.Tensor,
        indices: torch.Tensor,
        probe: Probe,
        degree: int,
    ):
        self.probe, (count, ny, nx) = probe, patterns.shape
        half = math.ceil(probe.radius + MARGIN)
        self.design = design_matrix(indices)
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
        compressed = raw.nan_to_num(0, 0, 0).clamp(min=0).pow(probe.power)
        y, x = torch.meshgrid(offset.double(), offset.double(), indexing="ij")
        self.offset = offset.double()
        grid = torch.stack([x, y], dim=-1).flatten(0, 1)
        away = grid - (places - self.corner)[..., None, :]
        counts = torch.linalg.norm(away, dim=-1) <= probe.radius + MARGIN
        self.neighbours = overlapping(start.mean(0), probe.radius)
        if not len(self.neighbours):
            # What lies in another disk is that disk's own.
            for step in SHELL:
                other = away - (step @ start[:, 1:])[:, None, None]
                counts &= torch.linalg.norm(other, dim=-1) > probe.radius + 1
        self.counts = (counts & inside.flatten(2)).double()
        self.data = compressed.flatten(2) * self.counts
        scaled = grid / probe.radius
        self.powers, self.slopes = (_monomials(scaled, d) for d in (degree, min(degree, 1)))
        self.terms = self.powers.shape[1] + len(self.neighbours) * (1 + self.slopes.shape[1]) + 1

        self.free = self.counts.sum(-1) - self.terms - 2
        self.known = (self.free > LEAST_FREE * self.counts.shape[-1]).double()

    def part(self, chosen: torch.Tensor) -> "_Patches":
        """The patches of some of the patterns."""
        other = copy.copy(self)
        for name in ("corner", "counts", "data", "free", "known"):
            setattr(other, name, getattr(self, name)[chosen])
        return other

    def shifted(self, places: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The probe at places (n, disks, 2), and its derivatives along x and y: (n, disks, px)."""
        shift = places - self.corner
        size = len(self.probe.coefficients)
        knots = torch.arange(size, dtype=torch.float64) - size // 2
        (wx, dx), (wy, dy) = (
            _cubic(self.offset[:, None] - shift[..., i, None, None] - knots) for i in (0, 1)
        )
        inner = wy @ self.probe.coefficients
        value = inner @ wx.mT
        along_x = -inner @ dx.mT
        along_y = -(dy @ self.probe.coefficients) @ wx.mT
        return tuple(a.flatten(2) for a in (value, along_x, along_y))

    def basis(self, lattice: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What a square is made of (n, disks, px, terms), and how it changes as its disk moves.

        The first terms are the disk's own. Where it overlaps with its neighbours, these, and what
        both make together, have polynomials of their own: beams that overlap interfere.
        """
        places = self.design @ lattice
        value, along_x, along_y = self.shifted(places)
        own = value[..., None] * self.powers
        terms, factors = [own], [self.powers.expand_as(own)]
        for step in self.neighbours:
            other = self.shifted(places + (step @ lattice[:, 1:])[:, None])[0][..., None]
            terms += [value[..., None] * other, other * self.slopes]
            factors += [other, torch.zeros_like(terms[-1])]
        terms.append(torch.ones_like(own[..., :1]))
        factors.append(torch.zeros_like(own[..., :1]))
        weight = self.counts[..., None]
        slopes = torch.stack([along_x, along_y], dim=-1)
        return torch.cat(terms, -1) * weight, torch.cat(factors, -1) * weight, slopes


# Half of a lattice point's eight neighbours, and the other half.
SHELL = torch.tensor(
    [[1, 0], [0, 1], [1, 1], [1, -1], [-1, 0], [0, -1], [-1, -1], [-1, 1]], dtype=torch.float64
)


def overlapping(lattice: torch.Tensor, radius: float) -> torch.Tensor:
    """Steps (m, 2) from a disk to those that cover all of its edge, or none (0, 2).

    Where a part of the edge is free, it decides alone.
    """
    vectors = SHELL @ lattice[1:]
    near = torch.linalg.norm(vectors, dim=1) < 2 * radius + 1
    angle = torch.linspace(0, 2 * math.pi, 72, dtype=torch.float64)
    edge = radius * torch.stack([angle.cos(), angle.sin()], dim=-1)
    covered = (torch.linalg.norm(edge[:, None] - vectors, dim=-1) <= radius + 1).any(dim=1)
    return SHELL[near] if covered.double().mean() > FREE_EDGE else SHELL[:0]


def _monomials(places: torch.Tensor, degree: int) -> torch.Tensor:
    """Products of powers of x and y (n, terms) up to a degree in all."""
    x, y = places.T
    pairs = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    return torch.stack([x**i * y**j for i, j in pairs], dim=-1)


def _solve(
    patches: _Patches, lattice: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Summed squares (n, disks), their half gradient (n, disks, 2) and curvature (…, 2, 2)."""
    basis, factors, edges = patches.basis(lattice)
    normal = basis.mT @ basis
    ridge = RIDGE * normal.diagonal(dim1=-2, dim2=-1).mean(-1) + 1e-12
    normal = normal + ridge[..., None, None] * torch.eye(normal.shape[-1], dtype=normal.dtype)
    factor = torch.linalg.cholesky(normal)
    coefficients = torch.cholesky_solve(basis.mT @ patches.data[..., None], factor)
    residual = patches.data - (basis @ coefficients)[..., 0]
    slopes = edges * (factors @ coefficients)
    inner = torch.cholesky_solve(basis.mT @ slopes, factor)
    slopes = slopes - basis @ inner
    gradient = (slopes.mT @ residual[..., None])[..., 0]
    return residual.square().sum(-1), gradient, slopes.mT @ slopes


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
    patches = _Patches(patterns, lattice, indices, probe, degree)
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
    patches: _Patches, lattice: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Squares (n, disks), the inverse normal matrices (n, 6, 6), each disk's pull (n, disks, 6)."""
    squares, gradient, each = _solve(patches, lattice)
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
