"""Maps of strain: what they hold, as a file, as a table and in words. In numpy alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import generic_filter

from latticework import shards
from latticework.analysis.diffraction.strain import COMPONENTS

# Why a position has no strain; the number is what a file holds.
REASONS = (
    "measured",
    "pattern without signal",
    "pattern not finite",
    "pattern saturated",
    "fewer than five peaks of a lattice",
    "disks do not settle",
    "disks do not fit",
    "lattice not known to a per cent",
    "no more than the direct beam",
)
MEASURED, BLANK, NOT_FINITE, SATURATED, FEW, UNSETTLED, UNFIT, UNSURE, DIRECT_BEAM = range(
    len(REASONS)
)


@dataclass(frozen=True)
class StrainMap:
    """Strain (y, x, 4) of a scan in the order of `COMPONENTS`, and what it rests on.

    sigma (y, x, 4): standard deviations; reason, peaks, indexed, residual (y, x): see `Lattices`;
    lattice (y, x, 3, 2) px; reference (2, 2) px: u and v of what counts as unstrained.
    """

    strain: np.ndarray
    sigma: np.ndarray
    reason: np.ndarray
    peaks: np.ndarray
    indexed: np.ndarray
    residual: np.ndarray
    lattice: np.ndarray
    reference: np.ndarray

    @property
    def measured(self) -> np.ndarray:
        """Where there is a strain (y, x)."""
        return self.reason == MEASURED


def scatter(values: np.ndarray) -> np.ndarray:
    """Local scatter of maps (y, x, 4): 1.48 times the median distance from the local median.

    Of 3 × 3 positions; what neighbours share, such as true strain, is not in it.
    """

    def spread(window: np.ndarray) -> float:
        known = window[np.isfinite(window)]
        return 1.4826 * float(np.median(np.abs(known - np.median(known)))) if len(known) else np.nan

    maps = [generic_filter(values[..., i], spread, size=3, mode="nearest") for i in range(4)]
    return np.stack(maps, axis=-1)


def table(found: StrainMap) -> pd.DataFrame:
    """One row a position: scan_y, scan_x, strain, errors, peaks and why there is none."""
    y, x = np.indices(found.reason.shape).reshape(2, -1)
    flat, sigma = found.strain.reshape(-1, 4).T, found.sigma.reshape(-1, 4).T
    names = (*COMPONENTS[:3], "rotation_deg")
    columns: dict[str, Any] = {"scan_y": y, "scan_x": x}
    columns |= dict(zip(names, (*flat[:3], np.degrees(flat[3])), strict=True))
    errors = (*sigma[:3], np.degrees(sigma[3]))
    columns |= {f"sigma_{name}": value for name, value in zip(names, errors, strict=True)}
    columns |= {"peaks": found.peaks.ravel(), "indexed": found.indexed.ravel()}
    columns |= {"residual": found.residual.ravel()}
    columns |= {"reason": np.array(REASONS, object)[found.reason.ravel()]}
    return pd.DataFrame(columns)


def write(
    path: str | Path,
    found: StrainMap,
    sampling: float,
    mean: np.ndarray,
    attributes: dict[str, Any],
) -> None:
    """Write a strain map, format "strain", with the mean pattern (ky, kx).

    `sampling` is the pixel of the patterns in 1/Å.
    """
    place = ("scan_y", "scan_x")
    arrays = {}
    for i, name in enumerate(COMPONENTS):
        unit = "rad" if name == "rotation" else "1"
        arrays[name] = shards.Array(found.strain[..., i], unit, place)
        arrays[f"sigma_{name}"] = shards.Array(found.sigma[..., i], unit, place)
    arrays |= {
        "dilation": shards.Array(found.strain[..., 0] + found.strain[..., 1], "1", place),
        "mask": shards.Array(found.measured, "1", place),
        "reason": shards.Array(found.reason, "index of `reasons`", place),
        "peaks": shards.Array(found.peaks, "1", place),
        "indexed": shards.Array(found.indexed, "share of the peaks' weight", place),
        "residual": shards.Array(found.residual, "share of the variance, or px", place),
        "lattice": shards.Array(found.lattice, "px", (*place, "vector (origin, u, v)", "axis")),
        "reference": shards.Array(found.reference * sampling, "1/Å", ("vector (u, v)", "axis")),
        "reciprocal_sampling": shards.Array(np.float64(sampling), "1/Å", ()),
        "mean_pattern": shards.Array(mean, "share of a pattern", ("ky", "kx")),
    }
    shards.write(path, "strain", arrays, {"reasons": list(REASONS)} | attributes)


def read(path: str | Path) -> tuple[StrainMap, np.ndarray, dict[str, Any]]:
    """A strain map, the mean pattern (ky, kx) and the attributes of a file. Raises ShardError."""
    arrays, attributes = shards.read(path, "strain")
    values, sigma = (
        np.stack([arrays[f"{prefix}{name}"] for name in COMPONENTS], axis=-1)
        for prefix in ("", "sigma_")
    )
    same = (arrays[name] for name in ("reason", "peaks", "indexed", "residual", "lattice"))
    reference = arrays["reference"] / float(arrays["reciprocal_sampling"])
    return StrainMap(values, sigma, *same, reference), arrays["mean_pattern"], attributes


def counted(found: StrainMap) -> list[str]:
    """How many positions could not be measured and why, one line a reason."""
    numbers = np.bincount(found.reason.ravel(), minlength=len(REASONS))
    return [
        f"{number} of {found.reason.size} positions: {REASONS[i]}"
        for i, number in enumerate(numbers)
        if number and i != MEASURED
    ]


def summary(found: StrainMap, sampling: float) -> str:
    """The reference lattice, and mean, scatter and error of each component, as lines of text."""
    u, v = found.reference * sampling
    angle = np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
    lines = [
        f"reference lattice: {np.linalg.norm(u):.5f} and {np.linalg.norm(v):.5f} 1/Å, "
        f"{angle:.2f} degrees apart"
    ]
    spread = scatter(found.strain)
    for i, name in enumerate(COMPONENTS):
        unit, factor = ("degrees", 180 / np.pi) if name == "rotation" else ("%", 100)
        mean, local, sigma = (
            factor * float(np.nanmedian(a[..., i][found.measured]))
            for a in (found.strain, spread, found.sigma)
        )
        lines.append(
            f"{name}: median {mean:+.3f} {unit}, local scatter {local:.3f}, error {sigma:.3f}"
        )
    return "\n".join(lines)
