# Real pictures: fetch, verify, read, calibrate.


rule fetch:
    input:
        code=source_of("fetch.py"),
    output:
        directory(f"{RESULTS}/sources/{{dataset}}"),
    log:
        f"logs/{RESULTS}/sources/{{dataset}}.log",
    benchmark:
        f"benchmarks/{RESULTS}/fetch/{{dataset}}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=memory(200),
        runtime=minutes(20),
    params:
        entry=lambda wildcards: REGISTRY[wildcards.dataset].model_dump(mode="json"),
        missing_data=CONFIG.missing_data,
    script:
        "../scripts/fetch.py"


rule calibrate:
    input:
        source=f"{RESULTS}/sources/{{dataset}}",
        code=source_of("calibrate.py"),
    output:
        f"{RESULTS}/datasets/{{dataset}}.h5",
    log:
        f"logs/{RESULTS}/datasets/{{dataset}}.log",
    benchmark:
        f"benchmarks/{RESULTS}/calibrate/{{dataset}}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=memory(200),
        runtime=minutes(5),
    params:
        entry=lambda wildcards: REGISTRY[wildcards.dataset].model_dump(mode="json"),
    script:
        "../scripts/calibrate.py"
