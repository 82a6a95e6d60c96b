"""Figure: detections per nm² inside and outside of the hand masks, picture by picture."""

import pandas as pd

from latticework import shards
from latticework.figures import style
from latticework.figures.gallery import contamination_densities
from latticework.logs import tee

tee(snakemake.log[0])
_, attributes = shards.read(snakemake.input.dataset, "dataset", ["sampling"])
checks = pd.read_csv(snakemake.input.checks)
skipped = attributes["skipped"]
style.save(
    contamination_densities(
        attributes["entry"]["title"],
        f"Skipped: {skipped}" if skipped else "",
        checks[checks["dataset"] == snakemake.params.dataset],
    ),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
