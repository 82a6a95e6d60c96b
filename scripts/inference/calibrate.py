"""Read a dataset's files, whatever their format, and calibrate them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework import materials, names, shards
from latticework.datasets.registry import Dataset
from latticework.logs import tee


def main(
    source: Path, output: Path, *, entry: Mapping[str, Any], material: str | None, function: str
) -> None:
    """Write what `function` makes of a folder of fetched files, format "dataset"."""
    calibrate = names.resolve(function)
    arrays, attributes = calibrate(
        Dataset.model_validate(entry), source, materials.load(material) if material else None
    )
    for name, notes in zip(attributes["names"], attributes["warnings"], strict=True):
        for note in notes:
            print(f"WARNING {name}: {note}")
    shards.write(output, "dataset", arrays, attributes)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.source),
        Path(snakemake.output[0]),
        entry=snakemake.params.entry,
        material=snakemake.params.material,
        function=snakemake.params.function,
    )
