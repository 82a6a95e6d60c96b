"""Draw the pictures of docs/what-can-go-wrong.md: simulated frames with faults, and what is masked.

python scripts/tools/draw_what_can_go_wrong.py docs/images/wrong
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from latticework.datasets import not_specimen

SIZE, ENLARGED = 144, 2


def specimen() -> np.ndarray:
    """Counts (SIZE, SIZE) of a honeycomb with a hole, turned against the rows."""
    y, x = np.mgrid[:SIZE, :SIZE]
    waves = np.zeros((SIZE, SIZE))
    for angle in np.deg2rad([11, 71, 131]):
        waves += np.cos(0.75 * (x * np.cos(angle) + y * np.sin(angle)))
    hole = np.hypot(x - 50, y - 55) < 18
    return np.random.default_rng(1).poisson(300 * (1 - 0.15 * np.where(hole, -1, waves))) * 1.0


def bar(frame: np.ndarray) -> None:
    frame[-26:] = 0
    frame[-14:-11, 90:130] = 600
    frame[-18:-8, 12:50:4] = 600


def label(frame: np.ndarray) -> None:
    frame[120:124, 14:54] = frame.max() + 1


def hit(frame: np.ndarray) -> None:
    frame[80:82, 101:103] = 60_000


def line(frame: np.ndarray) -> None:
    frame[62] = 0


def repeated(frame: np.ndarray) -> None:
    frame[110:] = frame[109]


def seam(frame: np.ndarray) -> None:
    frame[88:] = 1.5 * frame[88:, ::-1]


def missing(frame: np.ndarray) -> None:
    frame[:10] = frame[:, -14:] = np.nan


def draw(spoil: Callable[[np.ndarray], None], path: Path) -> None:
    """Save a spoilt frame beside the same with what was found in red."""
    frame = specimen()
    low, high = np.percentile(frame, (0.5, 99.5))
    spoil(frame)
    mask = not_specimen.union(not_specimen.find(frame), frame.shape)
    grey = 255 * (np.nan_to_num(frame, nan=high).clip(low, high) - low) / (high - low)
    plain = np.repeat(grey[..., None], 3, axis=2)
    shown = plain.copy()
    shown[mask] = 0.35 * shown[mask] + 0.65 * np.array([220, 40, 40])
    gap = np.full((SIZE, 6, 3), 255.0)
    both = Image.fromarray(np.hstack([plain, gap, shown]).astype(np.uint8))
    both.resize((ENLARGED * both.width, ENLARGED * both.height), Image.NEAREST).save(path)


def main() -> None:
    """Read the command line, and draw every case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where to write the figures")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for spoil in (bar, label, hit, line, repeated, seam, missing):
        draw(spoil, folder / f"{spoil.__name__}.png")


if __name__ == "__main__":
    main()
