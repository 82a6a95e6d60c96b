"""How well a network finds atoms on held-out structures, and how well anything could."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from scipy.spatial import cKDTree
from tqdm import tqdm

from latticework.analysis.lattice import hexagonal_atoms
from latticework.analysis.localisation import localise
from latticework.analysis.matching import outside_margin, scores_by_group
from latticework.config import Evaluation, Imaging, Inference
from latticework.imaging.augmentation import WaveBank, fixed_microscope, series_intensity
from latticework.imaging.detector import detect
from latticework.inference.prediction import predict, working_sampling
from latticework.seeds import torch_seed
from latticework.structures import targets
from latticework.structures.nanoparticles import COLUMN_NEIGHBOURS

CONTAMINATION_REACH = 4.0


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
    series: Sequence[float] = (0.0,),
) -> np.ndarray:
    """A picture, or focal series (frames, size, size), of one held-out structure.

    In a known microscope: lengths in Å, dose in e/Å² of all frames together; `series` is the
    defocus of each frame beyond `defocus`. The camera has the picture's pixels.
    """
    intensity = series_intensity(
        bank.spectra[structure : structure + 1],
        bank.frequencies,
        bank.box,
        size,
        energy,
        fixed_microscope(defocus, settings.cs, settings.focal_spread, 1),
        series,
    )
    c1, c2, c3 = (torch.tensor([float(c)]) for c in settings.mtf)
    return detect(
        intensity,
        torch.tensor([dose / len(series) * (bank.box / size) ** 2]),
        c1=c1,
        c2=c2,
        c3=c3,
        nyquist_ratio=torch.ones(1),
        generator=generator,
    )[0].numpy()


def column_groups(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Columns (n, 2) of a particle: "inside" with all neighbouring columns, else "edge"."""
    positions = targets(atoms).positions[:, :2]
    reach, complete = COLUMN_NEIGHBOURS[str(atoms.info["zone_axis"])]
    near = cKDTree(positions).query_ball_point(positions, reach, return_length=True) - 1
    return in_field(positions, atoms), np.where(near >= complete, "inside", "edge")


def in_field(positions: np.ndarray, atoms: Atoms) -> np.ndarray:
    """Positions (n, 2) in Å where the picture shows them: it is periodic, and an atom that
    roughening put beyond the border is seen at the opposite side."""
    return positions % atoms.cell.lengths()[:2]


def sheet_groups(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
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


def atom_groups(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """What is to be found (n, 2) in Å, and the group of each by which it is judged."""
    return column_groups(atoms) if "column" in atoms.arrays else sheet_groups(atoms)


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


def read_held_out(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    bank: WaveBank,
    structure: int,
    settings: Evaluation,
    inference: Inference,
    *,
    defocus: float,
    dose: float,
    seed: int,
    device: torch.device | str = "cpu",
) -> tuple[np.ndarray, np.ndarray, float]:
    """A held-out structure's picture (frames, size, size), its probability map, the map's pixel.

    At the pixel that the network works at; `seed` is that of the noise.
    """
    size = 2 * round(bank.box / working_sampling(card) / 2)
    generator = torch.Generator()
    generator.manual_seed(seed)
    picture = held_out_picture(
        bank,
        structure,
        settings,
        energy=card["energy"],
        size=size,
        defocus=defocus,
        dose=dose,
        generator=generator,
        series=Imaging.model_validate(card["imaging"]).series,
    )
    probabilities, pixel = predict(
        network,
        card,
        picture,
        bank.box / size,
        tile=inference.tile,
        overlap=inference.overlap,
        symmetries=inference.symmetries,
        device=device,
    )
    return picture, probabilities, pixel


def held_out_maps(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    bank: WaveBank,
    settings: Evaluation,
    inference: Inference,
    seed: int,
    count: int,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[float, float, int, np.ndarray, float]]:
    """Defocus, dose, structure, its probability map and the map's pixel in Å, one at a time.

    `count` structures, of which `bank` holds the waves, at every defocus and dose. The noise of a
    picture comes from a stream of its own: that of one dose does not depend on which others are
    asked for.
    """
    conditions = [(f, d) for f in settings.defocus for d in settings.doses]
    for defocus, dose in tqdm(conditions, desc="dose and defocus", unit="condition"):
        for number in range(count):
            _, probabilities, pixel = read_held_out(
                network,
                card,
                bank,
                number,
                settings,
                inference,
                defocus=defocus,
                dose=dose,
                seed=torch_seed(seed, f"evaluation/{defocus:g}/{dose:g}", number),
                device=device,
            )
            yield defocus, dose, number, probabilities, pixel


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

    `bank` holds the waves of `structures` in their order.
    """
    rows = []
    for defocus, dose, number, probabilities, pixel in held_out_maps(
        network, card, bank, settings, inference, seed, len(structures), device
    ):
        scored = score_structure(probabilities, pixel, structures[number], settings, inference)
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
