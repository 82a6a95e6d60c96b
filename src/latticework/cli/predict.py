"""The command `latticework predict`: the atoms of an image, a movie or a focal series."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework.cli import published
from latticework.cli.outputs import check_outputs
from latticework.cli.published import InputError

# What the user may call a device → what `hardware.best_device` calls it.
DEVICES = {"cpu": "cpu", "gpu": "gpu", "cuda": "gpu"}

DESCRIPTION = """\
Find the atoms in an image, or count those of each column in a focal series, and write one table,
whatever the format of the file.

The pixel size is measured on the lattice, if the image shows one, and checked against the file's
metadata; --pixel-size takes precedence over both. Coordinates start at the centre of the first
pixel, x to the right and y down.
"""

EXAMPLES = """\
examples:
  latticework predict frame.dm4 --study {study} -o atoms.csv
      every atom with a probability of at least 0.5
  latticework predict frame.tif --study {study} --pixel-size 0.12 --overlay atoms.png -o atoms.csv
      the pixel is 0.12 Å whatever the file says; also draw what was found
  latticework predict movie.mrc --study {study} --threshold 0.01 -o candidates.csv
      all frames, with every candidate
  latticework predict frame.tif --study {study} --scale-region 340 120 580 380 -o atoms.csv
      measure the pixel on the lattice in that part of the image, as another crystal is beside it
  latticework predict frame.tif --study {study} --weights mine.safetensors -o atoms.csv
      a network of your own, from results/<run>/models/<study>/<network>/weights.safetensors
"""

SERIES_EXAMPLE = """\
  latticework predict {files} --study {study} -o counts.csv
      the number of atoms in every column, from {count} aligned images at defocus {defocus} Å
      (one stack of {count} frames will do as well)
"""

COLUMNS = """
columns of the table:
  x_angstrom, y_angstrom   position, Å
  x_px, y_px               position in pixels of your image
  probability              that there is an atom (the peak of the network's map)
  class, p_<class>, ...    name of the most probable class, and the probability of each; of a
                           focal series the class is the number of atoms in the column
  sigma_angstrom           standard deviation of the position per axis, Å
  frame                    number of the frame, from 0
"""


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    studies = published.studies(patterns=False)
    predict = commands.add_parser(
        "predict",
        help="find the atoms in an image or a movie",
        description=DESCRIPTION,
        epilog=examples(studies),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    predict.add_argument(
        "images",
        type=Path,
        nargs="+",
        metavar="image",
        help="a file of any vendor's format; for a focal series, one stack or one file per image",
    )
    predict.add_argument(
        "--study", required=True, help=f"what the image shows: {published.listed(studies)}"
    )
    predict.add_argument(
        "--network", metavar="NAME", help="which of the study's published networks to use"
    )
    predict.add_argument(
        "-o", "--output", type=Path, required=True, metavar="TABLE", help="table to write, .csv"
    )
    predict.add_argument(
        "--pixel-size", type=float, metavar="Å", help="pixel size in Å, if you know it better"
    )
    predict.add_argument(
        "--image",
        metavar="NAME|NUMBER",
        help="which image of a file that has several (default: the best; it is said which)",
    )
    predict.add_argument(
        "--scale-region",
        type=int,
        nargs=4,
        metavar=("X0", "Y0", "X1", "Y1"),
        help="measure the lattice only in this part of the image, px (left, top, right, bottom)",
    )
    predict.add_argument(
        "--weights", type=Path, metavar="FILE", help="a .safetensors file (default: published)"
    )
    predict.add_argument(
        "--threshold", type=float, default=0.5, metavar="P", help="lowest probability (0.5)"
    )
    predict.add_argument(
        "--overlay", type=Path, metavar="PNG", help="also draw the atoms on the first frame"
    )
    predict.add_argument(
        "--mask", type=Path, metavar="PNG", help="also draw what was taken for no specimen"
    )
    predict.add_argument(
        "--tile", type=int, default=1024, metavar="PX", help="largest side read at once (1024)"
    )
    predict.add_argument(
        "--symmetries",
        type=int,
        choices=(1, 4, 8),
        default=1,
        help="rotated and mirrored copies to read and average: 8 is steadiest, 1 fastest (1)",
    )
    predict.add_argument(
        "--device", metavar="NAME", help="cpu or gpu (default: the GPU if there is one)"
    )
    predict.add_argument("--quiet", action="store_true", help="no progress bar")
    predict.set_defaults(run=run)


def examples(studies: Mapping[str, Mapping[str, Any]]) -> str:
    """The end of the help text, with examples of the published studies."""
    frames = {name: card["network"]["frames"] for name, card in studies.items()}
    single = next((name for name, count in frames.items() if count == 1), "STUDY")
    text = EXAMPLES.format(study=single)
    for name, count in frames.items():
        if count > 1:
            text += SERIES_EXAMPLE.format(
                files=" ".join(f"{number}.dm4" for number in range(1, count + 1)),
                study=name,
                count=count,
                defocus=", ".join(f"{step:g}" for step in studies[name]["imaging"]["series"]),
            )
            break
    return text + COLUMNS


def check(arguments: argparse.Namespace) -> None:
    """Raise InputError for options that cannot be used."""
    if not 0 < arguments.threshold <= 1:
        raise InputError(
            f"--threshold {arguments.threshold}: expected a probability above 0 and at most 1"
        )
    if arguments.pixel_size is not None and not 0.005 <= arguments.pixel_size <= 5:
        raise InputError(f"--pixel-size {arguments.pixel_size}: expected 0.005 to 5 Å")
    if arguments.tile < 128 or arguments.tile % 64:
        raise InputError(f"--tile {arguments.tile}: expected a multiple of 64, at least 128")
    if arguments.device is not None and arguments.device not in DEVICES:
        raise InputError(f"--device {arguments.device}: expected cpu or gpu")


def run(arguments: argparse.Namespace) -> int:
    """Check the options, predict, write the table and say what was found: 0."""
    check(arguments)
    weights_path, _ = published.chosen(
        arguments.study, arguments.network, arguments.weights, patterns=False
    )
    check_outputs(
        [*arguments.images, weights_path],
        {"-o": arguments.output, "--overlay": arguments.overlay, "--mask": arguments.mask},
    )
    # Imported here, so that --help and a wrong option answer at once.
    from latticework.analysis.atoms.reading import predict_files
    from latticework.config.inference import Images
    from latticework.hardware import DEVICE_VARIABLE
    from latticework.shards import write_csv

    if arguments.device is not None:
        os.environ[DEVICE_VARIABLE] = DEVICES[arguments.device]
    settings = Images(
        tile=arguments.tile, symmetries=arguments.symmetries, threshold=arguments.threshold
    )
    found = predict_files(
        arguments.images,
        weights_path,
        settings,
        pixel_size=arguments.pixel_size,
        scale_region=arguments.scale_region,
        image=arguments.image,
        progress=not arguments.quiet,
    )
    for note in found.notes:
        print(note)
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    write_csv(arguments.output, found.atoms)
    print(
        f"{len(found.atoms)} atoms in {len(found.frames)} frame(s), {found.sampling:.4f} Å/px by "
        f"the {found.sampling_source}: {arguments.output}"
    )
    if arguments.overlay:
        from latticework.figures.overlay import save_overlay

        first = found.atoms[found.atoms["frame"] == 0]
        save_overlay(arguments.overlay, found.frames[0], first)
        print(f"atoms on the image: {arguments.overlay}")
    if arguments.mask:
        from latticework.figures.overlay import save_mask

        masked = save_mask(arguments.mask, found.frames[0], found.mask)
        print(f"{masked:.1%} of the first frame is no specimen: {arguments.mask}")
    return 0
