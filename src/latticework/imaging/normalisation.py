"""Local normalisation of contrast and illumination (Madsen 2018, §2.1, eqs. 2–3)."""

import torch


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
    """Gaussian-weighted local mean of (..., ny, nx); `sigma` in px. Exact, separable.

    Widths (n, 1, 1) are those of n pictures.
    """
    rows = gaussian_matrix(picture.shape[-2], sigma, picture.device)
    columns = gaussian_matrix(picture.shape[-1], sigma, picture.device)
    return rows @ picture @ columns.mT


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
