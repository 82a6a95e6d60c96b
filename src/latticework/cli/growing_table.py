"""A table that is written as it is found, and goes on after an interruption.

Rows lie in a hidden file beside the table, with a note of how far they reach. The same command on
the same files goes on from there; any other begins anew. The table's own name appears when all of
it is there.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latticework.datasets.read import INSIDE
from latticework.fingerprint import fingerprint
from latticework.shards import FLOAT_FORMAT, atomic

if TYPE_CHECKING:
    import pandas as pd


def identity(files: Sequence[Path], options: Mapping[str, Any]) -> str:
    """What tells a run from another: its files, by place, size and time of change, and options."""
    known = []
    for file in files:
        # FILE.h5::NAME is an array in a file.
        path = file if file.exists() else Path(str(file).split(INSIDE, 1)[0])
        status = path.stat()
        known.append([str(file.resolve()), status.st_size, status.st_mtime_ns])
    return fingerprint({"files": known, "options": {k: str(v) for k, v in options.items()}})


class GrowingTable:
    """Rows of a table and how far they reach.

    Parameters
    ----------
    path
        Of the finished table.
    run
        As `identity` gives it.
    state
        What is known before the first item: JSON types. It is that of the interrupted run where
        there was one.

    `done` is the number of items whose rows are there.
    """

    def __init__(self, path: Path, run: str, state: dict[str, Any]):
        name = path.name.encode()[:200].decode(errors="ignore")
        self.path = path
        self.rows = path.with_name(f".{name}.unfinished")
        self.note = path.with_name(f".{name}.unfinished.json")
        self.run, self.state, self.done = run, state, 0
        length = self._resumed()
        self.file = self.rows.open("r+" if length else "w", encoding="utf-8", newline="")
        self.file.seek(length)
        self.file.truncate()
        self.started = length > 0

    def _resumed(self) -> int:
        """Bytes of the rows that an interrupted run of the same kind left; its state is taken."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
            length, done, state = note["bytes"], note["done"], note["state"]
            if note["run"] != self.run or self.rows.stat().st_size < length:
                return 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        self.done, self.state = done, state
        return length

    def append(self, table: "pd.DataFrame") -> None:
        """Write the rows of an item. The first table, even an empty one, decides the columns."""
        table.to_csv(self.file, index=False, header=not self.started, float_format=FLOAT_FORMAT)
        self.started = True

    def reached(self, done: int) -> None:
        """Keep all rows until now, which are those of `done` items, whatever happens next."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.done = done
        note = {"run": self.run, "bytes": self.file.tell(), "done": done, "state": self.state}
        with atomic(self.note) as temporary:
            temporary.write_text(json.dumps(note), encoding="utf-8")

    def finish(self) -> None:
        """Give the table its name, and forget the note."""
        self.file.close()
        os.replace(self.rows, self.path)
        self.note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Leave nothing."""
        self.file.close()
        self.rows.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


@contextmanager
def growing(path: Path, run: str, state: dict[str, Any], unit: str) -> Iterator[GrowingTable]:
    """A growing table, which is finished where the block ends well.

    After an interruption it is kept for the next run, and the KeyboardInterrupt says so; `unit` is
    what an item is called. After an error nothing is left, as the next run would end like this one.
    """
    table = GrowingTable(path, run, state)
    try:
        yield table
    except KeyboardInterrupt as error:
        table.file.close()
        if not table.done:
            table.discard()
            raise
        raise KeyboardInterrupt(
            f"the same command goes on after the {table.done} {unit}s that are done"
        ) from error
    except Exception:
        table.discard()
        raise
    table.finish()
