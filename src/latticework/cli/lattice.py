"""The command `latticework lattice`: the lattice of an image, without a network and a material."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from latticework.cli import arrangement
from latticework.cli.outputs import check_outputs
from latticework.cli.published import InputError

if TYPE_CHECKING:
    import pandas as pd

    from latticework.analysis.surfaces.reading import Reading
    from latticework.materials import Motif

DESCRIPTION = """\
Find the lattice of an image, whatever it shows: vectors with their errors, symmetry, how sure both
are, and what speaks against them. No network, no material and no pixel size are needed. Raw files
of scanning tunnelling microscopes (.sxm, .gwy, …) are levelled first.

With --motif, every site that a cell of a known surface holds is looked for in every cell.
"""

EXAMPLES = """\
examples:
  latticework lattice scan.sxm
      vectors in px, and in Å by the file's pixel size
  latticework lattice scan.sxm --image 'Current backward' -o reflections.csv
      another channel; also write the table of reflections
  latticework lattice hopg.png --constant 2.46
      the lattice constant is known, in Å: it gives the pixel, and the file's is checked
  latticework lattice scan.sxm --motif MATERIAL --cells cells.csv --sites sites.csv
      which sites of each cell are there, and which are missing

columns of the table:
  x_per_px, y_per_px       frequency, cycles/px
  h, k                     indices in the lattice; empty for a reflection that is not of it
  significance             power over the noise around it
  amplitude                of the wave, in robust standard deviations of the image
  per_nm                   frequency in 1/nm, where the pixel size is known

columns of the tables of sites and of cells:
  h, k                     indices of the cell
  site                     number of the site in the material's motif
  x_px, y_px               of the bright place, or of where it should be; of a cell's origin
  off                      how far both are apart, over the distance of neighbouring sites
  strength                 how far it stands out of its surroundings, over the median of all
  whole                    whether all sites of the cell are in the image
  state                    found; doubtful, covered by something higher or too weak; missing
  found, doubtful, missing numbers of sites of a whole cell
"""
AGREES = 0.03  # of two pixel sizes, relative


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    lattice = commands.add_parser(
        "lattice",
        help="find the lattice of an image, without a network",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lattice.add_argument("file", type=Path, help="a file of any vendor's format")
    lattice.add_argument(
        "-o", "--output", type=Path, metavar="TABLE", help="table of reflections to write, .csv"
    )
    lattice.add_argument(
        "--pixel-size", type=float, metavar="Å", help="pixel size in Å, if you know it better"
    )
    lattice.add_argument(
        "--constant", type=float, metavar="Å", help="the lattice constant, if it is known"
    )
    lattice.add_argument(
        "--image",
        metavar="NAME",
        help="which image of the file; of a scan a channel and a direction, 'Current backward'",
    )
    lattice.add_argument(
        "--motif", metavar="MATERIAL", help="look for the sites of this surface in every cell"
    )
    lattice.add_argument(
        "--cells", type=Path, metavar="TABLE", help="with --motif: table of cells to write, .csv"
    )
    lattice.add_argument(
        "--sites", type=Path, metavar="TABLE", help="with --motif: table of sites to write, .csv"
    )
    arrangement.add_options(lattice)
    lattice.add_argument(
        "--overlay", type=Path, metavar="PNG", help="also draw the lattice on the image"
    )
    lattice.set_defaults(run=run)


def table_of(reading: "Reading", sampling: float | None) -> "pd.DataFrame":
    """The table of reflections, the strongest first."""
    import numpy as np
    import pandas as pd

    found = reading.reflections
    table = pd.DataFrame(
        {
            "x_per_px": found.frequencies[:, 0],
            "y_per_px": found.frequencies[:, 1],
            "h": pd.array([None] * len(found.significance), dtype="Int64"),
            "k": pd.array([None] * len(found.significance), dtype="Int64"),
            "significance": found.significance,
            "amplitude": found.amplitude,
        }
    )
    if reading.lattice is not None:
        for column, name in enumerate("hk"):
            table.loc[reading.lattice.members, name] = reading.lattice.indices[:, column]
    if sampling is not None:
        table["per_nm"] = np.linalg.norm(found.frequencies, axis=1) * 10 / sampling
    return table


def check(arguments: argparse.Namespace) -> None:
    """Raise InputError for options that cannot be used."""
    if arguments.pixel_size is not None and not 0.005 <= arguments.pixel_size <= 5:
        raise InputError(f"--pixel-size {arguments.pixel_size}: expected 0.005 to 5 Å")
    if arguments.constant is not None and not 1 <= arguments.constant <= 100:
        raise InputError(f"--constant {arguments.constant}: expected 1 to 100 Å")
    check_outputs(
        [arguments.file],
        {
            "-o": arguments.output,
            "--overlay": arguments.overlay,
            "--cells": arguments.cells,
            "--sites": arguments.sites,
        },
    )
    if arguments.motif is None and (arguments.cells or arguments.sites):
        raise InputError("--cells, --sites: whose cells? Name a material by --motif")


def motif_of(name: str) -> "Motif":
    """The motif of a material. Raises InputError, naming those that have one."""
    from latticework import materials, names

    known = {one: materials.load(one).motif for one in names.available("materials")}
    if known.get(name) is None:
        there = ", ".join(sorted(one for one, motif in known.items() if motif is not None))
        raise InputError(f"--motif {name}: the cell's sites are known of {there}")
    return known[name]


def run(arguments: argparse.Namespace) -> int:
    """Read an image and say what its lattice is: 0, also where it has none."""
    check(arguments)
    motif = None if arguments.motif is None else motif_of(arguments.motif)
    from latticework.analysis.surfaces import motif as cells_of
    from latticework.analysis.surfaces.reading import CONFIDENT, in_words, read_lattice
    from latticework.analysis.surfaces.scale import scale_of
    from latticework.datasets.read import read_picture
    from latticework.shards import write_csv

    picture = read_picture(
        arguments.file, image=arguments.image, arrangement=arrangement.of(arguments)
    )
    sampling = arguments.pixel_size or picture.sampling
    reading = read_lattice(picture.image[0])
    warnings = [*picture.warnings, *reading.warnings]
    if len(picture.image) > 1:
        warnings.append(f"the first of {len(picture.image)} frames was read")
    sure = reading.lattice is not None and reading.lattice.confidence >= CONFIDENT
    if arguments.constant is not None and not sure:
        warnings.append("--constant: no lattice is certain enough to say what a pixel is")
    if arguments.constant is not None and sure:
        measured = scale_of(reading, arguments.constant, sampling)
        print(
            f"pixel {measured.sampling:.4f} ± {measured.sigma:.4f} Å by the lattice constant of "
            f"{arguments.constant:g} Å"
            + (f" ({measured.cell})" if measured.cell != "1 × 1" else "")
        )
        if sampling is not None and abs(measured.sampling / sampling - 1) > AGREES:
            warnings.append(
                f"the pixel size is given as {sampling:.4f} Å and is {measured.sampling:.4f} Å by "
                f"the lattice, {abs(measured.sampling / sampling - 1):.0%} off"
            )
    print(in_words(reading, sampling))
    cells = None
    if motif is not None and reading.lattice is not None:
        cells = cells_of.read_cells(reading.levelled, reading.lattice.vectors, motif)
        if cells is None:
            warnings.append("--motif: too few whole cells are in the image to judge their sites by")
        else:
            print("\n".join(cells_of.in_words(cells)))
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if arguments.output:
        write_csv(arguments.output, table_of(reading, sampling))
        print(f"reflections: {arguments.output}")
    if cells is not None:
        tables = {"cells": cells.cells, "sites": cells.sites}
        for name, path in (("cells", arguments.cells), ("sites", arguments.sites)):
            if path:
                write_csv(path, tables[name])
                print(f"{name}: {path}")
    if arguments.overlay and cells is not None:
        from latticework.figures.order import save_cells

        save_cells(arguments.overlay, reading.levelled, cells.sites, cells.corners)
        print(f"sites of the cells on the image: {arguments.overlay}")
    elif arguments.overlay:
        from latticework.figures.overlay import save_lattice

        vectors = None if reading.lattice is None else reading.lattice.vectors
        save_lattice(arguments.overlay, reading.levelled, vectors)
        print(f"lattice on the image: {arguments.overlay}")
    return 0
