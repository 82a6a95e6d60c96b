"""The scale of an image for a network whose unit of length is the spacing of what it finds.

Nothing is known of the image: it is read at several scales, a factor of √2 apart, and the one at
which the answer makes most sense is kept. At the right scale the network is sure, sites fill the
image, and all are as far from their neighbours as the scale says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree

from latticework.analysis.atoms.localisation import localise
from latticework.imaging.levelling import level
from latticework.inference.class_maps import predict, working_sampling

STEP = np.sqrt(2)
SMALLEST, FEWEST = 2.5, 4.0  # px between sites that can be told apart; sites along a side
FIELD = 192  # px at the network's scale, of the parts by which a scale is judged
LIKELY = 0.3  # probability above which a site counts in the judgement
EVEN = 0.25  # relative difference of a site's distance to its neighbour to the spacing
NEAR = 2.0  # spacings from a site within which an image counts as filled
# Of the best score: among scales that are as good as this the finest is kept, since the brightest
# sites of a cell, or its superstructure, may look like a lattice of their own.
NEARLY = 0.75


@dataclass(frozen=True)
class Scale:
    """A scale at which an image may be read.

    Parameters
    ----------
    spacing
        Of sites, px of the image.
    levelled
        Whether planes and offsets of lines were taken off.
    score
        From 0 to 1: how sure, how even and how complete the answer is.
    """

    spacing: float
    levelled: bool
    score: float


def images_of(image: np.ndarray) -> dict[bool, np.ndarray]:
    """An image (ny, nx) as it is, and levelled (True)."""
    plain = np.ascontiguousarray(image, dtype=np.float32)
    return {False: plain, True: level(torch.from_numpy(plain)).numpy()}


def scales_of(
    network: torch.nn.Module, card: Mapping[str, Any], image: np.ndarray, device: torch.device | str
) -> list[Scale]:
    """Scales at which an image (ny, nx) may be read, the one to be used first; empty where none
    makes sense.

    `card` is that of a network whose unit of length is the spacing.
    """
    side = min(image.shape)
    tried = SMALLEST * STEP ** np.arange(
        0, np.log(max(side / FEWEST / SMALLEST, 1)) / np.log(STEP) + 1e-9
    )
    found = []
    for levelled, picture in images_of(image).items():
        for start in tried:
            judged = judge(network, card, picture, float(start), device)
            if judged is not None:
                found.append(Scale(judged[0], levelled, judged[1]))
    return ranked(found)


def ranked(found: list[Scale]) -> list[Scale]:
    """Scales, the one to be used first: the finest of those that are nearly as good as the best."""
    if not found:
        return []
    best = max(scale.score for scale in found)
    good = [scale for scale in found if scale.score >= NEARLY * best]
    finest = min(scale.spacing for scale in good)
    alike = [scale for scale in good if scale.spacing < finest * STEP]
    first = max(alike, key=lambda scale: scale.score)
    rest = [scale for scale in found if scale is not first]
    return [first, *sorted(rest, key=lambda scale: -scale.score)]


def judge(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    image: np.ndarray,
    spacing: float,
    device: torch.device | str,
) -> tuple[float, float] | None:
    """The spacing in px that a network finds, read as if it were `spacing`, and a score.

    None where it finds too little.
    """
    pixel = working_sampling(card)
    sides = np.minimum(image.shape, np.ceil(FIELD * pixel * spacing).astype(int))
    spacings, scores = [], []
    for part in parts(image, sides):
        answer = sites_in(network, card, part, spacing, device)
        if answer is None:
            continue
        spacings.append(answer[0])
        scores.append(answer[1])
    if not scores:
        return None
    best = int(np.argmax(scores))
    return spacings[best] * spacing, float(np.mean(sorted(scores)[-2:]))


def parts(image: np.ndarray, sides: np.ndarray) -> list[np.ndarray]:
    """Parts of `sides` (ny, nx) px of an image: all of it, or three along a diagonal."""
    room = np.array(image.shape) - sides
    places = [(0.5, 0.5)] if (room < 0.3 * sides).all() else [(0.15, 0.2), (0.5, 0.5), (0.8, 0.85)]
    cut = []
    for row, column in places:
        top, left = int(row * room[0]), int(column * room[1])
        cut.append(image[top : top + sides[0], left : left + sides[1]])
    return cut


def sites_in(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    image: np.ndarray,
    spacing: float,
    device: torch.device | str,
) -> tuple[float, float] | None:
    """The median distance of nearest sites over the spacing that was assumed, and a score."""
    probabilities, pixel = predict(
        network, card, image[None], 1 / spacing,
        tile=512, overlap=64, symmetries=1, device=device,
    )  # fmt: skip
    table = localise(probabilities, epsilon=0.9, threshold=LIKELY, refine="centre_of_mass")
    positions = table[["x_px", "y_px"]].to_numpy() * pixel
    if len(positions) < 6:
        return None
    nearest = cKDTree(positions).query(positions, k=2)[0][:, 1]
    distance = float(np.median(nearest))
    low, high = card["imaging"]["sampling"]["low"], card["imaging"]["sampling"]["high"]
    # In training no spacing was beyond these, over the one in the middle.
    if not pixel / high <= distance <= pixel / low or distance * spacing < SMALLEST:
        return None
    sure = float(table["probability"].mean())
    even = float(np.mean(np.abs(nearest / distance - 1) < EVEN))
    ny, nx = probabilities.shape[1:]
    grid = np.stack(np.meshgrid(np.arange(0, nx, 4), np.arange(0, ny, 4)), -1).reshape(-1, 2)
    filled = float(np.mean(cKDTree(positions).query(grid * pixel)[0] < NEAR * distance))
    return distance, sure * even * filled
