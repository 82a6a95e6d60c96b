"""Squares about the disks of patterns, and the least squares of what each is made of."""

import copy
import math

import torch

from latticework.analysis.diffraction.disk_probe import MARGIN, Probe, shifted

RIDGE = 1e-6
FREE_EDGE = 0.75  # of a disk's edge: where more is covered, overlaps are modelled
LEAST_FREE = 0.12  # of a patch's pixels, for a disk to count


def design_matrix(indices: torch.Tensor) -> torch.Tensor:
    """Rows (1, h, k) for indices (m, 2): times a lattice (3, 2) it gives places (m, 2)."""
    return torch.cat([torch.ones(len(indices), 1), indices], dim=1).double()


class Patches:
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
        self.half = half = math.ceil(probe.radius + MARGIN)
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
        # What the products of two of the polynomial's terms are among those of twice its degree.
        self.moments = _monomials(scaled, 2 * degree)
        own, number = _exponents(degree), {p: n for n, p in enumerate(_exponents(2 * degree))}
        self.pairs = torch.tensor([[number[a[0] + b[0], a[1] + b[1]] for b in own] for a in own])
        self.free = self.counts.sum(-1) - self.terms - 2
        self.known = (self.free > LEAST_FREE * self.counts.shape[-1]).double()

    def part(self, chosen: torch.Tensor) -> "Patches":
        """The patches of some of the patterns."""
        other = copy.copy(self)
        for name in ("corner", "counts", "data", "free", "known"):
            setattr(other, name, getattr(self, name)[chosen])
        return other

    def basis(self, lattice: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What a square is made of (n, disks, px, terms), and how it changes as its disk moves.

        The first terms are the disk's own. Where it overlaps with its neighbours, these, and what
        both make together, have polynomials of their own: beams that overlap interfere.
        """
        places = self.design @ lattice
        value, along_x, along_y = shifted(self.probe, self.half, places - self.corner)
        own = value[..., None] * self.powers
        terms, factors = [own], [self.powers.expand_as(own)]
        for step in self.neighbours:
            away = places - self.corner + (step @ lattice[:, 1:])[:, None]
            other = shifted(self.probe, self.half, away)[0][..., None]
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


def _exponents(degree: int) -> list[tuple[int, int]]:
    """Of x and y in all products of their powers up to a degree in all."""
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


def _monomials(places: torch.Tensor, degree: int) -> torch.Tensor:
    """Products of powers of x and y (n, terms) up to a degree in all."""
    x, y = places.T
    return torch.stack([x**i * y**j for i, j in _exponents(degree)], dim=-1)


def solve(
    patches: Patches, lattice: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Summed squares (n, disks), their half gradient (n, disks, 2) and curvature (…, 2, 2)."""
    return _together(patches, lattice) if len(patches.neighbours) else _apart(patches, lattice)


def _apart(
    patches: Patches, lattice: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`solve` for disks whose neighbours do not matter.

    All sums over pixels are then products with a matrix that the squares of all patterns share:
    several times faster than a basis for each square.
    """
    places = patches.design @ lattice - patches.corner
    value, along_x, along_y = shifted(patches.probe, patches.half, places)
    counts, powers = patches.counts, patches.powers
    seen = value * counts

    def sums(pictures: torch.Tensor) -> torch.Tensor:
        """Of weighted pictures (…, px), with the disk's polynomial and with its constant."""
        return torch.cat([(value * pictures) @ powers, pictures.sum(-1, keepdim=True)], dim=-1)

    def made(terms: torch.Tensor) -> torch.Tensor:
        """Pictures (…, px) of a disk's polynomial and its constant (…, terms)."""
        return seen * (terms[..., :-1] @ powers.T) + counts * terms[..., -1:]

    moments = (seen * value) @ patches.moments
    normal = torch.empty(*moments.shape[:-1], patches.terms, patches.terms, dtype=moments.dtype)
    normal[..., :-1, :-1] = moments[..., patches.pairs]
    normal[..., -1] = normal[..., -1, :] = sums(counts)
    factor = _factor(normal)
    terms = torch.cholesky_solve(sums(patches.data)[..., None], factor)[..., 0]
    residual = patches.data - made(terms)
    inside = counts * (terms[..., :-1] @ powers.T)
    edges = along_x * inside, along_y * inside
    inner = torch.cholesky_solve(torch.stack([sums(edge) for edge in edges], dim=-1), factor)
    slopes = [edge - made(inner[..., axis]) for axis, edge in enumerate(edges)]
    gradient = torch.stack([(slope * residual).sum(-1) for slope in slopes], dim=-1)
    xx, xy, yy = ((slopes[i] * slopes[j]).sum(-1) for i, j in ((0, 0), (0, 1), (1, 1)))
    curvature = torch.stack([xx, xy, xy, yy], dim=-1).unflatten(-1, (2, 2))
    return residual.square().sum(-1), gradient, curvature


def _together(
    patches: Patches, lattice: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`solve` for disks that cover each other's edges."""
    basis, factors, edges = patches.basis(lattice)
    factor = _factor(basis.mT @ basis)
    coefficients = torch.cholesky_solve(basis.mT @ patches.data[..., None], factor)
    residual = patches.data - (basis @ coefficients)[..., 0]
    slopes = edges * (factors @ coefficients)
    inner = torch.cholesky_solve(basis.mT @ slopes, factor)
    slopes = slopes - basis @ inner
    gradient = (slopes.mT @ residual[..., None])[..., 0]
    return residual.square().sum(-1), gradient, slopes.mT @ slopes


def _factor(normal: torch.Tensor) -> torch.Tensor:
    """Cholesky factors of normal matrices (…, terms, terms), a little of their diagonal added."""
    ridge = RIDGE * normal.diagonal(dim1=-2, dim2=-1).mean(-1) + 1e-12
    identity = torch.eye(normal.shape[-1], dtype=normal.dtype)
    return torch.linalg.cholesky(normal + ridge[..., None, None] * identity)
