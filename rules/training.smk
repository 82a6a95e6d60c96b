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
