"""How well a network finds atoms in scanning images of held-out structures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latticework.config.evaluation_atoms import Evaluation
from latticework.config.inference import Images
from latticework.config.stem import Imaging, Simulation
from latticework.evaluation import Evaluated
from latticework.evaluation.atoms import scored
from latticework.evaluation.held_out import HeldOut
from latticework.imaging.scan import straight_scan
from latticework.imaging.stem import middle_probe, record, signal
from latticework.inference.class_maps import working_sampling
from latticework.learning import weights
from latticework.learning.sources.stem import load_image_bank
from latticework.materials import Material
from latticework.structures import read_structures


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
    """Scores of a network on held-out structures; arguments as in `evaluation.atoms`."""
    held_out = load_held_out(weights_path, structures, simulations, evaluation, inference)
    return scored(held_out, material, seed, study, name)


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
    return HeldOut(
        network,
        card,
        [atoms for path in structures for atoms in read_structures(path)],
        load_image_bank(simulations),
        Evaluation.model_validate(evaluation),
        Images.model_validate(inference),
        scanned_image,
    )


def scanned_image(
    held_out: HeldOut, structure: int, *, defocus: float, dose: float, seed: int
) -> np.ndarray:
    """An image (1, size, size) of one held-out structure at the pixel that the network works at.

    In the middle of the ranges of source size and detectors, without other faults; defocus in Å,
    dose in e/Å². `seed` is that of the noise.
    """
    bank, card = held_out.bank, held_out.card
    simulation = Simulation.model_validate(card["simulation"])
    sampling = working_sampling(card)
    scan = straight_scan(1, sampling, bank.box, int(bank.box / sampling))
    drawn = middle_probe(Imaging.model_validate(card["imaging"]).ranges(), 1, defocus)
    seen = signal(
        bank, torch.tensor([structure]), drawn, scan, simulation.energy, simulation.semiangle
    )
    generator = torch.Generator()
    generator.manual_seed(seed)
    drawn |= {"dose": torch.tensor([dose]), "readout": torch.zeros(1), "offset": torch.zeros(1)}
    return record(seen, drawn, torch.tensor([sampling]), generator).numpy()
