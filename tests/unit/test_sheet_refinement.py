"""Parts of the refinement of sheets, each beside something that does not use them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import ndimage
from scipy.spatial import cKDTree

from latticework import materials, names
from latticework.analysis.atoms.refining import RefinementError, chosen, refinement_of
from latticework.analysis.atoms.sheets import fit, noise
from latticework.analysis.atoms.sheets.beyond import continued
from latticework.analysis.atoms.sheets.evidence import (
    FIRST_STRAYING,
    amount_of_straying,
    determined,
    released,
    straying,
)
from latticework.analysis.atoms.sheets.fields import known_of_microscope, tiles, with_contrast
from latticework.analysis.atoms.sheets.jacobian import applied, jacobian, projected
from latticework.analysis.atoms.sheets.microscope import taken_up
from latticework.analysis.atoms.sheets.model import (
    MICROSCOPE,
    UNITS,
    Grid,
    contrast_spectrum,
    frequencies,
    in_units,
    sheet_wave,
    transfer,
)
from latticework.analysis.atoms.sheets.posterior import posterior
from latticework.analysis.atoms.sheets.refinement import refine
from latticework.analysis.atoms.sheets.starts import starts
from latticework.imaging.detector import detect
from latticework.imaging.optics import transfer_function
from latticework.simulation.phase_objects import phase_factor

STEP, SIZE, ENERGY = 0.25, 64, 80e3
OPTICS = dict.fromkeys(MICROSCOPE, 0.0) | {
    "defocus": -60.0,
    "cs": -1.15e5,
    "c5": 1e7,
    "astigmatism_x": 8.0,
    "astigmatism_y": -5.0,
    "focal_spread": 28.0,
    "blur": 0.01,
    "contrast": 0.9,
}
BOND = 1.42


def honeycomb(side, start=1.0):
    """Atoms (n, 2) of graphene in a square of `side` Å."""
    cell = np.array([np.sqrt(3), 3]) * BOND
    basis = np.array([[0, 0], [0.5, 1 / 6], [0.5, 0.5], [0, 2 / 3]])
    count = int(side / 2) + 1
    corners = np.array([(i, j) for i in range(count) for j in range(count)])
    places = start + ((corners[:, None] + basis) * cell).reshape(-1, 2)
    return places[(places < side - start).all(axis=1)]


@pytest.fixture(scope="module")
def problem():
    """A small sheet without noise; its atoms and microscope."""
    rng = np.random.default_rng(0)
    positions = honeycomb(SIZE * STEP, start=3.0)
    positions = torch.from_numpy(positions + rng.normal(0, 0.1, positions.shape))
    k = frequencies((SIZE, SIZE), STEP).numpy()
    factor = torch.from_numpy(phase_factor("C", k, ENERGY, 0.06))
    grid = Grid((SIZE, SIZE), STEP, ENERGY, factor[None])
    classes = torch.zeros(len(positions), dtype=torch.long)
    optics = in_units([OPTICS[name] for name in MICROSCOPE])
    inside = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    inside[4:-4, 4:-4] = 1
    spectrum = noise.camera_spectrum(STEP, STEP)
    band = torch.from_numpy(noise.band((SIZE, SIZE), STEP, 1.5, spectrum))[:, : SIZE // 2 + 1]
    made = fit.Problem(
        grid=grid,
        classes=classes,
        moved=torch.arange(len(positions)),
        image=torch.zeros(SIZE, SIZE, dtype=torch.float64),
        inside=inside,
        band=band,
        weights=1e4 * inside,
        free=torch.tensor([0, 1, 3, 9, 11]),
        usual=optics,
        precision=torch.ones(len(MICROSCOPE), dtype=torch.float64),
        origin=positions,
        doubt=torch.ones(len(positions), dtype=torch.float64),
        seen=torch.ones(len(positions), dtype=torch.bool),
    )
    image = fit.model_image(made, positions, optics)
    return dataclasses.replace(made, image=image), positions, optics


def test_the_lens_is_that_of_the_images_of_training():
    values = {
        "defocus": -70.0, "cs": -9e4, "c5": 2e7, "astigmatism": 30.0, "astigmatism_angle": 0.7,
        "coma": 800.0, "coma_angle": 2.1, "threefold": 600.0, "threefold_angle": 0.4,
        "focal_spread": 30.0,
    }  # fmt: skip
    k = torch.fft.fftfreq(SIZE, STEP, dtype=torch.float64)
    ky, kx = torch.meshgrid(k, k, indexing="ij")
    tensors = {name: torch.tensor([v], dtype=torch.float64) for name, v in values.items()}
    expected = transfer_function(kx, ky, ENERGY, **tensors)[0]

    def parts(name, order):
        angle = order * values[f"{name}_angle"]
        return values[name] * np.cos(angle), values[name] * np.sin(angle)

    optics = OPTICS | {name: values[name] for name in ("defocus", "cs", "c5", "focal_spread")}
    for name, order in (("astigmatism", 2), ("coma", 1), ("threefold", 3)):
        optics[f"{name}_x"], optics[f"{name}_y"] = parts(name, order)
    found = transfer(k, k, ENERGY, in_units([optics[name] for name in MICROSCOPE]))
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


def test_derivatives_by_an_atom_are_those_of_the_image(problem):
    made, positions, optics = problem
    number = int(((positions - SIZE * STEP / 2) ** 2).sum(dim=1).argmin())
    whole = torch.ones(SIZE, SIZE, dtype=torch.float64)
    every_frequency = whole[:, : SIZE // 2 + 1]
    found = jacobian(
        made.grid, positions, made.classes, made.moved, optics, made.free, whole, every_frequency
    )
    change = torch.zeros(len(positions), 2, dtype=torch.float64)
    change[number, 0] = 1e-2  # Å: images are in single precision

    def image(places):
        wave = sheet_wave(made.grid, places, made.classes)
        return torch.fft.irfft2(contrast_spectrum(made.grid, wave, optics), s=(SIZE, SIZE))

    expected = (image(positions + change) - image(positions - change)) / 2
    still = torch.zeros(len(made.free), dtype=torch.float64)
    all_changes = torch.cat([change.flatten(), still])
    deviation = applied(found, all_changes, (SIZE, SIZE)) - expected
    assert float(deviation.norm() / expected.norm()) < 0.03

    rng = np.random.default_rng(6)
    every = torch.from_numpy(rng.normal(size=len(all_changes)))
    picture = torch.from_numpy(rng.normal(size=(SIZE, SIZE)))
    there = float((applied(found, every, (SIZE, SIZE)) * picture).sum())
    assert float(every @ projected(found, picture)) == pytest.approx(there, rel=1e-5)


def test_what_a_fit_takes_up_of_the_noise_is_told(problem):
    """Noise is added to an image that the model explains; what is left of it is compared."""
    made, positions, optics = problem
    white = torch.from_numpy(np.random.default_rng(8).normal(0, 0.01, (SIZE, SIZE)))
    made = dataclasses.replace(made, image=made.image + white)
    end = fit.fit(made, fit.state_at(made, positions, optics), steps=6).state
    found = fit.Solution(end, *fit.curvature(made, end))
    left = made.image - fit.model_image(made, found.state.positions, found.state.optics)
    counted = (made.weights > 0).double()
    taken = taken_up(made, found, counted)
    ring = np.abs(noise.radii((SIZE, SIZE), STEP) - 0.7) < 0.25
    before, after = (
        float((torch.fft.fft2(counted * part).abs() ** 2)[torch.from_numpy(ring)].sum())
        for part in (white, left)
    )
    assert 0.08 < 1 - after / before < 0.7
    assert float(taken[ring].mean()) == pytest.approx(1 - after / before, abs=0.05)


@pytest.mark.parametrize("strain", [0.0, 0.05])
def test_the_lattice_is_continued_beyond_the_border(strain):
    rng = np.random.default_rng(2)
    sheet = honeycomb(110.0) - 50.0
    turn = np.deg2rad(11)
    turned = [[np.cos(turn), -np.sin(turn)], [np.sin(turn) + strain, np.cos(turn)]]
    sheet = sheet @ np.array(turned) + [3.0, 1.0]
    extent = np.array([30.0, 26.0])
    inside = ((sheet > 0) & (sheet < extent)).all(axis=1)
    known = sheet[inside] + rng.normal(0, 0.05, (inside.sum(), 2))
    classes = np.zeros(len(known), dtype=int)
    found, kinds = continued(known, classes, extent)
    around = ((sheet > -6) & (sheet < extent + 6)).all(axis=1) & ~inside
    distance, _ = cKDTree(found).query(sheet[around])
    assert distance.max() < 0.35
    assert np.sqrt((distance**2).mean() / 2) < 0.07
    assert cKDTree(sheet).query(found)[0].max() < 0.5
    assert len(kinds) == len(found)


def test_no_lattice_is_continued_where_there_is_none():
    rng = np.random.default_rng(3)
    scattered = rng.uniform(0, 30, (300, 2))
    found, _ = continued(scattered, np.zeros(300, dtype=int), np.array([30.0, 30.0]))
    assert len(found) < 20


def test_the_true_microscope_is_among_the_first_starts(problem):
    """Atoms are displaced from where they are held, so that reflections alone do not tell."""
    made, positions, optics = problem
    rng = np.random.default_rng(5)
    moved = positions + torch.from_numpy(rng.normal(0, 0.08, tuple(positions.shape)))
    dose = 1 / float(made.weights.max())
    image = fit.model_image(made, moved, optics)
    image = image + torch.from_numpy(rng.normal(0, dose**0.5, (SIZE, SIZE)))
    usual = optics.clone()
    usual[:5], usual[9] = 0, 3.0
    asked = dataclasses.replace(made, image=image, usual=usual)
    limits = {"defocus": (-120.0, 120.0), "cs": (-2e5, 2e5), "c5": (0.0, 0.0)}
    found = starts(asked, limits, 4)
    near = [one for one in found if abs(one[0] + 6) < 1.6 and abs(one[1] + 11.5) < 3.1]
    assert near, [one[:3].tolist() for one in found]


def test_the_information_is_the_curvature_of_the_objective(problem):
    """Where the model is exact, the numerical Hessian is JᵀWJ and the prior's."""
    made, positions, optics = problem
    _, total = fit.curvature(made, fit.state_at(made, positions, optics))
    atoms = 2 * len(positions)
    middle = 2 * int(((positions - SIZE * STEP / 2) ** 2).sum(dim=1).argmin())
    for number in (middle, middle + 1, atoms, atoms + 3, atoms + 4):
        step = torch.zeros(len(total), dtype=torch.float64)
        step[number] = 1e-4
        ahead, behind = (
            fit.moved_by(made, fit.state_at(made, positions, optics), way * step)[1]
            for way in (1, -1)
        )
        column = (ahead - behind) / 2e-4
        scale = (total.diagonal() * total[number, number]).sqrt()
        assert float(((column - total[:, number]) / scale).abs().max()) < 0.02, number


def test_positions_that_are_integrated_out_count_by_their_information(problem):
    """½ log det(1 + s²P) of atoms seen alone, beside the information of the Jacobian."""
    made, positions, optics = problem
    found, total = fit.curvature(made, fit.state_at(made, positions, optics))
    middle = ((positions - SIZE * STEP / 2).abs() < 4).all(dim=1)
    assert len(found.patches) == len(positions)
    known = (total.diagonal()[: 2 * len(positions)].reshape(-1, 2) - 1)[middle].mean()
    strays = straying(made, 0.05)
    # The image of a part only is filtered: an atom at its border tells less.
    expected = float(torch.log1p(0.05**2 * known)) * len(positions)
    assert float(fit.volume(strays, optics)) == pytest.approx(expected, rel=0.1)
    assert straying(made, 0.0) is made


def test_what_strays_is_told_from_the_noise(problem):
    made, positions, optics = problem
    rng = np.random.default_rng(3)
    away = torch.from_numpy(rng.normal(0, 0.06, tuple(positions.shape)))
    made = dataclasses.replace(made, origin=positions - away)
    strays = straying(made, FIRST_STRAYING)
    end = fit.fit(strays, fit.state_at(strays, made.origin, optics), steps=8)
    assert amount_of_straying(strays, end) == pytest.approx(0.06, rel=0.25)
    assert determined(strays, optics)
    faint = straying(dataclasses.replace(made, weights=made.weights / 1e4), FIRST_STRAYING)
    assert not determined(faint, optics)


def test_released_atoms_have_the_errors_of_both_steps(problem):
    """Without straying these are those of a joint fit; with it the microscope's are less."""
    made, positions, optics = problem
    state = fit.state_at(made, positions, optics)
    _, joint = fit.curvature(made, state)
    same = released(made, made, state, 2)
    torch.testing.assert_close(same.information, joint)
    strays = straying(made, 0.01)
    found = released(made, strays, state, 2).information
    atoms = 2 * len(positions)
    _, tight = fit.curvature(strays, state)
    torch.testing.assert_close(
        torch.linalg.inv(found)[atoms:, atoms:], torch.linalg.inv(tight)[atoms:, atoms:]
    )


def test_contrast_is_one_unless_the_image_was_stretched():
    precision, optics = torch.ones(len(MICROSCOPE)), torch.zeros(len(MICROSCOPE))
    width = {}
    for contrast in (1.0, 0.3):
        optics[-1] = contrast / UNITS["contrast"]
        width[contrast] = float(with_contrast(precision, optics)[-1] ** -0.5) * UNITS["contrast"]
    assert width[1.0] == pytest.approx(0.05, abs=0.001)
    assert width[0.3] > 0.4


def test_a_fit_goes_back_to_where_the_atoms_are(problem):
    made, positions, optics = problem
    rng = np.random.default_rng(1)
    start = positions + torch.from_numpy(rng.normal(0, 0.06, tuple(positions.shape)))
    away = optics.clone()
    away[0] += 1.5  # 15 Å of defocus
    found = fit.fit(made, fit.state_at(made, start, away), steps=20).state
    inside = ((positions > 4) & (positions < SIZE * STEP - 4)).all(dim=1)
    assert float((found.positions - positions)[inside].abs().max()) < 0.01
    assert float(abs(found.optics[0] - optics[0])) < 0.3


def test_the_spectrum_of_the_noise_is_found_under_what_a_camera_does_to_it():
    c1, c2, c3 = 0.02, 0.45, 2.2
    flat = torch.ones(1, 1, 180, 180, dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    image = detect(
        flat, 600 * one, c1=c1 * one, c2=c2 * one, c3=c3 * one, nyquist_ratio=one,
        generator=torch.Generator().manual_seed(3),
    )[0, 0].numpy()  # fmt: skip
    k, power = noise.residual_spectrum(image - 1, np.ones(image.shape), STEP, np.zeros(image.shape))
    q = k * 2 * STEP
    expected = ((1 - c1) / (1 + (q / (2 * c2)) ** c3) + c1) ** 2 / 600
    np.testing.assert_allclose(power[q < 1], expected[q < 1], rtol=0.2)
    white = noise.whitened(image, STEP, (k, power))
    spectrum = np.abs(np.fft.fft2(white - 1)) ** 2 / white.size
    radius = noise.radii(white.shape, STEP)
    low, high = (spectrum[(radius > a) & (radius < b)].mean() for a, b in ((0.3, 0.8), (1, 1.4)))
    assert low / high == pytest.approx(1, abs=0.12)


def camera_noise(ratio: float, size: int = 128) -> np.ndarray:
    """An image of noise alone, recorded by a camera with a Nyquist frequency of its own."""
    return detect(
        torch.ones(1, 1, size, size),
        torch.tensor([100.0]),
        **{n: torch.tensor([v]) for n, v in (("c1", 0.02), ("c2", 0.5), ("c3", 2.5))},
        nyquist_ratio=torch.tensor([ratio]),
        generator=torch.Generator().manual_seed(1),
    )[0, 0].numpy()


@pytest.mark.parametrize("ratio", [0.5, 0.7, 0.8])
def test_an_interpolated_image_shows_its_camera_s_nyquist_frequency(ratio):
    image, nyquist = camera_noise(ratio), 0.5 * ratio / STEP
    last = noise.recorded_up_to(image[:-9, 5:], STEP)
    assert last == pytest.approx(nyquist, rel=0.1)
    nothing = np.zeros(image.shape)
    k, power = noise.residual_spectrum(image - 1, nothing + 1, STEP, nothing, last)
    assert power[k > last].max() < noise.RECORDED * power.max()
    # White noise of 100 electrons a pixel, before the camera.
    assert power[0] == pytest.approx(0.01, rel=0.25)


@pytest.mark.parametrize("ratio", [1.0, 1.5])
def test_an_image_of_its_camera_s_pixels_is_known_to_its_end(ratio):
    assert noise.recorded_up_to(camera_noise(ratio), STEP) == np.inf


@pytest.mark.parametrize("image", [np.zeros((40, 50)), ndimage.gaussian_filter(np.eye(64), 8.0)])
def test_an_image_of_nothing_fine_keeps_frequencies_to_fit(image):
    last = noise.recorded_up_to(image, STEP)
    assert last == np.inf or last >= noise.LEAST_RECORDED


@pytest.mark.parametrize("shape", [(170, 173), (512, 400), (90, 90)])
def test_tiles_cover_an_image_once(shape):
    count = np.zeros(shape)
    for rows, columns in tiles(shape, STEP):
        count[rows, columns] += 1
        assert (rows.stop - rows.start) * STEP <= 45
    assert (count == 1).all()


def test_the_posterior_shrinks_by_what_the_image_shows():
    rng = np.random.default_rng(4)
    lattice = honeycomb(24.0)
    bent = lattice + 0.1 * np.sin(2 * np.pi * lattice[:, ::-1] / 40)
    for strayed, error in ((0.1, 0.07), (0.01, 0.07)):
        true = bent + rng.normal(0, strayed, lattice.shape)
        found = true + rng.normal(0, error, lattice.shape)
        after = posterior(found, np.eye(2 * len(found)) / error**2, 1.9, 3)
        inside = ((lattice > 4) & (lattice < 20)).all(axis=1)
        rms = np.sqrt(np.mean((after.positions - true)[inside] ** 2))
        # The best for independent displacements about a lattice that is known.
        best = strayed * error / np.hypot(strayed, error)
        assert best * 0.85 < rms < 1.25 * best + 0.02
        # Errors of a smooth field are shared by neighbours: their size says little in one picture.
        assert 0.6 < rms / np.sqrt(np.mean(after.sigma[inside] ** 2)) < 1.3
    assert after.straying < 0.03


def test_only_what_the_training_varied_is_free():
    fixed = {"low": 0.0, "high": 0.0}
    wide = {"low": -100.0, "high": 100.0}
    imaging = {name: fixed for name in ("c5", "coma", "threefold")} | {
        "defocus": wide, "cs": wide, "focal_spread": {"low": 20, "high": 40},
        "astigmatism": {"low": 0, "high": 50}, "deflection": {"low": 0, "high": 0.25},
    }  # fmt: skip
    mean, precision, free = known_of_microscope(imaging)
    named = {MICROSCOPE[number] for number in free}
    assert named == {
        "defocus", "cs", "astigmatism_x", "astigmatism_y", "focal_spread", "blur", "contrast",
    }  # fmt: skip
    assert float(mean[MICROSCOPE.index("focal_spread")]) == 3.0
    assert (precision[free] > 0).all()
    assert float(precision.sum()) == float(precision[free].sum())


CARD = {
    "study": "graphene", "classes": ["C"], "energy": ENERGY, "network": {"frames": 1},
    "simulation": {"thermal_sigma": 0.06},
    "imaging": {
        name: {"low": low, "high": high}
        for name, low, high in (
            ("defocus", -120, 120), ("cs", -2e5, 2e5), ("c5", 0, 0), ("astigmatism", 0, 20),
            ("focal_spread", 20, 40), ("deflection", 0, 0.25),
        )
    },
}  # fmt: skip


def table(places):
    return pd.DataFrame(places, columns=["x_angstrom", "y_angstrom"]).assign(
        **{"class": "C", "probability": 0.9, "sigma_angstrom": 0.1}
    )


def test_a_particle_is_refused_and_a_few_atoms_stay_where_they_are():
    image = np.ones((64, 64))
    with pytest.raises(ValueError, match="gold is no sheet"):
        refine(image, table([]), STEP, CARD, materials.load("gold"), progress=False)
    few = table(honeycomb(16.0)[:5])
    found = refine(image, few, STEP, CARD, materials.load("graphene"), progress=False)
    assert "too few" in found.warnings[0]
    assert found.atoms["x_angstrom"].equals(few["x_angstrom"])
    assert found.atoms["sigma_x_angstrom"].isna().all()


def test_an_image_with_no_intensities_is_refused():
    with pytest.raises(ValueError, match="local mean must be positive"):
        refine(
            np.random.default_rng(0).normal(size=(64, 64)), table(honeycomb(16.0)), STEP, CARD,
            materials.load("graphene"), progress=False,
        )  # fmt: skip


def test_the_table_has_the_positions_that_were_asked_for():
    atoms = table([[1.0, 2.0], [3.0, 4.0]]).assign(
        sigma_x_angstrom=[0.03, np.nan], sigma_y_angstrom=[0.04, np.nan],
        x_posterior_angstrom=[1.1, np.nan], y_posterior_angstrom=[2.1, np.nan],
        sigma_posterior_angstrom=[0.02, np.nan],
    )  # fmt: skip
    likelihood = chosen(atoms, 0.5, posterior=False)
    assert likelihood["x_px"].tolist() == [2.0, 6.0]
    assert likelihood["sigma_angstrom"].tolist() == pytest.approx(
        [np.hypot(3, 4) / 141.42, 0.1], rel=1e-3
    )
    shrunk = chosen(atoms, 0.5, posterior=True)
    assert shrunk["x_angstrom"].tolist() == [1.1, 3.0]
    assert shrunk["sigma_angstrom"].tolist() == [0.02, 0.1]
    with pytest.raises(RefinementError, match="no posterior"):
        chosen(atoms.drop(columns="sigma_posterior_angstrom"), 0.5, posterior=True)


def test_every_refinement_that_a_modality_names_is_there():
    for name in names.available("modalities"):
        reference = names.load("modalities", name).MODALITY.refine
        if reference is not None:
            assert callable(names.resolve(reference)), name


def test_a_series_is_not_refined():
    with pytest.raises(RefinementError, match="series"):
        refinement_of(CARD | {"network": {"frames": 3}})
