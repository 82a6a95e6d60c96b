# Held-out scores, physical limits, and the checks on real pictures.


rule evaluate:
    input:
        structures=shards_of("structures", "extxyz", "heldout"),
        waves=shards_of("simulations", "h5", "heldout"),
        weights=weights_for("evaluation"),
        code=source_of("evaluate.py"),
    output:
        f"{RESULTS}/evaluation/{{study}}/scores.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/evaluate.log",
    benchmark:
        f"benchmarks/{RESULTS}/evaluate/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(1750),
        runtime=minutes(240),
        gpu=evaluation_gpus,
    params:
        evaluation=lookup_study("evaluation"),
        inference=lookup_study("inference"),
        seed=CONFIG.seed,
    script:
        "../scripts/evaluate.py"


rule bounds:
    input:
        code=source_of("bounds.py"),
    output:
        f"{RESULTS}/evaluation/{{study}}/bounds.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/bounds.log",
    benchmark:
        f"benchmarks/{RESULTS}/bounds/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(20),
    params:
        generator=lookup_study("structures/generator"),
        simulation=lookup_study("simulation"),
        evaluation=lookup_study("evaluation"),
        imaging=lookup_study("imaging"),
    script:
        "../scripts/bounds.py"


rule real_pictures:
    input:
        candidates=lambda wildcards: expand(
            f"{RESULTS}/analysis/{{dataset}}/{{study}}/candidates.csv",
            dataset=CONFIG.studies[wildcards.study].datasets,
            study=wildcards.study,
        ),
        datasets=lambda wildcards: expand(
            f"{RESULTS}/datasets/{{dataset}}.h5",
            dataset=CONFIG.studies[wildcards.study].datasets,
        ),
        code=source_of("real_pictures.py"),
    output:
        f"{RESULTS}/evaluation/{{study}}/real_pictures.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/real_pictures.log",
    benchmark:
        f"benchmarks/{RESULTS}/real_pictures/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(10),
    params:
        names=lookup_study("datasets"),
        threshold=lookup_study("inference/threshold"),
        radius=lookup_study("evaluation/radius"),
    script:
        "../scripts/real_pictures.py"


rule heights:
    input:
        structures=shards_of("structures", "extxyz", "heldout"),
        waves=shards_of("simulations", "h5", "heldout"),
        weights=weights_for("evaluation"),
        code=source_of("heights.py"),
    output:
        counts=f"{RESULTS}/evaluation/{{study}}/counts.csv",
        errors=f"{RESULTS}/evaluation/{{study}}/errors.csv",
        confusion=f"{RESULTS}/evaluation/{{study}}/confusion.csv",
        reliability=f"{RESULTS}/evaluation/{{study}}/reliability.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/heights.log",
    benchmark:
        f"benchmarks/{RESULTS}/heights/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(1750),
        runtime=minutes(120),
        gpu=evaluation_gpus,
    params:
        evaluation=lookup_study("evaluation"),
        inference=lookup_study("inference"),
        seed=CONFIG.seed,
    script:
        "../scripts/heights.py"


rule count_bounds:
    input:
        structures=shards_of("structures", "extxyz", "heldout"),
        code=source_of("count_bounds.py"),
    output:
        f"{RESULTS}/evaluation/{{study}}/count_bounds.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/count_bounds.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(750),
        runtime=minutes(30),
    params:
        simulation=lookup_study("simulation"),
        evaluation=lookup_study("evaluation"),
        imaging=lookup_study("imaging"),
        particles=4,
        columns=5,
    script:
        "../scripts/count_bounds.py"
