"""Pictures → probability maps, by a network and its card."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from latticework.hardware import best_device
from latticework.imaging.normalisation import normalise
from latticework.inference.scale import resample
from latticework.inference.tiling import predict_tiled


def working_sampling(card: Mapping[str, Any]) -> float:
    """The pixel in Å at which a network reads pictures: the middle of what it was trained on."""
    limits = card["imaging"]["sampling"]
    return 0.5 * (limits["low"] + limits["high"])


def symmetric_softmax(
    network: torch.nn.Module, pictures: torch.Tensor, symmetries: int
) -> torch.Tensor:
    """Class probabilities (n, classes, ny, nx) of pictures (n, frames, ny, nx).

    The mean over the first `symmetries` of the eight symmetries of the square: 1 reads the
    pictures as they are, 4 in all quarter turns, 8 their mirror images as well. Training draws
    from all eight, so that the network has no reason to answer them differently: the mean removes
    what is due to chance in its weights.
    """
    total = torch.zeros((), device=pictures.device)
    for element in range(symmetries):
        turned = pictures.transpose(-1, -2) if element >= 4 else pictures
        turned = torch.rot90(turned, element % 4, dims=(-2, -1))
        read = network(turned.contiguous(memory_format=torch.channels_last)).softmax(dim=1)
        back = torch.rot90(read, -(element % 4), dims=(-2, -1))
        total = total + (back.transpose(-1, -2) if element >= 4 else back)
    return total / symmetries


def probability_map(
    network: torch.nn.Module,
    normalised: np.ndarray,
    *,
    tile: int,
    overlap: int,
    multiple: int,
    symmetries: int = 1,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Class probabilities (classes, ny, nx) of a normalised picture (frames, ny, nx), in tiles."""
    network = network.to(device)

    def classify(stack: np.ndarray) -> torch.Tensor:
        return symmetric_softmax(network, torch.from_numpy(stack).to(device), symmetries)

    with torch.inference_mode():
        return predict_tiled(
            classify, normalised, tile=tile, overlap=overlap, multiple=multiple, batch=1
        )


def predict(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    picture: np.ndarray,
    sampling: float,
    *,
    tile: int = 512,
    overlap: int = 64,
    symmetries: int = 1,
    device: torch.device | str = "cpu",
) -> tuple[np.ndarray, float]:
    """Probability map of one picture, or of one focal series.

    The picture is resampled to the network's scale and normalised as in training (Madsen 2018,
    §2.1), over the whole picture, before it is cut into tiles.

    Parameters
    ----------
    network, card
        As `learning.weights.load` gives them.
    picture
        (frames, ny, nx), as many frames as the network reads together; any intensity scale.
    sampling
        Å per px.
    tile, overlap
        px at the network's scale.
    symmetries
        1, 4 or 8: see `symmetric_softmax`.

    Returns
    -------
    (classes, ny', nx') float32 and its pixel in Å. Position in Å = index · pixel in both.

    Raises ValueError where the number of frames is not the network's.
    """
    frames = card["network"]["frames"]
    if picture.ndim != 3 or len(picture) != frames:
        raise ValueError(
            f"this network reads {frames} picture(s) of a field together, got {picture.shape}"
        )
    target = working_sampling(card)
    # A common factor keeps single precision exact enough on counts of any size.
    scaled = picture / max(float(np.abs(picture).mean()), 1e-30)
    resampled = torch.from_numpy(resample(scaled, sampling, target))[None]
    normalised = normalise(resampled, card["imaging"]["normalisation_sigma"] / target)[0].numpy()
    probabilities = probability_map(
        network,
        normalised,
        tile=tile,
        overlap=overlap,
        multiple=2 ** card["network"]["depth"],
        symmetries=symmetries,
        device=device,
    )
    return probabilities, target


def predict_fields(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    fields: Sequence[tuple[np.ndarray, float]],
    *,
    progress: bool = True,
    **how: Any,
) -> Iterator[np.ndarray | None]:
    """Probability maps (classes, ny', nx') of many fields, one at a time, with a progress bar.

    fields: pictures (frames, ny, nx) and their pixels in Å; None for a field whose pixel is NaN.
    how: as for `predict`, on the GPU if there is one.
    """
    how = {"device": best_device()} | how
    for picture, sampling in tqdm(fields, "pictures", unit="picture", disable=not progress):
        known = np.isfinite(sampling)
        yield predict(network, card, picture, sampling, **how)[0] if known else None
