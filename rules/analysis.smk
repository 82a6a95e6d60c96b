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
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
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
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    script:
        "../scripts/lattice.py"
