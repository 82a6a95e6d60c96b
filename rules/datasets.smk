# Real data: fetch, verify, read, calibrate. All runs share them.


rule fetch:
    output:
        directory("<shared>/sources/{dataset}"),
    log:
        "logs/<shared>/sources/{dataset}.log",
    benchmark:
        "benchmarks/<shared>/fetch/{dataset}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=memory(200),
        runtime=minutes(20),
    params:
        code=code_of("datasets/fetch.py"),
        entry=lambda wildcards: REGISTRY[wildcards.dataset].model_dump(mode="json"),
        missing_data=CONFIG.missing_data,
    message:
        "Fetch and verify {wildcards.dataset}"
    script:
        "../scripts/datasets/fetch.py"


rule calibrate:
    input:
        source="<shared>/sources/{dataset}",
    output:
        "<shared>/datasets/{dataset}.h5",
    log:
        "logs/<shared>/datasets/{dataset}.log",
    benchmark:
        "benchmarks/<shared>/calibrate/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=memory(200),
        runtime=minutes(5),
    params:
        code=code_of("inference/calibrate.py", "calibrate", "material"),
        entry=lambda wildcards: REGISTRY[wildcards.dataset].model_dump(mode="json"),
        material=material,
        function=function("calibrate"),
    message:
        "Read {wildcards.dataset} and calibrate it"
    script:
        "../scripts/inference/calibrate.py"
