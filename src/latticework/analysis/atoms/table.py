"""The table of atoms: positions in Å and px, probabilities, and how far to trust them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from latticework.analysis.atoms.class_shares import calibration_of
from latticework.analysis.atoms.localisation import localise
from latticework.inference.resampling import to_source_px
from latticework.materials import Material

LOWEST_PROBABILITY = 0.01
# Of an atom that counts as found, and of a candidate, in the warnings.
CERTAIN, DOUBTFUL = 0.5, 0.1


def position_sigma(probability: np.ndarray, label_sigma: float) -> np.ndarray:
    """Standard deviation per axis, Å, of a position whose peak has the given probability.

    A trained network gives the expected label: the label's Gaussian of width σ convolved with
    the distribution of where the atom may be. Two Gaussians of widths σ and s make a peak of
    height σ²/(σ² + s²), so s = σ √(1/p − 1).
    """
    return label_sigma * np.sqrt(1 / np.clip(probability, 1e-6, 1) - 1)


def named(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """A table of `localise` with the names of the classes: `class`, and p_<name> for p_1 …"""
    columns = {f"p_{number}": f"p_{name}" for number, name in enumerate(classes, start=1)}
    found = np.array([*classes, ""])[table["class"].to_numpy(dtype=int) - 1]
    return table.assign(**{"class": found.astype(object)}).rename(columns=columns)


def atoms_table(
    probabilities: np.ndarray,
    map_sampling: float,
    sampling: float,
    card: Mapping[str, Any],
    *,
    epsilon: float,
    threshold: float,
    frame: int = 0,
) -> pd.DataFrame:
    """Atoms of the class maps (classes, ny, nx) of one image.

    Parameters
    ----------
    probabilities, map_sampling
        Class maps and their pixel, Å.
    sampling
        Pixel of the image, Å.
    card
        Of the network: its `classes`, the width of its labels, and how its classes'
        probabilities are calibrated, where they are.
    epsilon, threshold
        As for `localise`.
    frame
        Number of the image.

    Returns
    -------
    pandas.DataFrame
        x_angstrom, y_angstrom (pixel 0 is centred at 0), x_px, y_px (of the source image),
        probability, class (its name), p_<class>…, sigma_angstrom, frame.
    """
    found = localise(
        probabilities, epsilon=epsilon, threshold=threshold, calibration=calibration_of(card)
    )
    table = named(found, card["classes"])
    positions = table[["x_px", "y_px"]].to_numpy()
    source = to_source_px(positions, sampling, map_sampling)
    label_sigma = card["imaging"]["label_sigma"]
    shares = [f"p_{name}" for name in card["classes"]]
    return pd.DataFrame(
        {
            "x_angstrom": positions[:, 0] * map_sampling,
            "y_angstrom": positions[:, 1] * map_sampling,
            "x_px": source[:, 0],
            "y_px": source[:, 1],
            "probability": table["probability"],
            "class": table["class"],
            **{name: table[name] for name in shares},
            "sigma_angstrom": position_sigma(table["probability"].to_numpy(), label_sigma),
            "frame": frame,
        }
    )


def read_map(
    probabilities: np.ndarray,
    map_sampling: float,
    shape: tuple[int, int],
    sampling: float,
    card: Mapping[str, Any],
    material: Material,
    *,
    epsilon: float,
    threshold: float = LOWEST_PROBABILITY,
    frame: int = 0,
    unseen: np.ndarray | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """`atoms_table` of an image of `shape` (ny, nx) px, and what makes it doubtful.

    Atoms inside `unseen`, a mask of the image where no specimen shows, are left out.
    """
    table = atoms_table(
        probabilities,
        map_sampling,
        sampling,
        card,
        epsilon=epsilon,
        threshold=threshold,
        frame=frame,
    )
    field = (shape[0] * sampling, shape[1] * sampling)
    if unseen is not None and unseen.any():
        table = outside(table, unseen)
        if unseen.all():
            return table, []
        field = (field[0] * float(1 - unseen.mean()), field[1])
    return table, distribution_warnings(table, field, material)


def in_picture(table: pd.DataFrame, shape: tuple[int, int]) -> pd.DataFrame:
    """The rows of a table that lie in a picture of `shape` (ny, nx) px.

    Of an atom beyond the border a network sees the flank, and says where its middle would be.
    """
    places = table[["x_px", "y_px"]].to_numpy()
    beyond = (places < -0.5) | (places > np.array(shape[::-1]) - 0.5)
    return table[~beyond.any(axis=1)].reset_index(drop=True)


def outside(table: pd.DataFrame, mask: np.ndarray) -> pd.DataFrame:
    """The rows of a table whose position is not on a mask (ny, nx) of the image."""
    row, column = (
        np.clip(np.rint(table[name].to_numpy()).astype(int), 0, size - 1)
        for name, size in zip(("y_px", "x_px"), mask.shape, strict=True)
    )
    return table[~mask[row, column]].reset_index(drop=True)


def empty_table(card: Mapping[str, Any]) -> pd.DataFrame:
    """A table of no atoms, with the columns of `atoms_table` for a network's classes."""
    nothing = np.zeros((len(card["classes"]) + 1, 8, 8), dtype=np.float32)
    nothing[0] = 1
    return atoms_table(nothing, 1.0, 1.0, card, epsilon=0.5, threshold=1.0)


def distribution_warnings(
    table: pd.DataFrame, field: tuple[float, float], material: Material
) -> list[str]:
    """Signs that an image is not of the kind that the network was trained on.

    `table` is one image's, at any threshold; `field` is its size (y, x) in Å. The expected
    density and distance to the nearest neighbour are those of the material.
    """
    full = material.density * field[0] * field[1]
    low, high = material.neighbours
    certain = table[table["probability"] >= CERTAIN]
    warnings = []
    if len(certain) < material.coverage * full:
        warnings.append(
            f"{len(certain)} atoms where a full field would hold {full:.0f}: "
            "the image does not look like what the network was trained on"
        )
    if len(certain) > 1:
        positions = certain[["x_angstrom", "y_angstrom"]].to_numpy()
        nearest = cKDTree(positions).query(positions, k=2)[0][:, 1]
        physical = np.mean((nearest > low) & (nearest < high))
        if physical < 0.8:
            warnings.append(
                f"only {physical:.0%} of the atoms have a neighbour at {low} to {high} Å: "
                "the pixel size or the kind of image is not the network's"
            )
    doubtful = table[table["probability"] >= DOUBTFUL]
    if len(doubtful) > 20 and len(certain) < 0.5 * len(doubtful):
        warnings.append(
            f"{len(doubtful) - len(certain)} of {len(doubtful)} candidates are doubtful "
            "(probability below 0.5)"
        )
    return warnings
