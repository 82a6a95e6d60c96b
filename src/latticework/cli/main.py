"""The command line: read images and scans with published weights; check a finished run's files."""

import argparse
import os
import sys
import traceback
import warnings

from latticework.cli import defects, inspect, lattice, order, peaks, predict, strain, verify

COMMANDS = (inspect, predict, defects, lattice, order, peaks, strain, verify)
# Exit codes: of input that cannot be used, and of an interruption, as shells have it.
UNUSABLE, INTERRUPTED = 2, 130
# Shows tracebacks, as the option --debug does.
DEBUG_VARIABLE = "LATTICEWORK_DEBUG"


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="latticework",
        description="Atomic-resolution micrographs and diffraction patterns, read by networks.",
        epilog="--debug, with any command, shows where in the program something went wrong.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Entry point: the command's exit code, or 2 with one line on standard error for whatever
    cannot be done, or 130 after an interruption. `--debug`, anywhere, shows the traceback."""
    words = sys.argv[1:] if argv is None else list(argv)
    debug = "--debug" in words or bool(os.environ.get(DEBUG_VARIABLE))
    warnings.showwarning = _show_warning
    try:
        arguments = build_parser().parse_args([word for word in words if word != "--debug"])
        return arguments.run(arguments)
    except KeyboardInterrupt as stopped:
        left = str(stopped) or "nothing unfinished was left"
        print(f"latticework: interrupted; {left}", file=sys.stderr)
        return INTERRUPTED
    # Whatever happens in a library, the user gets one line that says what it was about.
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"latticework: {in_words(error)}", file=sys.stderr)
        return UNUSABLE


def in_words(error: Exception) -> str:
    """An exception as one line that makes sense without its traceback."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return f"there is not enough memory: {text or 'crop or bin the picture, or use --tile'}"
    if isinstance(error, BrokenPipeError):
        return "what reads this output has stopped"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, ValueError | OSError | RuntimeError) and text:
        return text
    # Of any other kind the message alone may be a single key or nothing.
    return (
        f"this should not have happened ({type(error).__name__}: {text or 'no reason given'}); "
        "please report it with what --debug shows"
    )


def _show_warning(message: Warning | str, category: type[Warning], *place: object) -> None:
    """A warning of ours as one line; those of libraries are for their programmers."""
    if category is UserWarning:
        print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


if __name__ == "__main__":
    # An interruption while Python still loads leaves as quietly as any other.
    sys.exit(main())
