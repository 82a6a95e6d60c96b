# Figures of diffraction studies: which crystals there are, what was simulated of them, and what
# networks and correlation find in it.


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
            network=trained_networks(wildcards.study),
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
        networks=lambda wildcards: trained_networks(wildcards.study),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_map_training.py"


rule figure_detection:
    input:
        patterns=rules.evaluation_patterns.output.patterns,
        table=rules.evaluation_patterns.output.table,
        peaks=of_shown_methods("peaks"),
        scores=of_shown_methods("scores"),
        code=source_of("figure_detection.py"),
    output:
        svg=f"{FIGURES}fig2_detection.svg",
        png=in_report(
            "fig2_detection",
            "detection",
            "2 Evaluation",
            "Munshi 2022, Fig. 2",
            "Peaks found by correlation and by a network",
        ),
        csv=f"{FIGURES}fig2_detection.csv",
    log:
        f"logs/{FIGURES}fig2_detection.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_detection/{{study}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(5),
    params:
        methods=lambda wildcards: shown_methods(wildcards.study),
        radius=lookup_study("evaluation/radius"),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_detection.py"


rule figure_accuracy:
    input:
        accuracy=rules.compare_maps.output.accuracy,
        code=source_of("figure_accuracy.py"),
    output:
        svg=f"{FIGURES}accuracy.svg",
        png=in_report(
            "accuracy",
            "accuracy",
            "2 Evaluation",
            "accuracy",
            "Accuracy against thickness, semiangle, dose and tilt",
        ),
        csv=f"{FIGURES}accuracy.csv",
    log:
        f"logs/{FIGURES}accuracy.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_accuracy/{{study}}.tsv"
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
        "../scripts/figure_accuracy.py"


rule figure_table1:
    input:
        table1=rules.compare_maps.output.table1,
        comparison=rules.compare_maps.output.comparison,
        code=source_of("figure_table1.py"),
    output:
        svg=f"{FIGURES}table1.svg",
        png=in_report(
            "table1",
            "table1",
            "2 Evaluation",
            "Munshi 2022, Table I",
            "Likeness of the maps, accuracy of the peaks",
        ),
        csv=f"{FIGURES}table1.csv",
    log:
        f"logs/{FIGURES}table1.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_table1/{{study}}.tsv"
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
        "../scripts/figure_table1.py"
