# Real data → class maps, or Bragg peaks of a scan.


rule predict:
    input:
        dataset="<shared>/datasets/{dataset}.h5",
        source="<shared>/sources/{dataset}",
        weights=WEIGHTS_OF_READER,
    output:
        "<results>/inference/{dataset}/{study}.h5",
    log:
        "logs/<results>/inference/{dataset}/{study}.log",
    benchmark:
        "benchmarks/<results>/predict/{dataset}/{study}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(1750),
        runtime=minutes(20),
    params:
        code=code_of("inference/predict.py", "predict", "reader"),
        function=function("predict"),
        settings=lambda wildcards: leaves(
            "inference", *study_of(wildcards).kind.predict_with
        )(wildcards),
        run=CONFIG.run,
    message:
        "Read {wildcards.dataset} with the network of {wildcards.study}"
    script:
        "../scripts/inference/predict.py"
