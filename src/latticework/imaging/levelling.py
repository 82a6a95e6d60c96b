"""Levelling of scanned images: tilt, and the height at which each line was recorded.

The tip's height drifts from line to line and jumps when the tip changes. Offsets of whole lines are
found from the median difference of a line to the one before, which a step edge, an adsorbate or a
molecule at one end of the line does not move.
"""

import torch

ROUNDS = 5  # of the reweighted fit of a plane
TUKEY = 4.685  # of the biweight, in standard deviations: 95 % as efficient as least squares
MAD = 1.4826  # standard deviations of a normal distribution in its median absolute deviation
SLOW = 61  # lines over which the level is that of the lines themselves


def level(images: torch.Tensor) -> torch.Tensor:
    """Images (..., ny, nx), any unit, without tilt and line offsets, in units of their spread.

    The plane first, the offsets, and the plane of what is left, as jumps of the tip would tilt
    the first one. The result has median 0, and a median absolute deviation as a normal
    distribution of standard deviation 1 has. A constant image gives zeros.
    """
    flat = images - fitted_plane(images)
    flat = flat - line_offsets(flat)
    flat = flat - fitted_plane(flat)
    flat = flat - flat.flatten(-2).median(dim=-1).values[..., None, None]
    return flat / _spread(flat).clamp(min=torch.finfo(flat.dtype).tiny)


def fitted_plane(images: torch.Tensor) -> torch.Tensor:
    """Planes (..., ny, nx) of images, by least squares reweighted with Tukey's biweight.

    Of terraces at two heights the larger one decides, not the step between them.
    """
    ny, nx = images.shape[-2:]
    options = {"dtype": images.dtype, "device": images.device}
    y = torch.linspace(-1, 1, ny, **options)[:, None].expand(ny, nx)
    x = torch.linspace(-1, 1, nx, **options)[None].expand(ny, nx)
    basis = torch.stack([torch.ones_like(x), x, y]).flatten(1)
    values = images.flatten(-2)
    # A constant far from zero, such as nanometres given in metres, would cost digits.
    centre = values.median(dim=-1, keepdim=True).values
    scale = (values - centre).abs().amax(dim=-1, keepdim=True)
    scale = scale.clamp(min=torch.finfo(images.dtype).tiny)
    scaled = (values - centre) / scale
    weights = torch.ones_like(scaled)
    plane = torch.zeros_like(scaled)
    for _ in range(ROUNDS):
        weighted = weights[..., None, :] * basis
        normal = weighted @ basis.T + 1e-9 * torch.eye(3, **options)
        plane = torch.linalg.solve(normal, weighted @ scaled[..., None])[..., 0] @ basis
        residual = scaled - plane
        spread = MAD * residual.abs().median(dim=-1, keepdim=True).values
        ratio = residual / (TUKEY * spread).clamp(min=torch.finfo(images.dtype).tiny)
        weights = (1 - ratio.square()).clamp(min=0).square()
    return (plane * scale + centre).reshape(images.shape)


def line_offsets(images: torch.Tensor) -> torch.Tensor:
    """Offsets (..., ny, 1) of lines (along x) from a common level.

    From line to line they follow the median difference; over many lines, where the errors of the
    differences add up, the lines' own medians.
    """
    steps = images.diff(dim=-2).median(dim=-1).values
    followed = torch.nn.functional.pad(steps.cumsum(dim=-1), (1, 0))
    rest = images.median(dim=-1).values - followed
    window = min(SLOW, 2 * ((images.shape[-2] - 1) // 2) - 1)
    # Mirrored ends, so that the first and the last lines have a full window as well.
    half = window // 2
    lines = torch.cat(
        [rest[..., 1 : half + 1].flip(-1), rest, rest[..., -half - 1 : -1].flip(-1)], dim=-1
    )
    slow = lines.unfold(-1, window, 1).median(dim=-1).values
    return (followed + slow)[..., None]


def _spread(images: torch.Tensor) -> torch.Tensor:
    """Robust standard deviation (..., 1, 1) of images of median 0."""
    return MAD * images.abs().flatten(-2).median(dim=-1).values[..., None, None]
