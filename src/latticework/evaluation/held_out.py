"""Held-out structures in a known microscope, and what a network makes of their images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from tqdm import tqdm

from latticework.config.base import Section
from latticework.config.evaluation_atoms import Evaluation
from latticework.config.inference import Images
from latticework.config.micrographs import Imaging
from latticework.hardware import best_device
from latticework.imaging.bank import Bank
from latticework.imaging.detector import detect
from latticework.imaging.waves import fixed_microscope, series_intensity
from latticework.inference.class_maps import predict, working_sampling
from latticework.learning import weights
from latticework.learning.sources.waves import load_wave_bank
from latticework.seeds import torch_seed
from latticework.structures import read_structures


def held_out_image(
    held_out: "HeldOut", structure: int, *, defocus: float, dose: float, seed: int
) -> np.ndarray:
    """An image, or focal series, (series, size, size) of one held-out structure.

    At the pixel that the network works at; lengths in Å, dose in e/Å² of the whole series. The
    camera has the image's pixels; `seed` is that of the noise.
    """
    bank, card, settings = held_out.bank, held_out.card, held_out.settings
    imaging = Imaging.model_validate(card["imaging"])
    series = imaging.series
    size = 2 * round(bank.box / working_sampling(card) / 2)
    intensity = series_intensity(
        bank.spectra[structure : structure + 1],
        bank.frequencies,
        bank.box,
        size,
        card["energy"],
        fixed_microscope(defocus, settings.cs, settings.focal_spread, 1),
        series,
        foci=imaging.foci,
    )
    c1, c2, c3 = (torch.tensor([float(c)]) for c in settings.mtf)
    generator = torch.Generator()
    generator.manual_seed(seed)
    return detect(
        intensity,
        torch.tensor([dose / len(series) * (bank.box / size) ** 2]),
        c1=c1,
        c2=c2,
        c3=c3,
        nyquist_ratio=torch.ones(1),
        generator=generator,
    )[0].numpy()


@dataclass(frozen=True)
class HeldOut:
    """A network with its card, and the structures that it is scored on.

    `bank` has what was simulated of the structures in the same order; `settings` say in which
    microscope they are imaged, `inference` how the images are read. `imaged` makes their images, as
    `held_out_image`, which is for exit waves. `pixel` is that of these images, Å, where they do not
    fill the box exactly.
    """

    network: torch.nn.Module
    card: Mapping[str, Any]
    structures: Sequence[Atoms]
    bank: Bank
    settings: Section
    inference: Images
    imaged: Callable[..., np.ndarray] = held_out_image
    pixel: float | None = None

    @property
    def classes(self) -> list[str]:
        """Names of the network's classes, from 1 on."""
        return list(self.card["classes"])

    def read(self, image: np.ndarray, sampling: float) -> tuple[np.ndarray, float]:
        """The network's class maps of an image (series, ny, nx) with a pixel in Å, and theirs."""
        how = self.inference
        return predict(
            self.network,
            self.card,
            image,
            sampling,
            tile=how.tile,
            overlap=how.overlap,
            symmetries=how.symmetries,
            device=best_device(),
        )


@dataclass(frozen=True)
class Reading:
    """Class maps (classes, ny, nx) of one structure at one dose (e/Å²) and defocus (Å).

    `structure` is its number, `sampling` the maps' pixel in Å.
    """

    defocus: float
    dose: float
    structure: int
    probabilities: np.ndarray
    sampling: float


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
    bank = load_wave_bank(simulations, card["imaging"]["band_limit"])
    settings = Evaluation.model_validate(evaluation)
    return made(network, card, structures, bank, settings, inference)


def made(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    structures: Sequence[str | Path],
    bank: Bank,
    settings: Section,
    inference: Mapping[str, Any],
    **images: Any,
) -> HeldOut:
    """What is held out, from files of structures; `images` are the fields that say how it is seen.

    Raises ShardError for files that cannot be used.
    """
    known = [atoms for path in structures for atoms in read_structures(path)]
    how = Images.model_validate(inference)
    return HeldOut(network, card, known, bank, settings, how, **images)


def read_held_out(
    held_out: HeldOut, structure: int, *, defocus: float, dose: float, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """An image as `held_out_image` makes it, its class maps, and the maps' pixel in Å."""
    image = held_out.imaged(held_out, structure, defocus=defocus, dose=dose, seed=seed)
    pixel = held_out.pixel or held_out.bank.box / image.shape[-1]
    return image, *held_out.read(image, pixel)


def held_out_maps(held_out: HeldOut, seed: int) -> Iterator[Reading]:
    """Readings of every structure at every defocus and dose, one at a time.

    The noise of an image comes from a stream of its own: that of one dose does not depend on
    which others are asked for.
    """
    settings = held_out.settings
    conditions = [(f, d) for f in settings.defocus for d in settings.doses]
    for defocus, dose in tqdm(conditions, desc="dose and defocus", unit="condition"):
        for number in range(len(held_out.structures)):
            _, probabilities, sampling = read_held_out(
                held_out,
                number,
                defocus=defocus,
                dose=dose,
                seed=torch_seed(seed, f"evaluation/{defocus:g}/{dose:g}", number),
            )
            yield Reading(defocus, dose, number, probabilities, sampling)
