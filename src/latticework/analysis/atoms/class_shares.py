"""How sure a network is of an atom's class, calibrated on images that it has not learned from.

Temperature and vector scaling (Guo et al., Proc. ICML 70, 1321, 2017): every class has an offset,
for what the network prefers or neglects, and logarithms of probabilities are multiplied by the
inverse of a temperature. The temperature depends on how sure the network is of the whole image: of
noisy ones it is right as often as it says, of clear ones more often.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

LEAST = 1e-12  # a share of nothing has no logarithm
MIDDLE = 0.8  # certainty of an image at which the temperature is exp(−log_power)
PENALTY = 1e-4  # of a fit: classes that are hardly ever seen keep an offset of zero


@dataclass(frozen=True)
class Calibration:
    """What makes of shares q_k the probabilities p_k ∝ (q_k exp b_k)^β.

    Parameters
    ----------
    log_power, per_certainty
        Logarithm of β in an image of certainty `MIDDLE`, and its rise with the certainty, which is
        the mean over the image's atoms of their largest share.
    offsets
        b_k of every class.
    """

    log_power: float
    per_certainty: float
    offsets: tuple[float, ...]

    def __call__(self, shares: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes) from the shares of all atoms of one image."""
        if not len(shares):
            return shares
        certainty = np.full(len(shares), shares.max(axis=1).mean())
        return _calibrated(shares, certainty, self.values)

    @property
    def values(self) -> np.ndarray:
        return np.array([self.log_power, self.per_certainty, *self.offsets])


def _calibrated(shares: np.ndarray, certainty: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Probabilities (n, classes), from shares and the certainty (n,) of each one's image."""
    power = np.exp(values[0] + values[1] * (certainty - MIDDLE))[:, None]
    scores = power * (np.log(np.maximum(shares.astype(float), LEAST)) + values[2:])
    found = np.exp(scores - scores.max(axis=1, keepdims=True))
    return found / found.sum(axis=1, keepdims=True)


def calibration_of(card: Mapping[str, Any]) -> Calibration | None:
    """The calibration of a network's classes on its card, if there is one."""
    if "calibration" not in card:
        return None
    known = card["calibration"]
    return Calibration(known["log_power"], known["per_certainty"], tuple(known["offsets"]))


def as_card(calibration: Calibration, digits: int = 4) -> dict[str, Any]:
    """A calibration as JSON types, as `calibration_of` reads it."""
    values = asdict(calibration)
    offsets = [round(value, digits) for value in values.pop("offsets")]
    return {name: round(value, digits) for name, value in values.items()} | {"offsets": offsets}


def calibrate(shares: np.ndarray, image: np.ndarray, truth: np.ndarray) -> Calibration:
    """The calibration by which true classes (n,), from 0 on, are likeliest.

    `shares` (n, classes) are not calibrated; `image` (n,) tells atoms of different images apart.
    Raises ValueError without any.
    """
    if not len(truth):
        raise ValueError("a calibration is fitted to atoms whose class is known: there are none")
    _, number = np.unique(image, return_inverse=True)
    certainty = (np.bincount(number, shares.max(axis=1)) / np.bincount(number))[number]

    def surprise(values: np.ndarray) -> float:
        likely = _calibrated(shares, certainty, values)[np.arange(len(truth)), truth]
        return PENALTY * float(values @ values) - float(np.log(np.maximum(likely, LEAST)).mean())

    start = np.zeros(2 + shares.shape[1])
    log_power, per_certainty, *offsets = minimize(surprise, start, method="L-BFGS-B").x.tolist()
    return Calibration(log_power, per_certainty, tuple(offsets))
