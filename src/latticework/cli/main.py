"""The command line: read images and scans with published weights; check a finished run's files."""

import argparse
import sys

from latticework.cli import lattice, peaks, predict, strain, verify

COMMANDS = (predict, lattice, peaks, strain, verify)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="latticework",
        description="Atomic-resolution micrographs and diffraction patterns, read by networks.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Entry point: the command's exit code, or 2 with one line on standard error for input that
    cannot be used."""
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except (ValueError, OSError, RuntimeError) as error:
        message = " ".join(str(error).split())
        print(f"latticework: {message}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
