"""What can be checked on real pictures: a clean region, a reference, hand masks, outlines."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.draw import polygon2mask

from latticework.analysis.lattice import (
    bond_graph,
    bond_lengths,
    bond_statistics,
    neighbour_counts,
    voronoi_vertices,
)
from latticework.analysis.matching import in_mask, outside_margin, scores

BORDER = 3.0
REFERENCE_REACH = 2.0
EDGE_REACH = 3.0


def clean_region(
    positions: np.ndarray, region: tuple[int, int, int, int], sampling: float
) -> Iterator[tuple[str, float, str]]:
    """Bonds and coordination of the atoms (n, 2) Å inside a region x0, y0, x1, y1 in px.

    Atoms outside count as neighbours, so the region has no edge of its own.
    """
    x0, y0, x1, y1 = np.asarray(region) * sampling
    inside = (positions[:, 0] >= x0) & (positions[:, 0] < x1)
    inside &= (positions[:, 1] >= y0) & (positions[:, 1] < y1)
    bonds = bond_graph(positions)
    within = bonds[inside[bonds].all(axis=1)]
    statistics = bond_statistics(bond_lengths(positions, within))
    coordination = neighbour_counts(bonds, len(positions))[inside]
    yield "atoms in the clean region", float(inside.sum()), "1"
    yield "mean bond", statistics["mean"], "Å"
    yield "SD of bonds", statistics["sd"], "Å"
    yield "atoms with three neighbours", float(np.mean(coordination == 3)), "fraction"


def against_ring_centres(
    positions: np.ndarray,
    ring_centres: np.ndarray,
    shape: tuple[int, int],
    sampling: float,
    radius: float,
) -> Iterator[tuple[str, float, str]]:
    """Scores of atoms (n, 2) Å against the Voronoi vertices of ring centres (m, 2) px.

    Where nobody marked rings nothing is judged: an atom farther than 2 Å from every vertex that
    is a real atom of an unmarked area, and what lies within 3 Å of the border.
    """
    truth = voronoi_vertices(ring_centres) * sampling
    extent = (shape[1] * sampling, shape[0] * sampling)
    marked = np.zeros(shape, dtype=bool)
    columns, rows = np.round(ring_centres.T).astype(int)
    keep = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    marked[rows[keep], columns[keep]] = True
    # The area that somebody looked at: everything within a ring's size of a marked centre.
    judged = ndimage.distance_transform_edt(~marked) * sampling <= REFERENCE_REACH
    result = scores(
        positions,
        truth,
        radius,
        ignore_found=outside_margin(positions, extent, BORDER)
        | in_mask(positions, ~judged, sampling),
        ignore_truth=outside_margin(truth, extent, BORDER) | in_mask(truth, ~judged, sampling),
    )
    yield "reference atoms", float(result["true_positives"] + result["false_negatives"]), "1"
    for name, unit in (("precision", "1"), ("recall", "1"), ("f1", "1"), ("rms", "Å")):
        yield f"{name} against ring centres", result[name], unit


def against_mask(
    positions: np.ndarray, mask: np.ndarray, sampling: float
) -> Iterator[tuple[str, float, str]]:
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


def polyline(corners: np.ndarray) -> np.ndarray:
    """Points (n, 2) in steps of about 1 along the lines through corners (m, 2)."""
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    steps = np.arange(0, length[-1])
    return np.stack([np.interp(steps, length, axis) for axis in corners.T], axis=1)


def against_outlines(
    positions: np.ndarray,
    outlines: Sequence[Sequence[tuple[float, float]]],
    shape: tuple[int, int],
    sampling: float,
) -> Iterator[tuple[str, float, str]]:
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
        following = np.roll(corners, -1, axis=0)
        edge = np.concatenate(
            [
                a
                + (b - a) * np.linspace(0, 1, int(np.hypot(*(b - a))) + 1, endpoint=False)[:, None]
                for a, b in zip(corners, following, strict=True)
            ]
        )
        near = tree.query(edge * sampling)[0] <= EDGE_REACH if tree else np.zeros(1, bool)
        yield f"columns in outline {number}", float(inside), "1"
        yield f"density in outline {number}", inside / (mask.sum() * (0.1 * sampling) ** 2), "1/nm²"
        yield f"edge kept of outline {number}", float(np.mean(near)), "fraction"
    outside = (~in_mask(positions, anywhere, sampling)).sum()
    yield "columns outside of the outlines", float(outside), "1"
    yield (
        "density outside of the outlines",
        outside / ((~anywhere).sum() * (0.1 * sampling) ** 2),
        "1/nm²",
    )


def checks(
    name: str,
    atoms: pd.DataFrame,
    arrays: dict[str, np.ndarray],
    attributes: dict[str, Any],
    radius: float,
) -> list[dict[str, Any]]:
    """Rows (dataset, frame, quantity, value, unit) of all checks that a dataset allows."""
    rows = []
    for frame, picture in enumerate(attributes["names"]):
        sampling = float(arrays["sampling"][frame])
        if not np.isfinite(sampling):
            continue
        table = atoms[atoms["frame"] == frame]
        positions = table[["x_angstrom", "y_angstrom"]].to_numpy()
        shape = arrays[f"image_{frame:04d}"].shape
        found: list[tuple[str, float, str]] = [("pixel", sampling, "Å")]
        found.append(("atoms", float(len(positions)), "1"))
        if attributes["entry"]["region"]:
            found += clean_region(positions, attributes["entry"]["region"], sampling)
        if "reference" in arrays and frame == 0:
            found += against_ring_centres(positions, arrays["reference"], shape, sampling, radius)
        if attributes["entry"]["outlines"] and frame == 0:
            outlines = attributes["entry"]["outlines"]
            found += against_outlines(positions, outlines, shape, sampling)
        if f"mask_{frame:04d}" in arrays:
            found += against_mask(positions, arrays[f"mask_{frame:04d}"], sampling)
        rows += [
            {
                "dataset": name,
                "frame": frame,
                "picture": picture,
                "quantity": q,
                "value": v,
                "unit": u,
            }
            for q, v, u in found
        ]
    return rows
