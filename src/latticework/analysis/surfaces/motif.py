"""The cells of a surface whose motif is known: which of its sites are there, and which are missing.

The lattice comes from the spectrum, the motif from the material. Where the motif lies in the cell,
and how the scan bends the lattice, is fitted to the bright places of the image. Then every site is
a question with an answer: whether there is a bright place where one should be, brighter above its
surroundings than what is found in the same way at places where the motif has nothing.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.linalg import det
from scipy import ndimage
from scipy.spatial import cKDTree

from latticework.analysis.surfaces.cell_places import (
    GUIDES,
    Bend,
    cells_like,
    followed,
    indices_of,
    placed,
)
from latticework.materials import Motif

# Of the distance of neighbouring sites: standard deviations of the matched filter that are tried.
# A narrow one tells a low site from a high neighbour, a wide one stands more noise. The filter
# takes off surroundings that are wider by a factor.
WIDTHS, SURROUNDINGS = (0.12, 0.15, 0.19, 0.24), 2.0
CLIP = 3.0  # robust standard deviations: dirt is not to ring far around it
REACH = (
    0.2  # of the distance of sites: how far one may be from its place; up to `GUIDES` is doubtful
)
FALSE_ALARMS = 0.01  # share of the places without a site that may be called a site
COVERED = 0.3  # share of a site's surroundings above `CLIP`: something lies on it
WEAK = 0.25  # of the typical strength: below this a bright place is doubtful
BORDER = 0.4  # of the distance of sites: nearer to the border nothing is said of a site
FEWEST_CONTROLS = 50
FOUND, DOUBTFUL, MISSING = "found", "doubtful", "missing"


@dataclass(frozen=True)
class Cells:
    """Sites of the cells of an image.

    Parameters
    ----------
    sites
        One row a site of the motif: `h`, `k` (its cell), `site` (number in the motif, from 1),
        `x_px`, `y_px` (of the bright place; without one, of where it should be), `off` (how far
        both are apart, over the distance of neighbouring sites), `strength` (how far it stands out,
        over the median of all; 0 without a bright place), `whole` (all sites of its cell are in
        the image) and `state`: found, doubtful or missing.
    cells
        One row a whole cell: `h`, `k`, `x_px`, `y_px` of its origin, and its numbers of sites that
        are `found`, `doubtful` and `missing`.
    corners
        (n, 4, 2) px, of the whole cells.
    threshold
        Strength above which a bright place is a site.
    false_alarms
        Share of the places without a site that are called one, each by the threshold of the other
        cells.
    controls
        How many such places there are.
    scatter
        RMS distance per axis of the found sites from the fitted lattice, over that of neighbours.
    """

    sites: pd.DataFrame
    cells: pd.DataFrame
    corners: np.ndarray
    threshold: float
    false_alarms: float
    controls: int
    scatter: float

    def share(self) -> float:
        """Share of the sites that are found."""
        return float((self.sites["state"] == FOUND).mean())


def matched(image: np.ndarray, frame: np.ndarray, width: float) -> np.ndarray:
    """How far bright places of a width stand out of their surroundings, (ny, nx).

    `frame` (2, 2) takes a vector in distances of neighbouring sites to px: where a scan stretches
    a cell, it stretches the sites as well.
    """
    margin = int(np.ceil(4 * SURROUNDINGS * width * np.abs(frame).sum()))
    padded = np.pad(np.clip(image, -CLIP, CLIP), margin, mode="reflect")
    fy, fx = np.fft.fftfreq(padded.shape[0])[:, None], np.fft.rfftfreq(padded.shape[1])
    k = np.stack(np.broadcast_arrays(fx, fy), axis=-1) @ frame.T
    squared = 2 * (np.pi * width) ** 2 * (k**2).sum(axis=-1)
    band = np.exp(-squared) - np.exp(-(SURROUNDINGS**2) * squared)
    response = np.fft.irfft2(np.fft.rfft2(padded) * band, s=padded.shape)
    return response[margin:-margin, margin:-margin]


def maxima(response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local maxima (n, 2) above zero, x and y to a fraction of a px, and their heights (n,)."""
    peak = (response == ndimage.maximum_filter(response, 3)) & (response > 0)
    peak[[0, -1]] = peak[:, [0, -1]] = False
    rows, columns = np.nonzero(peak)
    height, moved = response[rows, columns], []
    for row, column in ((0, 1), (1, 0)):
        before = response[rows - row, columns - column]
        after = response[rows + row, columns + column]
        curvature = np.minimum(before - 2 * height + after, -1e-12)
        moved.append(np.clip(0.5 * (before - after) / curvature, -0.5, 0.5))
    return np.stack([columns + moved[0], rows + moved[1]], axis=1), height


def read_cells(image: np.ndarray, vectors: np.ndarray, motif: Motif) -> Cells | None:
    """Sites of the cells of a levelled image (ny, nx).

    Parameters
    ----------
    vectors
        (2, 2), rows a and b of the image's lattice, px.
    motif
        Of the material.

    Returns
    -------
    Cells or None
        None where the image holds no three cells a side, or fewer than `FEWEST_CONTROLS` places
        without a site, by which it could be said what is one.
    """
    sites, empty, cell = (np.array(part) for part in (motif.sites, motif.empty, motif.cell))
    everywhere = np.concatenate([sites + shift for shift in product((-1, 0, 1), repeat=2)])
    apart = float(cKDTree(everywhere @ cell).query(sites @ cell, k=2)[0][:, 1].min())
    tried = []
    for basis in cells_like(np.asarray(vectors, dtype=float), cell):
        frame = apart * np.linalg.inv(cell) @ basis
        response = matched(image, frame, WIDTHS[1])
        tried.append((*placed(response, basis, sites, empty), basis, frame))
    contrast, origin, basis, frame = max(tried, key=lambda one: one[0])
    if not np.isfinite(contrast):
        return None
    read = []
    for width in WIDTHS:
        peaks = maxima(matched(image, frame, width))
        bend = followed(origin, basis, peaks[0], sites, frame, image.shape)
        read.append(_judged(image, bend, peaks, sites, empty, frame))
    # All widths call as many places without a site one: the best finds most of those with one.
    return max((one for one in read if one is not None), key=Cells.share, default=None)


def _judged(
    image: np.ndarray,
    bend: Bend,
    peaks: tuple[np.ndarray, np.ndarray],
    sites: np.ndarray,
    empty: np.ndarray,
    frame: np.ndarray,
) -> Cells | None:
    """What is at the sites, and at the places without one."""
    out = np.linalg.inv(frame)
    # Covered is what is higher than the surface around; a hole is not.
    above = ndimage.uniform_filter((image > CLIP).astype(float), round(np.sqrt(abs(det(frame)))))

    def seen(places: np.ndarray) -> pd.DataFrame:
        index = np.repeat(indices_of(bend.scale), len(places), axis=0)
        number = np.tile(np.arange(len(places)), len(index) // len(places))
        expected = bend(index + places[number])
        border = BORDER * np.abs(frame).sum(axis=0)
        inside = (expected > border) & (expected < np.array(image.shape[::-1]) - 1 - border)
        use = inside.all(axis=1)
        index, number, expected = index[use], number[use], expected[use]
        distance, nearest = cKDTree(peaks[0] @ out).query(expected @ out)
        near = distance < GUIDES
        at = np.where(near[:, None], peaks[0][nearest], expected)
        table = pd.DataFrame({"h": index[:, 0], "k": index[:, 1], "site": number + 1})
        table[["x_px", "y_px"]] = at
        table["off"] = np.where(near, distance, np.nan)
        table["strength"] = np.where(near, peaks[1][nearest], 0.0)
        column, row = np.rint(at).astype(int).T
        return table.assign(covered=above[row, column] > COVERED)

    found, control = seen(sites), seen(empty)
    if len(control) < FEWEST_CONTROLS or not (found["strength"] > 0).any():
        return None
    typical = float(found.loc[found["strength"] > 0, "strength"].median())
    for table in (found, control):
        table["strength"] /= typical
    visible = control[~control["covered"]]
    strengths = visible["strength"].where(visible["off"] < REACH, 0.0)
    threshold = _threshold(strengths)
    alarms = 0
    for _, own in strengths.groupby([visible["h"], visible["k"]]):
        alarms += (own > _threshold(strengths.drop(own.index))).sum()
    there = (found["strength"] > threshold) & (found["off"] < REACH)
    doubtful = found["covered"] | (~there & (found["strength"] > 0))
    found["state"] = np.select([doubtful, there], [DOUBTFUL, FOUND], MISSING)
    size = found.groupby(["h", "k"])["site"].transform("size")
    found["whole"] = size == len(sites)
    cells = (
        found[found["whole"]]
        .groupby(["h", "k"])["state"]
        .value_counts()
        .unstack(fill_value=0)
        .reindex(columns=[FOUND, DOUBTFUL, MISSING], fill_value=0)
        .rename_axis(columns=None)
        .reset_index()
    )
    index = cells[["h", "k"]].to_numpy()
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    around = bend((index[:, None] + corners).reshape(-1, 2)).reshape(-1, 4, 2)
    cells.insert(2, "x_px", around[:, 0, 0])
    cells.insert(3, "y_px", around[:, 0, 1])
    return Cells(
        found.drop(columns="covered"),
        cells,
        around,
        threshold,
        float(alarms / len(visible)),
        len(visible),
        float(np.sqrt((found.loc[there, "off"] ** 2).mean() / 2)),
    )


def _threshold(strengths: pd.Series) -> float:
    """Strength above which at most `FALSE_ALARMS` of the places without a site are."""
    return max(WEAK, float(strengths.quantile(1 - FALSE_ALARMS, interpolation="higher")))


def in_words(found: Cells) -> list[str]:
    """What was found, in lines."""
    cells, per_cell = found.cells, int(found.sites["site"].max())
    count = cells[[FOUND, DOUBTFUL, MISSING]].sum()
    total = max(int(count.sum()), 1)
    seen = cells[cells[DOUBTFUL] == 0]
    return [
        f"{len(cells)} whole cells: of {total} sites {count[FOUND]} found "
        f"({count[FOUND] / total:.1%}), {count[DOUBTFUL]} doubtful, {count[MISSING]} missing",
        f"{int((cells[FOUND] == per_cell).sum())} cells with all {per_cell} sites; of the "
        f"{len(seen)} cells without a doubtful site {int((seen[MISSING] == 0).sum())}",
        f"{found.false_alarms:.1%} of {found.controls} places where the motif has no site would be "
        f"called one; sites are off the lattice by {found.scatter:.3f} of their distance",
    ]
