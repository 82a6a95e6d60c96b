"""`latticework predict` on a movie that is too long for the memory: piece by piece, and it goes on
after an interruption."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from latticework.cli import arrangement
from latticework.cli.frame_warnings import summed_up
from latticework.cli.published import InputError

if TYPE_CHECKING:
    from latticework.analysis.atoms.reading import Prediction
    from latticework.config.inference import Images
    from latticework.datasets.movies import Movie

# What needs all frames, or fits the frames one by one for days.
WHOLE_ONLY = ("report", "refine", "posterior", "residual")


def check(arguments: argparse.Namespace, movie: "Movie") -> None:
    """Raise InputError for options that cannot be had of a long movie."""
    long = f"{arguments.images[0]}: has {len(movie)} frames and is read piece by piece"
    if not arguments.output.name.lower().endswith(".csv"):
        raise InputError(f"{long}: -o has to end in .csv")
    for option in WHOLE_ONLY:
        if getattr(arguments, option):
            raise InputError(f"{long}: --{option} is for shorter ones; save some frames of it")
    if arguments.axes is not None or arguments.image is not None:
        raise InputError(f"{long}, along its first axis: leave out --axes and --image")


def run(
    arguments: argparse.Namespace, movie: "Movie", weights_path: Path, settings: "Images"
) -> int:
    """Predict, write the rows as they are found, and say what was found: 0."""
    from latticework.analysis.atoms.long_movies import predict_movie
    from latticework.cli.growing_table import growing, identity

    check(arguments, movie)
    options = {key: getattr(arguments, key) for key in ("pixel_size", "scale_region", "crop")}
    options |= settings.model_dump()
    with growing(
        arguments.output,
        identity([arguments.images[0], weights_path], options),
        {"atoms": 0, "warnings": [], "scale": None},
        "frame",
    ) as table:
        state = table.state
        if table.done:
            print(f"going on after {table.done} of {len(movie)} frames of an interrupted run")
        for done, found in predict_movie(
            movie,
            weights_path,
            settings,
            pixel_size=arguments.pixel_size,
            scale_region=arguments.scale_region,
            arrangement=arrangement.of(arguments),
            first=table.done,
            progress=not arguments.quiet,
        ):
            if not table.done:
                draw(arguments, found)
                for note in found.notes:
                    print(note)
            table.append(found.atoms)
            state["atoms"] += len(found.atoms)
            # What is doubtful of the scale is told with every block.
            state["warnings"] = list(dict.fromkeys([*state["warnings"], *found.warnings]))
            state["scale"] = [found.sampling, found.sampling_source]
            table.reached(done)
    for line in summed_up(state["warnings"], len(movie)):
        print(f"warning: {line}", file=sys.stderr)
    sampling, source = state["scale"]
    print(
        f"{state['atoms']} atoms in {len(movie)} frames, {sampling:.4f} Å/px by the {source}: "
        f"{arguments.output}"
    )
    return 0


def draw(arguments: argparse.Namespace, found: "Prediction") -> None:
    """Draw what was asked for of the first frame."""
    from latticework.figures.overlay import save_mask, save_overlay

    if arguments.overlay:
        first = found.atoms[found.atoms["frame"] == 0]
        save_overlay(arguments.overlay, found.shown, first)
        where = "the image" if len(found.frames) == 1 else "the first frame"
        print(f"atoms on {where}: {arguments.overlay}")
    if arguments.mask:
        masked = save_mask(arguments.mask, found.frames[0], found.mask)
        print(f"{masked:.1%} of the first frame is no specimen: {arguments.mask}")
