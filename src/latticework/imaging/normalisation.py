"""Local normalisation of contrast and illumination (Madsen 2018, §2.1, eqs. 2–3)."""

import math

import torch

REACH = 6.0  # of a Gaussian, in its σ: what is beyond is below the precision of 32 bits
BLOCK = 256  # lines at once


def gaussian_matrix(
    size: int, sigma: float | torch.Tensor, device: torch.device | None = None
) -> torch.Tensor:
    """(size, size) matrix that averages a line with a Gaussian of `sigma` px.

    Rows are normalised to one, so that near a border only pixels inside count. Widths (n, 1, 1)
    give as many matrices, (n, size, size).
    """
    position = torch.arange(size, dtype=torch.float32, device=device)
    weights = torch.exp(-0.5 * ((position[:, None] - position[None]) / sigma) ** 2)
    return weights / weights.sum(dim=-1, keepdim=True)


def local_mean(picture: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
    """Gaussian-weighted local mean of (..., ny, nx); `sigma` in px, or (n, 1, 1) of n pictures.

    Separable, and exact: weights that are left out are less than the last digit of the others.
    """
    along_y = _mean_of_columns(picture, sigma)
    return _mean_of_columns(along_y.transpose(-1, -2), sigma).transpose(-1, -2)


def _mean_of_columns(picture: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
    """The local mean along y alone, block by block: the cost grows with the picture's area."""
    weights = gaussian_matrix(size := picture.shape[-2], sigma, picture.device)
    reach = math.ceil(REACH * float(torch.as_tensor(sigma).max()))
    parts = []
    for start in range(0, size, BLOCK):
        rows = slice(start, start + BLOCK)
        near = slice(max(0, start - reach), start + BLOCK + reach)
        parts.append(weights[..., rows, near] @ picture[..., near, :])
    return torch.cat(parts, dim=-2)


def normalise(pictures: torch.Tensor, sigma: float, floor: float = 1e-6) -> torch.Tensor:
    """Subtractive and divisive local normalisation, jointly over the frames.

    Parameters
    ----------
    pictures
        (n, frames, ny, nx).
    sigma
        Decay length of the Gaussian window in px; well above the size of an atom.
    floor
        Smallest divisor, relative to the picture's mean: a picture without any contrast gives
        zeros rather than infinities.

    Returns
    -------
    torch.Tensor
        H of eq. 3, (n, frames, ny, nx). The divisor is (1/N_f)·√(Σ_{pq,k'} w_pq G²), to the
        letter, also for several frames.
    """
    frames = pictures.shape[1]
    # Eq. 2 does not see a constant, rounding errors do: without it they would become the
    # contrast of a picture that has none.
    centred = pictures - pictures.mean(dim=(1, 2, 3), keepdim=True)
    subtracted = centred - local_mean(centred.mean(dim=1, keepdim=True), sigma)
    power = local_mean(subtracted.square().sum(dim=1, keepdim=True), sigma).clamp_(min=0)
    smallest = floor * pictures.abs().mean(dim=(1, 2, 3), keepdim=True)
    smallest = smallest.clamp(min=torch.finfo(pictures.dtype).tiny)
    return subtracted / torch.maximum(power.sqrt() / frames, smallest)
