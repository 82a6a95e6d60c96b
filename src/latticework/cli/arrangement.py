"""Options that say how to read an array: which axis is which, and which part of it."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latticework.datasets.arrangement import Arrangement


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --axes and --crop to a command that reads images."""
    parser.add_argument(
        "--axes",
        metavar="LETTERS",
        help="which axis of the array is which, where the file does not say it: t for frames, y, x "
        "and c for colours in the array's order, such as yxt",
    )
    parser.add_argument(
        "--crop",
        type=int,
        nargs=4,
        metavar=("X0", "Y0", "X1", "Y1"),
        help="read only this part of the image, px (left, top, right, bottom)",
    )


def of(arguments: argparse.Namespace) -> "Arrangement":
    """What the options say."""
    from latticework.datasets.arrangement import Arrangement

    return Arrangement(arguments.axes, arguments.crop)
