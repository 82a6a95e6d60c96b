"""Tables of atoms, of all candidates, and of frames with their warnings."""

import numpy as np
import pandas as pd

from latticework import shards
from latticework.analysis.atoms import empty_table, read_map
from latticework.logs import tee

tee(snakemake.log[0])
maps, map_attributes = shards.read(snakemake.input.maps, "maps")
arrays, attributes = shards.read(snakemake.input.dataset, "dataset")
card = map_attributes["card"]
tables, rows = [empty_table(card)], []
for number, name in enumerate(attributes["names"]):
    sampling = arrays["sampling"][number]
    warnings = list(attributes["warnings"][number])
    table = tables[0]
    if np.isfinite(sampling):
        table, doubts = read_map(
            maps[f"map_{number:04d}"],
            float(maps["map_sampling"]),
            arrays[f"image_{number:04d}"].shape,
            sampling,
            card,
            epsilon=snakemake.params.epsilon,
            frame=number,
        )
        warnings += doubts
        tables.append(table)
    rows.append(
        {
            "frame": number,
            "name": name,
            "sampling_angstrom": sampling,
            "sampling_source": attributes["sampling_source"][number],
            "candidates": len(table),
            "atoms": int((table["probability"] >= snakemake.params.threshold).sum()),
            "warnings": "; ".join(warnings),
        }
    )
    for warning in warnings:
        print(f"WARNING {name}: {warning}")
candidates = pd.concat(tables, ignore_index=True)
columns = [
    "frame",
    "name",
    "sampling_angstrom",
    "sampling_source",
    "candidates",
    "atoms",
    "warnings",
]
shards.write_csv(snakemake.output.candidates, candidates)
kept = candidates[candidates["probability"] >= snakemake.params.threshold]
shards.write_csv(snakemake.output.atoms, kept)
shards.write_csv(snakemake.output.frames, pd.DataFrame(rows, columns=columns))
