# Networks and correlation on the same patterns of held-out crystals.


rule evaluation_patterns:
    input:
        structures=shards_of("structures", "extxyz", "heldout"),
        patterns=shards_of("simulations", "h5", "heldout"),
        code=source_of("evaluation_patterns.py"),
    output:
        patterns=f"{RESULTS}/evaluation/{{study}}/patterns.h5",
        table=f"{RESULTS}/evaluation/{{study}}/patterns.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/patterns.log",
    benchmark:
        f"benchmarks/{RESULTS}/evaluation_patterns/{{study}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(2500),
        runtime=minutes(20),
    params:
        settings=lookup_study("evaluation/patterns"),
        imaging=lookup_study("imaging"),
        run=CONFIG.run,
        seed=CONFIG.seed,
    script:
        "../scripts/evaluation_patterns.py"


rule evaluate_maps:
    input:
        weights=map_weights,
        patterns=rules.evaluation_patterns.output.patterns,
        table=rules.evaluation_patterns.output.table,
        code=source_of("evaluate_maps.py"),
    output:
        scores=f"{RESULTS}/evaluation/{{study}}/{{network}}/scores.csv",
        peaks=f"{RESULTS}/evaluation/{{study}}/{{network}}/peaks.csv",
        tuning=f"{RESULTS}/evaluation/{{study}}/{{network}}/tuning.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/{{network}}.log",
    benchmark:
        f"benchmarks/{RESULTS}/evaluate_maps/{{study}}/{{network}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(2500),
        runtime=minutes(60),
        gpu=evaluation_gpus,
    params:
        accelerator=lookup_study("evaluation/accelerator"),
        samples=lookup_study("evaluation/samples"),
        precision=lookup_study("evaluation/precision"),
        trials=lookup_study("evaluation/trials"),
        radius=lookup_study("evaluation/radius"),
        seed=CONFIG.seed,
    script:
        "../scripts/evaluate_maps.py"


rule correlate_quantem:
    input:
        patterns=rules.evaluation_patterns.output.patterns,
        table=rules.evaluation_patterns.output.table,
        code=source_of("correlate_quantem.py"),
    output:
        scores=f"{RESULTS}/evaluation/{{study}}/quantem/scores.csv",
        peaks=f"{RESULTS}/evaluation/{{study}}/quantem/peaks.csv",
        tuning=f"{RESULTS}/evaluation/{{study}}/quantem/tuning.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/quantem.log",
    benchmark:
        f"benchmarks/{RESULTS}/correlate_quantem/{{study}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/correlation.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(60),
    params:
        trials=lookup_study("evaluation/trials"),
        radius=lookup_study("evaluation/radius"),
        seed=CONFIG.seed,
    script:
        "../scripts/correlate_quantem.py"


rule correlate_py4dstem:
    input:
        patterns=rules.evaluation_patterns.output.patterns,
        table=rules.evaluation_patterns.output.table,
        code=source_of("correlate_py4dstem.py"),
    output:
        scores=f"{RESULTS}/evaluation/{{study}}/py4dstem/scores.csv",
        peaks=f"{RESULTS}/evaluation/{{study}}/py4dstem/peaks.csv",
        tuning=f"{RESULTS}/evaluation/{{study}}/py4dstem/tuning.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/py4dstem.log",
    benchmark:
        f"benchmarks/{RESULTS}/correlate_py4dstem/{{study}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/py4dstem.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(60),
    params:
        trials=lookup_study("evaluation/trials"),
        radius=lookup_study("evaluation/radius"),
        seed=CONFIG.seed,
    script:
        "../scripts/correlate_py4dstem.py"


rule compare_maps:
    input:
        scores=lambda wildcards: expand(
            f"{RESULTS}/evaluation/{{study}}/{{method}}/scores.csv",
            study=wildcards.study,
            method=map_methods(wildcards.study),
        ),
        code=source_of("compare_maps.py"),
    output:
        scores=f"{RESULTS}/evaluation/{{study}}/scores.csv",
        table1=f"{RESULTS}/evaluation/{{study}}/table1.csv",
        accuracy=f"{RESULTS}/evaluation/{{study}}/accuracy.csv",
        comparison=f"{RESULTS}/evaluation/{{study}}/comparison.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/compare_maps.log",
    benchmark:
        f"benchmarks/{RESULTS}/compare_maps/{{study}}.tsv"
    wildcard_constraints:
        study=one_of(DIFFRACTION_STUDIES),
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=memory(150),
        runtime=minutes(5),
    params:
        networks=lambda wildcards: networks_of(wildcards.study),
        baselines=lookup_study("evaluation/baselines"),
    script:
        "../scripts/compare_maps.py"
