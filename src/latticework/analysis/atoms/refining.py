"""A prediction's atoms refined, whatever its modality: what `latticework predict --refine` does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from latticework import materials, names
from latticework.analysis.atoms.reading import Prediction
from latticework.analysis.atoms.refined import Refined
from latticework.modalities import modality_of

POSTERIOR = ("x_posterior_angstrom", "y_posterior_angstrom")
LIKELIHOOD_SIGMA = ["sigma_x_angstrom", "sigma_y_angstrom"]
POSTERIOR_SIGMA = "sigma_posterior_angstrom"


class RefinementError(ValueError):
    """Atoms cannot be refined: what stands in the way."""


def refinement_of(card: Mapping[str, Any]) -> Callable[..., Refined]:
    """The function that refines what a network of this card finds: its modality's.

    Raises RefinementError where that has no refinement, or the network reads a series.
    """
    if card["network"]["frames"] != 1:
        raise RefinementError(f"{card['study']}: atoms of a series of images are not refined")
    modality = modality_of(card)
    if modality is not None and modality.refine is not None:
        return names.resolve(modality.refine)
    raise RefinementError(f"{card['study']}: there is no refinement for images of this kind")


def refined(
    found: Prediction, card: Mapping[str, Any], *, posterior: bool, progress: bool
) -> tuple[Prediction, list[Refined]]:
    """A prediction with refined positions, and what the refinement of each frame gave.

    x_angstrom, y_angstrom, x_px, y_px and sigma_angstrom become those of the likelihood, or of the
    posterior; atoms that were not refined keep the network's. Raises RefinementError.
    """
    answers, tables, warnings = [], [], list(found.warnings)
    for number, frame in enumerate(found.frames):
        atoms = found.atoms[found.atoms["frame"] == number]
        table, answer = refined_frame(
            frame, atoms, found.sampling, card, posterior=posterior, progress=progress
        )
        where = f"frame {number}: " if len(found.frames) > 1 else ""
        warnings += [where + line for line in answer.warnings] if len(atoms) else []
        tables.append(table)
        answers.append(answer)
    atoms = pd.concat(tables, ignore_index=True) if tables else found.atoms
    return replace(found, atoms=atoms, warnings=warnings), answers


def refined_frame(
    frame: np.ndarray,
    atoms: pd.DataFrame,
    sampling: float,
    card: Mapping[str, Any],
    *,
    posterior: bool = False,
    progress: bool = False,
) -> tuple[pd.DataFrame, Refined]:
    """The atoms of one frame (ny, nx) refined, as in `refined`, and what the refinement gave.

    Raises RefinementError.
    """
    refine, material = refinement_of(card), materials.load(card["material"])
    if atoms.empty:
        return atoms, nothing_refined(frame, atoms)
    try:
        answer = refine(frame, atoms, sampling, card, material, progress=progress)
    except ValueError as error:
        raise RefinementError(f"the atoms cannot be refined: {error}") from error
    return chosen(answer.atoms, sampling, posterior=posterior), answer


def nothing_refined(frame: np.ndarray, atoms: pd.DataFrame) -> Refined:
    """The answer to a frame (ny, nx) without atoms, as of a blank one."""
    nothing = np.full(frame.shape, np.nan)
    return Refined(atoms, nothing, nothing, {}, ["there are no atoms to refine"])


def chosen(atoms: pd.DataFrame, sampling: float, *, posterior: bool) -> pd.DataFrame:
    """A refined table whose positions and errors are those of the likelihood or the posterior.

    Raises RefinementError where there is no posterior.
    """
    sigma = (atoms[LIKELIHOOD_SIGMA] ** 2).mean(axis=1, skipna=False) ** 0.5
    places = {name: atoms[f"{name}_angstrom"] for name in "xy"}
    if posterior:
        if POSTERIOR_SIGMA not in atoms:
            raise RefinementError("this refinement has no posterior; leave out --posterior")
        sigma = atoms[POSTERIOR_SIGMA]
        for name, column in zip("xy", POSTERIOR, strict=True):
            places[name] = atoms[column].where(atoms[column].notna(), places[name])
    answer = {f"{name}_angstrom": values for name, values in places.items()}
    answer |= {f"{name}_px": values / sampling for name, values in places.items()}
    return atoms.assign(
        **answer, sigma_angstrom=sigma.where(sigma.notna(), atoms["sigma_angstrom"])
    )


def in_words(answer: Refined) -> str:
    """The fitted parameters in one line, with their standard deviations."""
    said = []
    for name, (value, sigma) in answer.parameters.items():
        if value == 0 and np.isnan(sigma):  # held at nothing
            continue
        error = "" if np.isnan(sigma) else f" ± {sigma:.2g}"
        said.append(f"{name} {value:.4g}{error}")
    return ", ".join(said)


def parameters_of(answers: Sequence[Refined]) -> list[dict[str, Any]]:
    """Fitted parameters of each frame as JSON types; what has no error has null."""
    return [
        {
            name: {"value": float(value), "sigma": float(sigma) if np.isfinite(sigma) else None}
            for name, (value, sigma) in answer.parameters.items()
        }
        | {"warnings": answer.warnings}
        for answer in answers
    ]
