"""What can be checked on real pictures: clean regions, references, hand masks."""

import pandas as pd

from latticework import shards
from latticework.analysis.real_pictures import checks
from latticework.logs import tee

tee(snakemake.log[0])
columns = ["dataset", "frame", "picture", "quantity", "value", "unit"]
rows = []
for name, path, candidates in zip(
    snakemake.params.names, snakemake.input.datasets, snakemake.input.candidates, strict=True
):
    arrays, attributes = shards.read(path, "dataset")
    table = pd.read_csv(candidates)
    kept = table[table["probability"] >= snakemake.params.threshold]
    rows += checks(name, kept, arrays, attributes, snakemake.params.radius)
shards.write_csv(snakemake.output[0], pd.DataFrame(rows, columns=columns))
