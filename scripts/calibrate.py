"""Read a dataset's pictures, whatever their format, and find each one's pixel size."""

from pathlib import Path

from latticework import shards
from latticework.datasets.calibrate import dataset_arrays, skipped_arrays
from latticework.datasets.fetch import fetch
from latticework.datasets.registry import Dataset
from latticework.logs import tee
from latticework.materials import MATERIALS

tee(snakemake.log[0])
dataset = Dataset.model_validate(snakemake.params.entry)
folder = Path(snakemake.input.source)
skipped = folder / "SKIPPED"
if skipped.exists():
    arrays, attributes = skipped_arrays(dataset, skipped.read_text().strip())
else:
    # All files are in place: this only verifies them and says where they are.
    pictures = dataset.pictures(fetch(dataset, None, folder))
    reference = None
    if dataset.reference is not None:
        reference = next(iter(fetch(dataset.reference, None, folder / "reference").values()))
    material = MATERIALS[snakemake.params.generator]
    arrays, attributes = dataset_arrays(dataset, pictures, reference, material)
for name, notes in zip(attributes["names"], attributes["warnings"], strict=True):
    for note in notes:
        print(f"WARNING {name}: {note}")
shards.write(snakemake.output[0], "dataset", arrays, attributes)
