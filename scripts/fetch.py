"""Fetch and verify the files of one dataset, or say why they are not to be had."""

import os
from pathlib import Path

from latticework.datasets.fetch import FetchError, fetch
from latticework.datasets.registry import Dataset
from latticework.logs import tee

tee(snakemake.log[0])
dataset = Dataset.model_validate(snakemake.params.entry)
folder = Path(snakemake.output[0])
folder.mkdir(parents=True, exist_ok=True)
# The mirror is a matter of this machine: it changes no result, so it is no parameter.
mirror = os.environ.get("LATTICEWORK_MIRROR") or snakemake.config["mirror"]
mirror = Path(mirror).expanduser() if mirror else None
try:
    fetch(dataset, mirror, folder)
    if dataset.reference is not None:
        fetch(dataset.reference, mirror, folder / "reference")
except FetchError as error:
    if snakemake.params.missing_data == "error":
        raise
    print(f"SKIPPED {snakemake.wildcards.dataset}: {error}")
    (folder / "SKIPPED").write_text(f"{error}\n")
