# Probability maps → atoms, bonds, strain.


rule atoms:
    input:
        maps=f"{RESULTS}/inference/{{dataset}}/{{study}}.h5",
        dataset=f"{RESULTS}/datasets/{{dataset}}.h5",
        code=source_of("atoms.py"),
    output:
        atoms=f"{RESULTS}/analysis/{{dataset}}/{{study}}/atoms.csv",
        candidates=f"{RESULTS}/analysis/{{dataset}}/{{study}}/candidates.csv",
        frames=f"{RESULTS}/analysis/{{dataset}}/{{study}}/frames.csv",
    log:
        f"logs/{RESULTS}/analysis/{{dataset}}/{{study}}/atoms.log",
    benchmark:
        f"benchmarks/{RESULTS}/atoms/{{dataset}}/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(750),
        runtime=minutes(10),
    params:
        epsilon=lookup_study("inference/epsilon"),
        threshold=lookup_study("inference/threshold"),
    script:
        "../scripts/atoms.py"


rule lattice:
    input:
        atoms=f"{RESULTS}/analysis/{{dataset}}/{{study}}/atoms.csv",
        dataset=f"{RESULTS}/datasets/{{dataset}}.h5",
        code=source_of("lattice.py"),
    output:
        strain=f"{RESULTS}/analysis/{{dataset}}/{{study}}/strain.csv",
        bonds=f"{RESULTS}/analysis/{{dataset}}/{{study}}/bonds.csv",
    log:
        f"logs/{RESULTS}/analysis/{{dataset}}/{{study}}/lattice.log",
    benchmark:
        f"benchmarks/{RESULTS}/lattice/{{dataset}}/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    script:
        "../scripts/lattice.py"
