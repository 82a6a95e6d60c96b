"""Strain of simulated scans by a network, and by disks refined from its answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from latticework import shards
from latticework.analysis.diffraction import disks
from latticework.analysis.diffraction.scan_patterns import average
from latticework.analysis.diffraction.scan_peaks import make_reader
from latticework.analysis.diffraction.scan_strain import (
    BATCH,
    MEASURED,
    Options,
    measure_lattices,
    vacuum_probe,
)
from latticework.analysis.diffraction.strain import COMPONENTS, strain_errors
from latticework.datasets.scans import Patterns
from latticework.evaluation.scans import exposed, read_scan, strain_table, true_lattice
from latticework.inference.scan_calibration import Calibration
from latticework.limits.disks import lattice_bound
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
            found = measure_lattices(patterns, average(patterns), reader, options)
            measured = [
                (lattice, covariance) if reason == MEASURED else None
                for lattice, covariance, reason in zip(
                    found.lattice, found.covariance, found.reason, strict=True
                )
            ]
            labels = {"scan": name, "dose": dose, "method": method}
            table = strain_table(measured, arrays, references[name], **labels)
            if refine and dose:
                table = table.assign(**bounds(arrays, dose))
            tables.append(table)
    shards.write_csv(output, pd.concat(tables))


def bounds(arrays: Mapping[str, np.ndarray], dose: float) -> dict[str, np.ndarray]:
    """Smallest standard deviation of each component at every position, columns bound_NAME."""
    probe = vacuum_probe(arrays["probe"], 0.5)
    plain = true_lattice(arrays)
    truth = plain[1:] @ np.linalg.inv(arrays["deformation"])
    lattice = np.concatenate([np.broadcast_to(plain[:1], (len(truth), 1, 2)), truth], axis=1)
    mean = torch.from_numpy(arrays["pattern"].mean(axis=0))
    indices = disks.brightest_disks(mean, torch.from_numpy(plain), probe.radius)
    smallest = np.concatenate(
        [
            lattice_bound(
                torch.from_numpy(arrays["pattern"][part]),
                torch.from_numpy(lattice[part]),
                indices,
                probe,
                dose,
            )
            for part in (slice(i, i + BATCH) for i in range(0, len(truth), BATCH))
        ]
    )
    sigma = strain_errors(truth, smallest[:, 2:, 2:], plain[1:])
    return {f"bound_{name}": sigma[:, i] for i, name in enumerate(COMPONENTS)}


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        {name: [Path(p) for p in snakemake.input[name]] for name in snakemake.params.references},
        Path(snakemake.input.weights),
        Path(snakemake.output[0]),
        references=snakemake.params.references,
        doses=snakemake.params.doses,
        refine=snakemake.params.refine,
        method=snakemake.wildcards.answer,
        seed=snakemake.params.seed,
    )
