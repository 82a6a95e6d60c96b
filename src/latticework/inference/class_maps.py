"""Images → class maps (the probability of each class in every pixel), by a network and its card."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from latticework import names
from latticework.config.base import Precision
from latticework.hardware import best_device, resolved_precision
from latticework.imaging.levelling import level
from latticework.imaging.normalisation import normalise
from latticework.inference.haze import without_haze
from latticework.inference.resampling import resample
from latticework.inference.tiling import predict_tiled


def working_sampling(card: Mapping[str, Any]) -> float:
    """The pixel in Å at which a network reads images: the middle of what it was trained on."""
    limits = card["imaging"]["sampling"]
    return 0.5 * (limits["low"] + limits["high"])


def multiple_of(card: Mapping[str, Any]) -> int:
    """What the sides of a network's input must be a multiple of, px."""
    module = names.load("networks", card["network"]["name"])
    known = module.Parameters.model_fields
    given = {key: value for key, value in card["network"].items() if key in known}
    return module.multiple(module.Parameters.model_validate(given))


def symmetric_softmax(
    network: torch.nn.Module,
    images: torch.Tensor,
    symmetries: int,
    precision: Precision = "32-true",
) -> torch.Tensor:
    """Class probabilities (n, classes, ny, nx) of images (n, series, ny, nx).

    The mean over the first `symmetries` of the eight symmetries of the square: 1 reads the images
    as they are, 4 in all quarter turns, 8 their mirror images as well. Training draws from all
    eight, so the network has no reason to answer them differently: the mean removes what is due
    to chance in its weights.

    `precision` is that of the network's layers; probabilities are computed in 32 bits.
    """
    half = resolved_precision(precision, images.device) == "bf16-mixed"
    total = torch.zeros((), device=images.device)
    for element in range(symmetries):
        turned = images.transpose(-1, -2) if element >= 4 else images
        turned = torch.rot90(turned, element % 4, dims=(-2, -1))
        with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
            scores = network(turned.contiguous(memory_format=torch.channels_last))
        read = scores.float().softmax(dim=1)
        back = torch.rot90(read, -(element % 4), dims=(-2, -1))
        total = total + (back.transpose(-1, -2) if element >= 4 else back)
    return total / symmetries


def class_maps(
    network: torch.nn.Module,
    normalised: np.ndarray,
    *,
    tile: int,
    overlap: int,
    multiple: int,
    symmetries: int,
    device: torch.device | str,
    precision: Precision = "auto",
) -> np.ndarray:
    """Class maps (classes, ny, nx) of a normalised image (series, ny, nx), in tiles."""
    network = network.to(device)

    def classify(stack: np.ndarray) -> torch.Tensor:
        images = torch.from_numpy(stack).to(device)
        return symmetric_softmax(network, images, symmetries, precision)

    with torch.inference_mode():
        return predict_tiled(
            classify, normalised, tile=tile, overlap=overlap, multiple=multiple, batch=1
        )


def as_read(card: Mapping[str, Any], image: np.ndarray, sampling: float) -> np.ndarray:
    """An image (series, ny, nx) of `sampling` Å as a network reads it: at its pixel, normalised."""
    target = working_sampling(card)
    if card["imaging"].get("levelling"):
        image = level(torch.from_numpy(np.ascontiguousarray(image))).numpy()
    if card["imaging"].get("haze"):
        image = without_haze(image, sampling)
    # A common factor keeps single precision exact enough on counts of any size.
    scaled = image / max(float(np.abs(image).mean()), 1e-30)
    resampled = torch.from_numpy(resample(scaled, sampling, target))[None]
    return normalise(resampled, card["imaging"]["normalisation_sigma"] / target)[0].numpy()


def predict(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    image: np.ndarray,
    sampling: float,
    *,
    tile: int,
    overlap: int,
    symmetries: int,
    device: torch.device | str,
    precision: Precision = "auto",
) -> tuple[np.ndarray, float]:
    """Class maps of one image, or of one focal series.

    The image is resampled to the network's scale and normalised as in training (Madsen 2018,
    §2.1), as a whole, before it is cut into tiles. Of a scan planes and offsets of lines are
    taken off before that, if they were in training.

    Parameters
    ----------
    network, card
        As `learning.weights.load` gives them.
    image
        (series, ny, nx), as many images as the network reads together; any intensity scale.
    sampling
        Å per px.
    tile, overlap
        px at the network's scale.
    symmetries
        1, 4 or 8: see `symmetric_softmax`.
    device
        Where the network runs.
    precision
        "auto" is bfloat16 where the hardware multiplies it, which is three times as fast and moves
        an atom by a few thousandths of its position error.

    Returns
    -------
    np.ndarray, float
        (classes, ny', nx') float32, and its pixel in Å. Position in Å = index · pixel in both.

    Raises ValueError where the number of images is not the network's.
    """
    series = card["network"]["frames"]
    if image.ndim != 3 or len(image) != series:
        raise ValueError(
            f"this network reads {series} image(s) of a field together, got {image.shape}"
        )
    probabilities = class_maps(
        network,
        as_read(card, image, sampling),
        tile=tile,
        overlap=overlap,
        multiple=multiple_of(card),
        symmetries=symmetries,
        device=device,
        precision=precision,
    )
    return probabilities, working_sampling(card)


def predict_fields(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    fields: Iterable[tuple[np.ndarray, float]],
    *,
    tile: int,
    overlap: int,
    symmetries: int,
    progress: bool = True,
) -> Iterator[np.ndarray | None]:
    """Class maps (classes, ny', nx') of many fields, one at a time, with a progress bar.

    On the GPU if there is one.

    Parameters
    ----------
    fields
        Images (series, ny, nx) and their pixels in Å; a field whose pixel is NaN gives None.
    network, card, tile, overlap, symmetries
        As for `predict`.
    """
    how = {"tile": tile, "overlap": overlap, "symmetries": symmetries, "device": best_device()}
    for image, sampling in tqdm(fields, "images", unit="image", disable=not progress):
        known = np.isfinite(sampling)
        yield predict(network, card, image, sampling, **how)[0] if known else None
