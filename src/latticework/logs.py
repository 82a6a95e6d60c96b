"""What a script prints goes to the terminal and to the rule's log file."""

import logging
import sys
from pathlib import Path
from typing import TextIO


class Tee:
    """A text stream that writes to two; progress bars' redrawn lines stay out of the second."""

    def __init__(self, terminal: TextIO, file: TextIO):
        self.terminal, self.file = terminal, file

    def write(self, text: str) -> int:
        if not text.startswith("\r"):
            self.file.write(text)
            self.file.flush()
        return self.terminal.write(text)

    def __getattr__(self, name: str):
        return getattr(self.terminal, name)


def tee(path: str | Path) -> None:
    """From now on, copy standard output and standard error of this process to a file."""
    file = open(path, "w", encoding="utf-8")  # noqa: SIM115 - stays open as long as the process
    sys.stdout, sys.stderr = Tee(sys.stdout, file), Tee(sys.stderr, file)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s", force=True)
