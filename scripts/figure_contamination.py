"""Figure: one page of a set of contaminated pictures, with detections and hand masks."""

import pandas as pd

from latticework.figures import style
from latticework.figures.gallery import contamination
from latticework.figures.pictures import read_pictures
from latticework.logs import tee

tee(snakemake.log[0])
pictures = read_pictures(snakemake.input.dataset, snakemake.input.maps)
checks = pd.read_csv(snakemake.input.checks)
first, last = snakemake.params.numbers
style.save(
    contamination(
        pictures,
        pd.read_csv(snakemake.input.atoms),
        checks[checks["dataset"] == snakemake.params.dataset],
        range(first, min(last, len(pictures.frames))),
    ),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
