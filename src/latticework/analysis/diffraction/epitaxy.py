"""Strain that is expected of an epitaxial layer of known composition (Munshi 2022, eq. 6)."""

import numpy as np

SILICON, GERMANIUM = 5.431, 5.658  # lattice parameters, Å
POISSON = 0.275  # of silicon and germanium along ⟨001⟩ (Wortman & Evans 1965)


def vegard(share: np.ndarray, pure: float = SILICON, other: float = GERMANIUM) -> np.ndarray:
    """Lattice parameter (Å) of an alloy with a share of another element: linear (Vegard 1921)."""
    return pure + np.asarray(share) * (other - pure)


def expected_strain(
    share: np.ndarray,
    pure: float = SILICON,
    other: float = GERMANIUM,
    poisson: float = POISSON,
) -> np.ndarray:
    """Strain along the normal of coherent alloy layers on the pure crystal, eq. 6.

    The layers are squeezed in their plane, in two directions, to the crystal below, and expand
    along the normal by Poisson's ratio of that, twice. Munshi 2022 prints 5.54 Å for silicon, which
    would halve the strain; its lattice parameter is 5.431 Å.
    """
    return (vegard(share, pure, other) / pure - 1) * (1 + 2 * poisson)
