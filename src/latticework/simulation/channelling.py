"""Annular dark-field images of thick crystals: the method and its parameters.

The calculation itself is in `channelled_waves`, which is imported where an image is made: a
configuration is read without it.
"""

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from pydantic import Field

from latticework.config.base import Section


class Parameters(Section):
    """Parameters of the simulation."""

    sampling: float = Field(0.16, gt=0.02, lt=0.3, description="Pixel of the multislice, Å.")
    slice_thickness: float = Field(2.0, gt=0.5, le=5, description="Å.")
    interpolation: int = Field(
        3,
        gt=0,
        le=8,
        description="Of PRISM: an atom is seen in a window of the box divided by this.",
    )
    vibration: dict[str, float] = Field(description="RMS displacement per axis of each element, Å.")


def image(
    atoms: Atoms,
    parameters: Parameters,
    *,
    energy: float,
    semiangle: float,
    detectors: Mapping[str, tuple[float, float]],
    device: str = "cpu",
) -> np.ndarray:
    """Dark-field images (detector, n, n) of a crystal by a sharp probe.

    Parameters
    ----------
    atoms
        In a box that is square and periodic in x and y; the beam runs along +z, the probe is in
        focus at z = 0.
    parameters
        Of the simulation.
    energy
        eV.
    semiangle
        Of the aperture, mrad.
    detectors
        Inner and outer angle of each annulus, mrad. Only thermal scattering is counted, so that
        inner angles have to lie well beyond the probe's.
    device
        "cpu" or "gpu".

    Returns
    -------
    np.ndarray
        float32, the share of the beam that each detector collects, at pixels of box/n.

    Raises ValueError for a box that is not square, or an element without a vibration.
    """
    from latticework.simulation.channelled_waves import image as calculate

    return calculate(
        atoms,
        parameters,
        energy=energy,
        semiangle=semiangle,
        detectors=detectors,
        device=device,
    )
