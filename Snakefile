# Config, includes, target rules. Nothing else: see rules/ for the stages, docs/ for the tour.
from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/datasets.smk"
include: "rules/structures.smk"
include: "rules/simulation.smk"
include: "rules/training.smk"
include: "rules/inference.smk"
include: "rules/analysis.smk"
include: "rules/evaluation.smk"
include: "rules/evaluation_diffraction.smk"
include: "rules/movies.smk"
include: "rules/figures.smk"
include: "rules/figures_particles.smk"
include: "rules/figures_diffraction.smk"
include: "rules/provenance.smk"


report: "report/workflow.rst"


rule all:
    default_target: True
    input:
        RESULT_FILES,
        f"{RESULTS}/manifest.json",


# Everything up to the trained networks: what a GPU node is needed for.
rule networks:
    input:
        expand(f"{RESULTS}/models/{{study}}/weights.safetensors", study=STUDIES),
