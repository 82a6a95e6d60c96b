"""The command `latticework predict`: the atoms of an image, a movie or a focal series."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latticework.cli import published
from latticework.cli.outputs import check_outputs
from latticework.cli.published import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from latticework.config.inference import Images

# px: a smaller region holds no reflections.
SMALLEST_REGION = 64
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
        "--tile", type=int, default=512, metavar="PX", help="largest side read at once (512)"
    )
    predict.add_argument(
        "--symmetries",
        type=int,
        choices=(1, 4, 8),
        default=4,
        help="rotated and mirrored copies to read and average: 8 is steadiest, 1 fastest (4)",
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


@dataclass(frozen=True)
class Prediction:
    """What was found in images.

    Parameters
    ----------
    atoms
        The table.
    frames
        All images (n, ny, nx).
    sampling, sampling_source
        Their pixel in Å, and who says so: user, lattice or metadata.
    warnings
        What makes this doubtful.
    """

    atoms: "pd.DataFrame"
    frames: "np.ndarray"
    sampling: float
    sampling_source: str
    warnings: list[str]


def expected_frames(card: Mapping[str, Any]) -> str:
    """What a network reads, in words."""
    together, imaging = card["network"]["frames"], card["imaging"]
    if together == 1:
        return f"{card['study']} reads one file, an image or a movie"
    steps = ", ".join(f"{step:g} + Δ" for step in imaging["series"])
    limits = imaging["defocus"]
    return (
        f"{card['study']} reads {together} aligned images of one field, one stack or {together} "
        f"files, of defocus {steps} Å in this order, with one Δ between {limits['low']:g} and "
        f"{limits['high']:g} Å (positive is underfocus)"
    )


def fields_of(images: Sequence[Path], card: Mapping[str, Any]) -> tuple["np.ndarray", float | None]:
    """Fields (n, series, ny, nx) of image files for a network, and the files' pixel in Å.

    Every frame of a movie is a field; all frames of a focal series together are one. Raises
    PictureError, and InputError for files that are no series.
    """
    import numpy as np

    from latticework.datasets.read import read_picture

    read = [read_picture(path) for path in images]
    sizes = sorted({f"{p.image.shape[2]} × {p.image.shape[1]} px" for p in read})
    count = sum(len(p.image) for p in read)
    together = card["network"]["frames"]
    if together == 1 and len(read) == 1:
        return read[0].image[:, None], read[0].sampling
    if count != together or len(sizes) > 1:
        raise InputError(
            f"{expected_frames(card)}; found {count} image(s) of {', '.join(sizes)} in "
            f"{len(read)} file(s)"
        )
    known = (p.sampling for p in read if p.sampling is not None)
    return np.concatenate([p.image for p in read])[None], next(known, None)


def check_region(region: Sequence[int], shape: tuple[int, int]) -> None:
    """Raise InputError for a region x0, y0, x1, y1 in px that is not in an image (ny, nx)."""
    x0, y0, x1, y1 = region
    ny, nx = shape
    wide, high = x1 - x0 >= SMALLEST_REGION, y1 - y0 >= SMALLEST_REGION
    if not (x0 >= 0 and y0 >= 0 and wide and high and x1 <= nx and y1 <= ny):
        raise InputError(
            f"--scale-region {x0} {y0} {x1} {y1}: expected left, top, right and bottom in px, at "
            f"least {SMALLEST_REGION} px apart, inside the image of {nx} × {ny} px"
        )


def predict_files(
    images: Sequence[Path],
    weights_path: Path,
    settings: "Images",
    *,
    pixel_size: float | None = None,
    scale_region: Sequence[int] | None = None,
    progress: bool = True,
) -> Prediction:
    """Atoms of an image, a movie or a focal series, by the functions that the rules use.

    Parameters
    ----------
    images
        Files of one field or movie.
    weights_path
        Weights of a network that reads images.
    settings
        How the network reads them, and the lowest probability of an atom.
    pixel_size
        The user's word on the pixel, Å.
    scale_region
        x0, y0, x1, y1 in px: where to measure the lattice.

    Raises InputError, PictureError, ScaleError or WeightsError for input that cannot be used.
    """
    import pandas as pd

    from latticework import materials
    from latticework.analysis.atoms.table import LOWEST_PROBABILITY, read_map
    from latticework.inference.class_maps import predict_fields, working_sampling
    from latticework.inference.scale import choose_sampling
    from latticework.inference.zone_axis import material_sampling
    from latticework.learning import weights

    network, card = weights.load(weights_path)
    material = materials.load(card["material"])
    fields, metadata = fields_of(images, card)
    shape = fields.shape[-2:]
    if scale_region is not None:
        check_region(scale_region, shape)
    frames = fields.reshape(-1, *shape)
    lattice = material_sampling(frames, material, scale_region)
    sampling, source, warnings = choose_sampling(lattice, metadata, pixel_size)
    if warnings and lattice is not None and scale_region is None:
        warnings[0] += "; where several crystals show, --scale-region says which to measure"
    maps = predict_fields(
        network,
        card,
        [(field, sampling) for field in fields],
        tile=settings.tile,
        overlap=settings.overlap,
        symmetries=settings.symmetries,
        progress=progress,
    )
    tables = []
    for number, probabilities in enumerate(maps):
        table, doubts = read_map(
            probabilities,
            working_sampling(card),
            shape,
            sampling,
            card,
            material,
            epsilon=settings.epsilon,
            threshold=min(LOWEST_PROBABILITY, settings.threshold),
            frame=number,
        )
        where = f"frame {number}: " if len(fields) > 1 else ""
        warnings += [where + note for note in doubts]
        tables.append(table[table["probability"] >= settings.threshold])
    return Prediction(pd.concat(tables, ignore_index=True), frames, sampling, source, warnings)


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
        {"-o": arguments.output, "--overlay": arguments.overlay},
    )
    # Imported here, so that --help and a wrong option answer at once.
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
        progress=not arguments.quiet,
    )
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
    return 0
