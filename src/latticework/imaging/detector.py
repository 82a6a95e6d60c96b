"""The camera: finite dose and modulation transfer function (Madsen 2018, §2.3, eq. 5)."""

import torch

GAUSSIAN_ABOVE = 10.0


def modulation_transfer(
    q: torch.Tensor, c1: torch.Tensor, c2: torch.Tensor, c3: torch.Tensor
) -> torch.Tensor:
    """MTF at `q` in units of the detector's Nyquist frequency (Madsen 2018, eq. 5).

    (1 − c1)/(1 + (q/2c2)^c3) + c1, broadcast over the arguments.
    """
    # One exponential and, where q is shared by a batch, one logarithm: faster than a power.
    return (1 - c1) / (1 + torch.exp(c3 * (torch.log(q) - torch.log(2 * c2)))) + c1


def poisson_counts(expected: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Poisson counts of the given expectation, of any shape.

    Where every count is expected above 10 a normal variate z with a second-order Cornish–Fisher
    correction is used, μ + √(μ − 1/18) z + (z² − 1)/6: real numbers with the mean, the variance
    and, within 0.3 %, the skewness of the counts, ten times faster than exact sampling, which
    would dominate the making of a picture. The MTF blurs them before anyone sees them.
    """
    if expected.numel() and float(expected.min()) < GAUSSIAN_ABOVE:
        return torch.poisson(expected, generator=generator)
    z = torch.empty_like(expected).normal_(generator=generator)
    # (z² − 1)/6 has the variance 1/18, which is taken from the linear term.
    return torch.addcmul(expected, (expected - 1 / 18).sqrt_(), z).add_(z.square_().sub_(1).div_(6))


def detect(
    intensity: torch.Tensor,
    dose_per_pixel: torch.Tensor,
    *,
    c1: torch.Tensor,
    c2: torch.Tensor,
    c3: torch.Tensor,
    nyquist_ratio: torch.Tensor,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Pictures as a camera records them: Poisson noise first, then the MTF on signal and noise.

    Parameters
    ----------
    intensity
        (n, frames, ny, nx), mean of about one, periodic.
    dose_per_pixel
        (n,) electrons per pixel and frame.
    c1, c2, c3
        (n,) of eq. 5.
    nyquist_ratio
        (n,) the camera's Nyquist frequency over the picture's. One: the picture has the camera's
        pixels, as in the paper. More: a picture binned after recording. Less: a picture
        interpolated to a finer pixel; nothing is transferred beyond the camera's Nyquist.

    Returns
    -------
    torch.Tensor
        (n, frames, ny, nx), in units of the mean intensity.
    """
    ny, nx = intensity.shape[-2:]
    dose = dose_per_pixel.reshape(-1, 1, 1, 1)
    # One call a picture: whether the fast sampler may be used depends on the picture's own dose.
    counts = torch.stack(
        [poisson_counts(image, generator) for image in intensity.clamp(min=0) * dose]
    )
    qy = torch.fft.fftfreq(ny, 0.5, device=intensity.device)[:, None]
    qx = torch.fft.rfftfreq(nx, 0.5, device=intensity.device)[None]
    ratio = nyquist_ratio.reshape(-1, 1, 1)
    c1, c2, c3 = (c.reshape(-1, 1, 1) for c in (c1, c2, c3))
    # q/ratio, in units of the camera's Nyquist frequency, enters eq. 5 divided by c2 only.
    mtf = modulation_transfer(torch.hypot(qx, qy), c1, c2 * ratio, c3)
    recorded = (qx.abs() <= ratio) & (qy.abs() <= ratio)
    response = (mtf * recorded)[:, None] / dose
    return torch.fft.irfft2(torch.fft.rfft2(counts) * response, s=(ny, nx))
