"""Table: data sets of a study that could not be had, and why."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latticework import shards
from latticework.logs import tee

PAGE = '<!doctype html>\n<meta charset="utf-8">\n{}\n'


def main(datasets: Sequence[Path], csv: Path, html: Path, *, names: Sequence[str]) -> None:
    """Write the table, and the same as a page for the report."""
    rows = []
    for name, path in zip(names, datasets, strict=True):
        _, attributes = shards.read(path, "dataset")
        if attributes["skipped"]:
            rows.append({"dataset": name, "reason": attributes["skipped"]})
    table = pd.DataFrame(rows, columns=["dataset", "reason"])
    shards.write_csv(csv, table)
    body = table.to_html(index=False, border=0) if rows else "<p>No data set was skipped.</p>"
    with shards.atomic(html) as temporary:
        temporary.write_text(PAGE.format(body), encoding="utf-8")


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        snakemake.input.datasets,
        Path(snakemake.output.csv),
        Path(snakemake.output.html),
        names=snakemake.params.names,
    )
