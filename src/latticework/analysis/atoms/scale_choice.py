"""Of several lattices that an image shows, the one by which the network answers with more.

Another crystal in the picture may have planes with the angles of the material's own, and at its
scale the network is shown something that it hardly knows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from latticework.analysis.atoms.table import CERTAIN, atoms_table
from latticework.hardware import best_device
from latticework.inference.class_maps import predict
from latticework.inference.scale import TOLERANCE, LatticeScale, ScaleError

# A lattice fainter than this share of the clearest is no candidate.
FAINT = 0.15
# The best answer has to exceed the second by this factor.
CLEARLY = 1.3


def chosen_lattice(
    candidates: Sequence[LatticeScale],
    metadata: float | None,
    network: torch.nn.Module,
    card: Mapping[str, Any],
    field: np.ndarray,
    *,
    tile: int,
    overlap: int,
    epsilon: float,
) -> tuple[LatticeScale | None, list[str]]:
    """The lattice that measures an image, and a line on how it was chosen where there were several.

    Parameters
    ----------
    candidates
        Of `material_scales`, the clearest first.
    metadata
        The pixel by the file, Å, or None: a lattice that agrees with it is taken.
    network, card
        As `learning.weights.load` gives them.
    field
        (series, ny, nx), what the network reads to compare the others.
    tile, overlap, epsilon
        As in `config.inference.Images`.

    Raises ScaleError, which names them, where none is clearly better.
    """
    clearest = max((scale.confidence for scale in candidates), default=0)
    fit = [scale for scale in candidates if scale.confidence >= FAINT * clearest]
    if len(fit) < 2:
        return (fit[0] if fit else None), []
    said = " and ".join(f"{scale.sampling:.4f} Å" for scale in fit)
    agreeing = [s for s in fit if metadata and abs(s.sampling / metadata - 1) <= TOLERANCE]
    if agreeing:
        return agreeing[0], [f"lattices fit at {said}/px; the one that agrees with the metadata"]
    answers = []
    for scale in fit:
        how = {"tile": tile, "overlap": overlap, "symmetries": 1, "device": best_device()}
        maps, pixel = predict(network, card, field, scale.sampling, **how)
        table = atoms_table(maps, pixel, scale.sampling, card, epsilon=epsilon, threshold=CERTAIN)
        # An atom of probability 1 counts fully, one of a half not at all.
        answers.append(float((2 * table["probability"] - 1).clip(lower=0).sum()))
    order = np.argsort(answers)[::-1]
    best, second = (answers[n] for n in order[:2])
    if best < CLEARLY * second or best == 0:
        raise ScaleError(
            f"several lattices fit this image, at {said}/px, and the network does not decide "
            "between them: give --pixel-size, or --scale-region X0 Y0 X1 Y1 around the crystal "
            "that is meant"
        )
    found = ", ".join(f"{answers[n]:.0f} at {fit[n].sampling:.4f} Å" for n in order)
    return fit[order[0]], [
        f"lattices fit at {said}/px; the network answers with more atoms (weighted by their "
        f"certainty) at the one taken: {found}"
    ]
