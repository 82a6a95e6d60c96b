# Pictures → probability maps.


rule predict:
    input:
        dataset=f"{RESULTS}/datasets/{{dataset}}.h5",
        weights=weights_for("inference"),
        code=source_of("predict.py"),
    output:
        f"{RESULTS}/inference/{{dataset}}/{{study}}.h5",
    log:
        f"logs/{RESULTS}/inference/{{dataset}}/{{study}}.log",
    benchmark:
        f"benchmarks/{RESULTS}/predict/{{dataset}}/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(1750),
        runtime=minutes(20),
    params:
        tile=lookup_study("inference/tile"),
        overlap=lookup_study("inference/overlap"),
        symmetries=lookup_study("inference/symmetries"),
        run=CONFIG.run,
    script:
        "../scripts/predict.py"
