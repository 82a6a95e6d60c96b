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
