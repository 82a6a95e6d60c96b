"""The command line: read a picture with published weights; check a finished run's files."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from latticework.cli_peaks import add_command
from latticework.provenance import differences
from latticework.shards import ShardError, write_csv

MODELS = Path(__file__).resolve().parents[2] / "models"

DESCRIPTION = """\
Find the atoms in a picture: one table of positions, whatever the file's format.

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
  latticework predict frame.tif --study graphene --weights mine.safetensors -o atoms.csv
      a network of your own, from results/<run>/models/graphene/weights.safetensors

columns of the table:
  x_angstrom, y_angstrom   position, Å
  x_px, y_px               position in pixels of your picture
  probability              that there is an atom (the peak of the network's map)
  class, p_1, ...          most probable class, and the probability of each
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


def predict_file(
    picture: Path,
    weights_path: Path,
    *,
    pixel_size: float | None = None,
    threshold: float = 0.5,
    tile: int = 512,
    overlap: int = 64,
    symmetries: int = 1,
    device: str | None = None,
    progress: bool = True,
) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """Atoms of one picture or movie file, its frames (n, ny, nx), and warnings.

    The same code as the workflow's rules `calibrate`, `predict` and `atoms`. Raises PictureError,
    ScaleError or WeightsError for input that cannot be used.
    """
    # Imported here, so that --help and a wrong option answer at once.
    from tqdm import tqdm

    from latticework.analysis.atoms import LOWEST_PROBABILITY, atoms_table, distribution_warnings
    from latticework.datasets.read import read_picture
    from latticework.inference.prediction import best_device, predict
    from latticework.inference.scale import choose_sampling
    from latticework.inference.zone_axis import material_sampling
    from latticework.learning import weights
    from latticework.materials import MATERIALS

    read = read_picture(picture)
    network, card = weights.load(weights_path)
    lattice = material_sampling(read.image, MATERIALS[card["structures"]["generator"]])
    sampling, _, warnings = choose_sampling(lattice, read.sampling, pixel_size)
    tables = []
    for number, image in enumerate(
        tqdm(read.image, desc=picture.name, unit="frame", disable=not progress)
    ):
        probabilities, map_sampling = predict(
            network,
            card,
            image[None],
            sampling,
            tile=tile,
            overlap=overlap,
            symmetries=symmetries,
            device=device or best_device(),
        )
        table = atoms_table(
            probabilities,
            map_sampling,
            sampling,
            card,
            epsilon=0.995,
            threshold=min(LOWEST_PROBABILITY, threshold),
            frame=number,
        )
        field = (image.shape[0] * sampling, image.shape[1] * sampling)
        where = f"frame {number}: " if len(read.image) > 1 else ""
        warnings += [where + note for note in distribution_warnings(table, field, card)]
        tables.append(table[table["probability"] >= threshold])
    return pd.concat(tables, ignore_index=True), read.image, warnings


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
    predict.add_argument("picture", type=Path, help="a file of any vendor's format")
    predict.add_argument("--study", required=True, help="what it shows: graphene, gold")
    predict.add_argument(
        "-o", "--output", type=Path, required=True, metavar="TABLE", help="table to write, .csv"
    )
    predict.add_argument(
        "--pixel-size", type=float, metavar="Å", help="pixel size in Å, if you know it better"
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
    table, frames, warnings = predict_file(
        arguments.picture,
        arguments.weights or published_weights(arguments.study),
        pixel_size=arguments.pixel_size,
        threshold=arguments.threshold,
        tile=arguments.tile,
        symmetries=arguments.symmetries,
        device=arguments.device,
        progress=not arguments.quiet,
    )
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    write_csv(arguments.output, table)
    print(f"{len(table)} atoms in {len(frames)} frame(s): {arguments.output}")
    if arguments.overlay:
        from latticework.figures.overlay import save_overlay

        save_overlay(arguments.overlay, frames[0], table[table["frame"] == 0])
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
