"""Table: datasets of a study that could not be had, and why."""

import pandas as pd

from latticework import shards
from latticework.logs import tee

tee(snakemake.log[0])
rows = []
for name, path in zip(snakemake.params.names, snakemake.input.datasets, strict=True):
    _, attributes = shards.read(path, "dataset", ["sampling"])
    if attributes["skipped"]:
        rows.append({"dataset": name, "reason": attributes["skipped"]})
table = pd.DataFrame(rows, columns=["dataset", "reason"])
shards.write_csv(snakemake.output.csv, table)
with shards.atomic(snakemake.output.html) as temporary:
    body = table.to_html(index=False, border=0) if rows else "<p>No dataset was skipped.</p>"
    temporary.write_text(f'<!doctype html>\n<meta charset="utf-8">\n{body}\n', encoding="utf-8")
