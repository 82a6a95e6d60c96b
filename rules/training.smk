# Waves → network. Pictures are made anew for every step, on the training device.


rule train:
    input:
        waves=shards_of("simulations", "h5", "train"),
        held_out=shards_of("simulations", "h5", "heldout"),
        start=lambda wildcards: CONFIG.studies[wildcards.study].training.start or [],
        code=source_of("train.py"),
    output:
        weights=f"{RESULTS}/models/{{study}}/weights.safetensors",
        card=f"{RESULTS}/models/{{study}}/model.json",
        log=f"{RESULTS}/models/{{study}}/training.csv",
    log:
        f"logs/{RESULTS}/models/{{study}}/train.log",
    benchmark:
        f"benchmarks/{RESULTS}/models/{{study}}/train.tsv"
    conda:
        "../envs/learning.yaml"
    threads: lambda wildcards: CONFIG.studies[wildcards.study].training.threads
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=lambda wildcards: (
            0
            if CONFIG.studies[wildcards.study].training.accelerator == "cpu"
            else CONFIG.studies[wildcards.study].training.devices
        ),
    params:
        structures=lookup_study("structures"),
        simulation=lookup_study("simulation"),
        imaging=lookup_study("imaging"),
        network=lookup_study("network"),
        training=lookup_study("training"),
        seed=CONFIG.seed,
    script:
        "../scripts/train.py"
