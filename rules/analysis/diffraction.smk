# Bragg peaks of a scan → a table.


use rule atoms as peaks with:
    input:
        peaks="<results>/inference/{dataset}/{study}.h5",
    output:
        "<results>/analysis/{dataset}/{study}/peaks.csv",
    log:
        "logs/<results>/analysis/{dataset}/{study}/peaks.log",
    benchmark:
        "benchmarks/<results>/peaks/{dataset}/{study}.tsv"
    localrule: True
    params:
        name="peaks",
        code=code_of("analysis/peaks.py"),
        settings=None,
        material=None,
    message:
        "Tabulate the Bragg peaks of {wildcards.dataset}"


# A scan → maps of strain, where its entry asks for their figure.
use rule atoms as strain_maps with:
    input:
        dataset="<shared>/datasets/{dataset}.h5",
        sources="<shared>/sources/{dataset}",
        weights=WEIGHTS_OF_READER,
    output:
        maps="<results>/analysis/{dataset}/{study}/strain_maps.h5",
        table="<results>/analysis/{dataset}/{study}/strain_maps.csv",
    log:
        "logs/<results>/analysis/{dataset}/{study}/strain_maps.log",
    benchmark:
        "benchmarks/<results>/strain_maps/{dataset}/{study}.tsv"
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=memory(1750),
        runtime=minutes(60),
    params:
        name="strain_maps",
        code=code_of("analysis/strain_maps.py", "reader"),
        settings=None,
        material=None,
    message:
        "Measure the strain of {wildcards.dataset}"
