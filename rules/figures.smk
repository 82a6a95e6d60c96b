# Tables → figures, each with the table it was drawn from. The PNGs make the report.


rule figure_structures:
    input:
        code=source_of("figure_structures.py"),
    output:
        svg=f"{FIGURES}fig4_structures.svg",
        png=in_report(
            "fig4_structures",
            "structures",
            "1 Training",
            "Madsen 2018, Fig. 4",
            "How a training structure is made",
        ),
        csv=f"{FIGURES}fig4_structures.csv",
    log:
        f"logs/{FIGURES}fig4_structures.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_structures/{{study}}.tsv"
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        parameters=lookup_study("structures/parameters"),
        seed=CONFIG.seed,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_structures.py"


rule figure_training_example:
    input:
        structures=f"{RESULTS}/structures/{{study}}/heldout-0000.extxyz",
        waves=f"{RESULTS}/simulations/{{study}}/heldout-0000.h5",
        weights=weights_for("evaluation"),
        bounds=f"{RESULTS}/evaluation/{{study}}/bounds.csv",
        code=source_of("figure_training_example.py"),
    output:
        svg=f"{FIGURES}fig5_training.svg",
        png=in_report(
            "fig5_training",
            "training_example",
            "1 Training",
            "Madsen 2018, Fig. 5",
            "One lesson: structure, picture, truth, prediction",
        ),
        csv=f"{FIGURES}fig5_training.csv",
    log:
        f"logs/{FIGURES}fig5_training.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_training_example/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        evaluation=lookup_study("evaluation"),
        tile=lookup_study("inference/tile"),
        overlap=lookup_study("inference/overlap"),
        symmetries=lookup_study("inference/symmetries"),
        seed=CONFIG.seed,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_training_example.py"


rule figure_training_curve:
    input:
        log=f"{RESULTS}/models/{{study}}/training.csv",
        code=source_of("figure_training_curve.py"),
    output:
        svg=f"{FIGURES}training_curve.svg",
        png=in_report(
            "training_curve",
            "training_curve",
            "1 Training",
            "training curve",
            "Loss against step",
        ),
        csv=f"{FIGURES}training_curve.csv",
    log:
        f"logs/{FIGURES}training_curve.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_training_curve/{{study}}.tsv"
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        loss=lookup_study("training/loss"),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_training_curve.py"


rule figure_dose:
    input:
        scores=f"{RESULTS}/evaluation/{{study}}/scores.csv",
        bounds=f"{RESULTS}/evaluation/{{study}}/bounds.csv",
        code=source_of("figure_dose.py"),
    output:
        svg=f"{FIGURES}dose.svg",
        png=in_report(
            "dose",
            "dose",
            "2 Scores",
            "scores against dose",
            "Network beside the physical limit",
        ),
        csv=f"{FIGURES}dose.csv",
    log:
        f"logs/{FIGURES}dose.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_dose/{{study}}.tsv"
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        radius=lookup_study("evaluation/radius"),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_dose.py"


rule figure_peaks:
    input:
        dataset=f"{RESULTS}/datasets/{HOLE}.h5",
        maps=f"{RESULTS}/inference/{HOLE}/{{study}}.h5",
        candidates=f"{RESULTS}/analysis/{HOLE}/{{study}}/candidates.csv",
        code=source_of("figure_peaks.py"),
    output:
        svg=f"{FIGURES}fig6_peaks.svg",
        png=in_report(
            "fig6_peaks",
            "peaks",
            "3 Real pictures",
            "Madsen 2018, Fig. 6",
            "Atoms at an edge, by probability",
        ),
        csv=f"{FIGURES}fig6_peaks.csv",
    log:
        f"logs/{FIGURES}fig6_peaks.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_peaks/{{study}}.tsv"
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        # px of the picture: clean sheet, its torn edge, and what lies on it.
        region=(80, 190, 430, 540),
        cutoffs=(0.01, 0.5),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_peaks.py"


rule figure_strain:
    input:
        dataset=f"{RESULTS}/datasets/{HOLE}.h5",
        maps=f"{RESULTS}/inference/{HOLE}/{{study}}.h5",
        strain=f"{RESULTS}/analysis/{HOLE}/{{study}}/strain.csv",
        bonds=f"{RESULTS}/analysis/{HOLE}/{{study}}/bonds.csv",
        checks=f"{RESULTS}/evaluation/{{study}}/real_pictures.csv",
        code=source_of("figure_strain.py"),
    output:
        svg=f"{FIGURES}fig7_strain.svg",
        png=in_report(
            "fig7_strain",
            "strain",
            "3 Real pictures",
            "Madsen 2018, Fig. 7",
            "Bonds and strain",
        ),
        csv=f"{FIGURES}fig7_strain.csv",
    log:
        f"logs/{FIGURES}fig7_strain.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_strain/{{study}}.tsv"
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        dataset=HOLE,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_strain.py"


rule figure_defect:
    input:
        dataset=f"{RESULTS}/datasets/{FLOWER}.h5",
        maps=f"{RESULTS}/inference/{FLOWER}/{{study}}.h5",
        strain=f"{RESULTS}/analysis/{FLOWER}/{{study}}/strain.csv",
        bonds=f"{RESULTS}/analysis/{FLOWER}/{{study}}/bonds.csv",
        code=source_of("figure_defect.py"),
    output:
        svg=f"{FIGURES}flower.svg",
        png=in_report(
            "flower",
            "defect",
            "3 Real pictures",
            "flower defect",
            "Rings of five and seven",
        ),
        csv=f"{FIGURES}flower.csv",
    log:
        f"logs/{FIGURES}flower.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_defect/{{study}}.tsv"
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_defect.py"


rule figure_contamination:
    input:
        dataset=f"{RESULTS}/datasets/{CONTAMINATION}.h5",
        maps=f"{RESULTS}/inference/{CONTAMINATION}/{{study}}.h5",
        atoms=f"{RESULTS}/analysis/{CONTAMINATION}/{{study}}/atoms.csv",
        checks=f"{RESULTS}/evaluation/{{study}}/real_pictures.csv",
        code=source_of("figure_contamination.py"),
    output:
        svg=f"{FIGURES}contamination_{{page}}.svg",
        png=in_report(
            "contamination_{page}",
            "contamination",
            "3 Real pictures",
            "contamination, page {page}",
            "Detections and hand masks",
        ),
        csv=f"{FIGURES}contamination_{{page}}.csv",
    log:
        f"logs/{FIGURES}contamination_{{page}}.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_contamination/{{study}}/{{page}}.tsv"
    wildcard_constraints:
        page=r"\d+",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        dataset=CONTAMINATION,
        numbers=lambda wildcards: (
            (int(wildcards.page) - 1) * PICTURES_A_PAGE,
            int(wildcards.page) * PICTURES_A_PAGE,
        ),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_contamination.py"


rule figure_contamination_densities:
    input:
        dataset=f"{RESULTS}/datasets/{CONTAMINATION}.h5",
        checks=f"{RESULTS}/evaluation/{{study}}/real_pictures.csv",
        code=source_of("figure_contamination_densities.py"),
    output:
        svg=f"{FIGURES}contamination_densities.svg",
        png=in_report(
            "contamination_densities",
            "contamination_densities",
            "3 Real pictures",
            "contamination, all pictures",
            "Detections per nm² inside and outside of the masks",
        ),
        csv=report(
            f"{FIGURES}contamination_densities.csv",
            caption="../report/contamination_densities.rst",
            category=lambda wildcards: CONFIG.studies[wildcards.study].title,
            subcategory="3 Real pictures",
            labels=figure_label("contamination, table", "The same as numbers"),
        ),
    log:
        f"logs/{FIGURES}contamination_densities.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_contamination_densities/{{study}}.tsv"
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        dataset=CONTAMINATION,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_contamination_densities.py"


rule figure_out_of_distribution:
    input:
        datasets=others_at("datasets", "{dataset}.h5"),
        maps=others_at("inference", "{dataset}/{study}.h5"),
        atoms=others_at("analysis", "{dataset}/{study}/atoms.csv"),
        frames=others_at("analysis", "{dataset}/{study}/frames.csv"),
        code=source_of("figure_out_of_distribution.py"),
    output:
        svg=f"{FIGURES}out_of_distribution.svg",
        png=in_report(
            "out_of_distribution",
            "out_of_distribution",
            "3 Real pictures",
            "something else",
            "Pictures that are not graphene",
        ),
        csv=f"{FIGURES}out_of_distribution.csv",
    log:
        f"logs/{FIGURES}out_of_distribution.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_out_of_distribution/{{study}}.tsv"
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_out_of_distribution.py"


rule figure_skipped:
    input:
        datasets=lambda wildcards: expand(
            f"{RESULTS}/datasets/{{dataset}}.h5",
            dataset=CONFIG.studies[wildcards.study].datasets,
        ),
        code=source_of("figure_skipped.py"),
    output:
        csv=f"{FIGURES}skipped.csv",
        html=report(
            f"{FIGURES}skipped.html",
            caption="../report/skipped.rst",
            category=lambda wildcards: CONFIG.studies[wildcards.study].title,
            subcategory="4 Data",
            labels=figure_label("skipped datasets", "What could not be had, and why"),
        ),
    log:
        f"logs/{FIGURES}skipped.log",
    benchmark:
        f"benchmarks/{RESULTS}/figure_skipped/{{study}}.tsv"
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        names=lookup_study("datasets"),
    script:
        "../scripts/figure_skipped.py"
