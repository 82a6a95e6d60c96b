"""What figures show of a dataset: images with class maps, or the reason why there are none."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latticework import shards


@dataclass(frozen=True)
class Panel:
    """One image (ny, nx), its pixel in Å (NaN if unknown) and what belongs to it.

    `foreground` (ny', nx') is the network's 1 − background on pixels of `map_sampling` Å, None
    for an image that could not be read; `mask` (ny, nx) is a hand mask.
    """

    name: str
    image: np.ndarray
    sampling: float
    foreground: np.ndarray | None
    map_sampling: float
    mask: np.ndarray | None
    warnings: tuple[str, ...]

    @property
    def window(self) -> tuple[float, float, float, float]:
        """The whole field x0, y0, x1, y1 in Å."""
        ny, nx = self.image.shape
        return tuple((np.array([0, 0, nx, ny]) - 0.5) * self.sampling)

    def box(self, region: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
        """A region x0, y0, x1, y1 in px as a window in Å, no larger than the field."""
        ny, nx = self.image.shape
        x0, y0, x1, y1 = np.minimum(region, (nx, ny, nx, ny))
        return tuple((np.array([x0, y0, x1, y1]) - 0.5) * self.sampling)


@dataclass(frozen=True)
class Images:
    """A dataset for figures. `region` and `reference` (points, 2) are in px of the first frame."""

    title: str
    skipped: str
    frames: list[Panel]
    region: tuple[int, int, int, int] | None
    reference: np.ndarray | None

    @property
    def problem(self) -> str:
        """Why the first frame has no positions to show; empty if it has."""
        if self.skipped or not self.frames:
            return f"Skipped: {self.skipped or 'the dataset has no images'}"
        if self.frames[0].foreground is None:
            return f"{self.frames[0].name}: " + ("; ".join(self.frames[0].warnings) or "not read")
        return ""


def read_images(dataset: str | Path, class_maps: str | Path) -> Images:
    """Read a calibrated dataset with its class maps. Raises ShardError for a bad file."""
    arrays, attributes = shards.read(dataset, "dataset")
    read, _ = shards.read(class_maps, "class_maps")
    frames = []
    for number, name in enumerate(attributes["names"]):
        probabilities = read.get(f"map_{number:04d}")
        frames.append(
            Panel(
                name=name,
                image=arrays[f"image_{number:04d}"],
                sampling=float(arrays["sampling"][number]),
                foreground=None if probabilities is None else 1 - probabilities[0],
                map_sampling=float(read["map_sampling"]),
                mask=arrays.get(f"mask_{number:04d}"),
                warnings=tuple(attributes["warnings"][number]),
            )
        )
    entry = attributes["entry"]
    return Images(
        title=entry["title"],
        skipped=attributes["skipped"],
        frames=frames,
        region=entry["region"],
        reference=arrays.get("reference"),
    )
