"""Warnings about the frames of a movie, in few lines."""

import re
from collections.abc import Sequence

NUMBER = re.compile(r"[-+]?\d[\d.]*")
FRAME = re.compile(r"^frame (\d+): ")
SHOWN = 6  # numbers of frames in a line


def summed_up(warnings: Sequence[str], frames: int) -> list[str]:
    """Warnings of a movie, those of several frames that differ in numbers only in one line.

    The line shows the numbers of the first frame that it is about.
    """
    kinds: dict[str, tuple[str, list[str]]] = {}
    for line in warnings:
        frame = FRAME.match(line)
        text = line[frame.end() :] if frame else line
        _, numbers = kinds.setdefault(NUMBER.sub("…", text), (text, []))
        numbers += [frame[1]] if frame else []
    said = []
    for text, numbers in kinds.values():
        shown = ", ".join(numbers[:SHOWN]) + (", …" if len(numbers) > SHOWN else "")
        if len(numbers) > 1:
            said.append(f"{len(numbers)} of {frames} frames ({shown}): {text}")
        else:
            said.append(f"frame {shown}: {text}" if numbers else text)
    return said
