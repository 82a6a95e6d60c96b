"""Options of `latticework defects` for movies: sites that change from one class to another."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from latticework.cli.published import InputError

if TYPE_CHECKING:
    import pandas as pd

    from latticework.analysis.atoms.reading import Prediction

# Of all sites, from a frame to the next, above which the rates are doubtful.
MOST_CHANGING = 0.15
ASKED = ("transitions", "states", "changes")


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    movies = command.add_argument_group(
        "movies", "sites that change, with the drift taken off; --transitions also prints the rates"
    )
    movies.add_argument(
        "--transitions",
        type=Path,
        metavar="TABLE",
        help="also write how often sites change from one class to another, .csv",
    )
    movies.add_argument(
        "--states",
        type=Path,
        metavar="TABLE",
        help="also write what stands at each site in each frame, .csv",
    )
    movies.add_argument(
        "--changes", type=Path, metavar="PNG", help="also draw states, their shares and the rates"
    )
    movies.add_argument(
        "--confusion",
        type=Path,
        metavar="TABLE",
        help="columns host, state, nothing and the classes: how often each is seen of a state "
        "(default: fitted along)",
    )


def outputs(arguments: argparse.Namespace) -> dict[str, Path | None]:
    """Option → file to write."""
    return {f"--{name}": getattr(arguments, name) for name in ASKED}


def read_confusion(path: Path) -> "pd.DataFrame":
    """A table of how often each class is seen of each state. Raises InputError."""
    import numpy as np
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"--confusion {path}: not a table that can be read ({error})") from error
    if not {"host", "state", "nothing"} <= set(table):
        raise InputError(f"--confusion {path}: expected the columns host, state, nothing, …")
    counts = table.drop(columns=["host", "state"]).to_numpy()
    if counts.dtype.kind not in "if" or not np.isfinite(counts).all() or (counts < 0).any():
        raise InputError(f"--confusion {path}: has entries that are no counts")
    if unknown := sorted(set(table["state"]) - set(table)):
        raise InputError(f"--confusion {path}: no column for the state {unknown[0]}")
    return table


def check(arguments: argparse.Namespace) -> None:
    """Raise InputError for a confusion that cannot be used, or that no output asks for."""
    if arguments.confusion is None:
        return
    if not any(outputs(arguments).values()):
        raise InputError("--confusion: is for --transitions, --states or --changes")
    read_confusion(arguments.confusion)


def changes(
    arguments: argparse.Namespace, found: "Prediction"
) -> tuple["pd.DataFrame", "pd.DataFrame"] | None:
    """How often sites of a movie change, and what stands there; None if nothing asks for it.

    Raises InputError where no crystal is seen in two frames.
    """
    if not any(outputs(arguments).values()):
        return None
    import numpy as np

    from latticework.analysis.movies.transformations import follow
    from latticework.analysis.movies.transitions import (
        changing_share,
        state_table,
        transition_table,
    )

    known = None if arguments.confusion is None else read_confusion(arguments.confusion)
    atoms = found.atoms
    if "probability" not in atoms:
        atoms = atoms.assign(probability=1.0)
    if "x_angstrom" not in atoms:
        places = atoms[["x_px", "y_px"]] * found.sampling
        atoms = atoms.assign(x_angstrom=places["x_px"], y_angstrom=places["y_px"])
    classes = found.card.get("classes") or sorted(set(atoms["class"]))
    try:
        followed = follow(atoms, found.frames, found.sampling, tuple(classes), found.mask)
    except ValueError as error:
        raise InputError(f"{arguments.image}: {error}; changes need a movie") from error
    if len(left := np.flatnonzero(np.isnan(followed.drift[:, 0]))):
        frames = ", ".join(map(str, left))
        print(f"warning: not the crystal of the others, left out: frame {frames}", file=sys.stderr)
    if (share := changing_share(followed.seen)) > MOST_CHANGING:
        print(
            f"warning: {share:.0%} of the sites look like another class in the next frame: the "
            "frames may not show the same sites, or the classes cannot be told apart",
            file=sys.stderr,
        )
    table, chains = transition_table(followed, known)
    return table, state_table(followed, chains)


def write(
    arguments: argparse.Namespace,
    found: "Prediction",
    changed: tuple["pd.DataFrame", "pd.DataFrame"] | None,
) -> None:
    """Write what was asked for of `changes`, and say what was found."""
    if changed is None:
        return
    from latticework.shards import write_csv

    table, states = changed
    if arguments.transitions:
        write_csv(arguments.transitions, table)
        print(f"{states['site'].nunique()} sites: {arguments.transitions}")
        for row in table[table["events"] >= 0.5].itertuples():
            print(
                f"{row.host}: {row[2]} → {row.to} {row.rate:.4f} a frame ({row.low:.4f} to "
                f"{row.high:.4f}); as seen {row.rate_raw:.4f}"
            )
    if arguments.states:
        write_csv(arguments.states, states)
        print(f"states: {arguments.states}")
    if arguments.changes:
        from latticework.analysis.movies.transitions import share_table
        from latticework.figures.transitions import save_transitions, transitions

        drawn = transitions(found.frames[0], found.sampling, states, share_table(states), table)
        save_transitions(arguments.changes, drawn)
        print(f"changes: {arguments.changes}")
