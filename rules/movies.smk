# Movies: frames → sites, occupancy, events; simulated ones with their truth.

MOVIES = f"{RESULTS}/movies/{{study}}/{{movie}}"
DYNAMICS = f"{RESULTS}/analysis/{{movie}}/{{study}}/"


rule simulate_movie:
    input:
        code=source_of("simulate_movie.py"),
    output:
        movie=f"{MOVIES}.tif",
        truth=f"{MOVIES}.truth.csv",
        drift=f"{MOVIES}.drift.csv",
    log:
        f"logs/{MOVIES}.log",
    benchmark:
        f"benchmarks/{RESULTS}/simulate_movie/{{movie}}/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(750),
        runtime=minutes(60),
    params:
        movie=lambda wildcards: simulated_movies(wildcards.study)[wildcards.movie],
        parameters=lookup_study("structures/parameters"),
        simulation=lookup_study("simulation"),
        imaging=lookup_study("imaging"),
        evaluation=lookup_study("evaluation"),
        seed=CONFIG.seed,
    script:
        "../scripts/simulate_movie.py"


rule track:
    input:
        source=movie_source,
        weights=weights_for("inference"),
        code=source_of("track.py"),
    output:
        detections=f"{DYNAMICS}detections.csv",
        frames=f"{DYNAMICS}movie_frames.csv",
        mean=f"{DYNAMICS}mean.h5",
    log:
        f"logs/{DYNAMICS}track.log",
    benchmark:
        f"benchmarks/{RESULTS}/track/{{movie}}/{{study}}.tsv"
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(1250),
        runtime=minutes(300),
    params:
        entry=movie_entry,
        inference=lookup_study("inference"),
        # A movie has its own.
        symmetries=lookup_study("movies/symmetries"),
        unreadable=lookup_study("movies/unreadable"),
    script:
        "../scripts/track.py"


rule emission:
    input:
        detections=calibration_at(f"{DYNAMICS}detections.csv"),
        truth=calibration_at(f"{MOVIES}.truth.csv"),
        code=source_of("emission.py"),
    output:
        f"{RESULTS}/evaluation/{{study}}/emission.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/emission.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(250),
        runtime=minutes(10),
    script:
        "../scripts/emission.py"


rule dynamics:
    input:
        detections=f"{DYNAMICS}detections.csv",
        frames=f"{DYNAMICS}movie_frames.csv",
        mean=f"{DYNAMICS}mean.h5",
        emission=f"{RESULTS}/evaluation/{{study}}/emission.csv",
        code=source_of("dynamics.py"),
    output:
        sites=f"{DYNAMICS}sites.csv",
        rates=f"{DYNAMICS}rates.csv",
        events=f"{DYNAMICS}events.csv",
        occupancy=f"{DYNAMICS}occupancy.csv",
    log:
        f"logs/{DYNAMICS}dynamics.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(1250),
        runtime=minutes(30),
    params:
        least=lookup_study("movies/least"),
        outlines=lambda wildcards: (
            REGISTRY[wildcards.movie].outlines if wildcards.movie in REGISTRY else []
        ),
    script:
        "../scripts/dynamics.py"


rule score_movies:
    input:
        sites=movies_at(f"{DYNAMICS}sites.csv"),
        rates=movies_at(f"{DYNAMICS}rates.csv"),
        events=movies_at(f"{DYNAMICS}events.csv"),
        frames=movies_at(f"{DYNAMICS}movie_frames.csv"),
        truth=movies_at(f"{MOVIES}.truth.csv"),
        drift=movies_at(f"{MOVIES}.drift.csv"),
        code=source_of("score_movies.py"),
    output:
        scores=f"{RESULTS}/evaluation/{{study}}/movies.csv",
        comparisons=f"{RESULTS}/evaluation/{{study}}/movie_comparisons.csv",
    log:
        f"logs/{RESULTS}/evaluation/{{study}}/movies.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=memory(250),
        runtime=minutes(10),
    params:
        names=lambda wildcards: scored_movies(wildcards.study),
    script:
        "../scripts/score_movies.py"


rule figure_dynamics:
    input:
        mean=movies_at(f"{DYNAMICS}mean.h5", real=True),
        sites=movies_at(f"{DYNAMICS}sites.csv", real=True),
        rates=movies_at(f"{DYNAMICS}rates.csv", real=True),
        code=source_of("figure_dynamics.py"),
    output:
        svg=f"{FIGURES}fig10_dynamics.svg",
        png=in_report(
            "fig10_dynamics",
            "dynamics",
            "4 Movies",
            "Madsen 2018, Fig. 10",
            "Occupancy and events",
        ),
        csv=f"{FIGURES}fig10_dynamics.csv",
    log:
        f"logs/{FIGURES}fig10_dynamics.log",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=memory(750),
        runtime=minutes(10),
    params:
        titles=lambda wildcards: movie_titles(wildcards.study),
        meaningful=CONFIG.meaningful,
    script:
        "../scripts/figure_dynamics.py"
