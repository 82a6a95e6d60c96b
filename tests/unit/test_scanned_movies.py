"""Frames of a scanned movie: the drift is where it was put, the dose is what was asked for."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from latticework.imaging.scanned_movies import crystal_images, scanned_frames

BOX, SIZE, SAMPLING = 32.0, 96, 0.25


def sharp(seed=0):
    """A periodic pair of images (detector, m, m) of blobs, at a probe's bandwidth."""
    rng = np.random.default_rng(seed)
    field = np.zeros((80, 80))
    field[tuple(rng.integers(0, 80, (2, 250)))] = 1
    smooth = ndimage.gaussian_filter(field, 2.0, mode="wrap") + 0.002
    return np.stack([smooth, 2 * smooth]).astype(np.float32)


def microscope(**changed):
    values = dict.fromkeys(
        ("defocus", "astigmatism", "astigmatism_angle", "coma", "coma_angle", "source_size"), 0.0
    )
    values |= {"maadf": 0.0, "sampling": SAMPLING, "readout": 0.0, "offset": 0.0, "dose": 1e9}
    values |= {"line_jitter": 0.0, "flyback": 0.0, "smoothing": 0.01, "sharpening": 1e3}
    values |= {"saturation": 1e3} | changed
    return {name: torch.tensor([float(value)]) for name, value in values.items()}


def filmed(drift, seed=0, **changed):
    frames = scanned_frames(
        [sharp()] * len(drift),
        BOX,
        np.array(drift),
        size=SIZE,
        energy=60e3,
        semiangle=31.0,
        microscope=microscope(**changed),
        generator=torch.Generator().manual_seed(seed),
    )
    return np.stack(list(frames))


def test_a_frame_is_shifted_by_its_drift():
    still = (5 * SAMPLING, -3 * SAMPLING)
    first, *_, second, _ = filmed([(0.0, 0.0)] * 3 + [still] * 3)
    # The specimen lies 5 px farther to the right and 3 px higher.
    inner = slice(10, -10)
    moved = np.roll(first, (-3, 5), axis=(0, 1))[inner, inner]
    assert np.corrcoef(moved.ravel(), second[inner, inner].ravel())[0, 1] > 0.999
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.9


def test_a_specimen_drifts_while_it_is_scanned():
    rate = 16 * SAMPLING
    still, moving = filmed([(0.0, 0.0)] * 2)[0], filmed([(-rate, 0.0), (0.0, 0.0), (rate, 0.0)])[1]
    # Half of the way before the middle of the frame, half of it after.
    for lines, shift in ((slice(8, 16), -6), (slice(44, 52), 0), (slice(80, 88), 6)):
        ways = [
            np.corrcoef(
                np.roll(still, way, axis=1)[lines, 16:-16].ravel(), moving[lines, 16:-16].ravel()
            )[0, 1]
            for way in range(-12, 13)
        ]
        assert abs(np.argmax(ways) - 12 - shift) <= 1


def test_noise_is_that_of_the_dose_and_new_in_every_frame():
    clean = filmed([(0.0, 0.0)])[0]
    low, again = filmed([(0.0, 0.0)] * 2, dose=1e4)
    assert np.corrcoef((low - clean).ravel(), (again - clean).ravel())[0, 1] < 0.1
    # Counts over their mean: the variance of the mean pixel is one over the electrons in it.
    share = sharp()[0].mean()
    expected = 1 / np.sqrt(1e4 * SAMPLING**2 * share)
    assert np.std(low - clean) == pytest.approx(expected, rel=0.1)


def test_an_image_is_made_anew_only_where_something_changed():
    from ase import Atoms

    one, two = Atoms("C", positions=[[0, 0, 0]]), Atoms("C", positions=[[1, 0, 0]])
    made = []

    def image(atoms):
        made.append(atoms)
        return np.full((2, 4, 4), atoms.positions[0, 0])

    images = list(crystal_images([one, one.copy(), two, two.copy(), one], image))
    assert len(made) == 3
    assert [image[0, 0, 0] for image in images] == [0, 0, 1, 1, 0]
