"""The command `latticework peaks`: structure factors of diffraction patterns."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from latticework.cli import published
from latticework.cli.outputs import check_outputs
from latticework.cli.published import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from latticework.analysis.diffraction.scan_peaks import PatternPeaks
    from latticework.cli.growing_table import GrowingTable

DESCRIPTION = """\
Find the Bragg peaks of diffraction patterns: their positions and structure factors, by a network
that was trained on simulated patterns of thick crystals.

Pass the vacuum probe, recorded with the same camera length and binning, or its semiangle.
"""

EXAMPLES = """\
examples:
  latticework peaks scan.hspy --probe vacuum.hspy -o peaks.csv
      every pattern of a scan; the reciprocal pixel is read from the file
  latticework peaks pattern.dm3 --reciprocal-pixel 0.0217 --semiangle 2 --overlay peaks.png \\
      -o peaks.csv
      one pattern without a vacuum probe, with a pixel of 0.0217 1/Å; also draw what was found

columns of the table:
  pattern, scan_0, ...     number of the pattern, and its position in the scan
  qx, qy                   position relative to the direct beam, 1/Å
  intensity                structure factor relative to the strongest peak's
  sigma, sigma_intensity   standard deviation over predictions with dropout
  x_px, y_px               position in pixels of your pattern
"""


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    studies = published.listed(published.studies(patterns=True))
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
    vacuum.add_argument(
        "--semiangle",
        type=float,
        metavar="MRAD",
        help="semiangle of a round probe, mrad",
    )
    peaks.add_argument(
        "--reciprocal-pixel", type=float, metavar="1/Å", help="pixel, if you know it better"
    )
    peaks.add_argument(
        "--energy",
        type=float,
        metavar="KEV",
        help="beam energy (default: the one that the network was trained for)",
    )
    peaks.add_argument(
        "--origin",
        type=float,
        nargs=2,
        metavar=("X", "Y"),
        help="where the direct beam is, px of the detector (default: found)",
    )
    peaks.add_argument("--image", metavar="NAME|NUMBER", help="which of several arrays in the file")
    peaks.add_argument(
        "--study", help=f"whose published weights to use: {studies} (default: the only one)"
    )
    peaks.add_argument(
        "--network", metavar="NAME", help="which of the study's published networks to use"
    )
    peaks.add_argument(
        "--weights", type=Path, metavar="FILE", help="a .safetensors file (default: published)"
    )
    peaks.add_argument(
        "--threshold",
        type=float,
        default=0.1,
        metavar="T",
        help="weakest peak, relative to the strongest (0.1)",
    )
    peaks.add_argument(
        "--samples",
        type=int,
        default=10,
        metavar="N",
        help="predictions with dropout, at least 2 (10)",
    )
    peaks.add_argument(
        "--overlay", type=Path, metavar="PNG", help="also draw the peaks on the first pattern"
    )
    peaks.add_argument(
        "--bragg-vectors",
        type=Path,
        metavar="FILE",
        help="also write the peaks of a scan as BraggVectors that py4DSTEM opens, .h5",
    )
    peaks.add_argument(
        "--hyperspy",
        type=Path,
        metavar="FILE",
        help="also write them as vectors that HyperSpy and pyxem open, .hspy",
    )
    peaks.add_argument("--quiet", action="store_true", help="no progress bar")
    peaks.set_defaults(run=run)


def check(arguments: argparse.Namespace) -> None:
    """Raise InputError for options that cannot be used."""
    pixel, semiangle = arguments.reciprocal_pixel, arguments.semiangle
    if not 0 < arguments.threshold < 1:
        raise InputError(
            f"--threshold {arguments.threshold}: expected a number above 0 and below 1"
        )
    if pixel is not None and not 1e-4 <= pixel <= 0.5:
        raise InputError(f"--reciprocal-pixel {pixel}: expected 0.0001 to 0.5 1/Å")
    if semiangle is not None and not 0.05 <= semiangle <= 50:
        raise InputError(f"--semiangle {semiangle}: expected 0.05 to 50 mrad")
    if arguments.energy is not None and not 10 <= arguments.energy <= 3000:
        raise InputError(f"--energy {arguments.energy}: expected 10 to 3000 keV")
    if arguments.samples < 2:
        raise InputError(f"--samples {arguments.samples}: expected at least 2, for an error")


def rows_of(number: int, found: "PatternPeaks") -> "pd.DataFrame":
    """The table's rows of one pattern: its number, its position in the scan, and its peaks."""
    table = found.peaks.copy()
    for axis, value in reversed(list(enumerate(found.place))):
        table.insert(0, f"scan_{axis}", value)
    table.insert(0, "pattern", number)
    return table


def write_peaks(
    table: "GrowingTable", read: Iterable["PatternPeaks"], batch: int, total: int
) -> None:
    """Write the peaks of patterns as each is read: memory does not grow with a scan.

    `read` goes on where the table ends. Of the table's state, `peaks` and `saturated` are numbers
    of peaks and of patterns that look saturated, `problems` the numbers of the patterns that were
    left out by their problem, `first` that of the first that was not. Every `batch` patterns of
    `total` the table is kept. Raises InputError where no pattern could be read.
    """
    state = table.state
    for number, found in enumerate(read, start=table.done):
        rows = rows_of(number, found)
        table.append(rows)
        state["peaks"] += len(rows)
        state["saturated"] += int(found.saturated)
        if found.problem:
            state["problems"].setdefault(found.problem, []).append(number)
        elif state["first"] is None:
            state["first"] = number
        if (number + 1) % batch == 0 or number + 1 == total:
            table.reached(number + 1)
    if state["first"] is None:
        raise InputError(f"no pattern can be read: {'; '.join(state['problems'])}")


def run(arguments: argparse.Namespace) -> int:
    """Check the options, find the peaks, write the table and say what was found: 0."""
    check(arguments)
    weights_path, card = published.chosen(
        arguments.study, arguments.network, arguments.weights, patterns=True
    )
    probe = [arguments.probe] if arguments.probe else []
    check_outputs(
        [arguments.patterns, *probe, weights_path],
        {
            "-o": arguments.output,
            "--overlay": arguments.overlay,
            "--bragg-vectors": arguments.bragg_vectors,
            "--hyperspy": arguments.hyperspy,
        },
    )
    # Imported here, so that --help and a wrong option answer at once.
    from latticework.analysis.diffraction.bragg_vectors import write_bragg_vectors
    from latticework.analysis.diffraction.hyperspy_vectors import write_hyperspy_vectors
    from latticework.analysis.diffraction.scan_peaks import (
        BATCH,
        make_reader,
        problem_warning,
        saturation_warning,
        scan_peaks,
    )
    from latticework.cli.growing_table import growing, identity
    from latticework.datasets.scans import read_patterns, rows_and_columns
    from latticework.inference.scan_calibration import calibrated

    patterns = read_patterns(arguments.patterns, arguments.image)
    energy = 1e3 * arguments.energy if arguments.energy else card["simulation"]["energy"]
    calibration = calibrated(
        patterns,
        probe=arguments.probe,
        semiangle=arguments.semiangle,
        energy=energy,
        sampling=arguments.reciprocal_pixel,
        origin=tuple(arguments.origin) if arguments.origin else None,
    )
    reader, warnings = make_reader(
        weights_path,
        patterns.shape,
        calibration,
        threshold=arguments.threshold,
        samples=arguments.samples,
    )
    total = len(patterns)
    files = [patterns.path, *probe, weights_path]
    chosen = ("image", "energy", "reciprocal_pixel", "origin", "semiangle", "threshold", "samples")
    with growing(
        arguments.output,
        identity(files, {name: getattr(arguments, name) for name in chosen}),
        {"peaks": 0, "saturated": 0, "problems": {}, "first": None},
        "pattern",
    ) as table:
        if table.done:
            print(f"going on after {table.done} of {total} patterns of an interrupted run")
        read = scan_peaks(patterns, reader, progress=not arguments.quiet, first=table.done)
        write_peaks(table, read, BATCH, total)
    state = table.state
    warnings += problem_warning(state["problems"], total)
    warnings += saturation_warning(state["saturated"], total)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    x, y = reader.grid.beam
    print(
        f"pixel {calibration.sampling:.5g} 1/Å by the {calibration.source}; direct beam at "
        f"x = {x:.1f}, y = {y:.1f} px; {energy / 1e3:g} keV by the "
        f"{'user' if arguments.energy else 'network'}"
    )
    print(f"{state['peaks']} peaks in {total} pattern(s): {arguments.output}")
    if arguments.bragg_vectors:
        write_bragg_vectors(
            arguments.bragg_vectors,
            peaks_of_patterns(arguments.output, total, ("x_px", "y_px", "intensity")),
            rows_and_columns(patterns.scan),
            patterns.shape,
            sampling=calibration.sampling,
            beam=reader.grid.beam,
        )
        print(f"BraggVectors for py4DSTEM: {arguments.bragg_vectors}")
    if arguments.hyperspy:
        write_hyperspy_vectors(
            arguments.hyperspy,
            peaks_of_patterns(arguments.output, total, ("qx", "qy", "intensity")),
            rows_and_columns(patterns.scan),
            title=patterns.path.stem,
        )
        print(f"vectors for HyperSpy: {arguments.hyperspy}")
    if arguments.overlay:
        import pandas as pd

        from latticework.figures.overlay import save_peaks

        number = state["first"]
        _, shown, _ = next(patterns.checked(1, number))
        rows = pd.read_csv(arguments.output)
        save_peaks(arguments.overlay, shown[0], rows[rows["pattern"] == number])
        print(f"peaks on the pattern: {arguments.overlay}")
    return 0


def peaks_of_patterns(path: Path, total: int, columns: tuple[str, ...]) -> "list[np.ndarray]":
    """Some columns (n, columns) of the peaks of each pattern, of the table at `path`."""
    import numpy as np
    import pandas as pd

    table = pd.read_csv(path, usecols=["pattern", *columns])
    starts = table["pattern"].searchsorted(range(1, total))
    return np.split(table[[*columns]].to_numpy(float), starts)
