"""Made-up shards of diffraction patterns, and the recipe of a network that learns from them."""

from pathlib import Path
from typing import Any

import numpy as np
from checkout import ROOT

from latticework import shards
from latticework.config import uses
from latticework.config.parse import load
from latticework.learning.recipe import Recipe

SIZE, STEP = 32, 0.05
SEMIANGLES, THICKNESSES = 2, 3


def lattice_maps(rng: np.random.Generator, count: int) -> np.ndarray:
    """Structure factors (count, SIZE, SIZE): Gaussian peaks on lattices about the middle."""
    q = np.arange(SIZE) - SIZE // 2
    y, x = np.meshgrid(q, q, indexing="ij")
    made = []
    for _ in range(count):
        a, angle = rng.uniform(6, 9), rng.uniform(0, np.pi)
        turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        sites = a * np.stack(np.meshgrid(*2 * [np.arange(-3, 4)]), axis=-1).reshape(-1, 2) @ turned
        peaks = (np.exp(-0.5 * ((x - u) ** 2 + (y - v) ** 2)) for u, v in sites)
        made.append(np.sum(list(peaks), axis=0) * np.exp(-(x**2 + y**2) / 100))
    return np.stack(made)


def disks() -> np.ndarray:
    """Vacuum probes (SEMIANGLES, SIZE, SIZE): sharp disks."""
    q = np.arange(SIZE) - SIZE // 2
    radius = np.hypot(*np.meshgrid(q, q))
    return np.stack([radius < 1.5, radius < 2.5]).astype(np.float32)


def write_triplets(path: Path, seed: int, count: int = 4, step: float = STEP) -> Path:
    """Write a shard: disks at the peaks, fainter in thicker samples."""
    rng = np.random.default_rng(seed)
    truths, probes = lattice_maps(rng, count), disks()
    spectra = np.fft.fft2(truths)[:, None] * np.fft.fft2(np.fft.ifftshift(probes, axes=(-2, -1)))
    patterns = np.maximum(np.fft.ifft2(spectra).real, 0)
    fading = 0.5 ** np.arange(THICKNESSES)
    pixels = ("y", "x")
    arrays = {
        "pattern": shards.Array(
            (patterns[:, :, None] * fading[:, None, None]).astype(np.float32),
            "1",
            ("orientation", "semiangle", "thickness", *pixels),
        ),
        "probe": shards.Array(probes, "1", ("semiangle", *pixels)),
        "structure_factors": shards.Array(20 * truths, "V", ("orientation", *pixels)),
        "reciprocal_sampling": shards.Array(np.array(step), "1/Å", ()),
    }
    shards.write(path, "diffraction", arrays, {})
    return path


def pattern_recipe(row: str = "compressed_unet", **training: Any) -> Recipe:
    """A row of the tiny study of patterns, for made-up triplets, and with hardly any noise."""
    config = load(ROOT / "config/config.yaml", ROOT / "config/tiny.yaml")
    study = config.studies["diffraction"]
    values = uses.recipe("made_up", study, row, 1, [])
    settings = {"steps": 6, "steps_per_epoch": 3, "batch_size": 2, "learning_rate": 5e-3}
    nothing = {"low": 0, "high": 0}
    calm = dict.fromkeys(("shift", "background", "ellipticity", "hot", "dead"), nothing)
    return Recipe.model_validate(
        values
        | {
            "source": study.kind.source,
            "imaging": values["imaging"] | calm,
            "training": values["training"] | settings | training,
        }
    )
