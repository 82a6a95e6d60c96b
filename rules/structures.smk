# Atoms: random structures in shards. A structure depends on its number alone.


rule structures:
    input:
        code=source_of("structures.py"),
    output:
        f"{RESULTS}/structures/{{study}}/{{kind}}-{{number}}.extxyz",
    log:
        f"logs/{RESULTS}/structures/{{study}}/{{kind}}-{{number}}.log",
    benchmark:
        f"benchmarks/{RESULTS}/structures/{{study}}/{{kind}}-{{number}}.tsv"
    conda:
        "../envs/simulation.yaml"
    resources:
        mem_mb=memory(150),
        runtime=minutes(5),
    params:
        generator=lookup_study("structures/generator"),
        parameters=lookup_study("structures/parameters"),
        indices=shard_indices,
        seed=CONFIG.seed,
    script:
        "../scripts/structures.py"


rule crystals:
    input:
        frozen=lambda wildcards: CONFIG.studies[
            wildcards.study
        ].structures.parameters.frozen
        or [],
        code=source_of("crystals.py"),
    output:
        f"{RESULTS}/structures/{{study}}/{{kind}}-{{number}}.extxyz",
    log:
        f"logs/{RESULTS}/structures/{{study}}/{{kind}}-{{number}}.log",
    benchmark:
        f"benchmarks/{RESULTS}/crystals/{{study}}/{{kind}}-{{number}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/crystals.yaml"
    resources:
        mem_mb=memory(160),
        runtime=minutes(5),
    params:
        parameters=lookup_study("structures/parameters"),
        indices=shard_indices,
        seed=CONFIG.seed,
    script:
        "../scripts/crystals.py"
