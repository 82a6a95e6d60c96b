"""How well a network finds atoms in microscopes that are drawn as in its training.

A table at one Cs and without other aberrations shows the easiest microscopes. Here every image has
one of its own, from the ranges that training drew from; and beside the error of a position stands
its response: how much of a true displacement is found.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from tqdm import tqdm

from latticework.analysis.atoms.class_shares import calibration_of
from latticework.analysis.atoms.localisation import localise
from latticework.analysis.atoms.regions import outside_margin
from latticework.config.micrographs import Imaging
from latticework.evaluation import Evaluated
from latticework.evaluation.atoms import ALL, as_arrays, class_scores, pooled
from latticework.evaluation.groups import atom_groups, in_field
from latticework.evaluation.held_out import HeldOut, load_held_out
from latticework.evaluation.matching import match
from latticework.imaging.detector import detect
from latticework.imaging.draws import draw
from latticework.imaging.hrtem import CAMERA, image_sizes
from latticework.imaging.waves import OPTICS, series_intensity
from latticework.materials import Material
from latticework.seeds import torch_seed
from latticework.structures import displacement_of, specimen

REPEATS = 3  # microscopes a structure
KEYS = ["class", "group"]
# What the section `evaluation` has to say of microscopes, which here are drawn.
NO_FIXED = {"doses": [1.0], "defocus": [0.0]}


def evaluate_network(
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
    """Scores of a network on held-out structures in drawn microscopes.

    Arguments as in `evaluation.atoms`. The table has a row a class and group of atoms: the scores
    of `matching.scores` over all images; the share of images with an F1 of 0.9 or more; the mean
    over the images and its standard error by bootstrap over the structures; the response. Details:
    a row an image, with its microscope.
    """
    held_out = load_held_out(
        weights_path, structures, simulations, NO_FIXED | dict(evaluation), inference
    )
    return scored(held_out, material, drawn_image, seed, study, name)


def scored(
    held_out: HeldOut,
    material: Material,
    draw_image: Callable[[HeldOut, int, int], tuple[np.ndarray, float, dict[str, float]]],
    seed: int,
    study: str,
    name: str,
) -> Evaluated:
    """Scores of a network in images that `draw_image` makes, as `drawn_image` does."""
    rows = pd.DataFrame(drawn_rows(held_out, material, draw_image, seed))
    arrays, words = as_arrays(rows)
    return Evaluated(summary(rows, seed), arrays, words | {"study": study, "network": name})


def drawn_rows(
    held_out: HeldOut,
    material: Material,
    draw_image: Callable[[HeldOut, int, int], tuple[np.ndarray, float, dict[str, float]]],
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Scores and response of every structure in microscopes of its own, by class and group."""
    numbers = [(n, repeat) for n in range(len(held_out.structures)) for repeat in range(REPEATS)]
    for number, repeat in tqdm(numbers, desc="drawn microscopes", unit="image"):
        atoms = held_out.structures[number]
        image, sampling, microscope = draw_image(
            held_out, number, torch_seed(seed, f"evaluation/drawn/{repeat}/microscope", number)
        )
        probabilities, working = held_out.read(image, sampling)
        found = localise(
            probabilities,
            epsilon=held_out.inference.epsilon,
            threshold=held_out.inference.threshold,
            calibration=calibration_of(held_out.card),
        )
        places = found[["x_px", "y_px"]].to_numpy() * working
        groups = atom_groups(atoms, material, held_out.classes)
        told = responses(places, atoms, groups, held_out.settings.radius, held_out.settings.border)
        for row in class_scores(
            places,
            found["class"].to_numpy(),
            atoms,
            held_out.classes,
            groups,
            radius=held_out.settings.radius,
            border=held_out.settings.border,
        ):
            response = told.get(row["group"], (0.0, 0.0)) if row["class"] == ALL else (0.0, 0.0)
            yield {
                "structure": number,
                "repeat": repeat,
                **microscope,
                **row,
                "found_along": response[0],
                "true_squared": response[1],
            }


def drawn_image(
    held_out: HeldOut, structure: int, seed: int
) -> tuple[np.ndarray, float, dict[str, float]]:
    """An image, or focal series, (series, n, n) in a drawn microscope; its pixel in Å; all drawn.

    Everything random comes from `seed`.
    """
    bank, imaging = held_out.bank, Imaging.model_validate(held_out.card["imaging"])
    generator = torch.Generator().manual_seed(seed)
    ranges = imaging.ranges()
    drawn = draw({k: v for k, v in ranges.items() if k != "sampling"}, 1, generator)
    sizes = image_sizes(bank.box, ranges["sampling"].low, ranges["sampling"].high)
    size = sizes[int(torch.randint(len(sizes), (), generator=generator))]
    sampling = bank.box / size
    intensity = series_intensity(
        bank.spectra[structure : structure + 1],
        bank.frequencies,
        bank.box,
        size,
        held_out.card["energy"],
        {name: drawn[name] for name in OPTICS},
        imaging.series,
        foci=imaging.foci,
    )
    recorded = detect(
        intensity,
        drawn["dose"] / len(imaging.series) * sampling**2,
        **{name: drawn[name] for name in CAMERA},
        generator=generator,
    )
    values = {name: float(value) for name, value in drawn.items()}
    return recorded[0].numpy(), sampling, values | {"sampling": sampling}


def responses(
    found: np.ndarray, atoms: Atoms, groups: np.ndarray, radius: float, border: float
) -> dict[str, tuple[float, float]]:
    """By group: Σ found·true and Σ true² of the displacements of matched atoms, Å².

    The ratio of the two is the slope of found against true displacement (`displacement_of`). No
    group for structures that do not say how they were displaced.
    """
    displaced = displacement_of(atoms)
    if displaced is None:
        return {}
    true, box = specimen(atoms), atoms.cell.lengths()[:2]
    truth = in_field(true.positions[:, :2], atoms)
    i_found, i_truth, _ = match(found, truth, radius)
    inside = ~outside_margin(truth, box, border)[i_truth]
    i_found, i_truth = i_found[inside], i_truth[inside]
    moved = displaced[i_truth]
    answered = moved + found[i_found] - truth[i_truth]
    along, squared = (answered * moved).sum(axis=1), (moved**2).sum(axis=1)
    return {
        group: (float(along[chosen].sum()), float(squared[chosen].sum()))
        for group in np.unique(groups)
        if (chosen := groups[i_truth] == group).any()
    }


def summary(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One row a class and group: pooled scores, mean F1 of an image and its error, response."""
    extra = []
    for key, part in rows.groupby(KEYS, sort=True):
        by_structure = [g["f1"].dropna().to_numpy() for _, g in part.groupby("structure")]
        mean, error = bootstrap(by_structure, np.random.default_rng(seed))
        squared = part["true_squared"].sum()
        extra.append(
            dict(zip(KEYS, key, strict=True))
            | {
                "images": len(part),
                "mean_f1": mean,
                "mean_f1_error": error,
                "share_above_0.9": float((part["f1"] >= 0.9).mean()),
                "response": part["found_along"].sum() / squared if squared else np.nan,
            }
        )
    return pooled(rows, KEYS).merge(pd.DataFrame(extra), on=KEYS)


def bootstrap(
    groups: Sequence[np.ndarray], rng: np.random.Generator, draws: int = 1000
) -> tuple[float, float]:
    """Mean over all values, and its standard error where the groups are what is independent."""
    groups = [group for group in groups if len(group)]
    if not groups:
        return np.nan, np.nan
    sums, counts = np.array([g.sum() for g in groups]), np.array([len(g) for g in groups])
    chosen = rng.integers(len(groups), size=(draws, len(groups)))
    means = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    return float(sums.sum() / counts.sum()), float(means.std())
