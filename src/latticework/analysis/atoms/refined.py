"""What a refinement gives: atoms with errors, the fitted image and microscope, what is doubtful."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Refined:
    """A model of one image that was fitted to it, started from what a network found.

    A modality names its refinement in `config.modality.Modality.refine`, a function
    `refine(image, atoms, sampling, card, material, *, progress) -> Refined` with

    - image: intensities (ny, nx) of any scale;
    - atoms: the network's, with x_angstrom, y_angstrom, class and probability;
    - sampling: pixel of the image, Å;
    - card: of the network, with its study's sections;
    - material: facts about the specimen;
    - progress: whether to show a progress bar.

    Parameters
    ----------
    atoms
        The network's table in its order, with x_angstrom and y_angstrom those of the likelihood,
        their standard deviations sigma_x_angstrom and sigma_y_angstrom from its curvature (NaN for
        an atom that was not refined), and the network's own positions as x_network_angstrom and
        y_network_angstrom. If the refinement has a second answer with a prior, it is
        x_posterior_angstrom, y_posterior_angstrom, sigma_posterior_angstrom.
    model, residual
        (ny, nx), the fitted image and the image less it, in units of the image's mean; NaN where
        nothing was fitted.
    parameters
        Name with unit, such as defocus_angstrom → value and standard deviation (NaN where it was
        not fitted).
    warnings
        What makes this doubtful, one line each.
    """

    atoms: pd.DataFrame
    model: np.ndarray
    residual: np.ndarray
    parameters: dict[str, tuple[float, float]]
    warnings: list[str]
