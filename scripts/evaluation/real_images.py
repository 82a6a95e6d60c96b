"""What can be checked on real images: clean regions, references, hand masks, outlines."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latticework import materials, shards
from latticework.evaluation.real_images import COLUMNS, checks
from latticework.logs import tee


def main(
    candidates: Sequence[Path],
    datasets: Sequence[Path],
    output: Path,
    *,
    names: Sequence[str],
    threshold: float,
    radius: float,
    material: str,
) -> None:
    """Write all checks of the atoms, of at least `threshold`, that datasets have."""
    looked_at, rows = materials.load(material), []
    for name, path, table_path in zip(names, datasets, candidates, strict=True):
        arrays, attributes = shards.read(path, "dataset")
        table = pd.read_csv(table_path, dtype={"class": str})
        kept = table[table["probability"] >= threshold]
        rows += checks(name, kept, arrays, attributes, radius, looked_at)
    shards.write_csv(output, pd.DataFrame(rows, columns=COLUMNS))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        [Path(path) for path in snakemake.input.candidates],
        [Path(path) for path in snakemake.input.datasets],
        Path(snakemake.output[0]),
        names=snakemake.params.names,
        threshold=snakemake.params.threshold,
        radius=snakemake.params.radius,
        material=snakemake.params.material,
    )
