# Held-out scores, physical limits, baselines, checks on real data, and what figures show of them.


rule _evaluation:
    output:
        [],
    log:
        "logs/<results>/evaluation/{study}/<step>.log",
    benchmark:
        "benchmarks/<results>/<step>/{study}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(1750),
        runtime=minutes(30),
    params:
        name="none",
    message:
        "Evaluation of {wildcards.study}: {params.name}"
    script:
        "../scripts/evaluation/{params.name}.py"


use rule _evaluation as evaluate with:
    input:
        structures=shards_of("structures", "extxyz", "heldout"),
        simulations=shards_of("simulations", "h5", "heldout"),
        prepared=prepared,
        weights=WEIGHTS_OF_NETWORK,
    output:
        scores="<results>/evaluation/{study}/{network}/scores.csv",
        details="<results>/evaluation/{study}/{network}/details.h5",
    log:
        "logs/<results>/evaluation/{study}/{network}/evaluate.log",
    benchmark:
        "benchmarks/<results>/evaluate/{study}/{network}.tsv"
    resources:
        mem_mb=memory(2500),
        runtime=minutes(240),
        gpu=0,
    params:
        name="evaluate",
        code=code_of("evaluation/evaluate.py", "evaluate", "network", "material"),
        function=function("evaluate"),
        material=material,
        evaluation=used_with("evaluation"),
        inference=used_with("inference"),
        seed=CONFIG.seed,
    message:
        "Score {wildcards.network} of {wildcards.study} on held-out structures"


# The modality's other tables of scores; those that its list has not are made on request.
use rule evaluate as score with:
    output:
        scores="<results>/evaluation/{study}/{network}/{table}.csv",
        details="<results>/evaluation/{study}/{network}/{table}.h5",
    log:
        "logs/<results>/evaluation/{study}/{network}/{table}.log",
    benchmark:
        "benchmarks/<results>/{table}/{study}/{network}.tsv"
    params:
        name="evaluate",
        code=by_table(
            lambda role: code_of("evaluation/evaluate.py", role, "network", "material")
        ),
        function=by_table(function),
        material=material,
        evaluation=by_table(lambda role: used_with("evaluation", role)),
        inference=by_table(lambda role: used_with("inference", role)),
        seed=CONFIG.seed,


use rule _evaluation as count with:
    input:
        structures=shards_of("structures", "extxyz", "heldout"),
        simulations=shards_of("simulations", "h5", "heldout"),
        weights=WEIGHTS_OF_SCORED,
    output:
        counts="<results>/evaluation/{study}/counts.csv",
        errors="<results>/evaluation/{study}/errors.csv",
        confusion="<results>/evaluation/{study}/confusion.csv",
        reliability="<results>/evaluation/{study}/reliability.csv",
        calibration="<results>/evaluation/{study}/calibration.csv",
    pathvars:
        step="count",
    resources:
        mem_mb=memory(1750),
        runtime=minutes(120),
        gpu=0,
    params:
        name="count",
        code=code_of("evaluation/count.py", "scored", "material"),
        evaluation=used_with("evaluation"),
        inference=used_with("inference"),
        material=material,
        seed=CONFIG.seed,


use rule _evaluation as bounds with:
    output:
        "<results>/evaluation/{study}/bounds.csv",
    pathvars:
        step="bounds",
    resources:
        mem_mb=memory(400),
        runtime=minutes(20),
    params:
        name="bounds",
        code=code_of("evaluation/bounds.py", "bounds", "method", "material"),
        function=function("bounds"),
        material=material,
        simulation=leaf("simulation"),
        evaluation=used_with("evaluation", "bounds"),
        imaging=used_with("imaging", "bounds"),


use rule bounds as count_bounds with:
    input:
        structures=shards_of("structures", "extxyz", "heldout"),
    output:
        "<results>/evaluation/{study}/count_bounds.csv",
    pathvars:
        step="count_bounds",
    resources:
        mem_mb=memory(750),
        runtime=minutes(30),
    params:
        name="count_bounds",
        code=code_of("evaluation/count_bounds.py"),
        particles=4,
        columns=5,


use rule _evaluation as real_images with:
    input:
        candidates=each_dataset("<results>/analysis/{dataset}/{study}/candidates.csv"),
        datasets=each_dataset("<shared>/datasets/{dataset}.h5"),
    output:
        "<results>/evaluation/{study}/real_images.csv",
    pathvars:
        step="real_images",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(10),
    params:
        name="real_images",
        code=code_of("evaluation/real_images.py", "material"),
        names=leaf("datasets"),
        threshold=leaf("inference/threshold"),
        radius=leaf("evaluation/radius"),
        material=material,


use rule _evaluation as evaluation_patterns with:
    input:
        structures=shards_of("structures", "extxyz", "heldout"),
        simulations=shards_of("simulations", "h5", "heldout"),
    output:
        patterns="<results>/evaluation/{study}/patterns.h5",
        table="<results>/evaluation/{study}/patterns.csv",
    pathvars:
        step="evaluation_patterns",
    resources:
        mem_mb=memory(2500),
        runtime=minutes(20),
    params:
        name="patterns",
        code=code_of("evaluation/patterns.py"),
        settings=leaf("evaluation/patterns"),
        imaging=leaf("imaging"),
        run=CONFIG.run,
        seed=CONFIG.seed,


# Template correlation, each implementation in an environment of its own.
use rule _evaluation as correlate with:
    input:
        patterns="<results>/evaluation/{study}/patterns.h5",
        table="<results>/evaluation/{study}/patterns.csv",
    output:
        scores="<results>/evaluation/{study}/{method}/scores.csv",
        details="<results>/evaluation/{study}/{method}/details.h5",
    log:
        "logs/<results>/evaluation/{study}/{method}/correlate.log",
    benchmark:
        "benchmarks/<results>/correlate/{study}/{method}.tsv"
    conda:
        "../envs/{method}.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(60),
    params:
        name="correlate",
        code=lambda wildcards: code_of(
            "evaluation/correlate.py",
            f"analysis.diffraction.correlation_{wildcards.method}",
        )(wildcards),
        method=lambda wildcards: wildcards.method,
        trials=leaf("evaluation/trials"),
        radius=leaf("evaluation/radius"),
        seed=CONFIG.seed,


use rule _evaluation as compare with:
    input:
        scores=lambda wildcards: [
            f"<results>/evaluation/{wildcards.study}/{method}/scores.csv"
            for method in study_of(wildcards).methods
        ],
    output:
        scores="<results>/evaluation/{study}/scores.csv",
        table1="<results>/evaluation/{study}/table1.csv",
        accuracy="<results>/evaluation/{study}/accuracy.csv",
        comparison="<results>/evaluation/{study}/comparison.csv",
    pathvars:
        step="compare",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=memory(150),
        runtime=minutes(5),
    params:
        name="compare",
        code=code_of("evaluation/compare.py"),
        networks=lambda wildcards: study_of(wildcards).scored,
        baselines=leaf("evaluation/baselines"),


use rule _evaluation as emission with:
    input:
        detections=calibration_movie(
            "<results>/analysis/{movie}/{study}/detections.csv"
        ),
        truth=calibration_movie("<results>/movies/{study}/{movie}.truth.csv"),
    output:
        "<results>/evaluation/{study}/emission.csv",
    pathvars:
        step="emission",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        name="emission",
        code=code_of("evaluation/emission.py"),


use rule emission as score_movies with:
    input:
        sites=each_movie("<results>/analysis/{movie}/{study}/sites.csv"),
        rates=each_movie("<results>/analysis/{movie}/{study}/rates.csv"),
        events=each_movie("<results>/analysis/{movie}/{study}/events.csv"),
        frames=each_movie("<results>/analysis/{movie}/{study}/movie_frames.csv"),
        truth=each_movie("<results>/movies/{study}/{movie}.truth.csv"),
        drift=each_movie("<results>/movies/{study}/{movie}.drift.csv"),
    output:
        scores="<results>/evaluation/{study}/movies.csv",
        comparisons="<results>/evaluation/{study}/movie_comparisons.csv",
    pathvars:
        step="score_movies",
    params:
        name="score_movies",
        code=code_of("evaluation/score_movies.py"),
        names=lambda wildcards: study_of(wildcards).movies.scored,


# What figures show of single structures.
use rule _evaluation as example with:
    input:
        structures="<results>/structures/{study}/heldout-0000.extxyz",
        simulations="<results>/simulations/{study}/heldout-0000.h5",
        weights=WEIGHTS_OF_SCORED,
        bounds="<results>/evaluation/{study}/bounds.csv",
    output:
        "<results>/evaluation/{study}/{example}.h5",
    log:
        "logs/<results>/evaluation/{study}/{example}.log",
    benchmark:
        "benchmarks/<results>/example/{study}/{example}.tsv"
    wildcard_constraints:
        example="training_example|examples|counting_example",
    params:
        name=lambda wildcards: wildcards.example,
        code=lambda wildcards: code_of(
            f"evaluation/{wildcards.example}.py", "scored", "material"
        )(wildcards),
        evaluation=used_with("evaluation"),
        inference=used_with("inference"),
        material=material,
        seed=CONFIG.seed,


# What made the results: code, config, versions, hashes, times. After everything else.
rule manifest:
    input:
        results=RESULT_FILES,
    output:
        "<results>/manifest.json",
    log:
        "logs/<results>/manifest.log",
    benchmark:
        "benchmarks/<results>/manifest.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=memory(150),
        runtime=minutes(10),
    params:
        code=code_of("evaluation/manifest.py"),
        # Where data were found on this machine changes no result.
        config=CONFIG.model_dump(mode="json", exclude={"mirror"}),
    message:
        "Record what made the results"
    script:
        "../scripts/evaluation/manifest.py"
