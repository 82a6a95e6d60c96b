"""Noise-free scanning images in a known microscope, and the bounds that follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from latticework.config.base import Range
from latticework.config.stem import Simulation
from latticework.imaging.stem import OPTICS, middle_probe, probe_transfer, tiles
from latticework.limits.positions import position_bounds
from latticework.materials import Material
from latticework.simulation.stem import image_of
from latticework.structures.references import reference_crystal


@dataclass(frozen=True)
class ScanningMicroscope:
    """A probe in the middle of a study's ranges, and an ideal detector.

    Parameters
    ----------
    energy, semiangle
        eV, mrad.
    ranges
        Of source size and of the share of the medium-angle detector.
    sampling
        Pixel of the images, Å, nearly.
    """

    energy: float
    semiangle: float
    ranges: Mapping[str, Range]
    sampling: float

    def size(self, box: float) -> int:
        """Pixels along a box in Å."""
        return 2 * round(box / self.sampling / 2)

    def electrons(self, dose: float, box: float) -> float:
        """Electrons per pixel that hit the specimen."""
        return dose * (box / self.size(box)) ** 2

    def mean_images(self, images: np.ndarray, box: float, defocus: float) -> np.ndarray:
        """Share of the beam (n, size, size) that the detector collects in every pixel.

        Of sharp images (n, detectors, m, m), at a defocus in Å.
        """
        probe = {k: v.double() for k, v in middle_probe(self.ranges, 1, defocus).items()}
        size = images.shape[-1]
        frequencies = torch.fft.fftfreq(size, box / size, dtype=torch.float64)
        optics = {name: probe[name] for name in OPTICS}
        transfer = probe_transfer(frequencies, self.energy, self.semiangle, **optics)
        haadf, maadf = torch.from_numpy(images).double().unbind(dim=1)
        seen = torch.lerp(haadf, maadf, float(probe["maadf"]))
        spectra = torch.fft.fft2(seen, norm="forward") * transfer
        return tiles(spectra, self.size(box)).clamp(min=0).numpy()


def bounds(
    material: Material,
    simulation: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    imaging: Mapping[str, Any],
) -> pd.DataFrame:
    """Bounds of a position in a material's reference crystal, in the evaluation's microscope.

    Arguments as in `limits.images.bounds`, of a study of scanning images. A column's position is
    unknown, as are those of its neighbours; its shape and brightness are those of the exact image.
    """
    given = Simulation.model_validate(simulation)
    ranges = {name: Range.model_validate(imaging[name]) for name in imaging}
    microscope = ScanningMicroscope(
        given.energy,
        given.semiangle,
        ranges,
        0.5 * (ranges["sampling"].low + ranges["sampling"].high),
    )
    return position_bounds(
        partial(image_of, given=given),
        reference_crystal(material),
        material.reference.neighbours,
        microscope,
        doses=evaluation["doses"],
        defocus=evaluation["defocus"],
        radius=evaluation["radius"],
    )
