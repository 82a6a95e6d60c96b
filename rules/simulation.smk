# Atoms → exit waves or diffraction patterns, in shards.


rule simulate:
    input:
        structures="<results>/structures/{study}/{split}-{number}.extxyz",
    output:
        "<results>/simulations/{study}/{split}-{number}.h5",
    log:
        "logs/<results>/simulations/{study}/{split}-{number}.log",
    benchmark:
        "benchmarks/<results>/simulate/{study}/{split}-{number}.tsv"
    conda:
        "../envs/simulation.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: memory(
            study_of(wildcards).kind.simulation_memory
        )(wildcards, attempt),
        runtime=minutes(15),
        gpu=0,
    params:
        code=code_of("simulation/simulate.py", "simulate", "method"),
        function=function("simulate"),
        parameters=leaf("simulation"),
        classes=classes,
        run=CONFIG.run,
    message:
        "Simulate {wildcards.study}, {wildcards.split} {wildcards.number}"
    script:
        "../scripts/simulation/simulate.py"
