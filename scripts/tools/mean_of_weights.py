"""The mean of two states of one network, of which the second began where the first was.

    python scripts/tools/mean_of_weights.py BEFORE AFTER MEAN --share 0.75

A training that goes on from published weights gains on its own images and may lose on real ones
that it never sees; the weights between both states often keep what either does well. The mean has
the card of the second.
"""

import argparse
from pathlib import Path

import torch

from latticework.learning import weights


def mean(before: Path, after: Path, share: float) -> tuple[torch.nn.Module, dict]:
    """The network at `share` of the way from one state to the other, and the second's card."""
    first, _ = weights.load(before)
    second, card = weights.load(after)
    states = first.state_dict(), second.state_dict()
    second.load_state_dict(
        {
            name: torch.lerp(states[0][name], value, share) if value.is_floating_point() else value
            for name, value in states[1].items()
        }
    )
    return second, card


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("before", "after", "mean"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the second")
    given = parser.parse_args()
    weights.save(given.mean, *mean(given.before, given.after, given.share))


if __name__ == "__main__":
    main()
