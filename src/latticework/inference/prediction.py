"""Pictures → probability maps, by a network and its card."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from latticework.imaging.normalisation import normalise
from latticework.inference.scale import resample
from latticework.inference.tiling import predict_tiled


def working_sampling(card: Mapping[str, Any]) -> float:
    """The pixel in Å at which a network reads pictures: the middle of what it was trained on."""
    limits = card["imaging"]["sampling"]
    return 0.5 * (limits["low"] + limits["high"])


def best_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def probability_map(
    network: torch.nn.Module,
    normalised: np.ndarray,
    *,
    tile: int,
    overlap: int,
    multiple: int,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Class probabilities (classes, ny, nx) of a normalised picture (frames, ny, nx), in tiles."""
    network = network.to(device)

    def classify(stack: np.ndarray) -> torch.Tensor:
        pictures = torch.from_numpy(stack).to(device, memory_format=torch.channels_last)
        return network(pictures).softmax(dim=1)

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
        device=device,
    )
    return probabilities, target
