"""The command `latticework verify`: are a run's files those that its manifest records?"""

import argparse
from pathlib import Path

DESCRIPTION = (
    "Recompute the sha256 of a run's results, and of the code, configuration, weights and data "
    "that they were made from, and print one line for each file that differs from the run's "
    "manifest.json. The exit code is 0 if none does and 1 if one does."
)


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    verify = commands.add_parser(
        "verify", help="compare a run's files with its manifest", description=DESCRIPTION
    )
    verify.add_argument("folder", type=Path, metavar="RUN", help="results/<run>")
    verify.add_argument(
        "--checkout",
        type=Path,
        metavar="FOLDER",
        help="where the code is (default: two folders above RUN)",
    )
    verify.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Say which files of a run differ from its manifest: 0 if none does, else 1."""
    # Imported here, so that --help answers at once.
    from latticework.provenance import differences

    checkout = arguments.checkout or arguments.folder.resolve().parent.parent
    lines = differences(arguments.folder, checkout)
    print("\n".join(lines) if lines else f"{arguments.folder}: as in its manifest")
    return 1 if lines else 0
