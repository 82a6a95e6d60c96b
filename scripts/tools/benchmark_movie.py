"""Frames a second and memory of reading a long movie: drift, network, columns, frame by frame.

    python scripts/tools/benchmark_movie.py --frames 20 200 2000

Every movie is a TIFF stack of noisy images of one crystal that drifts, written to a temporary
folder; its largest memory is that of the process that reads it.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from latticework import materials
from latticework.analysis.movies.tracking import track
from latticework.cli import published
from latticework.config.inference import Images
from latticework.datasets.movies import open_movie
from latticework.hardware import best_device
from latticework.learning import weights

STUDY = "gold"


def write_movie(path: Path, frames: int, side: int, sampling: float) -> None:
    """A crystal with an edge, 310 e/Å² a frame, a new noise and a little drift in each."""
    rng = np.random.default_rng(0)
    reflections = materials.load(STUDY).reflections.zone_axes["110"]
    y, x = np.indices((side, side)) * sampling
    with tifffile.TiffWriter(path) as tiff:
        for number in range(frames):
            u, v = x + 0.02 * number, y - 0.01 * number
            waves = sum(np.cos(2 * np.pi * (gx * u + gy * v)) for gx, gy in reflections)
            mean = 1 + 0.1 * waves * (x > side * sampling / 3)
            counts = rng.poisson(310 * sampling**2 * mean)
            tiff.write(counts.astype(np.uint16), contiguous=False)


def read_movie(path: Path, sampling: float, symmetries: int) -> None:
    """Track a movie and say how long it took and how much memory."""
    network, card = weights.load(published.weights(STUDY))
    movie = open_movie(path)
    inference = Images(symmetries=symmetries)
    start = time.perf_counter()
    tracked = track(movie.frames(), len(movie), network, card, sampling, inference, best_device())
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(movie)} frames: {len(movie) / seconds:.2f} frames a second, "
        f"{memory:.2f} GiB, {len(tracked.detections)} candidates"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=[20, 200])
    parser.add_argument("--side", type=int, default=512, help="px of a frame")
    parser.add_argument("--sampling", type=float, default=0.1, help="Å/px")
    parser.add_argument("--symmetries", type=int, default=1, choices=(1, 4, 8))
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        read_movie(arguments.read, arguments.sampling, arguments.symmetries)
        return
    with tempfile.TemporaryDirectory() as folder:
        for frames in arguments.frames:
            path = Path(folder, f"{frames}.tif")
            write_movie(path, frames, arguments.side, arguments.sampling)
            # A process of its own, so that one movie's memory is not another's.
            own = ["--read", str(path), "--sampling", str(arguments.sampling)]
            own += ["--symmetries", str(arguments.symmetries)]
            subprocess.run([sys.executable, __file__, *own], check=True)
            path.unlink()


if __name__ == "__main__":
    main()
