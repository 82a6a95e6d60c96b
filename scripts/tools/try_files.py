"""Open every file of folders as `latticework inspect` would, and say how each ended.

    python scripts/tools/try_files.py FOLDER... [--ending dm3 ...] [-o files.csv]

A file is read as an image or a movie, or as patterns, or refused with a reason; anything
else (an exception of a library, more than a minute) is a fault, and listed. A summary by ending is
printed as Markdown.
"""

import argparse
import signal
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from latticework.analysis.inspection import holds_patterns
from latticework.datasets.read import PictureError, read_picture
from latticework.datasets.scans import read_patterns

LIMIT = 60  # s, for a file
OUTCOMES = ("image", "patterns", "refused", "fault")


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TimeoutError where the block takes longer."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tried(path: Path) -> tuple[str, str]:
    """How reading a file ends, one of OUTCOMES, and in words."""
    try:
        with limited(LIMIT), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if holds_patterns(path, None):
                patterns = read_patterns(path)
                scan = " × ".join(map(str, patterns.scan)) or "1"
                return "patterns", f"{scan} of {patterns.shape[1]} × {patterns.shape[0]} px"
            picture = read_picture(path)
            frames, ny, nx = picture.image.shape
            pixel = "unknown" if picture.sampling is None else f"{picture.sampling:.4g} Å"
            return "image", f"{frames} of {nx} × {ny} px, pixel {pixel}"
    except PictureError as error:
        return "refused", str(error).replace(f"{path}: ", "").replace(str(path.parent), "…")
    except Exception as error:
        return "fault", f"{type(error).__name__}: {error}"


def files_in(folders: Sequence[Path], endings: Sequence[str]) -> list[Path]:
    """All files below folders, sorted; with these endings, where some are given."""
    found = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in found if not endings or path.suffix.lower().lstrip(".") in endings]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--ending", nargs="*", default=[], help="only files with these endings")
    parser.add_argument("-o", "--output", type=Path, help="a table with a row for each file, .csv")
    given = parser.parse_args()
    rows = []
    for path in tqdm(files_in(given.folders, given.ending), unit="file"):
        start = time.perf_counter()
        outcome, words = tried(path)
        seconds = round(time.perf_counter() - start, 2)
        rows.append(
            {
                "file": path.name,
                "ending": path.suffix.lower().lstrip("."),
                "outcome": outcome,
                "words": " ".join(words.split()),
                "seconds": seconds,
            }
        )
    table = pd.DataFrame(rows)
    if given.output:
        table.to_csv(given.output, index=False)
    counts = table.groupby(["ending", "outcome"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=list(OUTCOMES), fill_value=0)
    print("| ending | " + " | ".join(OUTCOMES) + " |\n|---|" + "---|" * len(OUTCOMES))
    for ending, numbers in [*counts.iterrows(), ("all", counts.sum())]:
        print(f"| {ending} | " + " | ".join(map(str, numbers)) + " |")
    faults = table[table["outcome"] == "fault"]
    for fault in faults.itertuples():
        print(f"fault: {fault.file}: {fault.words}", file=sys.stderr)
    return int(len(faults) > 0)


if __name__ == "__main__":
    sys.exit(main())
