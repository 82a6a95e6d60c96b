"""Layers on complex feature maps (Munshi 2022, eqs. 2–4; Trabelsi 2017; Rippel 2015).

Complex maps are real tensors (n, 2, features, ny, nx), real parts first: a rectifier, a mask or a
concatenation acts on both parts at once and cannot mix them. Spectra have their zero frequency at
n // 2 along both axes.
"""

import math

import torch
from torch import nn
from torch.nn.functional import batch_norm, conv2d, pad


def full_precision(x: torch.Tensor) -> torch.Tensor:
    """Half-precision numbers in 32 bits, others as they are: FFTs and complex numbers need it."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def parts(x: torch.Tensor) -> torch.Tensor:
    """Complex maps (n, features, ny, nx) as real ones (n, 2, features, ny, nx)."""
    return torch.stack([x.real, x.imag], dim=1)


def joined(x: torch.Tensor) -> torch.Tensor:
    """Real and imaginary parts (n, 2, features, ny, nx) as complex maps (n, features, ny, nx)."""
    return torch.complex(*full_precision(x).unbind(1))


class ComplexConv2d(nn.Module):
    """Complex convolution of odd size that keeps the sides (eqs. 2–3).

    One real convolution with the block matrix [[K_R, −K_I], [K_I, K_R]]: on CPUs it is faster than
    three real ones, which is what torch's own complex convolution does, although it multiplies a
    third more (`scripts/benchmark_complex_convolution.py`). `weight` has the real kernels of all
    outputs, then the imaginary ones.

    Weights start with Rayleigh-distributed moduli of the scale of He and uniform phases (Trabelsi
    2017, §3.6), but in the middle of the kernel alone. On spectra, a kernel multiplies the picture
    by its own transform: random neighbours would be a random mask, and a network of twenty of them
    would start with a speck of the picture.
    """

    def __init__(self, inputs: int, outputs: int, size: int = 3, bias: bool = True):
        super().__init__()
        scale = 1 / math.sqrt(inputs)
        modulus = scale * torch.sqrt(-2 * torch.log1p(-torch.rand(outputs, inputs)))
        phase = 2 * math.pi * torch.rand_like(modulus)
        weight = torch.zeros(2 * outputs, inputs, size, size)
        weight[..., size // 2, size // 2] = torch.cat(
            [modulus * phase.cos(), modulus * phase.sin()]
        )
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(2, outputs)) if bias else None

    def block(self) -> torch.Tensor:
        """The real kernels (2 · outputs, 2 · inputs, size, size) of all parts."""
        real, imaginary = self.weight.chunk(2)
        block = torch.cat(
            [torch.cat([real, -imaginary], dim=1), torch.cat([imaginary, real], dim=1)]
        )
        # Channels last, parts would lie interleaved: a step of FCU-Net takes half as long again.
        return block.contiguous()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        block = self.block()
        bias = None if self.bias is None else self.bias.flatten()
        y = conv2d(x.flatten(1, 2), block, bias, padding=block.shape[-1] // 2)
        return y.unflatten(1, (2, -1))


class ComplexBatchNorm2d(nn.Module):
    """Complex batch normalisation by whitening (after Trabelsi 2017, §3.5).

    Real and imaginary part of each feature become uncorrelated with equal variances of ½, so that
    the modulus has a variance of one; a learnt symmetric 2 × 2 matrix and a learnt complex shift
    follow. Treating the parts separately would leave their correlation, and stretch them to circles
    of different radii.

    Of the matrices that whiten, this is the inverse root of the correlation after the division by
    the standard deviations (ZCA-cor of Kessy 2018), where Trabelsi takes that of the covariance:
    the division is then torch's own fused one, and the whole costs a third less.
    """

    def __init__(self, features: int, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        # The scale's entries (real, real), (imaginary, imaginary), (real, imaginary).
        scale = torch.zeros(3, features)
        scale[:2] = 1 / math.sqrt(2)
        self.scale = nn.Parameter(scale)
        self.shift = nn.Parameter(torch.zeros(2, features))
        self.register_buffer("mean", torch.zeros(2 * features))
        self.register_buffer("variance", torch.ones(2 * features))
        self.register_buffer("correlation", torch.zeros(features))

    def matrix(self, correlation: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], ...]:
        """Whitening and learnt scale of parts of unit variance: 2 × 2 of (features,)."""
        # The inverse root of [[1, ρ], [ρ, 1]] is [[same, other], [other, same]].
        even = torch.rsqrt((1 + correlation).clamp(min=self.eps))
        odd = torch.rsqrt((1 - correlation).clamp(min=self.eps))
        same, other = (even + odd) / 2, (even - odd) / 2
        rr, ii, ri = self.scale
        return (
            (rr * same + ri * other, rr * other + ri * same),
            (ri * same + ii * other, ri * other + ii * same),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scaled = batch_norm(
            x.flatten(1, 2),
            self.mean,
            self.variance,
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
        )
        real, imaginary = scaled.unflatten(1, (2, -1)).unbind(1)
        if self.training:
            correlation = (real * imaginary).mean(dim=(0, 2, 3), dtype=self.mean.dtype)
            with torch.no_grad():
                self.correlation.lerp_(correlation, self.momentum)
        else:
            correlation = self.correlation
        # Whitening, learnt scale and shift at once.
        y = []
        for line, shift in zip(self.matrix(correlation), self.shift, strict=True):
            a, b, c = (m[:, None, None].to(real.dtype) for m in (*line, shift))
            y.append(torch.addcmul(torch.addcmul(c, b, imaginary), a, real))
        return torch.stack(y, dim=1)


class MonteCarloDropout(nn.Module):
    """Dropout that goes on after training, so that repeated predictions spread (Gal 2016).

    A complex feature is dropped with both its parts. `sampling` False makes predictions
    deterministic: then it drops in training only. The probability counts in steps of 1/256.
    """

    def __init__(self, probability: float, sampling: bool = True):
        super().__init__()
        self.probability, self.sampling = probability, sampling

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # A byte of randomness each: a seventh of the time of a floating-point number.
        below = round(256 * (1 - self.probability))
        if below == 256 or not (self.training or self.sampling):
            return x
        kept = random_bytes(x[:, :1] if x.ndim == 5 else x) < below
        return x * (kept.to(x.dtype) * (256 / below))


def random_bytes(like: torch.Tensor) -> torch.Tensor:
    """Uniform integers 0 … 255 (uint8) in the shape and memory format of a tensor."""
    words = torch.empty(-(-like.numel() // 8), dtype=torch.int64, device=like.device)
    numbers = words.random_(-(2**63), None).view(torch.uint8)[: like.numel()]
    # Two tensors of one order are multiplied faster.
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        return numbers.as_strided(like.shape, like.stride())
    return numbers.view(like.shape)


def crop_centre(x: torch.Tensor, ny: int, nx: int) -> torch.Tensor:
    """The lowest frequencies (..., ny, nx) of shifted spectra (..., my, mx)."""
    top, left = x.shape[-2] // 2 - ny // 2, x.shape[-1] // 2 - nx // 2
    return x[..., top : top + ny, left : left + nx]


def pad_centre(x: torch.Tensor, ny: int, nx: int) -> torch.Tensor:
    """Shifted spectra (..., my, mx) with zeros for all higher frequencies, (..., ny, nx)."""
    top, left = ny // 2 - x.shape[-2] // 2, nx // 2 - x.shape[-1] // 2
    return pad(x, (left, nx - x.shape[-1] - left, top, ny - x.shape[-2] - top))


def spectral_pool(x: torch.Tensor) -> torch.Tensor:
    """Halve the sides of real maps (..., ny, nx) by cropping their spectra (Rippel 2015).

    Means are kept: a constant stays what it is.
    """
    ny, nx = x.shape[-2] // 2, x.shape[-1] // 2
    spectrum = torch.fft.fft2(full_precision(x), norm="forward")
    spectrum = torch.fft.fftshift(spectrum, dim=(-2, -1))
    cropped = torch.fft.ifftshift(crop_centre(spectrum, ny, nx), dim=(-2, -1))
    return torch.fft.ifft2(cropped, norm="forward").real


def correlation_spectrum(
    pattern: torch.Tensor, probe: torch.Tensor, corr_power: float = 1.0
) -> torch.Tensor:
    """Spectrum of the cross-correlation of patterns with probes, of norm one.

    FFT(pattern) · conj(FFT(probe)) of pictures (n, ny, nx) with their zero frequency at n // 2;
    complex (n, ny, nx) over its Frobenius norm, shifted. A picture without any signal gives zeros.
    `corr_power` below one raises the moduli to it (hybrid correlation, 0: phase correlation).
    """
    axes = (-2, -1)
    spectrum = torch.fft.fft2(torch.fft.ifftshift(pattern, dim=axes)) * torch.conj(
        torch.fft.fft2(torch.fft.ifftshift(probe, dim=axes))
    )
    tiny = torch.finfo(pattern.dtype).tiny
    if corr_power != 1:
        spectrum = spectrum * spectrum.abs().clamp(min=tiny) ** (corr_power - 1)
    norm = torch.linalg.vector_norm(spectrum, dim=axes, keepdim=True)
    return torch.fft.fftshift(spectrum / norm.clamp(min=tiny), dim=axes)


def inverse_spectrum(spectrum: torch.Tensor) -> torch.Tensor:
    """Real pictures (..., ny, nx) of shifted spectra; unitary, their middle at n // 2."""
    axes = (-2, -1)
    picture = torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=axes), norm="ortho").real
    return torch.fft.fftshift(picture, dim=axes)
