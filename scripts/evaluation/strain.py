"""Strain of simulated scans by a network, and by disks refined from its answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from latticework import shards
from latticework.analysis.diffraction.scan_peaks import make_reader
from latticework.analysis.diffraction.scan_strain import MEASURED, Options, measure_lattices
from latticework.datasets.scans import Patterns
from latticework.evaluation.scans import exposed, read_scan, strain_table
from latticework.inference.scan_calibration import Calibration
from latticework.logs import tee


def main(
    scans: Mapping[str, Sequence[Path]],
    weights: Path,
    output: Path,
    *,
    references: Mapping[str, Sequence[int] | None],
    doses: Sequence[float],
    refine: bool,
    method: str,
    seed: int,
) -> None:
    """Write a row a position of every scan at every dose, and without noise (dose 0)."""
    tables = []
    for name, paths in scans.items():
        arrays = read_scan(paths)
        calibration = Calibration(float(arrays["reciprocal_sampling"]), "known", arrays["probe"])
        for dose in (0, *doses):
            patterns = Patterns(Path(name), exposed(arrays, dose, seed, name), None)
            reader, _ = make_reader(weights, patterns.shape, calibration, threshold=0.05, samples=1)
            vectors = arrays["reference"] / calibration.sampling
            options = Options(refine=refine, lattice=tuple(vectors.ravel()))
            found = measure_lattices(patterns, reader, options)
            measured = [
                (lattice, covariance) if reason == MEASURED else None
                for lattice, covariance, reason in zip(
                    found.lattice, found.covariance, found.reason, strict=True
                )
            ]
            labels = {"scan": name, "dose": dose, "method": method}
            tables.append(strain_table(measured, arrays, references[name], **labels))
    shards.write_csv(output, pd.concat(tables))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        {name: [Path(p) for p in snakemake.input[name]] for name in snakemake.params.references},
        Path(snakemake.input.weights),
        Path(snakemake.output[0]),
        references=snakemake.params.references,
        doses=snakemake.params.doses,
        refine=snakemake.params.refine,
        method=snakemake.params.method,
        seed=snakemake.params.seed,
    )
