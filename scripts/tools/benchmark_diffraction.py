"""Seconds of one orientation, 75 patterns at the paper's resolution, in one pass and in 25.

    python scripts/tools/benchmark_diffraction.py [--gpts 384] [--size 256]

One pass makes the potential once and takes all probes through it, with an exit plane at each
thickness. The other way makes potential and multislice anew for each thickness, with all three
probes in it. CPU seconds are given beside wall time: on a busy machine they are what the
calculation costs.
"""

import argparse
import time

import ase.build
import numpy as np

from latticework.simulation.structure_factors import crystal_structure_factors
from latticework.simulation.thick_crystals import diffraction_patterns
from latticework.structures.orientations import along_beam, fill_box

ENERGY, BOX, HEIGHT, STEP = 300e3, 46.1, 500.0, 20.0


def clocked(function, *arguments, **keywords):
    """Wall and CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    function(*arguments, **keywords)
    return np.array([time.perf_counter() - wall, time.process_time() - cpu])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpts", type=int, default=384, help="grid points of the multislice")
    parser.add_argument("--size", type=int, default=256, help="side of the patterns, px")
    arguments = parser.parse_args()
    crystal = ase.build.bulk("NaCl", "rocksalt", a=5.64)
    crystal.info = {"orientation": along_beam(np.array([1, 2, 3]), 0.4), "origin": np.zeros(3)}
    parameters = {
        "energy": ENERGY,
        "gpts": arguments.gpts,
        "size": arguments.size,
        "binning": 1,
        "slice_thickness": 2.0,
        "semiangles": [1.0, 2.0, 4.0],
    }
    heights = STEP * np.arange(1, round(HEIGHT / STEP) + 1)
    thickest = fill_box(crystal, (BOX, BOX, heights[-1]))
    # Compiled parts and FFT plans are made once a process.
    diffraction_patterns(fill_box(crystal, (BOX, BOX, STEP)), thickness_step=STEP, **parameters)
    fill = clocked(fill_box, crystal, (BOX, BOX, heights[-1]))
    one_pass = clocked(diffraction_patterns, thickest, thickness_step=STEP, **parameters)
    truth = clocked(
        crystal_structure_factors,
        crystal,
        crystal.info["orientation"],
        energy=ENERGY,
        size=arguments.size,
        step=1 / BOX,
        sigma=0.05,
        ewald=True,
        taper=1.0,
    )
    each = np.zeros(2)
    for height in heights:
        sample = fill_box(crystal, (BOX, BOX, height))
        each += clocked(diffraction_patterns, sample, thickness_step=height, **parameters)
    print(f"{len(thickest)} atoms, {3 * len(heights)} patterns of {arguments.size}²; wall, CPU s")
    for name, seconds in (
        ("filling the box", fill),
        ("structure factors", truth),
        ("patterns, one pass", one_pass),
        ("patterns, a run each", each),
    ):
        print(f"{name:22s} {seconds[0]:8.2f} {seconds[1]:8.2f}")
    print(f"one pass is {each[1] / one_pass[1]:.1f} times cheaper (CPU)")


if __name__ == "__main__":
    main()
