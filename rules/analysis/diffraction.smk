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
        epsilon=None,
        threshold=None,
        material=None,
    message:
        "Tabulate the Bragg peaks of {wildcards.dataset}"
