"""How well atoms in scanning images are found and then refined, beside the bound.

The doses are those at which the bound allows 98 % of the atoms to be found. Positions are judged
twice: by their error, and by how much of a true displacement they follow, since an answer that
reports the lattice has a small error wherever the structure is at rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from tqdm import tqdm

from latticework.analysis.atoms.cross_sections import by_cross_section
from latticework.analysis.atoms.refining import refinement_of
from latticework.analysis.atoms.regions import outside_margin
from latticework.analysis.atoms.table import LOWEST_PROBABILITY, atoms_table
from latticework.config.stem import Simulation
from latticework.evaluation import Evaluated
from latticework.evaluation.atoms import ALL, as_arrays, class_scores, pooled
from latticework.evaluation.atoms_stem import drawn_image, load_held_out
from latticework.evaluation.drawn import REPEATS
from latticework.evaluation.groups import in_field
from latticework.evaluation.held_out import HeldOut
from latticework.evaluation.matching import match
from latticework.imaging.bank import image_bank
from latticework.inference.class_maps import working_sampling
from latticework.limits.positions import neighbourhood
from latticework.materials import Material
from latticework.seeds import stream, torch_seed
from latticework.simulation.stem import image_of
from latticework.structures import displacement_of, specimen
from latticework.structures.references import reference_crystal

KEYS = ["microscope", "dose", "defocus", "class"]
MIDDLE, DRAWN, CRYSTAL = "middle", "drawn", "crystal"
# Reference crystals with displaced columns, and the displacement in Å RMS per axis.
CRYSTALS, DISPLACED = 3, 0.1
NORMAL = 1.4826  # standard deviation over the median of the absolute values


@dataclass(frozen=True)
class Case:
    """An image (ny, nx) of a structure, its pixel in Å, and what it was taken with.

    `microscope` is "middle" (of the ranges; dose in e/Å² and defocus in Å), "drawn" (both NaN:
    every image has its own), or "crystal": the middle one, and a displaced reference crystal.
    """

    microscope: str
    dose: float
    defocus: float
    number: int
    structure: Atoms
    image: np.ndarray
    sampling: float


def evaluate_refined(
    weights_path: Path,
    structures: Sequence[Path],
    simulations: Sequence[Path],
    prepared: Sequence[Path],
    *,
    material: Material,
    evaluation: Mapping[str, Any],
    inference: Mapping[str, Any],
    seed: int,
    study: str,
    name: str,
) -> Evaluated:
    """Scores, errors and responses by microscope, dose, defocus and class.

    Arguments as in `evaluation.atoms`; `prepared` is the table of bounds. Images are those of
    scores.csv and drawn.csv, where the dose is one at which the bound allows 98 %, and of the
    bound's own crystal with columns that are displaced at random, by 0.1 Å RMS per axis.

    The table has, beside scores, of the atoms that were found: rms_network and rms_refined, and
    spread_refined (1.48 times the median of the error's modulus), Å per axis; the slopes of found
    against true displacement, response_network and response_refined; `within`, the share of refined
    errors below their stated standard deviation; the bound in Å and rms_refined over it, of the
    displaced crystals: for those the bound holds, of columns like the one that it is for.
    Details: a row an atom, errors and displacements in Å.
    """
    held_out = load_held_out(weights_path, structures, simulations, evaluation, inference)
    bounds = pd.read_csv(prepared[0])
    scores, atoms = [], []
    crystals = displaced_crystals(held_out, material, seed)
    for case in tqdm(cases(held_out, crystals, bounds, seed), desc="refining", unit="image"):
        counts, errors = judged(case, held_out, material)
        of = {key: getattr(case, key) for key in ("microscope", "dose", "defocus", "number")}
        scores.append(counts.assign(**of))
        atoms.append(errors.assign(**of))
    details = pd.concat(atoms, ignore_index=True)
    arrays, words = as_arrays(details)
    middle = neighbourhood(crystals.structures[0], 1)[0]
    bounded = made_of(crystals.structures[0])[middle]
    table = summary(pd.concat(scores, ignore_index=True), details, bounds, bounded)
    return Evaluated(table, arrays, words | {"study": study, "network": name})


def displaced_crystals(held_out: HeldOut, material: Material, seed: int) -> HeldOut:
    """The material's reference crystal in place of the structures, its columns displaced."""
    given = Simulation.model_validate(held_out.card["simulation"])
    made = []
    for number in range(CRYSTALS):
        crystal = reference_crystal(material)
        columns = crystal.arrays["column"]
        rng = stream(seed, "evaluation/displaced crystal", number)
        by = rng.normal(0, DISPLACED, (columns.max() + 1, 2))[columns]
        crystal.positions[:, :2] += by
        crystal.new_array("displacement", by)
        crystal.new_array("visible", np.ones(len(crystal), dtype=bool))
        made.append(crystal)
    images = torch.from_numpy(np.stack([image_of(crystal, given) for crystal in made])).float()
    return replace(held_out, structures=made, bank=image_bank(images, made[0].cell.lengths()[0]))


def cases(held_out: HeldOut, crystals: HeldOut, bounds: pd.DataFrame, seed: int) -> Iterator[Case]:
    """Images at the doses and defocus at which the bound allows 98 %, and in drawn microscopes of
    at least the lowest such dose."""
    possible = bounds[bounds["attainable"]]
    pixel = working_sampling(held_out.card)
    for dose, defocus in possible[["dose", "defocus"]].itertuples(index=False):
        for microscope, shown in ((MIDDLE, held_out), (CRYSTAL, crystals)):
            for number, atoms in enumerate(shown.structures):
                noise = torch_seed(seed, f"evaluation/{defocus:g}/{dose:g}", number)
                image = shown.imaged(shown, number, defocus=defocus, dose=dose, seed=noise)
                yield Case(microscope, dose, defocus, number, atoms, image[0], pixel)
    for number, atoms in enumerate(held_out.structures):
        for repeat in range(REPEATS):
            chosen = torch_seed(seed, f"evaluation/drawn/{repeat}/microscope", number)
            image, sampling, microscope = drawn_image(held_out, number, chosen)
            if microscope["dose"] >= possible["dose"].min():
                yield Case(DRAWN, np.nan, np.nan, number, atoms, image[0], sampling)


def judged(case: Case, held_out: HeldOut, material: Material) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of a case by class, and the errors of the atoms that were found, a row an atom."""
    how, settings, card = held_out.inference, held_out.settings, held_out.card
    maps, pixel = held_out.read(case.image[None], case.sampling)
    weakest = min(LOWEST_PROBABILITY, how.threshold)
    table = atoms_table(maps, pixel, case.sampling, card, epsilon=how.epsilon, threshold=weakest)
    table = by_cross_section(table, case.image, case.sampling, material)
    table = table[table["probability"] >= how.threshold].reset_index(drop=True)
    found = table[["x_angstrom", "y_angstrom"]].to_numpy()
    numbers = table["class"].map({name: n for n, name in enumerate(held_out.classes, start=1)})
    true = specimen(case.structure)
    counts = class_scores(
        found,
        numbers.to_numpy(dtype=int),
        case.structure,
        held_out.classes,
        np.full(len(true.positions), ALL),
        radius=settings.radius,
        border=settings.border,
    )
    truth, box = in_field(true.positions[:, :2], case.structure), case.structure.cell.lengths()[:2]
    i_found, i_truth, _ = match(found, truth, settings.radius)
    counted = ~outside_margin(truth, box, settings.border)[i_truth]
    i_found, i_truth = i_found[counted], i_truth[counted]
    moved = displacement_of(case.structure)
    refined = refinement_of(card)(case.image, table, case.sampling, card, material).atoms
    columns = {
        "displaced": np.full(truth.shape, np.nan)[i_truth] if moved is None else moved[i_truth],
        "network": found[i_found] - truth[i_truth],
        "refined": refined[["x_angstrom", "y_angstrom"]].to_numpy()[i_found] - truth[i_truth],
        "sigma": refined[["sigma_x_angstrom", "sigma_y_angstrom"]].to_numpy()[i_found],
    }
    errors = pd.DataFrame(
        {f"{name}_{axis}": v[:, n] for name, v in columns.items() for n, axis in enumerate("xy")}
    )
    if case.microscope == CRYSTAL:  # its columns are of no classes, but made of elements
        return pd.DataFrame(), errors.assign(**{"class": made_of(case.structure)[i_truth]})
    names = np.array([*held_out.classes, ""])[true.classes[i_truth] - 1]
    return pd.DataFrame(counts), errors.assign(**{"class": names})


def made_of(crystal: Atoms) -> np.ndarray:
    """Formula (columns,) of each column of a crystal."""
    columns = crystal.arrays["column"]
    return np.array([crystal[columns == n].get_chemical_formula() for n in np.unique(columns)])


def summary(
    scores: pd.DataFrame, errors: pd.DataFrame, bounds: pd.DataFrame, bounded: str
) -> pd.DataFrame:
    """One row a microscope, dose, defocus and class: see `evaluate_refined`.

    `bounded` is the formula of the columns that the bounds are for.
    """
    # Of drawn microscopes dose and defocus are NaN, which groups would leave out.
    everything = pd.concat([errors, errors.assign(**{"class": ALL})])
    told = everything.groupby(KEYS, dropna=False)[list(errors)].apply(_told).reset_index()
    counted = pooled(scores.fillna({"dose": 0.0, "defocus": 0.0}), KEYS).drop(columns="rms")
    counted.loc[counted["microscope"] == DRAWN, ["dose", "defocus"]] = np.nan
    table = told.merge(counted, on=KEYS, how="left")
    table = table.merge(bounds[["dose", "defocus", "bound"]], on=["dose", "defocus"], how="left")
    held = (table["microscope"] == CRYSTAL) & (table["class"] == bounded)
    table["bound"] = table["bound"].where(held)
    return table.assign(over_bound=table["rms_refined"] / table["bound"])


def _told(errors: pd.DataFrame) -> pd.Series:
    """Errors and responses of some atoms."""

    def pairs(name: str) -> np.ndarray:
        return errors[[f"{name}_x", f"{name}_y"]].to_numpy()

    moved, network, refined, sigma = map(pairs, ("displaced", "network", "refined", "sigma"))
    squared = (moved**2).sum()
    fitted = np.isfinite(sigma)
    return pd.Series(
        {
            "atoms": len(errors),
            "rms_network": np.sqrt(np.mean(network**2)),
            "rms_refined": np.sqrt(np.mean(refined**2)),
            "spread_refined": NORMAL * np.median(np.abs(refined)),
            "response_network": ((moved + network) * moved).sum() / squared,
            "response_refined": ((moved + refined) * moved).sum() / squared,
            "within": np.mean(np.abs(refined)[fitted] < sigma[fitted]) if fitted.any() else np.nan,
        }
    )
