"""The commands as functions, for notebooks and other programs: `from latticework import predict`.

They take what the commands take, by the same names, and return what the commands write. What a
command prints as a warning is a Python warning here.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import radians
from pathlib import Path

import numpy as np
import pandas as pd

from latticework import materials
from latticework.analysis.atoms import exports
from latticework.analysis.atoms.reading import Prediction
from latticework.analysis.diffraction import mapping, scan_patterns, scan_strain
from latticework.analysis.diffraction.scan_peaks import make_reader, problem_warning, scan_peaks
from latticework.analysis.diffraction.strain_map import StrainMap
from latticework.analysis.predicting import read_images
from latticework.cli import published
from latticework.cli.defects import name_defects
from latticework.cli.peaks import rows_of
from latticework.config.inference import Images
from latticework.datasets.arrangement import Arrangement
from latticework.datasets.scans import Patterns, read_patterns
from latticework.inference.scan_calibration import Calibration, calibrated

Picture = str | Path | np.ndarray


@dataclass(frozen=True)
class Peaks:
    """Bragg peaks of patterns: `table` has the columns of `latticework peaks`, `sampling` is the
    pixel in 1/Å and `beam` the direct beam (x, y) in px."""

    table: pd.DataFrame
    sampling: float
    beam: tuple[float, float]
    warnings: list[str]


def predict(
    images: Picture | Sequence[str | Path],
    study: str | None = None,
    *,
    network: str | None = None,
    weights: str | Path | None = None,
    pixel_size: float | None = None,
    scale_region: Sequence[int] | None = None,
    image: str | None = None,
    axes: str | None = None,
    crop: Sequence[int] | None = None,
    threshold: float = 0.5,
    planes: float = 0,
    symmetries: int = 1,
    tile: int = 1024,
    progress: bool = False,
) -> Prediction:
    """Atoms of an image, a movie or a focal series.

    Parameters
    ----------
    images
        A file, the files of a focal series, or an array: (ny, nx), or (frames, ny, nx).
    study, network, weights
        Published weights by the name of their study, and of one of its networks; or a file.
    pixel_size
        Å, if you know it better than the lattice and the metadata.
    scale_region
        x0, y0, x1, y1 in px, where to measure the lattice.
    image
        Which image of a file that has several, by its name or its number from 1.
    axes, crop
        A letter for each axis of the array in its order, of t, y, x and c; x0, y0, x1, y1 in px of
        the part to read.
    threshold
        Lowest probability of an atom.
    planes
        How clearly atoms have to stand on planes of the crystal, 0 to 1: 0.7 leaves out a support's
        fringes.
    symmetries, tile
        Rotated and mirrored copies that are averaged; the largest side that is read at once, px.

    Returns
    -------
    Prediction
        `atoms` is the table, `sampling` the pixel in Å, `warnings` what makes it doubtful.

    Raises ValueError, with one line that says what to do, for input that cannot be used.
    """
    path, _ = published.chosen(study, network, _path(weights), patterns=False)
    many = isinstance(images, Sequence) and not isinstance(images, str)
    found = read_images(
        [item if isinstance(item, np.ndarray) else Path(item) for item in images]
        if many
        else [images if isinstance(images, np.ndarray) else Path(images)],
        path,
        Images(tile=tile, symmetries=symmetries, threshold=threshold, planes=planes),
        pixel_size=pixel_size,
        scale_region=scale_region,
        image=image,
        arrangement=Arrangement(axes, crop),
        progress=progress,
    )
    _tell(found.warnings)
    return found


def defects(found: Prediction, material: str | None = None) -> pd.DataFrame:
    """Defects of the crystal in images that `predict` read, named: those of `latticework defects`.

    Parameters
    ----------
    found
        Of `predict`; with a threshold of 0.01 or so, confidences know of the doubtful atoms too.
    material
        What the image shows; by default what the network was trained for.

    Returns
    -------
    pandas.DataFrame
        A row a defect: frame, defect, name, x_px, y_px, n_dopant, n_host, confidence, distorted.

    Raises ValueError for a material of which nobody has said what its defects are.
    """
    return name_defects(found, materials.load(material or found.card["material"]), threshold=0.5)[0]


def export(found: Prediction, path: str | Path) -> None:
    """Write what `predict` found in the format of the file's ending: see `analysis.atoms.exports`.

    Raises ExportError for an ending without a format.
    """
    exports.export(Path(path), found)


def peaks(
    patterns: str | Path,
    study: str | None = None,
    *,
    network: str | None = None,
    weights: str | Path | None = None,
    probe: str | Path | None = None,
    semiangle: float | None = None,
    energy: float | None = None,
    reciprocal_pixel: float | None = None,
    origin: tuple[float, float] | None = None,
    threshold: float = 0.1,
    samples: int = 10,
    progress: bool = False,
) -> Peaks:
    """Bragg peaks of a pattern, a stack or a scan, with their structure factors.

    Parameters
    ----------
    patterns
        A file.
    probe, semiangle
        A file with the vacuum probe, or the semiangle of a round one, mrad.
    energy
        keV, if it is not the network's.
    reciprocal_pixel
        1/Å, if you know it better than the file.
    origin
        x, y of the direct beam in px, if you know it.
    threshold
        Least structure factor of a peak over the strongest one's.
    samples
        Predictions with dropout; their scatter gives the errors.
    study, network, weights
        As for `predict`.

    Raises ValueError, with one line that says what to do, for input that cannot be used.
    """
    path, card = published.chosen(study, network, _path(weights), patterns=True)
    read = read_patterns(patterns)
    calibration = calibrated(
        read,
        probe=_path(probe),
        semiangle=semiangle,
        energy=1e3 * energy if energy else card["simulation"]["energy"],
        sampling=reciprocal_pixel,
        origin=origin,
    )
    reader, said = make_reader(path, read.shape, calibration, threshold=threshold, samples=samples)
    rows, problems = [], {}
    for number, found in enumerate(scan_peaks(read, reader, progress=progress)):
        rows.append(rows_of(number, found))
        if found.problem:
            problems.setdefault(found.problem, []).append(number)
    said += problem_warning(problems, len(read))
    _tell(said)
    table = pd.concat(rows, ignore_index=True)
    return Peaks(table, calibration.sampling, reader.grid.beam, said)


def strain(
    patterns: str | Path,
    study: str | None = None,
    *,
    network: str | None = None,
    weights: str | Path | None = None,
    probe: str | Path | None = None,
    semiangle: float | None = None,
    energy: float | None = None,
    reciprocal_pixel: float | None = None,
    reference: tuple[int, int, int, int] | None = None,
    rotation: float = 0.0,
    refine: bool = True,
    progress: bool = False,
) -> StrainMap:
    """Maps of the strain of a scan.

    Parameters
    ----------
    patterns, probe, semiangle, energy, reciprocal_pixel, study, network, weights
        As for `peaks`.
    reference
        x0, y0, x1, y1 in positions of the scan where the strain is 0; else it is the median's.
    rotation
        Degrees from the detector's x axis to the strain's.
    refine
        Whether disks are refined, which is slower and much more exact.

    Raises ValueError, with one line that says what to do, for input that cannot be used.
    """
    path, _ = published.chosen(study, network, _path(weights), patterns=True)
    read: Patterns = read_patterns(patterns)
    calibration: Calibration = calibrated(
        read,
        probe=_path(probe),
        semiangle=semiangle,
        energy=1e3 * (energy or 0),
        sampling=reciprocal_pixel,
    )
    reader, said = make_reader(path, read.shape, calibration, threshold=0.05, samples=1)
    mean = scan_patterns.average(read)
    _tell([*said, *scan_patterns.probe_warnings(mean, calibration.probe)])
    options = scan_strain.Options(refine=refine, lattice=None)
    lattices = scan_strain.measure_lattices(read, mean, reader, options, progress=progress)
    return mapping.strain_map(lattices, read.scan, region=reference, angle=radians(rotation))


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _tell(said: Sequence[str]) -> None:
    """What makes a result doubtful, as warnings of the line that called."""
    for line in said:
        warnings.warn(line, stacklevel=3)
