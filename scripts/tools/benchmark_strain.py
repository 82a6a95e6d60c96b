"""Patterns a second from a scan to its strain: ours, quantem's disks and py4DSTEM's whole chain.

    python scripts/tools/benchmark_strain.py [--side 64] [--threads 2] [--py4dstem PYTHON]

A scan of drawn patterns of 128² px with 49 disks is written to a temporary file, and each program
reads it. Ours: network, refinement, maps, with the peak memory. quantem 0.1.10: its disk detection
by both of its sub-pixel methods, and a weighted fit of the lattice. py4DSTEM 0.14.18, in an
environment of its own (make py4dstem): detection, lattice, strain. Programs take turns in one run.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SIZE, RADIUS, STEP = 128, 4.5, 0.0217
VECTORS = np.array([[16.2, 2.1], [-3.0, 18.4]])
KINDS = 64  # different patterns
OURS = """
import resource, sys, time
from latticework.cli.main import main
start = time.perf_counter()
options = ["--probe", sys.argv[2], "-o", sys.argv[3], "--quiet", *sys.argv[4:]]
assert main(["strain", sys.argv[1], *options]) == 0
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
THEIRS = """
import sys, time
import matplotlib
matplotlib.use("Agg")
import h5py, numpy as np, py4DSTEM
with h5py.File(sys.argv[1]) as file:
    data = file["Experiments/__unnamed__/data"][()]
with h5py.File(sys.argv[2]) as file:
    vacuum = file["Experiments/__unnamed__/data"][()]
start = time.perf_counter()
scan = py4DSTEM.DataCube(data.astype(np.float32))
probe = py4DSTEM.Probe(vacuum.astype(float))
kernel = probe.get_kernel(mode="flat", origin=(64, 64))
peaks = scan.find_Bragg_disks(
    template=kernel, corrPower=0.9, subpixel=sys.argv[3], minRelativeIntensity=1e-3,
    minPeakSpacing=6, edgeBoundary=4, maxNumPeaks=100,
)
peaks.measure_origin()
peaks.fit_origin()
strain = py4DSTEM.StrainMap(braggvectors=peaks)
strain.choose_basis_vectors(minSpacing=5, edgeBoundary=3, maxNumPeaks=60)
strain.set_max_peak_spacing(3)
strain.fit_basis_vectors()
strain.get_strain()
print("TIME", time.perf_counter() - start)
"""


def disk(x: float, y: float) -> np.ndarray:
    """A disk (SIZE, SIZE) with a soft edge."""
    offset = np.arange(SIZE)
    distance = np.hypot(offset - x, offset[:, None] - y)
    return 1 / (1 + np.exp(-(RADIUS - distance) / 0.3))


def drawn(rng: np.random.Generator) -> np.ndarray:
    """Counts (SIZE, SIZE) of one pattern, at most 255 a pixel."""
    found = np.full((SIZE, SIZE), 1e-4)
    for h, k in np.ndindex(7, 7):
        x, y = SIZE // 2 + np.array([h - 3, k - 3]) @ VECTORS
        found += np.exp(-0.2 * ((h - 3) ** 2 + (k - 3) ** 2)) * rng.uniform(0.3, 1) * disk(x, y)
    return rng.poisson(found / found.max() * 200).clip(0, 255).astype(np.uint8)


def write(path: Path, data: np.ndarray, side: int) -> None:
    """Write a scan of `side`² positions that repeats patterns `data`, as HyperSpy does."""
    shape = (side, side, SIZE, SIZE) if side else data.shape
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = file.create_group("Experiments/__unnamed__")
        group.create_group("metadata/General").attrs["title"] = "drawn"
        group.create_group("metadata/Signal").attrs["signal_type"] = ""
        group.create_group("original_metadata")
        for i, length in enumerate(shape):
            axis = group.create_group(f"axis-{i}")
            recorded = i >= len(shape) - 2
            axis.attrs.update({"name": f"axis{i}", "size": length, "offset": 0.0})
            axis.attrs.update({"scale": STEP if recorded else 1.0, "navigate": not recorded})
            axis.attrs["units"] = "1/Å" if recorded else "nm"
        chunks = (1, 16, SIZE, SIZE) if side else None
        target = group.create_dataset("data", shape, data.dtype, chunks=chunks)
        if not side:
            target[...] = data
        for row in range(side):
            target[row] = data[(np.arange(side) + row * 7) % len(data)]


def quantem(scan: Path, vacuum: Path, subpixel: str, count: int) -> float:
    """Seconds a pattern of quantem's detection and a fit of the lattice."""
    from latticework.analysis.diffraction.correlation_quantem import detect
    from latticework.analysis.diffraction.lattice import fit_lattice

    how = {"threshold": 1e-3, "spacing": 1.2, "edge": 0.5, "corr_power": 0.9, "smoothing": 0.5}
    how |= {"background": 0.0, "subtract_mean": False, "subpixel": subpixel}
    with h5py.File(scan) as file:
        patterns = file["Experiments/__unnamed__/data"][0, :count].astype(np.float32)
    with h5py.File(vacuum) as file:
        probe = file["Experiments/__unnamed__/data"][()].astype(np.float32)
    start_lattice = np.vstack([[SIZE // 2] * 2, VECTORS])
    detect(patterns[0], probe, STEP, how)
    start = time.perf_counter()
    for pattern in patterns:
        peaks = detect(pattern, probe, STEP, how)
        fit_lattice(peaks[:, :2] / STEP + SIZE // 2, peaks[:, 2] ** 2, start_lattice)
    return (time.perf_counter() - start) / len(patterns)


def run(python: Path, code: str, *arguments: str, threads: int) -> list[float]:
    """Numbers in the last line that a program prints."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [python, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return [float(word) for word in done.stdout.split("\n")[-2].split() if word != "TIME"]


def main() -> None:
    """Write a scan, take turns, print a line for each program."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=64, help="positions along each side (64)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (2)")
    parser.add_argument("--py4dstem", type=Path, help="python of an environment with py4DSTEM")
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        scan, vacuum = Path(folder, "scan.hspy"), Path(folder, "vacuum.hspy")
        write(scan, np.stack([drawn(rng) for _ in range(KINDS)]), arguments.side)
        write(vacuum, (255 * disk(SIZE // 2, SIZE // 2)).astype(np.uint8), 0)
        count = arguments.side**2
        print(f"{arguments.side}² patterns of {SIZE}² px, {scan.stat().st_size / 2**20:.0f} MB")
        how = {"threads": arguments.threads}
        for options in ((), ("--quick",)):
            given = (scan, vacuum, f"{folder}/s.h5", *options)
            seconds, peak = run(Path(sys.executable), OURS, *given, **how)
            said = " ".join(("latticework", *options))
            print(f"{said}: {count / seconds:.0f} a second with the start, {peak:.0f} MB at most")
        for subpixel in ("parabolic", "upsample"):
            each = quantem(scan, vacuum, subpixel, min(arguments.side, 64))
            print(f"quantem ({subpixel}): {1 / each:.0f} a second")
        for subpixel in ("poly", "multicorr") if arguments.py4dstem else ():
            (seconds,) = run(arguments.py4dstem, THEIRS, scan, vacuum, subpixel, **how)
            print(f"py4DSTEM ({subpixel}): {count / seconds:.0f} a second")
    print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
