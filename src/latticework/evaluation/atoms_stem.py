"""How well a network finds atoms in scanning images of held-out structures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latticework.config.evaluation_atoms import Evaluation
from latticework.config.stem import Imaging, Simulation
from latticework.evaluation import Evaluated, drawn
from latticework.evaluation.atoms import scored
from latticework.evaluation.held_out import HeldOut, made
from latticework.imaging.scan import straight_scan
from latticework.imaging.stem import drawn_microscopes, images_of, middle_probe, record, signal
from latticework.inference.class_maps import working_sampling
from latticework.learning import weights
from latticework.learning.sources.images import load_image_bank
from latticework.learning.sources.stem import FORMAT
from latticework.materials import Material


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


def evaluate_drawn(
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
    """Scores in drawn microscopes; arguments and table as in `evaluation.drawn`."""
    held_out = load_held_out(
        weights_path, structures, simulations, drawn.NO_FIXED | dict(evaluation), inference
    )
    return drawn.scored(held_out, material, drawn_image, seed, study, name)


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
    images = {"imaged": scanned_image, "pixel": working_sampling(card)}
    return made(network, card, structures, bank, settings, inference, **images)


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
    probe = middle_probe(Imaging.model_validate(card["imaging"]).ranges(), 1, defocus)
    seen = signal(
        bank, torch.tensor([structure]), probe, scan, simulation.energy, simulation.semiangle
    )
    generator = torch.Generator()
    generator.manual_seed(seed)
    ideal = {"dose": torch.tensor([dose]), "readout": torch.zeros(1), "offset": torch.zeros(1)}
    return record(seen, ideal, torch.tensor([sampling]), generator).numpy()


def drawn_image(
    held_out: HeldOut, structure: int, seed: int
) -> tuple[np.ndarray, float, dict[str, float]]:
    """An image (1, n, n) in a drawn microscope; its pixel in Å; all that was drawn.

    The scan runs along the sides of the box and has no faults: positions are the structure's.
    """
    bank, card = held_out.bank, held_out.card
    simulation = Simulation.model_validate(card["simulation"])
    ranges = Imaging.model_validate(card["imaging"]).ranges()
    generator = torch.Generator().manual_seed(seed)
    microscope = drawn_microscopes(ranges, 1, generator)
    sampling = float(microscope["sampling"])
    scan = straight_scan(1, sampling, bank.box, int(bank.box / sampling))
    image = images_of(
        bank,
        torch.tensor([structure]),
        microscope,
        scan,
        simulation.energy,
        simulation.semiangle,
        generator,
    )
    return image.numpy(), sampling, {name: float(value) for name, value in microscope.items()}
