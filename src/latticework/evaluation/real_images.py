"""What can be checked on real images: a clean region, a reference, hand masks, outlines."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.draw import polygon2mask

from latticework.analysis.atoms.bonds_and_rings import (
    bond_lengths,
    bond_statistics,
    material_bonds,
    neighbour_counts,
)
from latticework.analysis.atoms.reference import reference_atoms
from latticework.analysis.atoms.regions import in_mask, outside_margin
from latticework.evaluation.matching import scores
from latticework.materials import Bonds, Material

BORDER = 3.0  # Å; atoms nearer to the border of an image are not scored
REFERENCE_REACH = 2.0  # Å around the points of a reference, where somebody looked
EDGE_REACH = 3.0  # Å
COLUMNS = ["dataset", "frame", "image", "quantity", "value", "unit"]

Quantity = tuple[str, float, str]


def clean_region(
    positions: np.ndarray,
    classes: Sequence[str],
    region: tuple[int, int, int, int],
    sampling: float,
    bonds: Bonds,
) -> Iterator[Quantity]:
    """Bonds and coordination of the atoms (n, 2) Å inside a region x0, y0, x1, y1 in px.

    Atoms outside count as neighbours, so the region has no edge of its own.
    """
    x0, y0, x1, y1 = np.asarray(region) * sampling
    inside = (positions[:, 0] >= x0) & (positions[:, 0] < x1)
    inside &= (positions[:, 1] >= y0) & (positions[:, 1] < y1)
    graph = material_bonds(positions, classes, bonds)
    within = graph[inside[graph].all(axis=1)]
    statistics = bond_statistics(bond_lengths(positions, within))
    complete = neighbour_counts(graph, len(positions))[inside] == bonds.coordination
    yield "atoms in the clean region", float(inside.sum()), "1"
    yield "mean bond", statistics["mean"], "Å"
    yield "SD of bonds", statistics["sd"], "Å"
    share = float(np.mean(complete)) if len(complete) else np.nan
    yield f"atoms with {bonds.coordination} neighbours", share, "fraction"


def against_reference(
    positions: np.ndarray,
    points: np.ndarray,
    kind: str,
    shape: tuple[int, int],
    sampling: float,
    radius: float,
) -> Iterator[Quantity]:
    """Scores of atoms (n, 2) Å against a reference, whose points (m, 2) px are of a kind.

    Where nobody looked nothing is scored: an atom farther than 2 Å from every point of the
    reference, which may be a real atom of an unmarked area, and what lies within 3 Å of the
    border of the image (ny, nx).
    """
    truth = reference_atoms(points, kind) * sampling
    extent = (shape[1] * sampling, shape[0] * sampling)
    marked = np.zeros(shape, dtype=bool)
    columns, rows = np.round(points.T).astype(int)
    keep = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    marked[rows[keep], columns[keep]] = True
    seen = ndimage.distance_transform_edt(~marked) * sampling <= REFERENCE_REACH
    result = scores(
        positions,
        truth,
        radius,
        ignore_found=outside_margin(positions, extent, BORDER)
        | in_mask(positions, ~seen, sampling),
        ignore_truth=outside_margin(truth, extent, BORDER) | in_mask(truth, ~seen, sampling),
    )
    yield "reference atoms", float(result["true_positives"] + result["false_negatives"]), "1"
    for name, unit in (("precision", "1"), ("recall", "1"), ("f1", "1"), ("rms", "Å")):
        yield f"{name} against {kind.replace('_', ' ')}", result[name], unit


def against_mask(positions: np.ndarray, mask: np.ndarray, sampling: float) -> Iterator[Quantity]:
    """Detections per nm² inside and outside of a hand mask (ny, nx) of contamination."""
    covered = in_mask(positions, mask.astype(bool), sampling)
    area = 0.01 * sampling**2
    inside, outside = mask.sum() * area, (1 - mask).sum() * area
    yield "masked area", inside, "nm²"
    yield "detections inside the mask", float(covered.sum()), "1"
    yield "detections outside of the mask", float((~covered).sum()), "1"
    if inside:
        yield "density inside the mask", covered.sum() / inside, "1/nm²"
    yield "density outside of the mask", (~covered).sum() / outside, "1/nm²"


def against_outlines(
    positions: np.ndarray,
    outlines: Sequence[Sequence[tuple[float, float]]],
    shape: tuple[int, int],
    sampling: float,
) -> Iterator[Quantity]:
    """Columns per nm² inside of hand-drawn outlines (points x, y in px) and outside of all.

    "edge kept" is the share of an outline, in steps of 1 px, that has a column within 3 Å.
    """
    anywhere = np.zeros(shape, dtype=bool)
    tree = cKDTree(positions) if len(positions) else None
    for number, outline in enumerate(outlines, start=1):
        corners = np.asarray(outline, dtype=float)
        mask = polygon2mask(shape, corners[:, ::-1])
        anywhere |= mask
        inside = in_mask(positions, mask, sampling).sum()
        edge = points_along(corners) * sampling
        near = tree.query(edge)[0] <= EDGE_REACH if tree else np.zeros(1, bool)
        area = mask.sum() * (0.1 * sampling) ** 2
        yield f"columns in outline {number}", float(inside), "1"
        yield f"density in outline {number}", inside / area, "1/nm²"
        yield f"edge kept of outline {number}", float(np.mean(near)), "fraction"
    outside = (~in_mask(positions, anywhere, sampling)).sum()
    area = (~anywhere).sum() * (0.1 * sampling) ** 2
    yield "columns outside of the outlines", float(outside), "1"
    yield "density outside of the outlines", outside / area, "1/nm²"


def points_along(corners: np.ndarray) -> np.ndarray:
    """Points (n, 2) in steps of about 1 along the closed polygon through corners (m, 2)."""
    sides = zip(corners, np.roll(corners, -1, axis=0), strict=True)
    return np.concatenate(
        [
            a + (b - a) * np.linspace(0, 1, int(np.hypot(*(b - a))) + 1, endpoint=False)[:, None]
            for a, b in sides
        ]
    )


def checks(
    name: str,
    atoms: pd.DataFrame,
    arrays: Mapping[str, np.ndarray],
    attributes: Mapping[str, Any],
    radius: float,
    material: Material,
) -> Iterator[dict[str, Any]]:
    """Rows (dataset, frame, image, quantity, value, unit) of all checks that a dataset allows.

    Parameters
    ----------
    name
        Of the dataset.
    atoms
        The atoms of its images (`frame`).
    arrays, attributes
        Of the calibrated dataset.
    radius
        Largest distance of a found atom from the reference's, Å.
    material
        Its bonds are those of a clean region.
    """
    for frame, image in enumerate(attributes["names"]):
        sampling = float(arrays["sampling"][frame])
        if not np.isfinite(sampling):
            continue
        table = atoms[atoms["frame"] == frame]
        for quantity, value, unit in _of_image(
            table, frame, sampling, arrays, attributes["entry"], radius, material
        ):
            values = (name, frame, image, quantity, value, unit)
            yield dict(zip(COLUMNS, values, strict=True))


def _of_image(
    table: pd.DataFrame,
    frame: int,
    sampling: float,
    arrays: Mapping[str, np.ndarray],
    entry: Mapping[str, Any],
    radius: float,
    material: Material,
) -> Iterator[Quantity]:
    """All checks of one image; the reference and the outlines are those of the first."""
    positions = table[["x_angstrom", "y_angstrom"]].to_numpy()
    shape = arrays[f"image_{frame:04d}"].shape
    yield "pixel", sampling, "Å"
    yield "atoms", float(len(positions)), "1"
    if entry["region"] and material.bonds is not None:
        classes = table["class"].astype(str).tolist()
        yield from clean_region(positions, classes, entry["region"], sampling, material.bonds)
    if "reference" in arrays and frame == 0:
        kind = entry["reference"]["kind"]
        points = arrays["reference"]
        yield from against_reference(positions, points, kind, shape, sampling, radius)
    if entry["outlines"] and frame == 0:
        yield from against_outlines(positions, entry["outlines"], shape, sampling)
    if f"mask_{frame:04d}" in arrays:
        yield from against_mask(positions, arrays[f"mask_{frame:04d}"], sampling)
