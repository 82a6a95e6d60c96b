"""The objective lens: aberrations and quasi-coherent envelopes, in abTEM's conventions.

Lengths are in Å, angles in rad; defocus = −C10, positive defocus is underfocus.
"""

import math

import torch

from latticework.electrons import wavelength


def transfer_function(
    kx: torch.Tensor,
    ky: torch.Tensor,
    energy: float,
    *,
    defocus: torch.Tensor,
    cs: torch.Tensor,
    c5: torch.Tensor,
    astigmatism: torch.Tensor,
    astigmatism_angle: torch.Tensor,
    coma: torch.Tensor,
    coma_angle: torch.Tensor,
    threefold: torch.Tensor,
    threefold_angle: torch.Tensor,
    focal_spread: torch.Tensor,
) -> torch.Tensor:
    """Contrast transfer function exp(−iχ)·E of a batch of microscopes (Kirkland 2010, ch. 3).

    χ = (2π/λ)(½θ²(C10 + C12 cos 2(φ − φ12)) + ⅓θ³(C21 cos(φ − φ21) + C23 cos 3(φ − φ23))
    + ¼Cs θ⁴ + ⅙C5 θ⁶) with θ = λk, and E = exp(−(πΔθ²/2λ)²): focal spread in the quasi-coherent
    approximation, where Δ is the half-width at 1/e of the distribution of foci, √2 times its
    standard deviation.

    Parameters
    ----------
    kx, ky
        Spatial frequencies, 1/Å, of one shape (...): the points at which to evaluate.
    energy
        eV.
    defocus, cs, c5, astigmatism, coma, threefold, focal_spread
        (n,) in Å. `astigmatism` is C12, `coma` C21 and `threefold` C23.
    astigmatism_angle, coma_angle, threefold_angle
        (n,) in rad.

    Returns
    -------
    torch.Tensor
        complex (n, ...).
    """
    lam = wavelength(energy)

    def column(values: torch.Tensor) -> torch.Tensor:
        return values.reshape(-1, *[1] * kx.ndim)

    x2, y2, xy = (lam * kx) ** 2, (lam * ky) ** 2, lam**2 * kx * ky
    theta2 = x2 + y2
    # θ² cos 2(φ − φ12) without an angle: one polynomial a picture instead of trigonometry.
    even = column(astigmatism * torch.cos(2 * astigmatism_angle))
    odd = column(astigmatism * torch.sin(2 * astigmatism_angle))
    radial = theta2 * (column(-defocus / 2) + theta2 * (column(cs / 4) + theta2 * column(c5 / 6)))
    bent = radial + 0.5 * (even * (x2 - y2) + 2 * odd * xy)
    if bool(torch.any(coma != 0)) or bool(torch.any(threefold != 0)):
        x, y = lam * kx, lam * ky
        bent = bent + theta2 / 3 * (
            column(coma * torch.cos(coma_angle)) * x + column(coma * torch.sin(coma_angle)) * y
        )
        bent = bent + x / 3 * (x2 - 3 * y2) * column(threefold * torch.cos(3 * threefold_angle))
        bent = bent + y / 3 * (3 * x2 - y2) * column(threefold * torch.sin(3 * threefold_angle))
    chi = (2 * math.pi / lam) * bent
    damping = (column(math.pi * focal_spread / (2 * lam)) * theta2) ** 2
    # Beyond e⁻⁶⁰ nothing is imaged; denormal numbers would only slow the arithmetic down.
    amplitude = torch.exp(-damping.clamp(max=60))
    return torch.complex(amplitude * torch.cos(chi), -amplitude * torch.sin(chi))
