"""The usual atom of each sublattice of a picture: its image, where it is, the perfect crystal.

The perfect crystal is the sum of one kernel at every site of a sublattice. Kernels are whatever
function of the distance fits the picture best, with a twofold part that all share (astigmatism), so
that overlapping neighbours add up as they do in an incoherent image.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import ndimage, sparse

from latticework.analysis.atoms.bonds_and_rings import NORMAL
from latticework.analysis.atoms.contours import Sites, centred

# Reach of a kernel, its knots, and the radius by which an atom is placed, in distances to the
# nearest atom.
REACH, KNOTS, PLACED_BY = 1.6, 17, 0.5
# Steps of the placing in a picture, and the longest of them in distances to the nearest atom.
STEPS, LONGEST = 3, 0.08
# Rounds of kernels and places; robust standard deviations from which on a smoothed residual is a
# defect's, which no kernel is fitted to.
ROUNDS, UNUSUAL = 3, 5.0


@dataclass(frozen=True)
class UsualAtoms:
    """Kernels of the atoms of a picture.

    Parameters
    ----------
    sites
        Of the picture.
    coefficients
        (sublattices · knots + 2 knots + 1,): each sublattice's kernel at its knots, the twofold
        parts along x and along the diagonal, and the background.
    """

    sites: Sites
    coefficients: np.ndarray

    @classmethod
    def of_picture(
        cls, image: np.ndarray, sites: Sites, positions: np.ndarray, weight: np.ndarray
    ) -> Self:
        """Fitted to a picture (ny, nx) with atoms at positions (n, 2) px, with weights (ny, nx)."""
        occupied = np.flatnonzero(~sites.empty)
        basis = _basis(sites, positions, image.shape, occupied)
        weighted = basis.multiply(weight.ravel()[:, None]).tocsr()
        normal = (weighted.T @ basis).toarray()
        normal[np.diag_indices_from(normal)] += 1e-6 * max(np.diag(normal).max(), 1e-30)
        right = weighted.T @ image.ravel()
        return cls(sites, np.linalg.solve(normal, right))

    def crystal(self, shape: tuple[int, int], positions: np.ndarray, *, full: bool) -> np.ndarray:
        """A picture (ny, nx) with an atom at each position (n, 2) px; if not `full`, of the sites
        that are not empty."""
        shown = np.arange(len(positions)) if full else np.flatnonzero(~self.sites.empty)
        return (_basis(self.sites, positions, shape, shown) @ self.coefficients).reshape(shape)

    def place(self, image: np.ndarray, positions: np.ndarray, *, full: bool) -> np.ndarray:
        """Where (n, 2) px atoms of any brightness fit a picture (ny, nx) best, from `positions` on.

        If not `full`, empty sites stay where they are.
        """
        positions = positions.copy()
        shown = np.arange(len(positions)) if full else np.flatnonzero(~self.sites.empty)
        longest = LONGEST * self.sites.nearest
        for _ in range(STEPS):
            left = image - self.crystal(image.shape, positions, full=full)
            pixel, site, dx, dy = _pairs(
                positions, shown, PLACED_BY * self.sites.nearest, image.shape
            )
            here = self._kernel(site, dx, dy)
            slopes = [
                0.5 * (self._kernel(site, dx - a, dy - b) - self._kernel(site, dx + a, dy + b))
                for a, b in ((1, 0), (0, 1))
            ]
            terms = (here, *slopes, np.ones_like(here))
            size = len(positions)
            normal = np.array(
                [[np.bincount(site, p * q, minlength=size) for q in terms] for p in terms]
            ).transpose(2, 0, 1)
            right = np.array(
                [np.bincount(site, p * left.ravel()[pixel], minlength=size) for p in terms]
            ).T
            ridge = 1e-6 * np.einsum("nii->n", normal)[:, None, None] + 1e-30
            solved = np.linalg.solve(normal + ridge * np.eye(4), right[..., None])[..., 0]
            # The slope is that of an atom of the usual brightness; a faint one tells little.
            bright = np.maximum(1 + solved[:, 0], 0.3)[:, None]
            positions[shown] += np.clip(solved[shown, 1:3] / bright[shown], -longest, longest)
        return positions

    def _kernel(self, site: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Kernels of sites (m,) at offsets (m,) px from them."""
        columns, values = _hats(self.sites, site, dx, dy)
        return np.sum(self.coefficients[columns] * values, axis=0)


def learn(image: np.ndarray, sites: Sites) -> tuple[UsualAtoms, np.ndarray, np.ndarray]:
    """The usual atoms of a picture (ny, nx), where (n, 2) px its sites are by them, and a mask
    (ny, nx) of where the picture is like them."""
    positions = centred(ndimage.gaussian_filter(image, 0.14 * sites.nearest), sites)
    usual_here = np.ones(image.shape, dtype=bool)
    for _ in range(ROUNDS):
        usual = UsualAtoms.of_picture(image, sites, positions, usual_here.astype(float))
        positions = usual.place(image, positions, full=False)
        left = image - usual.crystal(image.shape, positions, full=True)
        smooth = ndimage.gaussian_filter(left, 0.25 * sites.nearest)
        middle = np.median(smooth)
        odd = np.abs(smooth - middle) > UNUSUAL * NORMAL * np.median(np.abs(smooth - middle))
        usual_here = ~ndimage.binary_dilation(odd, iterations=max(int(0.4 * sites.nearest), 1))
        if usual_here.mean() < 0.2:
            usual_here = np.ones(image.shape, dtype=bool)
    return usual, positions, usual_here


def _pairs(
    positions: np.ndarray, shown: np.ndarray, reach: float, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every pixel within `reach` px of a site that is `shown`: pixel, site, and x, y from it."""
    half = int(np.ceil(reach)) + 1
    around = np.arange(-half, half + 1)
    centre = np.rint(positions[shown]).astype(int)
    x, y = np.broadcast_arrays(
        centre[:, 0, None, None] + around[None, None, :],
        centre[:, 1, None, None] + around[None, :, None],
    )
    dx, dy = x - positions[shown, 0, None, None], y - positions[shown, 1, None, None]
    near = (dx**2 + dy**2 < reach**2) & (x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])
    which = np.nonzero(near)[0]
    return (y * shape[1] + x)[near], shown[which], dx[near], dy[near]


def _hats(
    sites: Sites, site: np.ndarray, dx: np.ndarray, dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and values (6, m) of the coefficients that make a kernel at an offset.

    They are the two nearest knots of the sublattice's, and of either twofold part; beyond the last
    knot a kernel is zero.
    """
    kinds = int(sites.sublattice.max(initial=-1)) + 2  # −1, of no sublattice, comes last
    radius = np.hypot(dx, dy) / (REACH * sites.nearest) * KNOTS
    low = np.minimum(radius.astype(int), KNOTS)
    part = np.clip(radius - low, 0, 1)
    weights = np.stack([np.where(low < KNOTS, 1 - part, 0), np.where(low + 1 < KNOTS, part, 0)])
    knots = np.stack([np.minimum(low, KNOTS - 1), np.minimum(low + 1, KNOTS - 1)])
    square = np.maximum(dx**2 + dy**2, 1e-12)
    # A twofold part vanishes at the middle.
    twofold = np.stack([(dx**2 - dy**2) / square, 2 * dx * dy / square]) * np.minimum(radius, 1)
    group = np.where(sites.sublattice[site] < 0, kinds - 1, sites.sublattice[site])
    columns = np.concatenate(
        [group * KNOTS + knots, kinds * KNOTS + knots, (kinds + 1) * KNOTS + knots]
    )
    return columns, np.concatenate([weights, weights * twofold[0], weights * twofold[1]])


def _basis(
    sites: Sites, positions: np.ndarray, shape: tuple[int, int], shown: np.ndarray
) -> sparse.csr_array:
    """What each coefficient adds to each pixel: (pixels, coefficients)."""
    pixel, site, dx, dy = _pairs(positions, shown, REACH * sites.nearest, shape)
    columns, values = _hats(sites, site, dx, dy)
    kinds = int(sites.sublattice.max(initial=-1)) + 2
    count, size = (kinds + 2) * KNOTS + 1, shape[0] * shape[1]
    rows = np.concatenate([np.tile(pixel, len(columns)), np.arange(size)])
    places = np.concatenate([columns.ravel(), np.full(size, count - 1)])
    entries = np.concatenate([values.ravel(), np.ones(size)])
    return sparse.csr_array((entries, (rows, places)), shape=(size, count))
