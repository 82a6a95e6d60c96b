"""The least error that an atom's position can have at a given dose (Cramér–Rao bound).

An image counts electrons: pixel i holds a Poisson number of mean λ_i = dose per pixel × I_i. The
Fisher information on parameters a, b is

    F_ab = Σ_i (∂λ_i/∂a)(∂λ_i/∂b) / λ_i,

and no unbiased estimate of a has a variance below (F⁻¹)_aa.

The detector's transfer function (eq. 5 of Madsen 2018) plays no part. It filters the counts after
they are drawn, signal and noise alike; where it is nowhere zero the filter can be undone, and a
step that can be undone neither adds nor loses information. It makes the image look softer and its
noise correlated, and costs an estimator that ignores this, but not the bound. Only read-out noise
added after the filter, which the imaging model here does not have, would raise the bound. A blur
of the wave or the intensity before the counting (vibration, focal spread) belongs in the mean and
its derivatives, where it does cost information.

Everything takes plain arrays, whatever made them: analytic derivatives, autograd, or the finite
difference of two simulated images.
"""

from collections.abc import Sequence

import numpy as np

Images = np.ndarray | Sequence[np.ndarray]


def position_bound(
    derivative_x: np.ndarray, derivative_y: np.ndarray, mean: np.ndarray, dose_per_pixel: float
) -> np.ndarray:
    """Least standard deviation of one atom's position, all other atoms being known.

    Parameters
    ----------
    derivative_x, derivative_y
        (ny, nx), change of the mean image per Å by which the atom moves along x and y (1/Å).
    mean
        (ny, nx), mean image in units of the vacuum intensity, positive.
    dose_per_pixel
        Electrons per pixel in vacuum: dose in e/Å² × pixel area in Å².

    Returns
    -------
    np.ndarray
        (2,), bounds on the standard deviations of x and y in Å; infinite where the image says
        nothing.

    Raises ValueError if shapes differ, the mean is not positive or the dose is not.
    """
    return joint_position_bounds([derivative_x, derivative_y], mean, dose_per_pixel)[0]


def joint_position_bounds(
    derivatives: Images, mean: np.ndarray, dose_per_pixel: float
) -> np.ndarray:
    """Least standard deviations of many atoms' positions, all unknown together.

    The bound of an atom is larger than `position_bound` where its image overlaps that of its
    neighbours. For a large field take an atom with those neighbours that it overlaps.

    Parameters
    ----------
    derivatives
        (2 n_atoms, ny, nx), change of the mean image per Å, in the order x_1, y_1, x_2, y_2, …
    mean, dose_per_pixel
        As in `position_bound`.

    Returns
    -------
    np.ndarray
        (n_atoms, 2), bounds on the standard deviations of x and y in Å. All are infinite if some
        combination of the positions leaves no trace in the image.

    Raises ValueError as `position_bound`, or if the number of derivatives is odd.
    """
    information = fisher_information(derivatives, mean, dose_per_pixel)
    if len(information) % 2:
        raise ValueError(f"derivatives must come in pairs (x, y), not {len(information)}")
    scale = np.sqrt(np.diag(information))
    if not np.all(scale > 0):
        return np.full((len(scale) // 2, 2), np.inf)
    # Scaled to a unit diagonal, singular means the same for a bright and a faint atom.
    correlation = information / np.outer(scale, scale)
    if np.linalg.eigvalsh(correlation)[0] < 1e-12:
        return np.full((len(scale) // 2, 2), np.inf)
    variance = np.diag(np.linalg.inv(correlation)) / scale**2
    return np.sqrt(variance).reshape(-1, 2)


def fisher_information(derivatives: Images, mean: np.ndarray, dose_per_pixel: float) -> np.ndarray:
    """Fisher information of Poisson counts on any parameters: F_ab of the module's docstring.

    Parameters
    ----------
    derivatives
        (parameters, ny, nx), change of the mean image per unit of each parameter.
    mean, dose_per_pixel
        As in `position_bound`.

    Returns
    -------
    np.ndarray
        (parameters, parameters).

    Raises ValueError if shapes differ, the mean is not positive or the dose is not.
    """
    derivatives = np.asarray(derivatives, dtype=float)
    mean = _positive(mean, dose_per_pixel)
    if derivatives.shape[1:] != mean.shape:
        raise ValueError(f"derivatives {derivatives.shape[1:]} and mean {mean.shape} differ")
    flat = (derivatives / np.sqrt(mean)).reshape(len(derivatives), -1)
    return dose_per_pixel * (flat @ flat.T)


def detection_bound(
    mean_with: np.ndarray, mean_without: np.ndarray, dose_per_pixel: float
) -> float:
    """Detectability d′ of an atom: how far apart the images with and without it are, in noise.

    d′² = Σ_i (Δλ_i)² / λ_i with the average λ of the two. The best possible test between them,
    both being known, errs with probability Φ(−d′/2) when either is as likely; nothing can find
    an atom of d′ ≈ 1, and d′ of 4 errs in one case of 44.

    Parameters
    ----------
    mean_with, mean_without
        (ny, nx), mean images in units of the vacuum intensity, positive.
    dose_per_pixel
        Electrons per pixel in vacuum.

    Raises ValueError if shapes differ, a mean is not positive or the dose is not.
    """
    mean_with = _positive(mean_with, dose_per_pixel)
    mean_without = _positive(mean_without, dose_per_pixel)
    if mean_with.shape != mean_without.shape:
        raise ValueError(f"images differ in shape: {mean_with.shape}, {mean_without.shape}")
    signal = (mean_with - mean_without) ** 2 / (0.5 * (mean_with + mean_without))
    return float(np.sqrt(dose_per_pixel * signal.sum()))


def rayleigh_fraction(sigma: float | np.ndarray, radius: float) -> float | np.ndarray:
    """Fraction of estimates that fall within a radius of the truth: 1 − exp(−r²/2σ²).

    The ceiling that the bound sets on recall and precision: an F1 of 0.98 at 0.5 Å needs
    σ ≤ 0.5 / √(−2 ln 0.02) = 0.179 Å.

    `sigma` is the standard deviation of the error per axis in Å, isotropic and Gaussian; the
    fraction is 1 for sigma 0 and 0 for infinite sigma. `radius` is in Å.
    """
    with np.errstate(divide="ignore"):
        return -np.expm1(-0.5 * np.square(radius / np.asarray(sigma, dtype=float)))


def _positive(mean: np.ndarray, dose_per_pixel: float) -> np.ndarray:
    """The mean as floats, or a ValueError if it or the dose is not positive."""
    mean = np.asarray(mean, dtype=float)
    if not np.all(mean > 0):
        raise ValueError("the mean image must be positive in every pixel")
    if not dose_per_pixel > 0:
        raise ValueError(f"dose_per_pixel must be positive, not {dose_per_pixel}")
    return mean
