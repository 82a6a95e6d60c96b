"""Movies of a scanning probe: frames of a changing crystal, one scan each, that drift."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import torch

from latticework.imaging.bank import image_bank
from latticework.imaging.scan import Scan, wander
from latticework.imaging.stem import processed, record, signal


def scanned_frames(
    images: Iterable[np.ndarray],
    box: float,
    drift: np.ndarray,
    *,
    size: int,
    energy: float,
    semiangle: float,
    microscope: Mapping[str, torch.Tensor],
    generator: torch.Generator,
) -> Iterator[np.ndarray]:
    """Frames (size, size), float32, one for each pair of sharp periodic images.

    Parameters
    ----------
    images
        (detectors, m, m) of a box, each what a perfect probe sees in one frame.
    box
        Side of the box, Å.
    drift
        (frames, 2), x and y in Å, by which the specimen lies off where it was at first, at the
        middle of each frame. It goes on drifting while the frame is scanned, towards where it lies
        in the next.
    size
        Of a frame, px; its first pixel is at the origin of the box when nothing has drifted.
    energy, semiangle
        eV, mrad.
    microscope
        (1,) each of what `imaging.stem.drawn_microscopes` draws; it stays the same. Haze and
        amorphous layers are left out.
    generator
        Of the noise, and of the jitter of the lines, which are new in every frame.
    """
    sampling = microscope["sampling"]
    width = (microscope["line_jitter"] / sampling)[:, None]
    middle = 0.5 * (size - 1) * sampling
    rates = np.gradient(drift, axis=0) if len(drift) > 1 else np.zeros_like(drift)
    for image, shift, rate in zip(images, drift, rates, strict=True):
        steps = torch.eye(2)
        # From a line to the next, in units of the pixel.
        steps[:, 1] -= torch.from_numpy(rate).float() / (size * sampling)
        white = torch.randn(2, 1, size, generator=generator)
        scan = Scan(
            middle[:, None] - torch.from_numpy(shift)[None].float(),
            sampling[:, None, None] * steps,
            sampling,
            width * wander(white[0]),
            0.5 * width * white[1],
            microscope["flyback"] / sampling,
            size,
        )
        bank = image_bank(torch.from_numpy(image)[None], box)
        seen = signal(bank, torch.zeros(1, dtype=torch.int64), microscope, scan, energy, semiangle)
        yield processed(record(seen, microscope, sampling, generator), microscope, sampling)[
            0
        ].numpy()


def crystal_images(
    structures: Iterable, image_of: Callable[..., np.ndarray]
) -> Iterator[np.ndarray]:
    """Sharp images of structures, one after the other; one that did not change is not made anew."""
    before, image = None, None
    for atoms in structures:
        if before is None or atoms != before:
            image, before = image_of(atoms), atoms
        yield image
