"""Tables of atoms, of all candidates, and of a dataset's images with their warnings."""

from pathlib import Path

import numpy as np
import pandas as pd

from latticework import materials, shards
from latticework.analysis.atoms.table import empty_table, read_map
from latticework.logs import tee

COLUMNS = [
    "frame",
    "name",
    "sampling_angstrom",
    "sampling_source",
    "candidates",
    "atoms",
    "warnings",
]


def main(
    class_maps: Path,
    dataset: Path,
    atoms: Path,
    candidates: Path,
    frames: Path,
    *,
    epsilon: float,
    threshold: float,
    material: str,
) -> None:
    """Locate the atoms of every image; `atoms` are the candidates of at least `threshold`."""
    maps, map_attributes = shards.read(class_maps, "class_maps")
    arrays, attributes = shards.read(dataset, "dataset")
    card, looked_at = map_attributes["card"], materials.load(material)
    tables, rows = [empty_table(card)], []
    for number, name in enumerate(attributes["names"]):
        sampling = arrays["sampling"][number]
        warnings = list(attributes["warnings"][number])
        table = tables[0]
        if np.isfinite(sampling):
            unseen = arrays.get(f"unseen_{number:04d}")
            table, doubts = read_map(
                maps[f"map_{number:04d}"],
                float(maps["map_sampling"]),
                arrays[f"image_{number:04d}"].shape,
                sampling,
                card,
                looked_at,
                epsilon=epsilon,
                frame=number,
                unseen=None if unseen is None else unseen > 0,
            )
            warnings += doubts
            tables.append(table)
        source = attributes["sampling_source"][number]
        kept = int((table["probability"] >= threshold).sum())
        rows.append((number, name, sampling, source, len(table), kept, "; ".join(warnings)))
        for warning in warnings:
            print(f"WARNING {name}: {warning}")
    found = pd.concat(tables, ignore_index=True)
    shards.write_csv(candidates, found)
    shards.write_csv(atoms, found[found["probability"] >= threshold])
    shards.write_csv(frames, pd.DataFrame(rows, columns=COLUMNS))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.class_maps),
        Path(snakemake.input.dataset),
        Path(snakemake.output.atoms),
        Path(snakemake.output.candidates),
        Path(snakemake.output.frames),
        epsilon=snakemake.params.epsilon,
        threshold=snakemake.params.threshold,
        material=snakemake.params.material,
    )
