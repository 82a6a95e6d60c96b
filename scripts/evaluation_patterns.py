"""Patterns of held-out crystals in drawn microscopes, with their true peaks."""

from latticework import shards
from latticework.analysis.evaluation_patterns import choose_sources, make_patterns
from latticework.config_diffraction import DiffractionImaging, EvaluationPatterns
from latticework.logs import tee
from latticework.seeds import stream
from latticework.structures import read_structures

tee(snakemake.log[0])
study, seed = snakemake.wildcards.study, snakemake.params.seed
settings = EvaluationPatterns.model_validate(snakemake.params.settings)
ranges = DiffractionImaging.model_validate(snakemake.params.imaging).ranges()
structures = [atoms for path in snakemake.input.structures for atoms in read_structures(path)]
first, _ = shards.read(snakemake.input.patterns[0], "diffraction", ["semiangle", "thickness"])
sources = choose_sources(
    structures,
    len(first["semiangle"]),
    len(first["thickness"]),
    settings,
    stream(seed, f"{study}/evaluation sources"),
)
arrays, table = make_patterns(
    sources, snakemake.input.patterns, structures, settings, ranges, seed, study
)
shards.write(
    snakemake.output.patterns,
    "evaluation_patterns",
    arrays,
    {"study": study, "run": snakemake.params.run},
)
shards.write_csv(snakemake.output.table, table)
