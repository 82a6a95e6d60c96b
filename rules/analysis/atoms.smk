# Class maps → atoms, bonds, rings, strain.


rule atoms:
    input:
        class_maps="<results>/inference/{dataset}/{study}.h5",
        dataset="<shared>/datasets/{dataset}.h5",
    output:
        atoms="<results>/analysis/{dataset}/{study}/atoms.csv",
        candidates="<results>/analysis/{dataset}/{study}/candidates.csv",
        frames="<results>/analysis/{dataset}/{study}/frames.csv",
    log:
        "logs/<results>/analysis/{dataset}/{study}/atoms.log",
    benchmark:
        "benchmarks/<results>/atoms/{dataset}/{study}.tsv"
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=memory(750),
        runtime=minutes(10),
    params:
        name="atoms",
        code=code_of("analysis/atoms.py", "material", "refine"),
        settings=leaves("inference", "epsilon", "threshold", "planes", "refine"),
        material=material,
    message:
        "Locate the atoms of {wildcards.dataset}"
    script:
        "../../scripts/analysis/{params.name}.py"


use rule atoms as bonds with:
    input:
        atoms="<results>/analysis/{dataset}/{study}/atoms.csv",
        dataset="<shared>/datasets/{dataset}.h5",
    output:
        strain="<results>/analysis/{dataset}/{study}/strain.csv",
        bonds="<results>/analysis/{dataset}/{study}/bonds.csv",
        rings="<results>/analysis/{dataset}/{study}/rings.csv",
        reference="<results>/analysis/{dataset}/{study}/reference.csv",
    log:
        "logs/<results>/analysis/{dataset}/{study}/bonds.log",
    benchmark:
        "benchmarks/<results>/bonds/{dataset}/{study}.tsv"
    params:
        name="bonds",
        code=code_of("analysis/bonds.py", "material"),
        settings=None,
    message:
        "Measure bonds, rings and strain of {wildcards.dataset}"


use rule atoms as defects with:
    input:
        candidates="<results>/analysis/{dataset}/{study}/candidates.csv",
        dataset="<shared>/datasets/{dataset}.h5",
    output:
        defects="<results>/analysis/{dataset}/{study}/defects.csv",
        quality="<results>/analysis/{dataset}/{study}/quality.csv",
        regions="<results>/analysis/{dataset}/{study}/suspect_regions.csv",
    log:
        "logs/<results>/analysis/{dataset}/{study}/defects.log",
    benchmark:
        "benchmarks/<results>/defects/{dataset}/{study}.tsv"
    params:
        name="defects",
        code=code_of("analysis/defects.py", "material"),
        settings=leaves("inference", "threshold"),
    message:
        "Name the defects of {wildcards.dataset}"
