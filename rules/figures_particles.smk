# Figures of metal particles: Madsen 2018, section 4.


rule figure_particles:
    input:
        structures=f"{RESULTS}/structures/{{study}}/heldout-0000.extxyz",
        waves=f"{RESULTS}/simulations/{{study}}/heldout-0000.h5",
        weights=weights_for("evaluation"),
        code=source_of("figure_particles.py"),
    output:
        svg=f"{FIGURES}fig8_particles.svg",
        png=in_report(
            "fig8_particles",
            "particles",
            "1 Training",
            "Madsen 2018, Fig. 8",
            "Held-out particles, pictures, output",
        ),
        csv=f"{FIGURES}fig8_particles.csv",
    log:
        f"logs/{FIGURES}fig8_particles.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(1750),
        runtime=minutes(10),
    params:
        evaluation=lookup_study("evaluation"),
        inference=lookup_study("inference"),
        examples=5,
        seed=CONFIG.seed,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_particles.py"


rule figure_columns:
    input:
        dataset=f"{RESULTS}/datasets/{{dataset}}.h5",
        maps=f"{RESULTS}/inference/{{dataset}}/{{study}}.h5",
        atoms=f"{RESULTS}/analysis/{{dataset}}/{{study}}/atoms.csv",
        code=source_of("figure_columns.py"),
    output:
        svg=f"{FIGURES}columns_{{dataset}}.svg",
        png=in_report(
            "columns_{dataset}",
            "columns",
            "3 Real pictures",
            "Madsen 2018, Fig. 9: {dataset}",
            "Columns on real pictures",
        ),
        csv=f"{FIGURES}columns_{{dataset}}.csv",
    log:
        f"logs/{FIGURES}columns_{{dataset}}.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(750),
        runtime=minutes(10),
    params:
        outlines=lambda wildcards: REGISTRY[wildcards.dataset].outlines,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_columns.py"


rule figure_comparison:
    input:
        dataset=f"{RESULTS}/datasets/{{dataset}}.h5",
        maps=compared_at(f"{RESULTS}/inference/{{dataset}}/{{study}}.h5"),
        atoms=compared_at(f"{RESULTS}/analysis/{{dataset}}/{{study}}/atoms.csv"),
        checks=compared_at(f"{RESULTS}/evaluation/{{study}}/real_pictures.csv"),
        code=source_of("figure_comparison.py"),
    output:
        svg=f"{FIGURES}comparison_{{dataset}}.svg",
        png=in_report(
            "comparison_{dataset}",
            "comparison",
            "3 Real pictures",
            "comparison: {dataset}",
            "Columns by two networks",
        ),
        csv=f"{FIGURES}comparison_{{dataset}}.csv",
    log:
        f"logs/{FIGURES}comparison_{{dataset}}.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(750),
        runtime=minutes(10),
    params:
        studies=lambda wildcards: compared(wildcards.study),
        outlines=lambda wildcards: REGISTRY[wildcards.dataset].outlines,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_comparison.py"


rule figure_counting:
    input:
        structures=f"{RESULTS}/structures/{{study}}/heldout-0000.extxyz",
        waves=f"{RESULTS}/simulations/{{study}}/heldout-0000.h5",
        weights=weights_for("evaluation"),
        code=source_of("figure_counting.py"),
    output:
        method=[
            f"{FIGURES}fig1_counting.svg",
            in_report(
                "fig1_counting",
                "counting",
                "1 Training",
                "Madsen 2018, Figs. 1 and 3",
                "From a focal series to counted atoms",
            ),
            f"{FIGURES}fig1_counting.csv",
        ],
        errors=[
            f"{FIGURES}fig11_errors.svg",
            in_report(
                "fig11_errors",
                "errors_in_place",
                "2 Scores",
                "Madsen 2018, Fig. 11",
                "Where counting goes wrong",
            ),
            f"{FIGURES}fig11_errors.csv",
        ],
    log:
        f"logs/{FIGURES}fig1_counting.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(1750),
        runtime=minutes(10),
    params:
        evaluation=lookup_study("evaluation"),
        inference=lookup_study("inference"),
        # e/Å² of a whole series: the paper's highest.
        highest_dose=3.0e4,
        seed=CONFIG.seed,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_counting.py"


rule figure_count_errors:
    input:
        errors=f"{RESULTS}/evaluation/{{study}}/errors.csv",
        confusion=f"{RESULTS}/evaluation/{{study}}/confusion.csv",
        reliability=f"{RESULTS}/evaluation/{{study}}/reliability.csv",
        bounds=f"{RESULTS}/evaluation/{{study}}/count_bounds.csv",
        code=source_of("figure_count_errors.py"),
    output:
        errors=[
            f"{FIGURES}fig12_dose.svg",
            in_report(
                "fig12_dose",
                "count_errors",
                "2 Scores",
                "Madsen 2018, Fig. 12",
                "Wrong counts against dose",
            ),
            f"{FIGURES}fig12_dose.csv",
        ],
        reliability=[
            f"{FIGURES}reliability.svg",
            in_report(
                "reliability",
                "reliability",
                "2 Scores",
                "Supplement, confusion and reliability",
                "Which counts are confused, and how sure one may be",
            ),
            f"{FIGURES}reliability.csv",
        ],
    log:
        f"logs/{FIGURES}fig12_dose.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(750),
        runtime=minutes(10),
    params:
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_count_errors.py"
