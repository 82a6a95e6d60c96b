"""Fetch and verify the files of one dataset, or say why they cannot be had."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework.datasets.fetch import FetchError, fetch
from latticework.datasets.registry import Dataset
from latticework.logs import tee


def main(
    folder: Path, *, name: str, entry: Mapping[str, Any], missing_data: str, mirror: str | None
) -> None:
    """Bring a dataset's files into a folder.

    Where they are neither in the mirror nor at their address, and `missing_data` is "skip", the
    folder gets a file SKIPPED with the reason instead.
    """
    dataset = Dataset.model_validate(entry)
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(mirror).expanduser() if mirror else None
    try:
        fetch(dataset, place, folder)
        for beside in ("probe", "composition", "reference"):
            if (source := getattr(dataset, beside)) is not None:
                fetch(source, place, folder / beside)
    except FetchError as error:
        if missing_data == "error":
            raise
        print(f"SKIPPED {name}: {error}")
        (folder / "SKIPPED").write_text(f"{error}\n", encoding="utf-8")


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.output[0]),
        name=snakemake.wildcards.dataset,
        entry=snakemake.params.entry,
        missing_data=snakemake.params.missing_data,
        # Where data are found on this machine changes no result, so it is no parameter.
        mirror=os.environ.get("LATTICEWORK_MIRROR") or snakemake.config["mirror"],
    )
