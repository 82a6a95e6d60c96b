"""The command `latticework order`: order on the sites of a surface, and domains of molecules."""

import argparse
import os
import sys
from pathlib import Path

from latticework.cli import arrangement, predict, published
from latticework.cli.outputs import check_outputs
from latticework.cli.published import InputError

DESCRIPTION = """\
Find the sites of a surface in an image with a network, and what order they have: every other one
bright, or a charge-density wave, with its domains and walls, order parameter and correlation
length; or molecules in few orientations, and the domains that these form. Sites that are missing
are marked.

What is looked for follows from what the network was trained on. With a network for any lattice the
usual ordering vectors of a square or a hexagonal lattice are tried.
"""

EXAMPLES = """\
examples:
  latticework order scan.sxm --study STUDY -o order.csv --overlay order.png
      the image's order, by what STUDY knows of its surface
  latticework order scan.sxm --study STUDY -o order.csv --vector 0.5 0
      look for rows of two kinds instead
  latticework order scan.sxm --study STUDY -o order.csv --image 'Z backward'
      another channel or direction

columns of the table:
  x_px, y_px, class, p_<class>, ...   sites, as `latticework predict` writes them; the class of a
                       site that should be there and is not is "missing"
  h, k                 indices of the site in the lattice of the sites
  group                0 for the largest part of the lattice that hangs together, -1 for a site
                       that belongs to none; indices of different groups cannot be compared
  brightness           of the levelled image, in its robust standard deviations
  domain               number of the ordered state's domain, where there is one
  state                -1 to 1: what the state is at the site; of a checkerboard 1 and -1
  local_order          order parameter of the neighbourhood, 0 to 1
  orientation_domain   orientation of the molecules around
"""


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    studies = published.listed(published.studies(patterns=False))
    order = commands.add_parser(
        "order",
        help="find the order of a surface's sites, and domains",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    order.set_defaults(run=run)
    order.add_argument("file", type=Path, help="an image of any vendor's format")
    order.add_argument("--study", help=f"what the image shows: {studies}")
    order.add_argument("--network", metavar="NAME", help="which of its published networks")
    order.add_argument(
        "--weights", type=Path, metavar="FILE", help="a .safetensors file (default: published)"
    )
    order.add_argument(
        "-o", "--output", type=Path, required=True, metavar="TABLE", help="table to write, .csv"
    )
    order.add_argument(
        "--overlay", type=Path, metavar="PNG", help="also draw sites, domains and walls"
    )
    order.add_argument(
        "--vector",
        type=float,
        nargs=2,
        action="append",
        metavar=("H", "K"),
        help="ordering vector to look for, in units of the reciprocal lattice; may be repeated",
    )
    order.add_argument(
        "--image",
        metavar="NAME",
        help="which image of the file; of a scan a channel and a direction, 'Current backward'",
    )
    arrangement.add_options(order)
    order.add_argument(
        "--pixel-size", type=float, metavar="Å", help="pixel size in Å, if you know it better"
    )
    order.add_argument(
        "--threshold", type=float, default=0.5, metavar="P", help="lowest probability (0.5)"
    )
    order.add_argument(
        "--tile", type=int, default=1024, metavar="PX", help="largest side read at once (1024)"
    )
    order.add_argument(
        "--symmetries", type=int, choices=(1, 4, 8), default=4, help="copies to average (4)"
    )
    order.add_argument(
        "--device", metavar="NAME", help="cpu or gpu (default: the GPU if there is one)"
    )
    order.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> int:
    """Find sites and their order, write the table and say what was found: 0."""
    predict.check_reading(arguments)
    for h, k in arguments.vector or []:
        if not (abs(h) <= 1 and abs(k) <= 1 and (h or k)):
            raise InputError(f"--vector {h:g} {k:g}: expected fractions from -1 to 1, not both 0")
    weights_path, card = published.chosen(
        arguments.study, arguments.network, arguments.weights, patterns=False
    )
    check_outputs(
        [arguments.file, weights_path],
        {"-o": arguments.output, "--overlay": arguments.overlay},
    )
    # Imported here, so that --help and a wrong option answer at once.
    import numpy as np

    from latticework import materials
    from latticework.analysis.predicting import read_images
    from latticework.analysis.surfaces.ordered import in_words, read_order
    from latticework.config.inference import Images
    from latticework.hardware import DEVICE_VARIABLE
    from latticework.shards import write_csv

    if arguments.device is not None:
        os.environ[DEVICE_VARIABLE] = predict.DEVICES[arguments.device]
    seen = read_images(
        [arguments.file],
        weights_path,
        Images(tile=arguments.tile, symmetries=arguments.symmetries, threshold=arguments.threshold),
        pixel_size=arguments.pixel_size,
        image=arguments.image,
        arrangement=arrangement.of(arguments),
        progress=not arguments.quiet,
    )
    found = read_order(
        seen.frames[0],
        seen.atoms[seen.atoms["frame"] == 0],
        materials.load(card["material"]),
        card["classes"],
        seen.sampling,
        [tuple(one) for one in arguments.vector or []],
    )
    warnings = [*seen.warnings, *found.warnings]
    if len(seen.frames) > 1:
        warnings.append(f"the first of {len(seen.frames)} frames was read")
    known = seen.sampling if np.isfinite(seen.sampling) else None
    for line in (*seen.notes, *in_words(found, known)):
        print(line)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    write_csv(arguments.output, found.table)
    print(f"{len(found.table)} sites: {arguments.output}")
    if arguments.overlay:
        from latticework.figures.order import save_order

        save_order(arguments.overlay, seen.shown, found.table, found.walls)
        print(f"order on the image: {arguments.overlay}")
    return 0
