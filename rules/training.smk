# Shards → networks. Images and patterns are made anew for every step, on the training device.


rule train:
    input:
        simulations=shards_of("simulations", "h5", "train"),
        # The loss on one shard is watched; no decision rests on it.
        held_out=lambda wildcards: [
            f"<results>/simulations/{study}/heldout-0000.h5"
            for study in study_of(wildcards).sources or [wildcards.study]
        ],
        start=lambda wildcards: study_of(wildcards).training.start or [],
    output:
        weights="<results>/models/{study}/{network}/weights.safetensors",
        card="<results>/models/{study}/{network}/model.json",
        log="<results>/models/{study}/{network}/training.csv",
    log:
        "logs/<results>/models/{study}/{network}/train.log",
    benchmark:
        "benchmarks/<results>/train/{study}/{network}.tsv"
    conda:
        "../envs/learning.yaml"
    # Of each process; GPUs and nodes are set in the profile (docs/cluster.md).
    threads: 1
    resources:
        mem_mb=memory(3750),
        runtime=minutes(480),
        gpu=0,
        nodes=1,
        cpus_per_task=lambda wildcards, threads: threads,
    params:
        name="train",
        code=code_of("training/train.py", "source", "network"),
        function=function("source"),
        recipe=lambda wildcards: recipe(
            wildcards.study,
            study_of(wildcards),
            wildcards.network,
            CONFIG.seed,
            classes(wildcards),
            {name: CONFIG.studies[name] for name in study_of(wildcards).sources},
        ),
    message:
        "Train {wildcards.network} of {wildcards.study}"
    script:
        "../scripts/training/{params.name}.py"


# Not part of `all`: ask for it by name; its result is a suggested configuration.
use rule train as tune_worker with:
    input:
        simulations=shards_of("simulations", "h5", "train"),
    output:
        "<results>/tuning/{study}/{network}/worker-{number}.csv",
    log:
        "logs/<results>/tuning/{study}/{network}/worker-{number}.log",
    benchmark:
        "benchmarks/<results>/tune_worker/{study}/{network}-{number}.tsv"
    params:
        name="tune_worker",
        code=code_of("training/tune_worker.py", "source", "network"),
        tuning=leaf("tuning"),
    message:
        "Try parameters of {wildcards.network} of {wildcards.study}"


rule tune:
    input:
        tables=lambda wildcards: [
            f"<results>/tuning/{wildcards.study}/{wildcards.network}/worker-{number:04d}.csv"
            for number in range(study_of(wildcards).tuning.workers)
        ],
    output:
        table="<results>/tuning/{study}/{network}/trials.csv",
        best="<results>/tuning/{study}/{network}/best.yaml",
    log:
        "logs/<results>/tuning/{study}/{network}/tune.log",
    benchmark:
        "benchmarks/<results>/tune/{study}/{network}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        code=code_of("training/tune.py"),
        tuning=leaf("tuning"),
    message:
        "Choose the best parameters of {wildcards.network} of {wildcards.study}"
    script:
        "../scripts/training/tune.py"
