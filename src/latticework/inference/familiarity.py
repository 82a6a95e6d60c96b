"""Is an image what a network knows? One calibrated score from what reading it gives anyway.

A network answers any image. That it was trained on something else shows in how it answers (unsure,
with maps that are no sums of its labels, with positions that do not follow from the image) and in
its layers, whose features leave the statistics that its normalisations remember of the training.
These signs are put together by a logistic regression that is calibrated on images drawn from the
training's own ranges and on foreign ones; what it needs is a small file beside the weights.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy import ndimage
from scipy.spatial import cKDTree
from torch import nn

NAME = "familiarity.json"
# Signs are standardised by those of familiar images, and cut off there: a sign that is far outside
# says no more than one that is outside, and a foreign one cannot be made up for by the others.
CUT = 6.0
DOUBTFUL, CERTAIN = 0.1, 0.5  # probabilities of a candidate, and of an atom
GROUPS = 5  # of layers, from the first to the last
# Of features, every second pixel is enough for a mean and a variance.
STEP = 2
# px, side of the fields that a score is calibrated on; width of their border, in label widths.
FIELD, BORDER = 384, 4.0
RING = 0.05  # 1/Å, width of the rings of the spectrum
BAND = (0.2, 0.85)  # 1/Å, where an image and its atoms are compared


class FamiliarityError(ValueError):
    """A file of familiarity is not what it has to be."""


@dataclass
class Features:
    """Statistics of what goes into a network's normalisations, over all tiles that it reads.

    For each layer the number of pixels seen, and the sums of values and of squares, per feature.
    """

    layers: list[nn.BatchNorm2d]
    sums: list[torch.Tensor] = field(default_factory=list)

    def clear(self) -> None:
        """Forget what was seen: another image follows."""
        for sums in self.sums:
            sums.zero_()

    def distances(self) -> tuple[np.ndarray, np.ndarray]:
        """How far the features are from those of the training, for each group of layers.

        Of the means, the logarithm (base 10) of the mean squared difference in units of the
        remembered variance; of the variances, the mean absolute logarithm of their ratio.
        """
        means, variances = [], []
        for layer, sums in zip(self.layers, self.sums, strict=True):
            count, total, squares = sums
            mean = total / count
            variance = (squares / count - mean**2).clamp(min=0) + layer.eps
            known = layer.running_var.cpu() + layer.eps
            means.append(float(((mean - layer.running_mean.cpu()) ** 2 / known).mean()))
            variances.append(float((variance / known).log().abs().mean()))
        groups = np.array_split(np.arange(len(means)), GROUPS)
        of_means = [np.log10(np.mean(np.array(means)[g]) + 1e-6) for g in groups]
        return np.array(of_means), np.array([np.mean(np.array(variances)[g]) for g in groups])


@contextmanager
def watched(network: nn.Module) -> Iterator[Features]:
    """Statistics of the features of everything that a network reads inside the block."""
    layers = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    found = Features(layers, [torch.zeros(3, layer.num_features) for layer in layers])

    def watch(number: int):
        def hook(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            # Channels last, as the features lie in memory.
            values = inputs[0].detach()[..., ::STEP, ::STEP].permute(0, 2, 3, 1)
            values = values.reshape(-1, values.shape[-1]).float()
            count = torch.full(values.shape[1:], float(len(values)))
            parts = (count, values.sum(0), values.square().sum(0))
            found.sums[number] += torch.stack([part.cpu() for part in parts])

        return hook

    handles = [layer.register_forward_pre_hook(watch(n)) for n, layer in enumerate(layers)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def signs(
    features: Features,
    maps: np.ndarray,
    image: np.ndarray,
    candidates: np.ndarray,
    probability: np.ndarray,
    *,
    pixel: float,
    label_sigma: float,
) -> dict[str, float]:
    """What tells a familiar image from a foreign one, by name.

    Parameters
    ----------
    features
        Of the layers, from `watched`.
    maps
        Class maps (classes, ny, nx) of an image.
    image
        The same image as the network read it, normalised (ny, nx).
    candidates, probability
        (n, 2) x, y in px of the maps and (n,): everything that may be an atom.
    pixel, label_sigma
        Pixel of the maps and width of the labels, Å.
    """
    foreground = 1 - maps[0]
    may_be = probability[probability >= DOUBTFUL]
    certain = candidates[probability >= CERTAIN]
    scatter = 3.0
    if len(certain) > 2:
        scatter = float(np.std(cKDTree(certain).query(certain, k=2)[0][:, 1]) * pixel)
    values = (image - image.mean()) / max(float(image.std()), 1e-9)
    means, variances = features.distances()
    return {
        "probability": float(may_be.mean()) if len(may_be) else 0.0,
        "doubtful": float(np.mean(may_be < CERTAIN)) if len(may_be) else 1.0,
        "indecision": float(np.mean(foreground * maps[0]) / max(foreground.mean(), 1e-9)),
        "shape": _misfit_of_labels(foreground, candidates, probability, label_sigma / pixel),
        "scatter": float(np.log10(np.clip(scatter, 0.01, 3.0))),
        "explained": _explained(values, foreground, pixel),
        "skewness": float(np.clip(np.abs(np.mean(values**3)), 0, 5)),
        "kurtosis": float(np.log10(np.mean(values**4) + 1e-9)),
        **{f"means_{n}": float(value) for n, value in enumerate(means)},
        **{f"variances_{n}": float(value) for n, value in enumerate(variances)},
    }


def _misfit_of_labels(
    foreground: np.ndarray, candidates: np.ndarray, probability: np.ndarray, sigma: float
) -> float:
    """Logarithm of the share of a map's power that is no sum of labels (Gaussians of `sigma` px)
    where the candidates are.

    At the border there are flanks of atoms beyond it, which no candidate explains. The border
    counts as much as in a field of `FIELD` px, or a small field would be foreign for its size.
    """
    drawn = np.zeros_like(foreground)
    column, row = np.rint(candidates).astype(int).reshape(-1, 2).T
    inside = (row >= 0) & (row < drawn.shape[0]) & (column >= 0) & (column < drawn.shape[1])
    np.add.at(drawn, (row[inside], column[inside]), 2 * np.pi * sigma**2 * probability[inside])
    residual = foreground - ndimage.gaussian_filter(drawn, sigma)
    weight = _border_weight(foreground.shape, BORDER * sigma)
    power = float(np.sum(weight * foreground**2))
    return float(np.log10(np.sum(weight * residual**2) / max(power, 1e-9) + 1e-6))


def _border_weight(shape: tuple[int, ...], border: float) -> np.ndarray:
    """Weights (ny, nx) of the pixels of a field whose border of some px counts as much as that of
    a square of `FIELD` px."""
    y, x = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in shape)
    edge = np.minimum(y[:, None], x) < border
    share, usual = edge.mean(), 1 - max(1 - 2 * border / FIELD, 0) ** 2
    if share in (0, 1):
        return np.ones(shape)
    return np.where(edge, usual / share, (1 - usual) / (1 - share))


def _explained(image: np.ndarray, foreground: np.ndarray, pixel: float) -> float:
    """Share of an image's power that follows from the map by any round point spread function."""
    taper = np.outer(*(np.hanning(n) for n in image.shape))
    seen = np.fft.rfft2((image - image.mean()) * taper)
    found = np.fft.rfft2((foreground - foreground.mean()) * taper)
    along_y = np.fft.fftfreq(image.shape[0], pixel)[:, None]
    along_x = np.fft.rfftfreq(image.shape[1], pixel)[None]
    radius = np.hypot(along_y, along_x)
    ring = np.rint(radius / RING).astype(int)
    sums = [
        np.bincount(ring.ravel(), weights.ravel())
        for weights in ((seen * found.conj()).real, np.abs(found) ** 2, np.abs(seen) ** 2)
    ]
    middle = slice(round(BAND[0] / RING), round(BAND[1] / RING))
    crossed, of_map, of_image = (part[middle] for part in sums)
    power = of_image.sum()
    return float(np.sum(crossed**2 / np.maximum(of_map, 1e-12)) / power) if power > 0 else 0.0


class Familiarity(BaseModel):
    """A calibrated score, as it lies beside the weights."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    centre: dict[str, float] = Field(description="Median of each sign of familiar images.")
    width: dict[str, float] = Field(description="Their scatter (1.48 times the median deviation).")
    weight: dict[str, float] = Field(description="Log-odds for each width from the centre.")
    constant: float
    threshold: float = Field(description="Log-odds above which an image is called foreign.")
    measured: dict[str, float] = Field(
        description="On images that had no part in the calibration: false alarms, foreign images "
        "that are warned of, and how many images of either kind."
    )

    def score(self, found: dict[str, float]) -> float:
        """Log-odds that an image is foreign, above the threshold of the warning: 0 is at it."""
        total = self.constant - self.threshold
        for name, centre in self.centre.items():
            z = np.clip((found[name] - centre) / self.width[name], -CUT, CUT)
            total += self.weight[name] * z
        return float(total)

    def warning(self, score: float) -> str | None:
        """What to tell of an image of such a score."""
        if score <= 0:
            return None
        return (
            f"this does not look like what the network was trained on (score {score:+.1f}, "
            f"familiar images stay below 0; {self.measured['false_alarms']:.0%} of them do not)"
        )


def load(weights_path: str | Path) -> Familiarity | None:
    """The familiarity beside a weights file, or None where there is none.

    Raises FamiliarityError for a file that is damaged.
    """
    path = Path(weights_path).with_name(NAME)
    if not path.is_file():
        return None
    try:
        return Familiarity.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, ValidationError) as error:
        raise FamiliarityError(f"{path}: expected a calibrated familiarity: {error}") from error
