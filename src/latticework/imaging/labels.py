"""Ground truth: Gaussians at the atoms, the rest is background (Madsen 2018, §2.3)."""

import torch


def render_labels(
    positions: torch.Tensor,
    classes: torch.Tensor,
    shape: tuple[int, int],
    sampling: torch.Tensor,
    sigma: float,
    n_classes: int = 2,
    *,
    box: float | None = None,
) -> torch.Tensor:
    """Class maps (n, n_classes, ny, nx) that sum to one in every pixel.

    Parameters
    ----------
    positions
        (n, atoms, 2), x and y in Å; pixel (i, j) is centred at (j, i)·sampling.
    classes
        (n, atoms) integers; 0 marks padding and draws nothing.
    shape
        (ny, nx) of the maps.
    sampling
        (n,) Å per px.
    sigma
        Standard deviation of the Gaussians, Å.
    n_classes
        With the background, which is class 0.
    box
        Period of the structure in x and y, Å: every atom draws its nearest image, so also the
        tail of one just beyond the border. Not periodic without it.

    Where Gaussians overlap to more than one they are scaled to a sum of one.
    """
    ny, nx = shape
    pixels = sampling.reshape(-1, 1, 1)

    def profile(size: int, axis: int) -> torch.Tensor:
        grid = torch.arange(size, device=positions.device, dtype=torch.float32) * (pixels / sigma)
        distance = grid - positions[:, :, axis, None] / sigma
        if box is not None:
            distance -= (distance * (sigma / box)).round_().mul_(box / sigma)
        exponent = distance.square_().mul_(-0.5)
        # Nobody sees the difference of e⁻³⁰ and zero, but exp is slow where it underflows.
        return exponent.clamp_(min=-30).exp_()

    profile_x, profile_y = profile(nx, 0), profile(ny, 1)
    maps = [
        (profile_y * (classes == kind)[:, :, None]).transpose(1, 2) @ profile_x
        for kind in range(1, n_classes)
    ]
    foreground = torch.stack(maps, dim=1)
    foreground = foreground / foreground.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.cat([1 - foreground.sum(dim=1, keepdim=True), foreground], dim=1)
