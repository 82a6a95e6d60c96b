# Figures of diffraction studies: which crystals there are, and what was simulated of them.


rule figure_crystals:
    input:
        structures=shards_of("structures", "extxyz", "train"),
        code=source_of("figure_crystals.py"),
    output:
        svg=f"{FIGURES}fig6_crystals.svg",
        png=in_report(
            "fig6_crystals",
            "crystals",
            "1 Training",
            "Munshi 2022, Fig. 6",
            "Prototypes and elements of the crystals",
        ),
        csv=f"{FIGURES}fig6_crystals.csv",
    log:
        f"logs/{FIGURES}fig6_crystals.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_crystals/{{study}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(160),
        runtime=minutes(5),
    params:
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_crystals.py"


rule figure_triplets:
    input:
        patterns=f"{RESULTS}/simulations/{{study}}/heldout-0000.h5",
        code=source_of("figure_triplets.py"),
    output:
        svg=f"{FIGURES}triplets.svg",
        png=in_report(
            "triplets",
            "triplets",
            "1 Training",
            "triplets",
            "Patterns, probes and structure factors",
        ),
        csv=f"{FIGURES}triplets.csv",
    log:
        f"logs/{FIGURES}triplets.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_triplets/{{study}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(1200),
        runtime=minutes(5),
    params:
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_triplets.py"


rule figure_map_training:
    input:
        logs=lambda wildcards: expand(
            f"{RESULTS}/models/{wildcards.study}/{{network}}/training.csv",
            network=CONFIG.studies[wildcards.study].networks,
        ),
        code=source_of("figure_map_training.py"),
    output:
        svg=f"{FIGURES}map_training.svg",
        png=in_report(
            "map_training",
            "map_training",
            "1 Training",
            "training of maps",
            "Losses of the networks against the step",
        ),
        csv=f"{FIGURES}map_training.csv",
    log:
        f"logs/{FIGURES}map_training.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_map_training/{{study}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(160),
        runtime=minutes(5),
    params:
        networks=lambda wildcards: list(CONFIG.studies[wildcards.study].networks),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_map_training.py"
