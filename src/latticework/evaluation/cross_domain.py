"""Networks on each other's materials: how well they find atoms there, and whether they say so.

A network answers any image. On a foreign crystal it may find the atoms nevertheless, or not; what
must not happen is that it finds others and warns of nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from latticework.analysis.atoms.familiar import signs_of
from latticework.analysis.atoms.regions import outside_margin
from latticework.analysis.atoms.table import read_map
from latticework.cards import read_card
from latticework.evaluation import Evaluated
from latticework.evaluation.atoms import as_arrays, pooled
from latticework.evaluation.atoms_stem import drawn_image, load_held_out
from latticework.evaluation.drawn import NO_FIXED, REPEATS
from latticework.evaluation.groups import by_adatoms, in_field
from latticework.evaluation.held_out import HeldOut
from latticework.evaluation.matching import scores
from latticework.hardware import best_device
from latticework.inference import familiarity
from latticework.inference.class_maps import predict
from latticework.learning import weights
from latticework.learning.sources.sites import by_study
from latticework.materials import Material
from latticework.seeds import torch_seed
from latticework.structures import specimen

KEYS = ["network", "images"]


def evaluate_cross_domain(
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
    """A network on held-out structures of its own study and of others, a row a study.

    Arguments as in `evaluation.atoms`, but that structures and simulations are those of several
    studies, and `prepared` the weights of a network of each, in whose microscopes its images are
    drawn: those of drawn.csv. The pixel size is told.

    The table has the scores of sites, whatever their class; `foreign`, the share of images whose
    familiarity is out of bounds (NaN for weights without one), and `warned`, the share with a
    warning of any kind; `score`, the median of the familiarity's score, above 0 out of bounds.
    Details: a row an image.
    """
    network, card = weights.load(weights_path)
    known = familiarity.load(weights_path)
    of_weights = {read_card(path)["study"]: path for path in prepared}
    shards = by_study(structures), by_study(simulations)
    rows = []
    for other, path in of_weights.items():
        held_out = load_held_out(
            path, shards[0][other], shards[1][other], NO_FIXED | dict(evaluation), inference
        )
        images = [(n, repeat) for n in range(len(held_out.structures)) for repeat in range(REPEATS)]
        for number, repeat in tqdm(images, desc=other, unit="image"):
            drawn = torch_seed(seed, f"evaluation/drawn/{repeat}/microscope", number)
            image, sampling, _ = drawn_image(held_out, number, drawn)
            rows.append(
                {"network": study, "images": other, "number": number, "repeat": repeat}
                | read_and_score(network, card, known, material, image, sampling, held_out, number)
            )
    table = pd.DataFrame(rows)
    arrays, words = as_arrays(table)
    told = table.groupby(KEYS, sort=False).agg(
        count=("number", "size"),
        foreign=("foreign", "mean"),
        warned=("warned", "mean"),
        score=("score", "median"),
    )
    summary = pooled(table, KEYS).merge(told.reset_index(), on=KEYS)
    return Evaluated(summary, arrays, words | {"study": study, "name": name})


def read_and_score(
    network: Any,
    card: Mapping[str, Any],
    known: familiarity.Familiarity | None,
    material: Material,
    image: np.ndarray,
    sampling: float,
    held_out: HeldOut,
    number: int,
) -> dict[str, Any]:
    """Scores of what a network finds in an image (1, n, n) of a structure, and what it warns of."""
    how, structure = held_out.inference, held_out.structures[number]
    with familiarity.watched(network) as features:
        maps, pixel = predict(
            network,
            card,
            image,
            sampling,
            tile=how.tile,
            overlap=how.overlap,
            symmetries=1,
            device=best_device(),
        )
    table, doubts = read_map(
        maps, pixel, image.shape[1:], sampling, card, material, epsilon=how.epsilon
    )
    score = np.nan
    if known is not None:
        score = known.score(signs_of(features, maps, image, sampling, card, table))
    found = table.loc[table["probability"] >= how.threshold, ["x_angstrom", "y_angstrom"]]
    box, border = structure.cell.lengths()[:2], held_out.settings.border
    truth = in_field(specimen(structure).positions[:, :2], structure)
    adatoms, hidden = by_adatoms(found.to_numpy(), structure, held_out.settings.radius)
    counts = scores(
        found.to_numpy(),
        truth,
        held_out.settings.radius,
        ignore_found=outside_margin(found.to_numpy(), box, border) | adatoms,
        ignore_truth=outside_margin(truth, box, border) | hidden,
    )
    foreign = np.nan if known is None else float(score > 0)
    warned = float(score > 0 or len(doubts) > 0)
    return counts | {"score": score, "foreign": foreign, "warned": warned}
