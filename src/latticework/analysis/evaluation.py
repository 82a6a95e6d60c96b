"""How well a network finds atoms on held-out structures, and how well anything could."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from scipy.spatial import cKDTree
from tqdm import tqdm

from latticework.analysis.lattice import hexagonal_atoms
from latticework.analysis.limits import (
    detection_bound,
    joint_position_bounds,
    rayleigh_fraction,
)
from latticework.analysis.localisation import localise
from latticework.analysis.matching import outside_margin, scores_by_group
from latticework.config import Evaluation, Inference
from latticework.imaging.augmentation import WaveBank, exit_intensity, wave_bank
from latticework.imaging.detector import detect
from latticework.inference.prediction import predict, working_sampling
from latticework.seeds import torch_seed

CONTAMINATION_REACH = 4.0
BOND = 1.42
STEP = 0.02


def microscope(
    defocus: float, cs: float, focal_spread: float, count: int
) -> dict[str, torch.Tensor]:
    """Parameters of `count` equal, otherwise perfect microscopes for `exit_intensity`; Å."""
    values = {"defocus": defocus, "cs": cs, "focal_spread": focal_spread}
    names = ("c5", "astigmatism", "astigmatism_angle", "deflection")
    return {
        k: torch.full((count,), float(v)) for k, v in (values | dict.fromkeys(names, 0)).items()
    }


def held_out_picture(
    bank: WaveBank,
    structure: int,
    settings: Evaluation,
    *,
    energy: float,
    size: int,
    defocus: float,
    dose: float,
    generator: torch.Generator,
) -> np.ndarray:
    """A picture (1, size, size) of one held-out structure in a known microscope.

    Lengths in Å, dose in e/Å²; the camera has the picture's pixels.
    """
    intensity = exit_intensity(
        bank.spectra[structure : structure + 1],
        bank.frequencies,
        bank.box,
        size,
        energy,
        microscope(defocus, settings.cs, settings.focal_spread, 1),
    )
    c1, c2, c3 = (torch.tensor([float(c)]) for c in settings.mtf)
    return detect(
        intensity[:, None],
        torch.tensor([dose * (bank.box / size) ** 2]),
        c1=c1,
        c2=c2,
        c3=c3,
        nyquist_ratio=torch.ones(1),
        generator=generator,
    )[0].numpy()


def atom_groups(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Sheet atoms (n, 2) and the group of each by which it is judged.

    "hexagonal": three neighbours and only six-rings; "other": defects and edges; "covered":
    under contamination or within 4 Å of it, where pictures of the sheet are not the sheet's alone.
    """
    sheet = atoms.arrays["sheet"]
    positions = atoms.positions[sheet, :2]
    box = atoms.cell.lengths()[:2]
    groups = np.where(hexagonal_atoms(positions, cell=box), "hexagonal", "other")
    dirt = atoms.positions[~sheet, :2]
    if len(dirt):
        near = cKDTree(dirt % box, boxsize=box).query(positions % box)[0] < CONTAMINATION_REACH
        groups[near | ~atoms.arrays["visible"][sheet]] = "covered"
    return positions, groups


def score_structure(
    probabilities: np.ndarray,
    sampling: float,
    atoms: Atoms,
    settings: Evaluation,
    inference: Inference,
) -> list[dict[str, Any]]:
    """Rows of scores, one a group of atoms, for the map of one structure. Lengths in Å."""
    truth, groups = atom_groups(atoms)
    found = localise(probabilities, epsilon=inference.epsilon, threshold=inference.threshold)
    positions = found[["x_px", "y_px"]].to_numpy() * sampling
    box = atoms.cell.lengths()[:2]
    grouped = scores_by_group(
        positions,
        truth,
        groups,
        settings.radius,
        ignore_found=outside_margin(positions, box, settings.border),
        ignore_truth=outside_margin(truth, box, settings.border),
    )
    return [{"group": group, **row} for group, row in grouped.items()]


def evaluate(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    bank: WaveBank,
    structures: Sequence[Atoms],
    settings: Evaluation,
    inference: Inference,
    seed: int,
    device: torch.device | str = "cpu",
) -> pd.DataFrame:
    """Scores of every dose, defocus and group of atoms, pooled over held-out structures.

    `bank` holds the waves of `structures` in their order. The noise of a picture comes from a
    stream of its own: scores of one dose do not depend on which others are asked for.
    """
    sampling = working_sampling(card)
    size = 2 * round(bank.box / sampling / 2)
    conditions = [(f, d) for f in settings.defocus for d in settings.doses]
    rows = []
    for defocus, dose in tqdm(conditions, desc="dose and defocus", unit="condition"):
        for number, atoms in enumerate(structures):
            generator = torch.Generator()
            condition = f"evaluation/{defocus:g}/{dose:g}"
            generator.manual_seed(torch_seed(seed, condition, number))
            picture = held_out_picture(
                bank,
                number,
                settings,
                energy=card["energy"],
                size=size,
                defocus=defocus,
                dose=dose,
                generator=generator,
            )
            probabilities, pixel = predict(
                network,
                card,
                picture,
                bank.box / size,
                tile=inference.tile,
                overlap=inference.overlap,
                device=device,
            )
            scored = score_structure(probabilities, pixel, atoms, settings, inference)
            rows += [{"dose": dose, "defocus": defocus, **row} for row in scored]
    return pooled(pd.DataFrame(rows), ("dose", "defocus", "group"))


def pooled(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Scores of many pictures as one: counts are added, errors averaged over the atoms."""

    def pool(part: pd.DataFrame) -> pd.Series:
        hits = part["true_positives"].sum()
        false, missed = part["false_positives"].sum(), part["false_negatives"].sum()
        weight = part["true_positives"] / max(hits, 1)
        return pd.Series(
            {
                "true_positives": hits,
                "false_positives": false,
                "false_negatives": missed,
                "precision": hits / max(hits + false, 1),
                "recall": hits / max(hits + missed, 1),
                "f1": 2 * hits / max(2 * hits + false + missed, 1),
                "rms": np.sqrt((weight * part["rms"].fillna(0) ** 2).sum()),
            }
        )

    return rows.groupby(list(keys), sort=True)[list(rows)].apply(pool).reset_index()


def displaced_waves(
    make_wave: Callable[[Atoms], np.ndarray], sheet: Atoms, moved: Sequence[int]
) -> np.ndarray:
    """Exit waves (2·2·n, ny, nx) of a sheet whose atoms are moved one at a time.

    In the order x−, x+, y−, y+ of each atom in `moved`, by ∓0.02 Å.
    """
    waves = []
    for atom in moved:
        for axis in (0, 1):
            for step in (-STEP, STEP):
                displaced = sheet.copy()
                displaced.positions[atom, axis] += step
                waves.append(make_wave(displaced))
    return np.stack(waves)


def neighbourhood(sheet: Atoms, count: int) -> np.ndarray:
    """Indices of the atom nearest to the centre of the cell and its `count` nearest atoms."""
    box = sheet.cell.lengths()[:2]
    middle = cKDTree(sheet.positions[:, :2]).query(box / 2)[1]
    return cKDTree(sheet.positions[:, :2]).query(sheet.positions[middle, :2], k=count + 1)[1]


def pristine_square(box: float) -> Atoms:
    """A pristine periodic sheet in a square cell of about `box` Å: the reference for the bound.

    Seven by four rectangular cells of graphene make a square to 1 %; they are stretched to one.
    """
    cell = np.array([np.sqrt(3) * BOND, 3 * BOND])
    basis = np.array([[0, 0], [0.5, 1 / 6], [0.5, 0.5], [0, 2 / 3]])
    corners = np.array([(i, j) for i in range(7) for j in range(4)])
    fractional = (corners[:, None] + basis).reshape(-1, 2) / (7, 4)
    side = np.sqrt(np.prod(cell * (7, 4)))
    positions = np.pad(fractional * side, ((0, 0), (0, 1)), constant_values=2.0)
    return Atoms(
        f"C{len(positions)}", positions=positions, cell=(side, side, 4.0), pbc=(True, True, False)
    )


def position_bounds(
    make_wave: Callable[[Atoms], np.ndarray],
    settings: Evaluation,
    *,
    energy: float,
    sampling: float,
    band_limit: float,
) -> pd.DataFrame:
    """Cramér–Rao bound of an atom's position in a pristine sheet, for every dose and defocus.

    The positions of the atom's nine nearest neighbours are unknown as well. The camera is ideal:
    its MTF acts on signal and noise alike and costs no information.

    Columns: dose (e/Å²), defocus (Å), `bound` (Å, RMS per axis), `within_radius` (fraction of
    perfect estimates that fall within the matching radius), `detectability` (d′ of the atom's
    presence).
    """
    sheet = pristine_square(17.0)
    box = sheet.cell.lengths()[0]
    moved = neighbourhood(sheet, 9)
    without = sheet.copy()
    del without[moved[0]]
    waves = np.concatenate(
        [[make_wave(sheet), make_wave(without)], displaced_waves(make_wave, sheet, moved)]
    )
    empty = [torch.zeros(1, 2)] * len(waves)
    bank = wave_bank(torch.from_numpy(waves), empty, [torch.ones(1)] * len(waves), box, band_limit)
    size = 2 * round(box / sampling / 2)
    rows = []
    for defocus in settings.defocus:
        optics = microscope(defocus, settings.cs, settings.focal_spread, len(waves))
        # Differences of nearly equal pictures need double precision.
        pictures = exit_intensity(
            bank.spectra.to(torch.complex128),
            bank.frequencies.double(),
            box,
            size,
            energy,
            {name: value.double() for name, value in optics.items()},
        ).numpy()
        mean, absent, displaced = pictures[0], pictures[1], pictures[2:]
        derivatives = (displaced[1::2] - displaced[::2]) / (2 * STEP)
        for dose in settings.doses:
            per_pixel = dose * (box / size) ** 2
            bound = np.sqrt(np.mean(joint_position_bounds(derivatives, mean, per_pixel)[0] ** 2))
            rows.append(
                {
                    "dose": dose,
                    "defocus": defocus,
                    "bound": bound,
                    "within_radius": rayleigh_fraction(bound, settings.radius),
                    "detectability": detection_bound(mean, absent, per_pixel),
                }
            )
    return pd.DataFrame(rows)
