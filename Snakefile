# Config, includes, target rules. Nothing else: see rules/ for the stages, docs/ for the tour.
from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/resources.smk"
include: "rules/studies.smk"
include: "rules/report.smk"
include: "rules/datasets.smk"
include: "rules/structures.smk"
include: "rules/simulation.smk"
include: "rules/training.smk"
include: "rules/inference.smk"
include: "rules/analysis/atoms.smk"
include: "rules/analysis/diffraction.smk"
include: "rules/analysis/movies.smk"
include: "rules/evaluation.smk"
include: "rules/strain.smk"
include: "rules/figures.smk"


report: "report/workflow.rst"


rule all:
    default_target: True
    input:
        RESULT_FILES,
        "<results>/manifest.json",


# Everything up to the trained networks: what a GPU node is needed for.
rule networks:
    input:
        [
            f"<results>/models/{study}/{network}/weights.safetensors"
            for study, row in CONFIG.studies.items()
            for network in row.trained
        ],
