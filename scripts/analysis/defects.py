"""Named defects of a dataset, and what is suspect in its atoms."""

from pathlib import Path

import numpy as np
import pandas as pd

from latticework import materials, shards
from latticework.analysis.atoms.atom_set import AtomSet
from latticework.analysis.atoms.defects import defect_table, find_defects
from latticework.analysis.atoms.quality import REGION_COLUMNS, assess
from latticework.logs import tee

SHARES = ["frame", "name", "atoms", "short_pairs", "uncovered", "weak", "odd_neighbours"]


def main(
    candidates: Path,
    dataset: Path,
    defects: Path,
    quality: Path,
    regions: Path,
    *,
    material: str,
    threshold: float,
) -> None:
    """Name the defects of every image, and judge its atoms.

    `candidates` are atoms, and what has too low a probability to be one. A material of which nobody
    has said what its defects are has none.
    """
    arrays, attributes = shards.read(dataset, "dataset")
    table = pd.read_csv(candidates, dtype={"class": str})
    looked_at = materials.load(material)
    tables, shares = [defect_table([], 1.0)], []
    boxes = [pd.DataFrame(columns=[*REGION_COLUMNS, "frame"])]
    for number, name in enumerate(attributes["names"]):
        shape, sampling = arrays[f"image_{number:04d}"].shape, float(arrays["sampling"][number])
        if not np.isfinite(sampling):
            continue
        here = table[table["frame"] == number]
        if looked_at.defects is not None:
            field = shape[1] * sampling, shape[0] * sampling
            found = find_defects(AtomSet.of_table(here, sampling, threshold), field, looked_at)
            tables.append(defect_table(found, sampling, number))
        judged = assess(here[here["probability"] >= threshold], shape, sampling, looked_at)
        shares.append({"frame": number, "name": name, "atoms": len(judged.atoms), **judged.shares})
        boxes.append(judged.regions.assign(frame=number))
    shards.write_csv(defects, pd.concat([t for t in tables if len(t)] or tables[:1]))
    shards.write_csv(quality, pd.DataFrame(shares, columns=SHARES))
    shards.write_csv(regions, pd.concat([b for b in boxes if len(b)] or boxes[:1]))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.candidates),
        Path(snakemake.input.dataset),
        Path(snakemake.output.defects),
        Path(snakemake.output.quality),
        Path(snakemake.output.regions),
        material=snakemake.params.material,
        **snakemake.params.settings,
    )
