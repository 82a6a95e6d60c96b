# Atoms: random structures in shards. A structure depends on its number alone.


rule structures:
    input:
        # Crystals to draw from, say; most generators need no file.
        lambda wildcards: getattr(
            study_of(wildcards).structures.parameters, "files", []
        ),
    output:
        "<results>/structures/{study}/{split}-{number}.extxyz",
    log:
        "logs/<results>/structures/{study}/{split}-{number}.log",
    benchmark:
        "benchmarks/<results>/structures/{study}/{split}-{number}.tsv"
    conda:
        "../envs/structures.yaml"
    resources:
        mem_mb=memory(160),
        runtime=minutes(5),
    params:
        name="structures",
        code=code_of("structures/structures.py", "generator", "material"),
        generator=leaf("structures/generator"),
        material=material,
        parameters=leaf("structures/parameters"),
        indices=lambda wildcards: study_of(wildcards).indices(
            wildcards.split, int(wildcards.number)
        ),
        seed=CONFIG.seed,
    message:
        "Grow structures of {wildcards.study}, {wildcards.split} {wildcards.number}"
    script:
        "../scripts/structures/{params.name}.py"


use rule structures as construction with:
    input:
        [],
    output:
        "<results>/structures/{study}/construction.h5",
    log:
        "logs/<results>/structures/{study}/construction.log",
    benchmark:
        "benchmarks/<results>/construction/{study}.tsv"
    localrule: True
    params:
        name="construction",
        code=code_of("structures/construction.py", "generator", "material"),
        indices=None,
    message:
        "Keep the steps in which a structure of {wildcards.study} is made"
