"""Patterns a second: networks with their peaks, and correlation, on the same patterns in one run.

    python scripts/tools/benchmark_maps.py results/laptop/evaluation/diffraction/patterns.h5 \\
        [--config config/laptop.yaml] [--threads 1] [--py4dstem PYTHON]

Networks are those of the config, not trained, which costs the same; their peaks are looked for in
the true structure factors, which have as many. Correlation has a template for each pattern, as in
the evaluation, or one for a whole batch, as on a scan. PYTHON is one of an environment with
py4DSTEM (envs/py4dstem.yaml). Methods take turns, the fastest of their repeats counts; CPU seconds
are given beside wall time: on a busy machine they are what the calculation costs.
"""

import argparse
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from latticework import networks, shards
from latticework.analysis.diffraction import correlation_quantem
from latticework.analysis.diffraction.bragg import bragg_peaks
from latticework.config.networks import NetworkRow
from latticework.config.parse import load
from latticework.inference.structure_factors import predict_structure_factors

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {
    "threshold": 1e-3,
    "spacing": 1.2,
    "edge": 0.5,
    "corr_power": 0.9,
    "smoothing": 0.5,
    "background": 1.0,
    "subtract_mean": False,
}
IN_PY4DSTEM = """
import sys, time, h5py
from latticework.analysis.diffraction.correlation_py4dstem import detect
file, count, subpixel, kernel = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
with h5py.File(file) as f:
    patterns, probes = f["pattern"][:count], f["probe"][:count]
    step = float(f["reciprocal_sampling"][()])
how = {"threshold": 1e-3, "spacing": 1.2, "edge": 0.5, "corr_power": 0.9, "smoothing": 0.5}
how |= {"subpixel": subpixel, "kernel": kernel}
detect(patterns[0], probes[0], step, how)
start, cpu = time.perf_counter(), time.process_time()
for pattern, probe in zip(patterns, probes):
    detect(pattern, probe, step, how)
print(time.perf_counter() - start, time.process_time() - cpu)
"""

Clock = Callable[[], tuple[float, float]]


def clocked(function: Callable[[], object]) -> Clock:
    """Wall and CPU seconds of a call."""

    def run() -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        return time.perf_counter() - wall, time.process_time() - cpu

    return run


def network_methods(
    rows: Mapping[str, NetworkRow], arrays: Mapping[str, np.ndarray], count: int
) -> dict[str, Clock]:
    """Each network in batches with 1 and with 10 passes, one by one with 1."""
    patterns, probes, truth = (
        torch.from_numpy(arrays[name][:count]) for name in ("pattern", "probe", "structure_factors")
    )
    step = float(arrays["reciprocal_sampling"])

    def read(network, samples, batch, precision):
        predict_structure_factors(
            network, patterns, probes, samples=samples, batch=batch, precision=precision
        )
        bragg_peaks(truth, step, threshold=0.03)

    methods = {}
    for name, row in rows.items():
        if row.network is None:  # weights that exist
            continue
        network = networks.build(row.network).eval()
        for samples, batch, precision in (
            (0, 1, "32-true"),
            *product((0, 10), (16,), ("32-true", "bf16-mixed")),
        ):
            title = f"{name}, samples: {samples}, batch: {batch}, {precision}"
            methods[title] = clocked(partial(read, network, samples, batch, precision))
    return methods


def quantem_methods(arrays: Mapping[str, np.ndarray], count: int) -> dict[str, Clock]:
    """quantem with a template for each pattern, and with one for all."""
    patterns, probes = arrays["pattern"][:count], arrays["probe"][:count]
    step = float(arrays["reciprocal_sampling"])
    module = correlation_quantem.quantem()
    template = module.template_fourier(module.make_template(torch.from_numpy(probes[0])))

    def singly(subpixel):
        for pattern, probe in zip(patterns, probes, strict=True):
            correlation_quantem.detect(pattern, probe, step, PLAIN | {"subpixel": subpixel})

    how = {"background_sigma": 1.0, "corr_power": PLAIN["corr_power"], "sigma_cc": 0.5}
    stack = torch.from_numpy(patterns)
    highest = float(module.cross_correlation_batch(stack, template, **how)[0].max())

    def together(subpixel):
        # The threshold is that of the brightest pattern: fainter ones have fewer peaks than singly.
        module.detect_disks_batch(
            stack,
            template,
            min_abs_intensity=PLAIN["threshold"] * highest,
            min_spacing=3.0,
            subpixel=subpixel,
            **how,
        )

    return {
        f"quantem, {subpixel}, {text}": clocked(lambda f=function, s=subpixel: f(s))
        for subpixel in ("parabolic", "upsample")
        for text, function in (("one by one", singly), ("one template, batch", together))
    }


def py4dstem_methods(python: str, file: Path, count: int, threads: int) -> dict[str, Clock]:
    """py4DSTEM in its own interpreter, which clocks itself."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": str(threads)}

    def run(*how: str) -> tuple[float, float]:
        command = [python, "-c", IN_PY4DSTEM, str(file), str(count), *how]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        wall, cpu = map(float, done.stdout.split()[-2:])
        return wall, cpu

    return {
        f"py4DSTEM, {subpixel}, {kernel} kernel": lambda s=subpixel, k=kernel: run(s, k)
        for subpixel, kernel in (("poly", "flat"), ("multicorr", "sigmoid"))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", type=Path, help="the evaluation's patterns.h5")
    parser.add_argument("--config", type=Path, default=ROOT / "config/laptop.yaml")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--count", type=int, default=32, help="patterns")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--py4dstem", help="a Python that has py4DSTEM")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    study = load(ROOT / "config/config.yaml", given.config).studies["diffraction"]
    arrays, _ = shards.read(given.patterns, "evaluation_patterns")
    count = min(given.count, len(arrays["pattern"]))
    methods = network_methods(study.networks, arrays, count) | quantem_methods(arrays, count)
    if given.py4dstem:
        methods |= py4dstem_methods(given.py4dstem, given.patterns, count, given.threads)
    seconds = {name: [] for name in methods}
    for _ in tqdm(range(given.repeats), unit="turn"):
        for name, run in methods.items():
            seconds[name].append(run())
    size = arrays["pattern"].shape[-1]
    print(f"{count} patterns of {size}² px, {given.threads} thread(s); patterns a second")
    print(f"{'method':56} {'wall':>8} {'CPU':>8}")
    for name, runs in seconds.items():
        wall, cpu = count / np.min(runs, axis=0)
        print(f"{name:56} {wall:8.1f} {cpu:8.1f}")


if __name__ == "__main__":
    main()
