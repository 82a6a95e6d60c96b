"""Lattices of forward and backward scans against each other, in their own errors.

    python scripts/tools/compare_directions.py SCAN.sxm ... -o pulls.csv

One row a file, channel and vector: both lengths in px, their standard deviations, and the pull, the
difference over the standard deviation that it should have.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from latticework.analysis.surfaces.lattice import Lattice
from latticework.analysis.surfaces.reading import read_lattice
from latticework.datasets.read import read_picture
from latticework.shards import write_csv

ALIKE = 0.1  # of a length: two lattices whose vectors are further apart are not the same


def pulls(first: Lattice, second: Lattice) -> list[dict[str, float]]:
    """Lengths of the vectors of one lattice, and of the same vectors in another.

    Empty where the lattices are not the same.
    """
    change = np.rint(first.vectors @ np.linalg.inv(second.vectors))
    same = change @ second.vectors
    apart = np.linalg.norm(same - first.vectors, axis=1) / first.lengths
    if abs(abs(np.linalg.det(change)) - 1) > 0.1 or apart.max() > ALIKE:
        return []
    spread = np.kron(change, np.eye(2)) @ second.covariance @ np.kron(change, np.eye(2)).T
    rows = []
    for number, name in enumerate("ab"):
        part = slice(2 * number, 2 * number + 2)
        along = same[number] / np.linalg.norm(same[number])
        length, sigma = np.linalg.norm(same[number]), np.sqrt(along @ spread[part, part] @ along)
        off = first.lengths[number] - length
        rows.append(
            {
                "vector": name,
                "forward": first.lengths[number],
                "forward_sigma": first.length_sigma[number],
                "backward": length,
                "backward_sigma": sigma,
                "pull": off / np.hypot(first.length_sigma[number], sigma),
            }
        )
    return rows


def main() -> None:
    """Read both directions of every channel, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--channels", nargs="+", default=["Z", "Current"])
    arguments = parser.parse_args()
    table = []
    for path in arguments.files:
        for channel in arguments.channels:
            both = [
                read_lattice(read_picture(path, image=f"{channel} {way}").image[0])
                for way in ("forward", "backward")
            ]
            if any(one.lattice is None for one in both):
                print(f"{path.name}, {channel}: no lattice")
                continue
            found = pulls(both[0].lattice, both[1].lattice)
            known = {
                "file": path.name,
                "channel": channel,
                "certain": all(one.confident for one in both),
                "confidence": min(one.lattice.confidence for one in both),
            }
            table += [known | row for row in found] or [known]
    frame = pd.DataFrame(table)
    write_csv(arguments.output, frame)
    print(frame.to_string())


if __name__ == "__main__":
    main()
