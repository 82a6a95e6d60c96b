# Atoms → exit waves, in shards.


rule exit_waves:
    input:
        structures=f"{RESULTS}/structures/{{study}}/{{kind}}-{{number}}.extxyz",
        code=source_of("exit_waves.py"),
    output:
        f"{RESULTS}/simulations/{{study}}/{{kind}}-{{number}}.h5",
    log:
        f"logs/{RESULTS}/simulations/{{study}}/{{kind}}-{{number}}.log",
    benchmark:
        f"benchmarks/{RESULTS}/exit_waves/{{study}}/{{kind}}-{{number}}.tsv"
    conda:
        "../envs/simulation.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(10),
        gpu=lambda wildcards: int(
            CONFIG.studies[wildcards.study].simulation.device == "gpu"
        ),
    params:
        simulation=lookup_study("simulation"),
        run=CONFIG.run,
    script:
        "../scripts/exit_waves.py"


rule diffraction:
    input:
        structures=f"{RESULTS}/structures/{{study}}/{{kind}}-{{number}}.extxyz",
        code=source_of("diffraction.py"),
    output:
        f"{RESULTS}/simulations/{{study}}/{{kind}}-{{number}}.h5",
    log:
        f"logs/{RESULTS}/simulations/{{study}}/{{kind}}-{{number}}.log",
    benchmark:
        f"benchmarks/{RESULTS}/diffraction/{{study}}/{{kind}}-{{number}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/simulation.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(15),
        gpu=lambda wildcards: int(
            CONFIG.studies[wildcards.study].simulation.device == "gpu"
        ),
    params:
        simulation=lookup_study("simulation"),
        run=CONFIG.run,
    script:
        "../scripts/diffraction.py"
