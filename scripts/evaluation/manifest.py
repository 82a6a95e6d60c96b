"""What made a run: code, config, versions, hashes, times."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework import shards
from latticework.logs import tee
from latticework.provenance import manifest


def main(output: Path, *, checkout: Path, config: Mapping[str, Any]) -> None:
    """Write the manifest of the run in whose folder it is to lie."""
    run = output.parent
    made = manifest(run, checkout, config, "benchmarks" / run)
    with shards.atomic(output) as temporary:
        temporary.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
    print(
        f"{len(made['outputs'])} results, {len(made['inputs'])} files that made them, "
        f"{len(made['data'])} files of data"
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.output[0]),
        checkout=Path(snakemake.scriptdir).parents[1],
        config=snakemake.params.config,
    )
