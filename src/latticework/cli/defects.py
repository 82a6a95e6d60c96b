"""The command `latticework defects`: the defects of a crystal, named and counted."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latticework.cli import arrangement, predict, published, transitions
from latticework.cli.atoms_table import read_atoms
from latticework.cli.outputs import check_outputs
from latticework.cli.published import InputError

if TYPE_CHECKING:
    import pandas as pd

    from latticework.analysis.atoms.defect import Defect
    from latticework.analysis.atoms.reading import Prediction
    from latticework.materials import Material

DESCRIPTION = """\
Name the defects of a crystal in an image or a movie, and count them: foreign atoms with what they
are bonded to (Si1C3, Si2C5), columns that lost an atom (S_vacancy), empty sites (C_vacancy), rings
(5-7, 5-8-5).

The atoms are found by a network, or read from --atoms where none is named. Names follow from bonds
and chemistry, so that defects that no network was trained on are named as well.
"""

EXAMPLES = """\
examples:
  latticework defects frame.dm4 --study STUDY -o defects.csv --overlay defects.png
      find the atoms and name the defects
  latticework defects frame.tif --study STUDY --pixel-size 0.079 -o defects.csv \\
      --atoms atoms.csv --library defects.h5 --gallery gallery.png
      also write the atoms, and crops with atoms and names
  latticework defects frame.tif --material MATERIAL --pixel-size 0.079 --atoms atoms.csv \\
      -o defects.csv
      the atoms are in a table with x_px, y_px and class
  latticework defects movie.tif --study STUDY -o defects.csv --transitions transitions.csv
      also how often sites change from one frame to the next

columns of the table:
  frame, defect        numbers of the frame and of the defect in it, from 0
  name                 such as Si2C5: two foreign atoms and the five of the host bonded to them
  x_px, y_px           where it is, in pixels of your image
  n_dopant, n_host     foreign atoms or changed sites, and atoms of the crystal around them
  confidence           probability that all atoms and bonds behind the name are right
  distorted            whether the angles between the bonds of a dopant vary by more than 15 degrees
"""


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    studies = published.listed(published.studies(patterns=False))
    defects = commands.add_parser(
        "defects",
        help="name and count the defects of a crystal",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    defects.add_argument("image", type=Path, help="an image or a movie of any vendor's format")
    defects.add_argument("--study", help=f"what the image shows: {studies}")
    defects.add_argument("--network", metavar="NAME", help="which of its published networks")
    defects.add_argument(
        "--weights", type=Path, metavar="FILE", help="a .safetensors file (default: published)"
    )
    defects.add_argument(
        "--atoms",
        type=Path,
        metavar="TABLE",
        help="with --study or --weights: also write the atoms, .csv; without: read them from it",
    )
    defects.add_argument(
        "--material", metavar="NAME", help="what the image shows, where no network says it"
    )
    defects.add_argument(
        "-o", "--output", type=Path, required=True, metavar="TABLE", help="table to write, .csv"
    )
    defects.add_argument(
        "--library", type=Path, metavar="FILE", help="also write crops, atoms and names, .h5"
    )
    defects.add_argument(
        "--overlay", type=Path, metavar="PNG", help="also draw the defects on the first frame"
    )
    defects.add_argument(
        "--gallery", type=Path, metavar="PNG", help="also draw examples of every name"
    )
    defects.add_argument(
        "--refine", action="store_true", help="name them by positions fitted to the image"
    )
    defects.add_argument(
        "--quality", type=Path, metavar="PNG", help="also draw what is suspect in the first frame"
    )
    defects.add_argument(
        "--anomalies",
        type=Path,
        metavar="TABLE",
        help="also write how unusual each site of the first frame is (1 %% false alarms), .csv",
    )
    transitions.add_options(defects)
    arrangement.add_options(defects)
    defects.add_argument(
        "--pixel-size", type=float, metavar="Å", help="pixel size in Å, if you know it better"
    )
    defects.add_argument(
        "--threshold", type=float, default=0.5, metavar="P", help="lowest probability (0.5)"
    )
    defects.add_argument(
        "--tile", type=int, default=512, metavar="PX", help="largest side read at once (512)"
    )
    defects.add_argument(
        "--device", metavar="NAME", help="cpu or gpu (default: the GPU if there is one)"
    )
    defects.add_argument("--quiet", action="store_true", help="no progress bar")
    defects.set_defaults(run=run)


def material_of(arguments: argparse.Namespace, known: str | None) -> "Material":
    """What the image shows, with facts about its defects; `known` is what the network's card says.

    Raises InputError.
    """
    from latticework import materials, names
    from latticework.materials import MaterialError

    name = arguments.material or known
    if name is None:
        raise InputError("pass --material, which says what the image shows: the weights do not")
    try:
        material = materials.load(name)
    except MaterialError as error:
        raise InputError(f"--material {name}: {error}") from None
    if material.defects is None:
        told = [m for m in names.available("materials") if materials.load(m).defects]
        raise InputError(
            f"of {material.name} nobody has said what its defects are; materials with named "
            f"defects: {', '.join(told) or 'none'}"
        )
    return material


def atoms_are_given(arguments: argparse.Namespace) -> bool:
    """Whether --atoms is a table to read: no network is named that would find them."""
    return arguments.atoms is not None and not (arguments.study or arguments.weights)


def given_atoms(arguments: argparse.Namespace) -> "Prediction":
    """What --atoms says of the image. Raises InputError, PictureError."""
    import numpy as np

    from latticework.analysis.atoms.reading import Prediction
    from latticework.datasets.read import read_picture

    picture = read_picture(arguments.image, arrangement=arrangement.of(arguments))
    table = read_atoms(arguments.atoms, len(picture.image), picture.image.shape[1:])
    sampling, source = arguments.pixel_size, "user"
    if sampling is None and {"x_angstrom", "y_angstrom"} <= set(table) and len(table) > 1:
        px, angstrom = table[["x_px", "y_px"]], table[["x_angstrom", "y_angstrom"]]
        sampling = float(np.sum(px.to_numpy() * angstrom.to_numpy()) / np.sum(px.to_numpy() ** 2))
        source = "table of atoms"
    if sampling is None:
        sampling, source = picture.sampling, "metadata"
    if sampling is None or not np.isfinite(sampling) or sampling <= 0:
        raise InputError("neither the file nor the table says how large a pixel is: --pixel-size")
    return Prediction(table, picture.image, sampling, source, [])


def run(arguments: argparse.Namespace) -> int:
    """Check the options, name the defects, write the table and say what was found: 0."""
    predict.check_reading(arguments)
    given = atoms_are_given(arguments)
    if arguments.refine and given:
        raise InputError("--refine: starts from a network's atoms; leave out --atoms")
    outputs = {
        "-o": arguments.output,
        "--library": arguments.library,
        "--overlay": arguments.overlay,
        "--gallery": arguments.gallery,
        "--quality": arguments.quality,
        "--anomalies": arguments.anomalies,
        "--atoms": None if given else arguments.atoms,
        **transitions.outputs(arguments),
    }
    transitions.check(arguments)
    inputs = [arguments.image]
    card: dict[str, Any] = {}
    weights_path = None
    if not given or arguments.material is None:
        weights_path, card = published.chosen(
            arguments.study, arguments.network, arguments.weights, patterns=False
        )
        inputs.append(weights_path)
    if given:
        inputs.append(arguments.atoms)
    check_outputs(inputs, outputs)
    material = material_of(arguments, card.get("material"))
    found = given_atoms(arguments) if given else predicted_atoms(arguments, weights_path, card)
    for note in found.notes:
        print(note)
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    table, defects = name_defects(found, material, arguments.threshold)
    changed = transitions.changes(arguments, found)
    write(arguments, found, material, table, defects)
    transitions.write(arguments, found, changed)
    return 0


def predicted_atoms(
    arguments: argparse.Namespace, weights_path: Path, card: dict[str, Any]
) -> "Prediction":
    """Atoms that a network finds, refined if asked for, with all candidates.

    Raises as `reading.predict_files`, and RefinementError.
    """
    # Imported here, so that --help and a wrong option answer at once.
    from latticework.analysis.atoms.reading import predict_files
    from latticework.analysis.atoms.table import LOWEST_PROBABILITY
    from latticework.config.inference import Images
    from latticework.hardware import DEVICE_VARIABLE

    if arguments.device is not None:
        os.environ[DEVICE_VARIABLE] = predict.DEVICES[arguments.device]
    settings = Images(tile=arguments.tile, threshold=LOWEST_PROBABILITY)
    found = predict_files(
        [arguments.image],
        weights_path,
        settings,
        pixel_size=arguments.pixel_size,
        arrangement=arrangement.of(arguments),
        progress=not arguments.quiet,
    )
    if not arguments.refine:
        return found
    import pandas as pd

    from latticework.analysis.atoms.refining import refined

    # What is no atom would only draw its neighbours to itself.
    sure = found.atoms["probability"] >= arguments.threshold
    fitted, _ = refined(
        replace(found, atoms=found.atoms[sure]),
        card,
        posterior=False,
        progress=not arguments.quiet,
    )
    atoms = pd.concat([fitted.atoms, found.atoms[~sure]], ignore_index=True)
    return replace(fitted, atoms=atoms)


def name_defects(
    found: "Prediction", material: "Material", threshold: float
) -> tuple["pd.DataFrame", list["Defect"]]:
    """Defects of all frames: their table, and they themselves in its order."""
    import pandas as pd

    from latticework.analysis.atoms.atom_set import AtomSet
    from latticework.analysis.atoms.defects import defect_table, find_defects

    ny, nx = found.frames.shape[1:]
    field = nx * found.sampling, ny * found.sampling
    tables, defects = [defect_table([], found.sampling)], []
    for frame in range(len(found.frames)):
        atoms = found.atoms[found.atoms["frame"] == frame]
        own = find_defects(AtomSet.of_table(atoms, found.sampling, threshold), field, material)
        tables.append(defect_table(own, found.sampling, frame))
        defects += own
    return pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True), defects


def write(
    arguments: argparse.Namespace,
    found: "Prediction",
    material: "Material",
    table: "pd.DataFrame",
    defects: list["Defect"],
) -> None:
    """Write what was asked for, and say what was found."""
    from latticework.analysis.atoms.defect_library import crops_of, write_library
    from latticework.analysis.atoms.defects import counts
    from latticework.shards import write_csv

    write_csv(arguments.output, table)
    if arguments.atoms and not atoms_are_given(arguments):
        sure = found.atoms["probability"] >= arguments.threshold
        write_csv(arguments.atoms, found.atoms[sure])
        print(f"atoms: {arguments.atoms}")
    columns = (counts(table)[name] for name in ("name", "count"))
    numbers = ", ".join(f"{name} {count}" for name, count in zip(*columns, strict=True))
    print(
        f"{len(table)} defects in {len(found.frames)} frame(s), {found.sampling:.4f} Å/px by the "
        f"{found.sampling_source}: {arguments.output}"
    )
    if numbers:
        print(numbers)
    if arguments.library:
        attributes = {
            "image": arguments.image.name,
            "atoms": "table" if atoms_are_given(arguments) else "network",
        }
        write_library(
            arguments.library, table, defects, found.frames, found.sampling, material, attributes
        )
        print(f"library: {arguments.library}")
    atoms = found.atoms[found.atoms["frame"] == 0]
    if "probability" in atoms:
        atoms = atoms[atoms["probability"] >= arguments.threshold]
    judge(arguments, found, atoms, material)
    if arguments.overlay:
        from latticework.figures.defects import save_defects

        first = table[table["frame"] == 0]
        save_defects(arguments.overlay, found.frames[0], found.sampling, atoms, first)
        print(f"defects on the image: {arguments.overlay}")
    if arguments.gallery:
        from latticework.figures.defects import save_gallery

        crops = crops_of(table, found.frames, found.sampling)
        save_gallery(arguments.gallery, crops, found.sampling, table)
        print(f"gallery: {arguments.gallery}")


def judge(
    arguments: argparse.Namespace, found: "Prediction", atoms: "pd.DataFrame", material: "Material"
) -> None:
    """Write what is suspect, and what looks unusual, in the first frame, where it was asked for."""
    if arguments.quality:
        from latticework.analysis.atoms.quality import assess
        from latticework.figures.quality import quality, save_quality

        checked = assess(atoms, found.frames[0].shape, found.sampling, material)
        drawn = quality(
            found.frames[0], found.sampling, checked.atoms, checked.shares, checked.regions
        )
        save_quality(arguments.quality, drawn)
        shares = ", ".join(f"{name} {share:.1%}" for name, share in checked.shares.items())
        print(f"{shares.replace('_', ' ')}: {arguments.quality}")
    if arguments.anomalies:
        from latticework.analysis.atoms.anomalies import find_anomalies
        from latticework.shards import write_csv

        unusual = find_anomalies(found.frames[0], atoms)
        write_csv(arguments.anomalies, unusual.sites)
        print(
            f"{int(unusual.sites['anomalous'].sum())} of {len(unusual.sites)} sites are unusual, "
            f"where {unusual.expected_false:.1f} would be by chance: {arguments.anomalies}"
        )
