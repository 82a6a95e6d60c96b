# Tables → figures, each with the table it was drawn from. The PNGs make the report.
FIGURES = RESULTS + "/figures/{study}/"
HOLE, FLOWER = "graphene_dtu_hole", "graphene_flower_defect"
CONTAMINATION = "graphene_contamination"
SOMETHING_ELSE = ["soot_scale_bar", "nanoparticles_on_film"]
PICTURES_A_PAGE = 9


def contamination_pages():
    """Numbers of the pages on which the set of contaminated pictures is shown."""
    dataset = REGISTRY[CONTAMINATION]
    pictures = [
        name for name in dataset.files if not Path(name).stem.endswith(dataset.masks)
    ]
    return range(1, 1 - (-len(pictures) // PICTURES_A_PAGE))


def figure_files(study):
    """All figures that a study's configuration makes possible."""
    datasets = CONFIG.studies[study].datasets
    names = ["fig4_structures", "fig5_training", "training_curve", "dose"]
    if HOLE in datasets:
        names += ["fig6_peaks", "fig7_strain"]
    if FLOWER in datasets:
        names += ["flower"]
    if CONTAMINATION in datasets:
        names += ["contamination_densities"]
        names += [f"contamination_{page}" for page in contamination_pages()]
    if others_of(study):
        names += ["out_of_distribution"]
    folder = FIGURES.format(study=study)
    return [
        *(
            folder + f"{name}.{ending}"
            for name in names
            for ending in ("svg", "png", "csv")
        ),
        folder + "skipped.csv",
    ]


def others_of(study):
    """A study's datasets that show something else than the study does."""
    return [name for name in CONFIG.studies[study].datasets if name in SOMETHING_ELSE]


def others_at(stage, path):
    """Input function: files of a study's datasets that show something else."""
    return lambda wildcards: [
        f"{RESULTS}/{stage}/{dataset}" + path.format(study=wildcards.study)
        for dataset in others_of(wildcards.study)
    ]


def in_report(name, caption, subcategory, figure, shows):
    """A figure's PNG, with its place and caption in the report."""
    return report(
        FIGURES + f"{name}.png",
        caption=f"../report/{caption}.rst",
        category=lambda wildcards: CONFIG.studies[wildcards.study].title,
        subcategory=subcategory,
        labels={"figure": figure, "shows": shows},
    )


rule figure_structures:
    input:
        code=source_of("figure_structures.py"),
    output:
        svg=FIGURES + "fig4_structures.svg",
        png=in_report(
            "fig4_structures",
            "structures",
            "1 Training",
            "Madsen 2018, Fig. 4",
            "How a training structure is made",
        ),
        csv=FIGURES + "fig4_structures.csv",
    log:
        "logs/" + FIGURES + "fig4_structures.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        parameters=lookup_study("structures/parameters"),
        seed=CONFIG.seed,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_structures.py"


rule figure_training_example:
    input:
        structures=RESULTS + "/structures/{study}/heldout-0000.extxyz",
        waves=RESULTS + "/simulations/{study}/heldout-0000.h5",
        weights=weights_for("evaluation"),
        bounds=RESULTS + "/evaluation/{study}/bounds.csv",
        code=source_of("figure_training_example.py"),
    output:
        svg=FIGURES + "fig5_training.svg",
        png=in_report(
            "fig5_training",
            "training_example",
            "1 Training",
            "Madsen 2018, Fig. 5",
            "One lesson: structure, picture, truth, prediction",
        ),
        csv=FIGURES + "fig5_training.csv",
    log:
        "logs/" + FIGURES + "fig5_training.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        evaluation=lookup_study("evaluation"),
        tile=lookup_study("inference/tile"),
        overlap=lookup_study("inference/overlap"),
        seed=CONFIG.seed,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_training_example.py"


rule figure_training_curve:
    input:
        log=RESULTS + "/models/{study}/training.csv",
        code=source_of("figure_training_curve.py"),
    output:
        svg=FIGURES + "training_curve.svg",
        png=in_report(
            "training_curve",
            "training_curve",
            "1 Training",
            "training curve",
            "Loss against step",
        ),
        csv=FIGURES + "training_curve.csv",
    log:
        "logs/" + FIGURES + "training_curve.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        loss=lookup_study("training/loss"),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_training_curve.py"


rule figure_dose:
    input:
        scores=RESULTS + "/evaluation/{study}/scores.csv",
        bounds=RESULTS + "/evaluation/{study}/bounds.csv",
        code=source_of("figure_dose.py"),
    output:
        svg=FIGURES + "dose.svg",
        png=in_report(
            "dose",
            "dose",
            "2 Scores",
            "scores against dose",
            "Network beside the physical limit",
        ),
        csv=FIGURES + "dose.csv",
    log:
        "logs/" + FIGURES + "dose.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        radius=lookup_study("evaluation/radius"),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_dose.py"


rule figure_peaks:
    input:
        dataset=RESULTS + f"/datasets/{HOLE}.h5",
        maps=RESULTS + f"/inference/{HOLE}/{{study}}.h5",
        candidates=RESULTS + f"/analysis/{HOLE}/{{study}}/candidates.csv",
        code=source_of("figure_peaks.py"),
    output:
        svg=FIGURES + "fig6_peaks.svg",
        png=in_report(
            "fig6_peaks",
            "peaks",
            "3 Real pictures",
            "Madsen 2018, Fig. 6",
            "Atoms at an edge, by probability",
        ),
        csv=FIGURES + "fig6_peaks.csv",
    log:
        "logs/" + FIGURES + "fig6_peaks.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        # px of the picture: clean sheet, its torn edge, and what lies on it.
        region=(80, 190, 430, 540),
        cutoffs=(0.01, 0.5),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_peaks.py"


rule figure_strain:
    input:
        dataset=RESULTS + f"/datasets/{HOLE}.h5",
        maps=RESULTS + f"/inference/{HOLE}/{{study}}.h5",
        strain=RESULTS + f"/analysis/{HOLE}/{{study}}/strain.csv",
        bonds=RESULTS + f"/analysis/{HOLE}/{{study}}/bonds.csv",
        checks=RESULTS + "/evaluation/{study}/real_pictures.csv",
        code=source_of("figure_strain.py"),
    output:
        svg=FIGURES + "fig7_strain.svg",
        png=in_report(
            "fig7_strain",
            "strain",
            "3 Real pictures",
            "Madsen 2018, Fig. 7",
            "Bonds and strain",
        ),
        csv=FIGURES + "fig7_strain.csv",
    log:
        "logs/" + FIGURES + "fig7_strain.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        dataset=HOLE,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_strain.py"


rule figure_defect:
    input:
        dataset=RESULTS + f"/datasets/{FLOWER}.h5",
        maps=RESULTS + f"/inference/{FLOWER}/{{study}}.h5",
        strain=RESULTS + f"/analysis/{FLOWER}/{{study}}/strain.csv",
        bonds=RESULTS + f"/analysis/{FLOWER}/{{study}}/bonds.csv",
        code=source_of("figure_defect.py"),
    output:
        svg=FIGURES + "flower.svg",
        png=in_report(
            "flower",
            "defect",
            "3 Real pictures",
            "flower defect",
            "Rings of five and seven",
        ),
        csv=FIGURES + "flower.csv",
    log:
        "logs/" + FIGURES + "flower.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_defect.py"


rule figure_contamination:
    input:
        dataset=RESULTS + f"/datasets/{CONTAMINATION}.h5",
        maps=RESULTS + f"/inference/{CONTAMINATION}/{{study}}.h5",
        atoms=RESULTS + f"/analysis/{CONTAMINATION}/{{study}}/atoms.csv",
        checks=RESULTS + "/evaluation/{study}/real_pictures.csv",
        code=source_of("figure_contamination.py"),
    output:
        svg=FIGURES + "contamination_{page}.svg",
        png=in_report(
            "contamination_{page}",
            "contamination",
            "3 Real pictures",
            "contamination, page {page}",
            "Detections and hand masks",
        ),
        csv=FIGURES + "contamination_{page}.csv",
    log:
        "logs/" + FIGURES + "contamination_{page}.log",
    wildcard_constraints:
        page=r"\d+",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
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
        dataset=RESULTS + f"/datasets/{CONTAMINATION}.h5",
        checks=RESULTS + "/evaluation/{study}/real_pictures.csv",
        code=source_of("figure_contamination_densities.py"),
    output:
        svg=FIGURES + "contamination_densities.svg",
        png=in_report(
            "contamination_densities",
            "contamination_densities",
            "3 Real pictures",
            "contamination, all pictures",
            "Detections per nm² inside and outside of the masks",
        ),
        csv=report(
            FIGURES + "contamination_densities.csv",
            caption="../report/contamination_densities.rst",
            category=lambda wildcards: CONFIG.studies[wildcards.study].title,
            subcategory="3 Real pictures",
            labels={"figure": "contamination, table", "shows": "The same as numbers"},
        ),
    log:
        "logs/" + FIGURES + "contamination_densities.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        dataset=CONTAMINATION,
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_contamination_densities.py"


rule figure_out_of_distribution:
    input:
        datasets=others_at("datasets", ".h5"),
        maps=others_at("inference", "/{study}.h5"),
        atoms=others_at("analysis", "/{study}/atoms.csv"),
        frames=others_at("analysis", "/{study}/frames.csv"),
        code=source_of("figure_out_of_distribution.py"),
    output:
        svg=FIGURES + "out_of_distribution.svg",
        png=in_report(
            "out_of_distribution",
            "out_of_distribution",
            "3 Real pictures",
            "something else",
            "Pictures that are not graphene",
        ),
        csv=FIGURES + "out_of_distribution.csv",
    log:
        "logs/" + FIGURES + "out_of_distribution.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_out_of_distribution.py"


rule figure_skipped:
    input:
        datasets=lambda wildcards: expand(
            RESULTS + "/datasets/{dataset}.h5",
            dataset=CONFIG.studies[wildcards.study].datasets,
        ),
        code=source_of("figure_skipped.py"),
    output:
        csv=FIGURES + "skipped.csv",
        html=report(
            FIGURES + "skipped.html",
            caption="../report/skipped.rst",
            category=lambda wildcards: CONFIG.studies[wildcards.study].title,
            subcategory="4 Data",
            labels={
                "figure": "skipped datasets",
                "shows": "What could not be had, and why",
            },
        ),
    log:
        "logs/" + FIGURES + "skipped.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        names=lookup_study("datasets"),
    script:
        "../scripts/figure_skipped.py"
