# Waves or patterns → network. Pictures are made anew for every step, on the training device.


rule train:
    input:
        waves=shards_of("simulations", "h5", "train"),
        held_out=shards_of("simulations", "h5", "heldout"),
        start=lambda wildcards: training(wildcards).start or [],
        code=source_of("train.py"),
    output:
        weights=f"{RESULTS}/models/{{study}}/weights.safetensors",
        card=f"{RESULTS}/models/{{study}}/model.json",
        log=f"{RESULTS}/models/{{study}}/training.csv",
    log:
        f"logs/{RESULTS}/models/{{study}}/train.log",
    benchmark:
        f"benchmarks/{RESULTS}/train/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    # On one node; the processes of several devices share them.
    threads: lambda wildcards: training(wildcards).threads * training(wildcards).devices
    resources:
        mem_mb=memory(3750),
        runtime=minutes(480),
        # Of all nodes together, as Slurm counts them.
        gpu=lambda wildcards: (
            0 if training(wildcards).accelerator == "cpu" else processes(wildcards)
        ),
        nodes=lambda wildcards: training(wildcards).nodes,
        cpus_per_task=lambda wildcards: training(wildcards).threads,
        # More than one process: Slurm reserves a task each, and the script starts them by srun.
        tasks=lambda wildcards: several(processes(wildcards)),
        tasks_per_gpu=lambda wildcards: several(processes(wildcards)) and 1,
        mpi=lambda wildcards: several(processes(wildcards)) and "srun",
    params:
        structures=lookup_study("structures"),
        simulation=lookup_study("simulation"),
        imaging=lookup_study("imaging"),
        network=lookup_study("network"),
        training=lookup_study("training"),
        seed=CONFIG.seed,
    script:
        "../scripts/train.py"


rule train_maps:
    input:
        patterns=shards_of("simulations", "h5", "train"),
        held_out=shards_of("simulations", "h5", "heldout"),
        start=lambda wildcards: training(wildcards).start or [],
        code=source_of("train_maps.py"),
    output:
        weights=f"{RESULTS}/models/{{study}}/{{network}}/weights.safetensors",
        card=f"{RESULTS}/models/{{study}}/{{network}}/model.json",
        log=f"{RESULTS}/models/{{study}}/{{network}}/training.csv",
    log:
        f"logs/{RESULTS}/models/{{study}}/{{network}}/train.log",
    benchmark:
        f"benchmarks/{RESULTS}/train_maps/{{study}}/{{network}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/learning.yaml"
    # On one node; the processes of several devices share them.
    threads: lambda wildcards: training(wildcards).threads * training(wildcards).devices
    resources:
        mem_mb=memory(3750),
        runtime=minutes(480),
        # Of all nodes together, as Slurm counts them.
        gpu=lambda wildcards: (
            0 if training(wildcards).accelerator == "cpu" else processes(wildcards)
        ),
        nodes=lambda wildcards: training(wildcards).nodes,
        cpus_per_task=lambda wildcards: training(wildcards).threads,
        # More than one process: Slurm reserves a task each, and the script starts them by srun.
        tasks=lambda wildcards: several(processes(wildcards)),
        tasks_per_gpu=lambda wildcards: several(processes(wildcards)) and 1,
        mpi=lambda wildcards: several(processes(wildcards)) and "srun",
    params:
        structures=lookup_study("structures"),
        simulation=lookup_study("simulation"),
        imaging=lookup_study("imaging"),
        row=lookup_study("networks/{network}"),
        training=lookup_study("training"),
        seed=CONFIG.seed,
    script:
        "../scripts/train_maps.py"


# Asked for by name, not a part of a run: its result is a configuration.
rule tune_worker:
    input:
        patterns=shards_of("simulations", "h5", "train"),
        code=source_of("tune_worker.py"),
    output:
        f"{RESULTS}/tuning/{{study}}/{{network}}/worker-{{number}}.csv",
    log:
        f"logs/{RESULTS}/tuning/{{study}}/{{network}}/worker-{{number}}.log",
    benchmark:
        f"benchmarks/{RESULTS}/tune_worker/{{study}}/{{network}}-{{number}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/learning.yaml"
    threads: lambda wildcards: training(wildcards).threads
    resources:
        mem_mb=memory(3750),
        runtime=minutes(480),
        gpu=lambda wildcards: int(training(wildcards).accelerator != "cpu"),
        cpus_per_task=lambda wildcards: training(wildcards).threads,
    params:
        structures=lookup_study("structures"),
        simulation=lookup_study("simulation"),
        imaging=lookup_study("imaging"),
        row=lookup_study("networks/{network}"),
        training=lookup_study("training"),
        tuning=lookup_study("tuning"),
        journal=f"{RESULTS}/tuning/{{study}}/{{network}}/journal.log",
        seed=CONFIG.seed,
    script:
        "../scripts/tune_worker.py"


rule tune:
    input:
        tables=lambda wildcards: expand(
            f"{RESULTS}/tuning/{{{{study}}}}/{{{{network}}}}/worker-{{number:04d}}.csv",
            number=range(CONFIG.studies[wildcards.study].tuning.workers),
        ),
        code=source_of("tune.py"),
    output:
        table=f"{RESULTS}/tuning/{{study}}/{{network}}/trials.csv",
        best=f"{RESULTS}/tuning/{{study}}/{{network}}/best.yaml",
    log:
        f"logs/{RESULTS}/tuning/{{study}}/{{network}}/tune.log",
    benchmark:
        f"benchmarks/{RESULTS}/tune/{{study}}/{{network}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    script:
        "../scripts/tune.py"
