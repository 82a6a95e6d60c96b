"""The command `latticework predict`: the atoms of an image, a movie or a focal series."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latticework.cli import arrangement, published
from latticework.cli.outputs import check_outputs
from latticework.cli.published import InputError

if TYPE_CHECKING:
    from latticework.analysis.atoms.reading import Prediction
    from latticework.analysis.atoms.refined import Refined

# What the user may call a device → what `hardware.best_device` calls it.
DEVICES = {"cpu": "cpu", "gpu": "gpu", "cuda": "gpu"}
UNKNOWN = "unknown"  # source of a pixel size that nobody gives

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
  latticework predict frame.tif --study {study} --refine -o atoms.csv
      positions by a likelihood fit that starts at the network's, with errors; the fitted
      microscope goes to atoms.fit.json
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
with --refine, x, y and sigma are those of the fit, and there are also:
  x_network_angstrom, ...  the network's position
  sigma_x_angstrom, ...    standard deviation along each axis, from the likelihood's curvature
  x_posterior_angstrom ... the posterior's position and error; with --posterior these are x, y and
                           sigma themselves: least error, but displacements are shrunk
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
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="what to write: .csv or .h5, the table; .extxyz for ASE; .hspy for HyperSpy; "
        ".atomap.hdf5",
    )
    predict.add_argument(
        "--pixel-size", type=float, metavar="Å", help="pixel size in Å, if you know it better"
    )
    predict.add_argument(
        "--image",
        metavar="NAME|NUMBER",
        help="which image of a file that has several (default: the best; it is said which)",
    )
    arrangement.add_options(predict)
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
        "--planes",
        type=float,
        default=0,
        metavar="C",
        help="leave out what is not on planes of the crystal: how clearly, 0 to 1 (try 0.7)",
    )
    predict.add_argument(
        "--overlay", type=Path, metavar="PNG", help="also draw the atoms on the first frame"
    )
    predict.add_argument(
        "--mask", type=Path, metavar="PNG", help="also draw what was taken for no specimen"
    )
    predict.add_argument(
        "--report",
        type=Path,
        metavar="HTML",
        help="also write a page to look at: image, atoms, distances, strain, warnings, table",
    )
    predict.add_argument(
        "--refine", action="store_true", help="fit the image, starting from the network's atoms"
    )
    predict.add_argument(
        "--posterior",
        action="store_true",
        help="with --refine: the least error, by a prior whose width is estimated from the image",
    )
    predict.add_argument(
        "--residual", type=Path, metavar="PNG", help="with --refine: also draw what is not fitted"
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


def check_reading(arguments: argparse.Namespace) -> None:
    """Raise InputError for options of reading an image that cannot be used."""
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


def check(arguments: argparse.Namespace) -> None:
    """Raise InputError for options that cannot be used."""
    check_reading(arguments)
    if not 0 <= arguments.planes <= 1:
        raise InputError(f"--planes {arguments.planes}: expected 0 to 1")
    for option in ("posterior", "residual"):
        if getattr(arguments, option) and not arguments.refine:
            raise InputError(f"--{option}: needs --refine")


def run(arguments: argparse.Namespace) -> int:
    """Check the options, predict, write the table and say what was found: 0."""
    check(arguments)
    weights_path, card = published.chosen(
        arguments.study, arguments.network, arguments.weights, patterns=False
    )
    check_outputs(
        [*arguments.images, weights_path],
        {
            "-o": arguments.output,
            "--overlay": arguments.overlay,
            "--mask": arguments.mask,
            "--report": arguments.report,
            "--residual": arguments.residual,
            "--refine": fit_path(arguments.output) if arguments.refine else None,
        },
    )
    # Imported here, so that --help and a wrong option answer at once.
    from latticework.analysis.atoms.exports import export, writer_of
    from latticework.analysis.atoms.long_movies import long_movie
    from latticework.analysis.predicting import read_images
    from latticework.cli.frame_warnings import summed_up
    from latticework.cli.long_movie import draw
    from latticework.cli.long_movie import run as run_long
    from latticework.config.inference import Images
    from latticework.hardware import DEVICE_VARIABLE

    writer_of(arguments.output)
    check_unit(arguments, card)
    if arguments.device is not None:
        os.environ[DEVICE_VARIABLE] = DEVICES[arguments.device]
    settings = Images(
        tile=arguments.tile,
        symmetries=arguments.symmetries,
        threshold=arguments.threshold,
        planes=arguments.planes,
    )
    movie = long_movie(arguments.images[0]) if len(arguments.images) == 1 else None
    if movie is not None and card["network"]["frames"] == 1:
        return run_long(arguments, movie, weights_path, settings)
    found = read_images(
        arguments.images,
        weights_path,
        settings,
        pixel_size=arguments.pixel_size,
        scale_region=arguments.scale_region,
        image=arguments.image,
        arrangement=arrangement.of(arguments),
        progress=not arguments.quiet,
    )
    answers = []
    if arguments.refine:
        found, answers = refined_atoms(found, card, arguments)
    for note in found.notes:
        print(note)
    for warning in summed_up(found.warnings, len(found.frames)):
        print(f"warning: {warning}", file=sys.stderr)
    export(arguments.output, found)
    pixel = f"{found.sampling:.4f} Å/px by the {found.sampling_source}"
    if found.sampling_source == UNKNOWN:
        pixel = "lengths in px, as the pixel is not known"
    print(f"{len(found.atoms)} atoms in {len(found.frames)} frame(s), {pixel}: {arguments.output}")
    if answers:
        tell_fit(answers, arguments)
    draw(arguments, found)
    if arguments.report:
        from latticework.analysis.atoms.summary import summary
        from latticework.figures.page import save_page

        save_page(arguments.report, found, summary(found), sources=arguments.images)
        print(f"a page to look at: {arguments.report}")
    return 0


def check_unit(arguments: argparse.Namespace, card: Mapping[str, Any]) -> None:
    """Raise InputError for what takes lengths in Å, of a network that finds sites of any scale."""
    from latticework import materials

    if materials.load(card["material"]).unit == "Å":
        return
    lengths = {
        "--refine": arguments.refine,
        "--report": arguments.report,
        "--scale-region": arguments.scale_region,
        "--planes": arguments.planes,
        "-o": not arguments.output.name.lower().endswith((".csv", ".h5", ".hdf5")),
    }
    for option, given in lengths.items():
        if given:
            hint = " .csv or .h5" if option == "-o" else ": leave it out"
            raise InputError(
                f"{option}: {card['study']} finds sites whatever their distance in Å is;{hint}"
            )


def fit_path(table: Path) -> Path:
    """Where the parameters of a fit go: beside the table, so that the table stays a plain CSV."""
    return table.with_suffix(".fit.json")


def refined_atoms(
    found: "Prediction", card: Mapping[str, Any], arguments: argparse.Namespace
) -> "tuple[Prediction, list[Refined]]":
    """The atoms refined. Raises InputError where that cannot be done."""
    from latticework.analysis.atoms.refining import RefinementError, refined

    try:
        return refined(found, card, posterior=arguments.posterior, progress=not arguments.quiet)
    except RefinementError as error:
        raise InputError(f"--refine: {error}") from error


def tell_fit(answers: "Sequence[Refined]", arguments: argparse.Namespace) -> None:
    """Write the fitted parameters, say those of the first frame that has atoms, and draw what is
    left of it."""
    from latticework.analysis.atoms.refining import in_words, parameters_of
    from latticework.shards import atomic

    path = fit_path(arguments.output)
    content = {"posterior": arguments.posterior, "frames": parameters_of(answers)}
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    number = next((n for n, answer in enumerate(answers) if answer.parameters), None)
    if number is None:
        print(f"nothing could be fitted: {path}")
        return
    print(f"fitted: {in_words(answers[number])}: {path}")
    if arguments.residual:
        from latticework.figures.overlay import save_residual

        save_residual(arguments.residual, answers[number].residual)
        print(f"what the fit leaves of frame {number}: {arguments.residual}")
