# What made the results: code, config, versions, hashes, times. After everything else.

RESULT_FILES = [
    *expand(
        f"{RESULTS}/evaluation/{{study}}/{{table}}.csv",
        study=STUDIES,
        table=["scores", "bounds", "real_pictures"],
    ),
    *(path for study in STUDIES for path in atom_tables(study)),
    *(path for study in STUDIES for path in figure_files(study)),
    *(path for study in STUDIES for path in movie_scores(study)),
    *(path for study in DIFFRACTION_STUDIES for path in diffraction_files(study)),
]


rule manifest:
    input:
        results=RESULT_FILES,
        code=source_of("manifest.py"),
    output:
        f"{RESULTS}/manifest.json",
    log:
        f"logs/{RESULTS}/manifest.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=memory(150),
        runtime=minutes(10),
    params:
        # Where pictures were found on this machine changes no result.
        config=CONFIG.model_dump(mode="json", exclude={"mirror"}),
    script:
        "../scripts/manifest.py"
