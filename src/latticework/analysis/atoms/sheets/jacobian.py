"""How the image changes with each atom and with the microscope, and the information in that.

An atom changes the image within a few Å only. Its derivatives are computed in a small patch around
it, many patches at a time, and the normal equations are summed over blocks of the image in which
few patches lie. The cost is linear in the number of atoms but for a small dense factorisation.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from latticework.analysis.atoms.sheets.model import (
    LENS,
    Grid,
    image_wave,
    recording,
    sheet_wave,
    transfer,
    turned,
)

PATCH = 10.0  # Å, side of the field that an atom changes
BLOCK = 20  # px
CHUNK = 256  # atoms whose patches are computed together


@dataclass(frozen=True)
class Jacobian:
    """Derivatives of the filtered image.

    Parameters
    ----------
    patches
        (n, 2, p, p) float32, per Å of each atom along x and y.
    corners
        (n, 2), row and column of the first pixel of each patch; the field is periodic.
    microscope
        (parameters, ny, nx), per unit of each free parameter.
    """

    patches: torch.Tensor
    corners: torch.Tensor
    microscope: torch.Tensor


def jacobian(
    grid: Grid,
    positions: torch.Tensor,
    classes: torch.Tensor,
    moved: torch.Tensor,
    optics: torch.Tensor,
    free: torch.Tensor,
    inside: torch.Tensor,
    band: torch.Tensor,
) -> Jacobian:
    """Derivatives of the image `inside` (ny, nx), filtered by `band` (ny, nx // 2 + 1).

    `moved` (m,) are the numbers of the atoms that move, `free` those of the parameters of the
    microscope that do. The others are held.
    """
    exit_wave = sheet_wave(grid, positions, classes)
    wave = image_wave(grid, exit_wave, optics)
    size = min(2 * round(PATCH / grid.sampling / 2), *grid.shape)
    small = Grid((size, size), grid.sampling, grid.energy, grid.factors[:, :0, :0])
    response = Response(
        transfer(small.ky, small.kx, grid.energy, optics).to(torch.complex64),
        _half(_resized(_whole(recording(grid, optics) * band, grid.shape[1]), size)).float(),
        torch.stack([_resized(factor, size) for factor in grid.factors]),
    )
    corners = _corners(positions[moved], grid, size)
    parts = [
        _atom_patches(small, response, exit_wave, wave, positions[m], classes[m], c)
        for m, c in zip(moved.split(CHUNK), corners.split(CHUNK), strict=True)
    ]
    patches = torch.cat(parts) if parts else torch.zeros(0, 2, size, size)
    columns = [
        banded(inside * torch.fft.irfft2(change, s=grid.shape), band)
        for change in _by_microscope(grid, exit_wave, wave, optics, free)
    ]
    microscope = torch.stack(columns) if columns else torch.zeros(0, *grid.shape)
    return Jacobian(patches, corners, microscope.double())


def banded(image: torch.Tensor, band: torch.Tensor) -> torch.Tensor:
    """Images (…, ny, nx), their spectra multiplied by `band` (ny, nx // 2 + 1)."""
    return torch.fft.irfft2(torch.fft.rfft2(image) * band, s=image.shape[-2:])


@dataclass(frozen=True)
class Response:
    """In a patch: lens (p, p), recording and filter (p, p // 2 + 1), factors (classes, p, p)."""

    lens: torch.Tensor
    recording: torch.Tensor
    factors: torch.Tensor


def _resized(spectrum: torch.Tensor, size: int) -> torch.Tensor:
    """A smooth function of the frequency on the coarser frequencies of a patch: interpolated."""
    shifted = torch.fft.fftshift(spectrum)[None, None]
    ny, nx = spectrum.shape
    steps = torch.arange(size, dtype=torch.float64) - size // 2
    # grid_sample wants −1 … 1 between the centres of the outermost pixels.
    y = 2 * (steps * ny / size + ny // 2) / (ny - 1) - 1
    x = 2 * (steps * nx / size + nx // 2) / (nx - 1) - 1
    points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)[None]
    sampled = torch.nn.functional.grid_sample(shifted, points, mode="bicubic", align_corners=True)
    return torch.fft.ifftshift(sampled[0, 0])


def _half(spectrum: torch.Tensor) -> torch.Tensor:
    return spectrum[:, : spectrum.shape[1] // 2 + 1]


def _whole(half: torch.Tensor, nx: int) -> torch.Tensor:
    """All frequencies (ny, nx) of a function of |k| of which half (ny, nx // 2 + 1) is known."""
    columns = torch.arange(nx)
    return half[:, torch.minimum(columns, nx - columns)]


def _corners(positions: torch.Tensor, grid: Grid, size: int) -> torch.Tensor:
    nearest = torch.round(positions.flip(1) / grid.sampling).long()
    return nearest - size // 2


def _atom_patches(
    small: Grid,
    response: Response,
    exit_wave: torch.Tensor,
    wave: torch.Tensor,
    positions: torch.Tensor,
    classes: torch.Tensor,
    corners: torch.Tensor,
) -> torch.Tensor:
    """Derivatives (n, 2, p, p) of the filtered image in the patches of atoms."""
    size = small.shape[0]
    rows, columns = _pixels(corners, size, exit_wave.shape)
    place = positions - corners.flip(1) * small.sampling
    turn = -2 * math.pi
    shift = turned(turn * place[:, 1, None] * small.ky)[:, :, None]
    shift = shift * turned(turn * place[:, 0, None] * small.kx)[:, None, :]
    phase = (shift * response.factors[classes]).to(torch.complex64) / small.sampling**2
    # Along x and y at once: as real and imaginary part, of which each is the image of a half.
    slopes = 1j * turn * (small.kx[None, :] + 1j * small.ky[:, None])
    both = torch.fft.ifft2(phase * slopes.to(torch.complex64))
    change = torch.stack([both.real, both.imag], dim=1)
    change = 1j * exit_wave[rows, columns].to(torch.complex64)[:, None] * change
    change = torch.fft.ifft2(torch.fft.fft2(change) * response.lens)
    change = 2 * (wave[rows, columns].to(torch.complex64).conj()[:, None] * change).real
    return banded(change, response.recording)


def _pixels(
    corners: torch.Tensor, size: int, shape: torch.Size | tuple[int, ...]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows (n, p, 1) and columns (n, 1, p) of patches in a periodic field."""
    steps = torch.arange(size)
    rows = (corners[:, :1] + steps) % shape[0]
    columns = (corners[:, 1:] + steps) % shape[1]
    return rows[:, :, None], columns[:, None, :]


def _by_microscope(
    grid: Grid,
    exit_wave: torch.Tensor,
    wave: torch.Tensor,
    optics: torch.Tensor,
    free: torch.Tensor,
) -> Iterator[torch.Tensor]:
    """Derivatives (ny, nx // 2 + 1) of the image's spectrum by parameters of the microscope.

    Those of the lens and of the recording are central differences.
    """
    through = torch.fft.fft2(exit_wave)
    recorded = torch.fft.rfft2(wave.real**2 + wave.imag**2 - 1)
    records = recording(grid, optics).float()
    for number in free.tolist():
        step = torch.zeros_like(optics)
        step[number] = 1e-4
        if number < len(LENS):
            ahead, behind = (
                transfer(grid.ky, grid.kx, grid.energy, optics + way * step) for way in (1, -1)
            )
            change = torch.fft.ifft2(through * ((ahead - behind) / 2e-4).to(through.dtype))
            yield torch.fft.rfft2(2 * (wave.conj() * change).real) * records
        else:
            change = (recording(grid, optics + step) - recording(grid, optics - step)) / 2e-4
            yield recorded * change.float()


def information(found: Jacobian, weights: torch.Tensor) -> torch.Tensor:
    """Fisher information Jᵀ W J, (2n + parameters)², for weights (ny, nx); x and y alternate."""
    n, size = len(found.patches), found.patches.shape[-1]
    total = torch.zeros(2 * n + len(found.microscope), 2 * n + len(found.microscope))
    total = total.double()
    ny, nx = weights.shape
    extra = torch.arange(2 * n, total.shape[0])
    root = weights.sqrt().float()
    microscope = found.microscope.float() * root
    for top, left in itertools.product(range(0, ny, BLOCK), range(0, nx, BLOCK)):
        rows = torch.arange(top, min(top + BLOCK, ny))
        columns = torch.arange(left, min(left + BLOCK, nx))
        here = root[top : top + BLOCK, left : left + BLOCK]
        if not here.any():
            continue
        inside_y = (rows - found.corners[:, :1]) % ny
        inside_x = (columns - found.corners[:, 1:]) % nx
        near = ((inside_y < size).any(1) & (inside_x < size).any(1)).nonzero()[:, 0]
        y, x = inside_y[near][:, :, None], inside_x[near][:, None, :]
        seen = ((y < size) & (x < size)) * here
        values = found.patches[near[:, None, None], :, y.clamp(max=size - 1), x.clamp(max=size - 1)]
        values = values.permute(0, 3, 1, 2) * seen[:, None]
        block = torch.cat(
            [
                values.reshape(2 * len(near), -1),
                microscope[:, top : top + BLOCK, left : left + BLOCK].flatten(1),
            ]
        )
        index = torch.cat([(2 * near[:, None] + torch.arange(2)).flatten(), extra])
        total[index[:, None], index] += (block @ block.T).double()
    return total


def applied(found: Jacobian, change: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """J·change (ny, nx), for a change (2n + parameters,); x and y of the atoms alternate."""
    n, size = len(found.patches), found.patches.shape[-1]
    rows, columns = _pixels(found.corners, size, shape)
    atoms, optics = change[: 2 * n].reshape(n, 2), change[2 * n :]
    values = torch.einsum("nayx,na->nyx", found.patches.double(), atoms)
    index = (rows * shape[1] + columns).flatten()
    total = torch.zeros(shape[0] * shape[1], dtype=torch.float64)
    total = total.index_add_(0, index, values.flatten()).reshape(shape)
    return total + torch.einsum("pyx,p->yx", found.microscope, optics)


def projected(found: Jacobian, image: torch.Tensor) -> torch.Tensor:
    """Jᵀ·image (2n + parameters,), of an image (ny, nx): the adjoint of `applied`."""
    rows, columns = _pixels(found.corners, found.patches.shape[-1], image.shape)
    atoms = torch.einsum("nayx,nyx->na", found.patches.double(), image[rows, columns])
    return torch.cat([atoms.flatten(), torch.einsum("pyx,yx->p", found.microscope, image)])
