# Simulated scans of specimens whose strain is known: patterns in shards → strain by every method.


rule simulate_scan:
    output:
        "<results>/scans/{study}/{scan}-{number}.h5",
    log:
        "logs/<results>/scans/{study}/{scan}-{number}.log",
    benchmark:
        "benchmarks/<results>/simulate_scan/{study}/{scan}-{number}.tsv"
    conda:
        "../envs/simulation.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(15),
        gpu=0,
    params:
        code=lambda wildcards: code_of(
            "simulation/scan.py", f"specimens.{scan_of(wildcards)['specimen']}"
        )(wildcards),
        scan=scan_of,
        positions=lambda wildcards: study_of(wildcards).scans.positions(wildcards.scan),
        shard_size=leaf("scans/shard_size"),
        seed=CONFIG.seed,
    message:
        "Simulate {wildcards.scan} of {wildcards.study}, {wildcards.number}"
    script:
        "../scripts/simulation/scan.py"


use rule _evaluation as measure_strain with:
    input:
        unpack(each_scan(lambda scans: scans.scored)),
        weights=WEIGHTS_OF_READER,
    output:
        "<results>/evaluation/{study}/{answer}_strain.csv",
    log:
        "logs/<results>/evaluation/{study}/{answer}_strain.log",
    benchmark:
        "benchmarks/<results>/measure_strain/{study}/{answer}.tsv"
    wildcard_constraints:
        answer="network|refined",
    params:
        name="strain",
        code=code_of("evaluation/strain.py", "reader"),
        references=references,
        doses=leaf("scans/doses"),
        refine=lambda wildcards: wildcards.answer == "refined",
        seed=CONFIG.seed,


use rule _evaluation as correlate_strain with:
    input:
        unpack(each_scan(lambda scans: scans.simulated)),
    output:
        "<results>/evaluation/{study}/{method}_strain.csv",
    log:
        "logs/<results>/evaluation/{study}/{method}_strain.log",
    benchmark:
        "benchmarks/<results>/correlate_strain/{study}/{method}.tsv"
    conda:
        "../envs/{method}.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(120),
    params:
        name="correlate_strain",
        code=lambda wildcards: code_of(
            "evaluation/correlate_strain.py",
            f"analysis.diffraction.correlation_{wildcards.method}",
        )(wildcards),
        method=lambda wildcards: wildcards.method,
        references=references,
        tuning=leaf("scans/tuning"),
        doses=leaf("scans/doses"),
        trials=leaf("scans/trials"),
        seed=CONFIG.seed,


use rule compare as strain_scores with:
    input:
        tables=lambda wildcards: [
            f"<results>/evaluation/{wildcards.study}/{method}_strain.csv"
            for method in (*study_of(wildcards).baselines, "network", "refined")
        ],
    output:
        strain="<results>/evaluation/{study}/strain.csv",
        scores="<results>/evaluation/{study}/strain_scores.csv",
    pathvars:
        step="strain_scores",
    params:
        name="strain_scores",
        code=code_of("evaluation/strain_scores.py"),
