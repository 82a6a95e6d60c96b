"""How well a network finds sites in tunnelling images of held-out structures."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from latticework.analysis.atoms.localisation import localise
from latticework.config.stm import Evaluation, Imaging
from latticework.evaluation import Evaluated
from latticework.evaluation.atoms import as_arrays, class_scores, pooled
from latticework.evaluation.groups import atom_groups
from latticework.evaluation.held_out import HeldOut, made
from latticework.imaging.draws import Distribution
from latticework.imaging.scan import straight_scan
from latticework.imaging.stm import disturbances, scanned_surface
from latticework.inference.class_maps import working_sampling
from latticework.learning import weights
from latticework.learning.sources.images import load_image_bank
from latticework.learning.sources.stm import FORMAT
from latticework.materials import Material
from latticework.seeds import torch_seed

KEYS = ["noise", "class", "group"]


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
    """Scores of a network on held-out structures by noise; arguments as in `evaluation.atoms`."""
    held_out = load_held_out(weights_path, structures, simulations, evaluation, inference)
    settings, how, classes = held_out.settings, held_out.inference, held_out.classes
    rows = []
    for noise, number, image, sampling in images(held_out, seed):
        probabilities, pixel = held_out.read(image, sampling)
        found = localise(probabilities, epsilon=how.epsilon, threshold=how.threshold)
        scored = class_scores(
            found[["x_px", "y_px"]].to_numpy() * pixel,
            found["class"].to_numpy(),
            held_out.structures[number],
            classes,
            atom_groups(held_out.structures[number], material, classes),
            radius=settings.radius,
            border=settings.border,
        )
        rows += [{"noise": noise, "structure": number} | row for row in scored]
    table = pd.DataFrame(rows)
    arrays, words = as_arrays(table)
    return Evaluated(pooled(table, KEYS), arrays, words | {"study": study, "network": name})


def load_held_out(
    weights_path: str | Path,
    structures: Sequence[str | Path],
    simulations: Sequence[str | Path],
    evaluation: Mapping[str, Any],
    inference: Mapping[str, Any],
) -> HeldOut:
    """Read weights and shards; `evaluation` and `inference` are sections of the configuration.

    Raises WeightsError and ShardError for files that cannot be used.
    """
    network, card = weights.load(weights_path)
    bank, settings = load_image_bank(simulations, FORMAT), Evaluation.model_validate(evaluation)
    return made(network, card, structures, bank, settings, inference)


def images(held_out: HeldOut, seed: int) -> Iterator[tuple[float, int, np.ndarray, float]]:
    """Noise, number of the structure, image (1, size, size) and its pixel in Å, one at a time.

    At constant current, with a single tip in the middle of its range, without tip changes, steps
    and distortions; noise of pixels and of lines, over the corrugation.
    """
    bank, card = held_out.bank, held_out.card
    ranges = Imaging.model_validate(card["imaging"]).ranges()
    sampling = working_sampling(card)
    size = int(bank.box / sampling)
    scan = straight_scan(1, sampling, bank.box, size)
    for noise in tqdm(held_out.settings.noises, desc="noise", unit="condition"):
        for number in range(len(bank.spectra)):
            generator = torch.Generator()
            generator.manual_seed(torch_seed(seed, f"evaluation/{noise:g}", number))
            drawn = steady(ranges) | {
                "noise": torch.tensor([noise]),
                "line_noise": torch.tensor([noise]),
            }
            seen = scanned_surface(bank, torch.tensor([number]), drawn, scan, generator)
            image = seen + disturbances(drawn, size, generator)
            yield noise, number, image.numpy(), sampling


def steady(ranges: Mapping[str, Distribution]) -> dict[str, torch.Tensor]:
    """A tip and a scan without faults, (1,) each: a blunt end in the middle of its range."""
    values = {name: torch.zeros(1) for name in ranges}
    values["second_tip"] = torch.full((1,), 1e-6)
    values["blur"] = torch.tensor([0.5 * (ranges["blur"].low + ranges["blur"].high)])
    return values
