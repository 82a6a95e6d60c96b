"""The command `latticework strain`: maps of strain from a scan of diffraction patterns."""

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from latticework.cli import published
from latticework.cli.outputs import check_outputs
from latticework.cli.published import InputError

if TYPE_CHECKING:
    from ase import Atoms

DESCRIPTION = """\
Map the strain of a crystal from a scan of diffraction patterns (4D-STEM). A network finds the
Bragg peaks and the lattice; disks refined against the vacuum probe measure it.

Strain is in numbers, not per cent, with respect to the median of the scan or of a region of it;
x runs along the columns of the detector, y along its rows.
"""

EXAMPLES = """\
examples:
  latticework strain scan.hspy --probe vacuum.hspy -o strain.h5 --overlay strain.png
      strain with respect to the median of the scan, and its maps
  latticework strain scan.mib --semiangle 2 --energy 200 --reciprocal-pixel 0.0217 \\
      --reference 170 0 201 50 --rotation -12 --csv strain.csv -o strain.h5
      without a vacuum probe; the reference is a region of the scan (ends excluded), and the axes
      are turned by -12 degrees from the detector's

arrays of the file (scan y, x):
  exx, eyy, exy, rotation     strain, and rotation in rad; sigma_exx, ...: standard deviations
  dilation                    exx + eyy, which no choice of axes changes
  mask, reason                where there is a strain, and why there is none elsewhere
  peaks, indexed, residual    disks that decided, share of the peaks in the lattice, what the
                              model leaves
  lattice, reference          origin, u and v in px; u and v of the reference in 1/Å
"""


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    studies = published.listed(published.studies(patterns=True))
    strain = commands.add_parser(
        "strain",
        help="map the strain of a crystal from a scan of diffraction patterns",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    strain.add_argument("patterns", type=Path, help="a 4D-STEM scan; a line of patterns will do")
    strain.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MAPS", help="maps to write, .h5"
    )
    strain.add_argument("--csv", type=Path, metavar="TABLE", help="also write them as a table")
    strain.add_argument(
        "--overlay", type=Path, metavar="PNG", help="also draw the maps and the lattice"
    )
    vacuum = strain.add_mutually_exclusive_group(required=True)
    vacuum.add_argument("--probe", type=Path, metavar="FILE", help="the vacuum probe")
    vacuum.add_argument("--semiangle", type=float, metavar="MRAD", help="of a round probe")
    vacuum.add_argument(
        "--vacuum-region",
        nargs=4,
        type=int,
        metavar=("X0", "Y0", "X1", "Y1"),
        help="positions of the scan (ends excluded) where the probe meets no sample",
    )
    strain.add_argument(
        "--energy", type=float, metavar="KEV", help="beam energy, needed with --semiangle"
    )
    strain.add_argument(
        "--reciprocal-pixel", type=float, metavar="1/Å", help="pixel, if you know it better"
    )
    camera = strain.add_mutually_exclusive_group()
    camera.add_argument(
        "--ellipse",
        nargs=2,
        type=float,
        metavar=("RATIO", "DEGREES"),
        help="elliptic distortion to be undone: longest over shortest diameter of what should be a "
        "circle, and the direction of the longest, from x towards y",
    )
    camera.add_argument(
        "--rings",
        nargs=2,
        metavar=("FILE", "CRYSTAL"),
        help="measure the elliptic distortion and the pixel by the rings of a known powder, "
        "recorded at the same camera length and binning",
    )
    strain.add_argument(
        "--reference",
        nargs="+",
        default=["median"],
        metavar="X0 Y0 X1 Y1",
        help="region of the scan that counts as unstrained, in positions, ends excluded; "
        "or: median, of the whole scan (the default)",
    )
    strain.add_argument(
        "--lattice",
        nargs=4,
        type=float,
        metavar=("UX", "UY", "VX", "VY"),
        help="lattice vectors in px to begin with (default: found in the mean pattern)",
    )
    strain.add_argument(
        "--crystal",
        metavar="ELEMENT|FILE",
        help="what the reference is, an element or a structure file (.cif, POSCAR, …): "
        "checks the pixel size against its lattice",
    )
    strain.add_argument(
        "--rotation",
        type=float,
        default=0.0,
        metavar="DEGREES",
        help="from the detector's x axis to that of the strain, towards y (0)",
    )
    strain.add_argument(
        "--convention",
        choices=("latticework", "quantem", "py4dstem"),
        default="latticework",
        help="sign and order as another program has them (docs/strain.md)",
    )
    strain.add_argument(
        "--no-refine", action="store_true", help="the network's answer alone, for comparison"
    )
    strain.add_argument(
        "--quick",
        action="store_true",
        help="one model of what is inside of the disks, not the mean of three: three times faster, "
        "less precise",
    )
    strain.add_argument("--study", help=f"whose published weights to use: {studies}")
    strain.add_argument("--network", metavar="NAME", help="which of its published networks")
    strain.add_argument(
        "--weights", type=Path, metavar="FILE", help="a .safetensors file (default: published)"
    )
    strain.add_argument(
        "--threshold",
        type=float,
        default=0.05,
        metavar="T",
        help="weakest peak that the lattice is found from, relative to the strongest (0.05)",
    )
    strain.add_argument("--quiet", action="store_true", help="no progress bar")
    strain.set_defaults(run=run)


def region_of(words: list[str]) -> tuple[int, int, int, int] | None:
    """The region that --reference names; None: the median of the scan. Raises InputError."""
    if words == ["median"]:
        return None
    try:
        x0, y0, x1, y1 = map(int, words)
    except ValueError:
        raise InputError(
            f"--reference {' '.join(words)}: expected median, or four whole numbers X0 Y0 X1 Y1"
        ) from None
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise InputError(f"--reference {' '.join(words)}: expected 0 <= X0 < X1 and 0 <= Y0 < Y1")
    return x0, y0, x1, y1


def crystal_of(name: str) -> "Atoms":
    """The crystal that --crystal names, as its cell. Raises InputError."""
    from ase.build import bulk
    from ase.data import atomic_numbers, reference_states
    from ase.io import read

    try:
        if Path(name).exists():
            return read(name)
        # Zones have the indices that everybody knows in the conventional cell.
        known = reference_states[atomic_numbers[name]] or {}
        return bulk(name, cubic=known.get("symmetry") in ("fcc", "bcc", "diamond"))
    # What ase raises depends on the format that it takes a file for.
    except Exception as error:
        raise InputError(
            f"--crystal {name}: expected an element with a known crystal structure or a structure "
            f"file that ase reads ({error or type(error).__name__})"
        ) from error


def check(arguments: argparse.Namespace) -> None:
    """Raise InputError for options that cannot be used."""
    limits = {
        "--threshold": (arguments.threshold, 1e-6, 1),
        "--reciprocal-pixel": (arguments.reciprocal_pixel, 1e-4, 0.5),
        "--semiangle": (arguments.semiangle, 0.05, 50),
        "--energy": (arguments.energy, 10, 3000),
        "--ellipse": (arguments.ellipse and arguments.ellipse[0], 1, 1.5),
    }
    for option, (value, low, high) in limits.items():
        if value is not None and not low <= value <= high:
            raise InputError(f"{option} {value}: expected {low:g} to {high:g}")
    if arguments.semiangle is not None and arguments.energy is None:
        raise InputError("--semiangle needs --energy, the beam energy in keV")
    if arguments.lattice is not None:
        ux, uy, vx, vy = arguments.lattice
        if abs(ux * vy - uy * vx) < 0.1 * math.hypot(ux, uy) * math.hypot(vx, vy) + 1e-9:
            raise InputError("--lattice: u and v are parallel; expected two directions")
    if not math.isfinite(arguments.rotation):
        raise InputError(f"--rotation {arguments.rotation}: expected an angle in degrees")


def run(arguments: argparse.Namespace) -> int:
    """Check the options, measure the strain, write the maps and say what was found: 0."""
    check(arguments)
    region = region_of(arguments.reference)
    weights_path, _ = published.chosen(
        arguments.study, arguments.network, arguments.weights, patterns=True
    )
    probe = [arguments.probe] if arguments.probe else []
    if arguments.rings:
        probe.append(Path(arguments.rings[0]))
    outputs = {"-o": arguments.output, "--csv": arguments.csv, "--overlay": arguments.overlay}
    check_outputs([arguments.patterns, *probe, weights_path], outputs)
    crystal = None if arguments.crystal is None else crystal_of(arguments.crystal)
    powder = None if arguments.rings is None else crystal_of(arguments.rings[1])
    # Imported here, so that --help and a wrong option answer at once.
    from latticework import shards
    from latticework.analysis.diffraction import (
        disk_models,
        mapping,
        scan_patterns,
        scan_strain,
        strain_map,
    )
    from latticework.analysis.diffraction.scan_peaks import make_reader
    from latticework.datasets.scans import read_patterns, rows_and_columns
    from latticework.inference.rings import fit_rings, round_again
    from latticework.inference.scan_calibration import calibrated

    patterns = read_patterns(arguments.patterns)
    rows_and_columns(patterns.scan)
    sampling, camera = arguments.reciprocal_pixel, None
    if arguments.ellipse:
        camera = round_again(arguments.ellipse[0], math.radians(arguments.ellipse[1]))
    if powder is not None:
        rings = fit_rings(read_patterns(arguments.rings[0]).mean(), powder)
        sampling, camera = sampling or rings.sampling, round_again(rings.ratio, rings.angle)
        print(rings.said)
    calibration = calibrated(
        patterns,
        probe=arguments.probe,
        region=arguments.vacuum_region,
        semiangle=arguments.semiangle,
        energy=1e3 * (arguments.energy or 0),
        sampling=sampling,
    )
    reader, warnings = make_reader(
        weights_path, patterns.shape, calibration, threshold=arguments.threshold, samples=1
    )
    mean = scan_patterns.average(patterns)
    warnings += scan_patterns.probe_warnings(mean, calibration.probe)
    _warn(warnings)
    options = scan_strain.Options(
        refine=not arguments.no_refine,
        lattice=None if arguments.lattice is None else tuple(arguments.lattice),
        degrees=disk_models.DEGREES[:1] if arguments.quick else disk_models.DEGREES,
    )
    lattices = scan_strain.measure_lattices(
        patterns, mean, reader, options, progress=not arguments.quiet
    )
    found = mapping.strain_map(
        lattices,
        patterns.scan,
        region=region,
        angle=math.radians(arguments.rotation),
        convention=arguments.convention,
        camera=camera,
    )
    if crystal is not None:
        from latticework.analysis.diffraction.known_crystal import check_pixel

        said, agrees = check_pixel(crystal, found.reference * calibration.sampling)
        print(said) if agrees else _warn([said])
        warnings += [] if agrees else [said]
    settings = {
        "convention": arguments.convention,
        "rotation_deg": arguments.rotation,
        "camera": None if camera is None else camera.tolist(),
        "reference_region": list(region) if region else "median",
        "refined": options.refine,
        "warnings": warnings,
    }
    strain_map.write(arguments.output, found, calibration.sampling, mean, settings)
    if arguments.csv:
        shards.write_csv(arguments.csv, strain_map.table(found))
    _warn(strain_map.counted(found))
    print(strain_map.summary(found, calibration.sampling))
    print(f"strain of {int(found.measured.sum())} positions: {arguments.output}")
    if arguments.overlay:
        from latticework.figures.strain_maps import save_strain

        save_strain(arguments.overlay, mean, found)
        print(f"maps: {arguments.overlay}")
    return 0


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
