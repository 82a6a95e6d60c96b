"""The command `latticework peaks`: structure factors of diffraction patterns."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from latticework.shards import write_csv

DESCRIPTION = """\
Find the Bragg peaks of diffraction patterns: their positions and structure factors, by a network
that was trained on simulated patterns of thick crystals.

Give the vacuum probe, recorded with the same camera length and binning, or its semiangle.
"""

EXAMPLES = """\
examples:
  latticework peaks scan.hspy --probe vacuum.hspy -o peaks.csv
      every pattern of a scan; the pixel in 1/Å is the file's
  latticework peaks pattern.dm3 --step 0.0217 --semiangle 2 --overlay peaks.png -o peaks.csv
      one pattern without a vacuum probe, at 0.0217 1/Å a pixel; and a picture of what was found

columns of the table:
  pattern, scan_0, ...     number of the pattern, and its place in the scan
  qx, qy                   position from the direct beam, 1/Å
  x_px, y_px               position in pixels of your pattern
  intensity                structure factor over that of the strongest peak
  sigma, sigma_intensity   standard deviation over predictions with dropout
"""


def add_command(commands: argparse._SubParsersAction, weights: Path) -> None:
    """Add `peaks` to the commands; `weights` are the published ones."""
    peaks = commands.add_parser(
        "peaks",
        help="find the Bragg peaks of diffraction patterns",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    peaks.add_argument("patterns", type=Path, help="a pattern, a stack or a 4D-STEM scan")
    peaks.add_argument(
        "-o", "--output", type=Path, required=True, metavar="TABLE", help="table to write, .csv"
    )
    vacuum = peaks.add_mutually_exclusive_group(required=True)
    vacuum.add_argument("--probe", type=Path, metavar="FILE", help="the vacuum probe")
    vacuum.add_argument("--semiangle", type=float, metavar="MRAD", help="of a round probe")
    peaks.add_argument("--step", type=float, metavar="1/Å", help="pixel, if you know it better")
    peaks.add_argument("--weights", type=Path, default=weights, metavar="FILE")
    peaks.add_argument(
        "--threshold", type=float, default=0.1, metavar="T", help="of the strongest peak (0.1)"
    )
    peaks.add_argument(
        "--samples", type=int, default=10, metavar="N", help="predictions with dropout (10)"
    )
    peaks.add_argument("--overlay", type=Path, metavar="PNG", help="also draw the first pattern")
    peaks.add_argument("--quiet", action="store_true", help="no progress bar")
    peaks.set_defaults(run=run_peaks)


def find_peaks(
    path: Path,
    weights_path: Path,
    *,
    probe_path: Path | None = None,
    semiangle: float | None = None,
    step: float | None = None,
    threshold: float = 0.1,
    samples: int = 10,
    batch: int = 16,
    progress: bool = True,
) -> tuple[pd.DataFrame, list[str]]:
    """Bragg peaks of all patterns of a file, and warnings.

    Raises PictureError or WeightsError for input that cannot be used.
    """
    import numpy as np
    from tqdm import tqdm

    from latticework.analysis.bragg import monte_carlo_peaks
    from latticework.datasets.patterns import check_pattern, read_patterns, saturated_share
    from latticework.datasets.read import PictureError
    from latticework.hardware import best_device
    from latticework.inference.maps import sample_maps
    from latticework.inference.patterns import (
        disk,
        made_up_probe,
        network_frame,
        normalised,
        pattern_warnings,
    )
    from latticework.learning import weights

    opened = read_patterns(path)
    network, card = weights.load(weights_path)
    network.to(best_device())
    step = step or opened.step
    if step is None:
        raise PictureError(f"{path}: says nothing of its pixel in 1/Å; give --step")
    if probe_path is not None:
        vacuum = read_patterns(probe_path)
        read = [pattern for _, many in vacuum.batches(batch) for pattern in many]
        probe = np.mean(read, axis=0)
    else:
        _, first = next(opened.batches(1))
        check_pattern(first[0], str(path))
        beam, _ = disk(first[0])
        energy = card["simulation"]["energy"]
        probe = made_up_probe(opened.shape, step, semiangle, energy, beam)
    frame = network_frame(probe, opened.shape, step, card)
    warnings = pattern_warnings(probe, frame, opened.shape, card)
    tables, saturated, number = [], 0, 0
    with tqdm(total=len(opened), desc=path.name, unit="pattern", disable=not progress) as bar:
        for places, patterns in opened.batches(batch):
            saturated += sum(saturated_share(pattern) > 0 for pattern in patterns)
            maps = sample_maps(
                network,
                *normalised(patterns, probe, frame),
                samples=max(2, samples),
                seed=number,
                precision="auto",
            )
            for index, place in enumerate(places):
                table = monte_carlo_peaks(maps[:, index], frame.step, threshold=threshold)
                height = table["intensity"].max() if len(table) else 1.0
                table[["intensity", "sigma_intensity"]] /= height
                x, y = frame.to_user(table["qx"], table["qy"])
                table = table.assign(x_px=x, y_px=y)
                for axis, value in reversed(list(enumerate(place))):
                    table.insert(0, f"scan_{axis}", value)
                table.insert(0, "pattern", number)
                tables.append(table)
                number += 1
            bar.update(len(places))
    if saturated:
        warnings.append(
            f"{saturated} of {len(opened)} patterns look saturated: their strongest disks are cut "
            "off, and the structure factors with them"
        )
    return pd.concat(tables, ignore_index=True), warnings


def run_peaks(arguments: argparse.Namespace) -> int:
    """Check the options, find the peaks, write the table and say what was found: 0."""
    if not 0 < arguments.threshold < 1:
        raise ValueError(f"--threshold {arguments.threshold}: above 0 and below 1")
    if arguments.step is not None and not 1e-4 <= arguments.step <= 0.5:
        raise ValueError(f"--step {arguments.step}: in 1/Å a pixel, 0.0001 to 0.5")
    if arguments.semiangle is not None and not 0.05 <= arguments.semiangle <= 50:
        raise ValueError(f"--semiangle {arguments.semiangle}: in mrad, 0.05 to 50")
    if not arguments.output.resolve().parent.is_dir():
        raise ValueError(f"-o {arguments.output}: its folder does not exist")
    table, warnings = find_peaks(
        arguments.patterns,
        arguments.weights,
        probe_path=arguments.probe,
        semiangle=arguments.semiangle,
        step=arguments.step,
        threshold=arguments.threshold,
        samples=arguments.samples,
        progress=not arguments.quiet,
    )
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    write_csv(arguments.output, table)
    patterns = table["pattern"].nunique()
    print(f"{len(table)} peaks in {patterns} pattern(s): {arguments.output}")
    if arguments.overlay:
        from latticework.datasets.patterns import read_patterns
        from latticework.figures.overlay import save_peaks

        _, first = next(read_patterns(arguments.patterns).batches(1))
        save_peaks(arguments.overlay, first[0], table[table["pattern"] == 0])
        print(f"peaks on the pattern: {arguments.overlay}")
    return 0
