"""Freeze real crystals of the Materials Project that have a known prototype.

    pip install mp-api
    export MP_API_KEY=…
    python scripts/tools/freeze_crystals.py --count 2000 crystals/materials_project.extxyz

Writes the cells and, beside them, the table of ids, prototypes and hashes. Name the file in
`studies.diffraction.structures.parameters.frozen`, and the library is made of these crystals. Cite
the Materials Project (Jain 2013) if you do.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pymatgen.core import Structure

from latticework.structures.crystals import MOST_SITES, match_prototypes
from latticework.structures.frozen import freeze


def fetch(key: str, count: int, seed: int) -> Iterator[tuple[str, Structure]]:
    """Ids and structures of `count` random stable materials of few sites."""
    from mp_api.client import MPRester

    with MPRester(key) as rester:
        found = rester.materials.summary.search(
            is_stable=True, num_sites=(1, MOST_SITES), fields=["material_id"]
        )
        ids = sorted(str(entry.material_id) for entry in found)
        chosen = sorted(np.random.default_rng(seed).permutation(ids)[:count].tolist())
        for entry in rester.materials.summary.search(
            material_ids=chosen, fields=["material_id", "structure"]
        ):
            yield str(entry.material_id), entry.structure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="where to write, .extxyz")
    parser.add_argument("--count", type=int, default=2000, help="materials to fetch")
    parser.add_argument("--seed", type=int, default=2022, help="of the choice of materials")
    arguments = parser.parse_args()
    key = os.environ.get("MP_API_KEY")
    if not key:
        sys.exit("MP_API_KEY is not set: get a key at https://materialsproject.org/api")
    crystals = match_prototypes(fetch(key, arguments.count, arguments.seed))
    freeze(arguments.path, crystals)
    print(f"{len(crystals)} of {arguments.count} materials have a known prototype")


if __name__ == "__main__":
    main()
