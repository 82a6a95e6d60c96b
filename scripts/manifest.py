"""What made a run: code, config, versions, hashes, times."""

import json
from pathlib import Path

from latticework import shards
from latticework.logs import tee
from latticework.provenance import manifest

tee(snakemake.log[0])
run, checkout = Path(snakemake.output[0]).parent, Path(snakemake.scriptdir).parent
made = manifest(run, checkout, snakemake.params.config, "benchmarks" / run)
with shards.atomic(snakemake.output[0]) as temporary:
    temporary.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
print(f"{len(made['outputs'])} results, {len(made['inputs'])} files that made them")
