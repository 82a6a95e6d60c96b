"""The command line: read a picture with published weights; check a finished run's files."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latticework.cli_peaks import add_command
from latticework.provenance import differences
from latticework.shards import ShardError, write_csv

MODELS = Path(__file__).resolve().parents[2] / "models"
# Background above is empty (Madsen 2018, §2.5).
EPSILON = 0.995
# px: fewer hold no reflections.
SMALLEST_REGION = 64

DESCRIPTION = """\
Find the atoms in a picture, or count those of columns in a focal series: one table, whatever the
file's format.

The pixel size comes from the lattice, if the picture shows one, and is checked against the
file's metadata; --pixel-size has the last word. Coordinates start at the centre of the first
pixel, x to the right and y down.
"""

EXAMPLES = """\
examples:
  latticework predict frame.dm4 --study graphene -o atoms.csv
      every atom with a probability of at least 0.5
  latticework predict frame.tif --study graphene --pixel-size 0.12 --overlay atoms.png -o atoms.csv
      the pixel is 0.12 Å whatever the file says; and a picture of what was found
  latticework predict movie.mrc --study graphene --threshold 0.01 -o candidates.csv
      all frames, with every candidate
  latticework predict gold.tif --study gold --scale-region 340 120 580 380 -o columns.csv
      the pixel by the gold in that part of the picture, since another crystal is beside it
  latticework predict over.dm4 near.dm4 under.dm4 --study gold_heights -o heights.csv
      atoms in every column, from three aligned pictures at defocus -170, -40 and 90 Å (one stack
      of three frames does as well): class is their number
  latticework predict frame.tif --study graphene --weights mine.safetensors -o atoms.csv
      a network of your own, from results/<run>/models/graphene/weights.safetensors

columns of the table:
  x_angstrom, y_angstrom   position, Å
  x_px, y_px               position in pixels of your picture
  probability              that there is an atom (the peak of the network's map)
  class, p_1, ...          most probable class, and the probability of each; of gold_heights the
                           class is the number of atoms in the column
  sigma_angstrom           standard deviation of the position per axis, Å
  frame                    number of the frame, from 0
"""


class InputError(ValueError):
    """Something that the user gave cannot be used."""


def published_weights(study: str) -> Path:
    """The weights that come with the project. InputError names those there are."""
    path = MODELS / f"{study}.safetensors"
    if not path.is_file():
        known = sorted(p.stem for p in MODELS.glob("*.safetensors"))
        raise InputError(
            f"no published weights for study '{study}' in {MODELS} (there are: "
            f"{', '.join(known) or 'none'}); give a file with --weights"
        )
    return path


@dataclass(frozen=True)
class Prediction:
    """What was read: `atoms`, the pictures `frames` (n, ny, nx), their pixel in Å and who says so,
    and what makes all this doubtful."""

    atoms: pd.DataFrame
    frames: np.ndarray
    sampling: float
    sampling_source: str
    warnings: list[str]


def expected_frames(card: Mapping[str, Any]) -> str:
    """What a network reads, in words."""
    together, imaging = card["network"]["frames"], card["imaging"]
    if together == 1:
        return f"{card['study']} reads one file, a picture or a movie"
    steps = ", ".join(f"{step:g} + Δ" for step in imaging["series"])
    limits = imaging["defocus"]
    return (
        f"{card['study']} reads {together} aligned pictures of one field, one stack or {together} "
        f"files, of defocus {steps} Å in this order, with one Δ between {limits['low']:g} and "
        f"{limits['high']:g} Å (positive is underfocus)"
    )


def fields_of(pictures: Sequence[Path], card: Mapping[str, Any]) -> tuple[np.ndarray, float | None]:
    """Fields (n, frames, ny, nx) of picture files for a network, and the files' pixel in Å.

    Every frame of a movie is a field; of a focal series all frames together are one. Raises
    PictureError, and InputError for files that are no series.
    """
    from latticework.datasets.read import read_picture

    read = [read_picture(path) for path in pictures]
    sizes = sorted({f"{p.image.shape[2]} × {p.image.shape[1]} px" for p in read})
    count = sum(len(p.image) for p in read)
    together = card["network"]["frames"]
    if together == 1 and len(read) == 1:
        return read[0].image[:, None], read[0].sampling
    if count != together or len(sizes) > 1:
        raise InputError(
            f"{expected_frames(card)}; found {count} picture(s) of {', '.join(sizes)} in "
            f"{len(read)} file(s)"
        )
    known = (p.sampling for p in read if p.sampling is not None)
    return np.concatenate([p.image for p in read])[None], next(known, None)


def check_region(region: Sequence[int], shape: tuple[int, int]) -> None:
    """Raise InputError for a region x0, y0, x1, y1 in px that is not in a picture (ny, nx)."""
    x0, y0, x1, y1 = region
    ny, nx = shape
    wide, high = x1 - x0 >= SMALLEST_REGION, y1 - y0 >= SMALLEST_REGION
    if not (x0 >= 0 and y0 >= 0 and wide and high and x1 <= nx and y1 <= ny):
        raise InputError(
            f"--scale-region {x0} {y0} {x1} {y1}: left, top, right and bottom in px, at least "
            f"{SMALLEST_REGION} px apart, inside of the picture of {nx} × {ny} px"
        )


def predict_files(
    pictures: Sequence[Path],
    weights_path: Path,
    *,
    pixel_size: float | None = None,
    scale_region: Sequence[int] | None = None,
    threshold: float = 0.5,
    progress: bool = True,
    **how: Any,
) -> Prediction:
    """Atoms of a picture, a movie or a focal series.

    The same code as the workflow's rules `calibrate`, `predict` and `atoms`; `how` is for
    `inference.prediction.predict`. Raises InputError, PictureError, ScaleError or WeightsError for
    input that cannot be used.
    """
    # Imported here, so that --help and a wrong option answer at once.
    from latticework.analysis.atoms import LOWEST_PROBABILITY, read_map
    from latticework.inference.prediction import predict_fields, working_sampling
    from latticework.inference.scale import choose_sampling
    from latticework.inference.zone_axis import material_sampling
    from latticework.learning import weights
    from latticework.materials import MATERIALS

    network, card = weights.load(weights_path)
    if "frames" not in card["network"]:
        raise InputError(f"{weights_path} reads diffraction patterns: use latticework peaks")
    fields, metadata = fields_of(pictures, card)
    shape = fields.shape[-2:]
    if scale_region is not None:
        check_region(scale_region, shape)
    frames = fields.reshape(-1, *shape)
    lattice = material_sampling(frames, MATERIALS[card["structures"]["generator"]], scale_region)
    sampling, source, warnings = choose_sampling(lattice, metadata, pixel_size)
    if warnings and lattice is not None and scale_region is None:
        warnings[0] += "; where several crystals show, --scale-region says which to measure"
    tables = []
    maps = predict_fields(
        network, card, [(field, sampling) for field in fields], progress=progress, **how
    )
    for number, probabilities in enumerate(maps):
        table, doubts = read_map(
            probabilities,
            working_sampling(card),
            shape,
            sampling,
            card,
            epsilon=EPSILON,
            threshold=min(LOWEST_PROBABILITY, threshold),
            frame=number,
        )
        where = f"frame {number}: " if len(fields) > 1 else ""
        warnings += [where + note for note in doubts]
        tables.append(table[table["probability"] >= threshold])
    atoms = pd.concat(tables, ignore_index=True)
    return Prediction(atoms, frames, sampling, source, warnings)


def build_parser() -> argparse.ArgumentParser:
    """The command line's parser."""
    parser = argparse.ArgumentParser(
        prog="latticework", description="Atomic-resolution micrographs, read by networks."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    predict = commands.add_parser(
        "predict",
        help="find the atoms in a picture or a movie",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    predict.add_argument(
        "pictures",
        type=Path,
        nargs="+",
        metavar="picture",
        help="a file of any vendor's format; of a focal series one stack or a file a picture",
    )
    predict.add_argument(
        "--study", required=True, help="what it shows: graphene, gold, gold_heights"
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
        help="measure the lattice in this part of the picture only, px (left, top, right, bottom)",
    )
    predict.add_argument(
        "--weights", type=Path, metavar="FILE", help="a .safetensors file (default: published)"
    )
    predict.add_argument(
        "--threshold", type=float, default=0.5, metavar="P", help="least probability (0.5)"
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
        help="turns and mirror images to read and average: 8 is steadiest, 1 fastest (4)",
    )
    predict.add_argument("--device", metavar="NAME", help="cpu or cuda (default: cuda if there)")
    predict.add_argument("--quiet", action="store_true", help="no progress bar")
    predict.set_defaults(run=run_predict)
    add_command(commands, MODELS / "diffraction.safetensors")
    verify = commands.add_parser(
        "verify",
        help="compare a run's files with its manifest",
        description="Recompute the sha256 of a run's results, and of the code, configuration and "
        "weights that made them, and print one line for each file that differs from the run's "
        "manifest.json. The exit code is 0 if none does, 1 if one does.",
    )
    verify.add_argument("folder", type=Path, metavar="RUN", help="results/<run>")
    verify.add_argument(
        "--checkout",
        type=Path,
        metavar="FOLDER",
        help="where the code is (default: two folders above RUN)",
    )
    verify.set_defaults(run=run_verify)
    return parser


def run_verify(arguments: argparse.Namespace) -> int:
    """Say which files of a run differ from its manifest: 0 if none does, else 1."""
    checkout = arguments.checkout or arguments.folder.resolve().parents[1]
    lines = differences(arguments.folder, checkout)
    print("\n".join(lines) if lines else f"{arguments.folder}: as in its manifest")
    return 1 if lines else 0


def run_predict(arguments: argparse.Namespace) -> int:
    """Check the options, predict, write the table and say what was found: 0."""
    if not 0 < arguments.threshold <= 1:
        raise InputError(f"--threshold {arguments.threshold}: a probability above 0, at most 1")
    if arguments.pixel_size is not None and not 0.005 <= arguments.pixel_size <= 5:
        raise InputError(f"--pixel-size {arguments.pixel_size}: in ångström, 0.005 to 5")
    if arguments.tile < 128 or arguments.tile % 64:
        raise InputError(f"--tile {arguments.tile}: a multiple of 64, at least 128")
    if not arguments.output.resolve().parent.is_dir():
        raise InputError(f"-o {arguments.output}: its folder does not exist")
    found = predict_files(
        arguments.pictures,
        arguments.weights or published_weights(arguments.study),
        pixel_size=arguments.pixel_size,
        scale_region=arguments.scale_region,
        threshold=arguments.threshold,
        tile=arguments.tile,
        symmetries=arguments.symmetries,
        progress=not arguments.quiet,
        **({"device": arguments.device} if arguments.device else {}),
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
        print(f"atoms on the picture: {arguments.overlay}")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Entry point: the command's exit code, or 2 with one line on standard error for input that
    cannot be used."""
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except (ValueError, ShardError, OSError, RuntimeError) as error:
        message = " ".join(str(error).split())
        print(f"latticework: {message}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
