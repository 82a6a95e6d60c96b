"""Maps of strain of a scan: networks propose, disks refine."""

import math
from pathlib import Path

from latticework import shards
from latticework.analysis.diffraction import mapping, scan_patterns, scan_strain, strain_map
from latticework.analysis.diffraction.scan_peaks import make_reader
from latticework.datasets.read import PictureError
from latticework.datasets.registry import Dataset
from latticework.datasets.scans import read_patterns
from latticework.inference.rings import round_again
from latticework.inference.scan_calibration import Calibration, scan_file
from latticework.logs import tee


def main(dataset: Path, sources: Path, weights: Path, maps: Path, table: Path) -> None:
    """Write the maps of a calibrated scan, and the same as a table.

    Raises PictureError where there are no data, or no strain in them.
    """
    arrays, known = shards.read(dataset, "dataset")
    if known["skipped"]:
        raise PictureError(f"{known['entry']['title']}: {known['skipped']}")
    entry = Dataset.model_validate(known["entry"])
    patterns = read_patterns(scan_file(entry, sources))
    sampling = float(arrays["reciprocal_sampling"])
    calibration = Calibration(sampling, known["sampling_source"][0], arrays["probe"])
    reader, warnings = make_reader(weights, patterns.shape, calibration, threshold=0.05, samples=1)
    mean = scan_patterns.average(patterns)
    warnings += scan_patterns.probe_warnings(mean, calibration.probe)
    lattices = scan_strain.measure_lattices(patterns, mean, reader, scan_strain.Options())
    camera = None
    if entry.ellipse:
        camera = round_again(entry.ellipse[0], math.radians(entry.ellipse[1]))
    found = mapping.strain_map(
        lattices,
        patterns.scan,
        region=entry.reference_region,
        angle=math.radians(entry.scan_rotation_deg),
        camera=camera,
    )
    for line in (*warnings, *strain_map.counted(found)):
        print(f"WARNING {entry.title}: {line}")
    print(strain_map.summary(found, sampling))
    attributes = {
        "title": entry.title,
        "warnings": warnings,
        "composition": arrays["composition"].tolist() if "composition" in arrays else None,
        "reference_region": entry.reference_region,
    }
    strain_map.write(maps, found, sampling, mean, attributes)
    shards.write_csv(table, strain_map.table(found))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.dataset),
        Path(snakemake.input.sources),
        Path(snakemake.input.weights),
        Path(snakemake.output.maps),
        Path(snakemake.output.table),
    )
