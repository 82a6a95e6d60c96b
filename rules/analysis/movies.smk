# Movies: frames → sites, occupancy, events; simulated ones with their truth.

MOVIE = "<results>/movies/{study}/{movie}"
DYNAMICS = "<results>/analysis/{movie}/{study}/"


rule _movie:
    output:
        [],
    log:
        "logs/<results>/movies/{study}/{movie}/<step>.log",
    benchmark:
        "benchmarks/<results>/<step>/{movie}/{study}.tsv"
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=memory(1250),
        runtime=minutes(60),
    params:
        name="none",
    message:
        "Movie {wildcards.movie} of {wildcards.study}: {params.name}"
    script:
        "../../scripts/analysis/{params.name}.py"


use rule _movie as simulate_movie with:
    output:
        movie=f"{MOVIE}.tif",
        truth=f"{MOVIE}.truth.csv",
        drift=f"{MOVIE}.drift.csv",
    pathvars:
        step="simulate_movie",
    params:
        name="simulate_movie",
        code=code_of("analysis/simulate_movie.py", "material"),
        movie=movie_section,
        parameters=leaf("structures/parameters"),
        material=material,
        simulation=leaf("simulation"),
        imaging=leaves("imaging", "sampling", "band_limit"),
        microscope=leaves("evaluation", "cs", "focal_spread", "mtf"),
        seed=CONFIG.seed,


use rule _movie as track with:
    input:
        source=branch(
            movie_section, then=f"{MOVIE}.tif", otherwise="<shared>/sources/{movie}"
        ),
        weights=WEIGHTS_OF_READER,
    output:
        detections=f"{DYNAMICS}detections.csv",
        frames=f"{DYNAMICS}movie_frames.csv",
        mean=f"{DYNAMICS}mean.h5",
    pathvars:
        step="track",
    resources:
        mem_mb=memory(1250),
        runtime=minutes(300),
    params:
        name="track",
        code=code_of("analysis/track.py", "reader", "material"),
        entry=movie_entry,
        inference=leaves("inference", "tile", "overlap", "epsilon"),
        material=material,
        # A movie has its own.
        symmetries=leaf("movies/symmetries"),
        unreadable=leaf("movies/unreadable"),


use rule _movie as dynamics with:
    input:
        detections=f"{DYNAMICS}detections.csv",
        frames=f"{DYNAMICS}movie_frames.csv",
        mean=f"{DYNAMICS}mean.h5",
        emission="<results>/evaluation/{study}/emission.csv",
    output:
        sites=f"{DYNAMICS}sites.csv",
        rates=f"{DYNAMICS}rates.csv",
        events=f"{DYNAMICS}events.csv",
        occupancy=f"{DYNAMICS}occupancy.csv",
    pathvars:
        step="dynamics",
    conda:
        "../../envs/analysis.yaml"
    params:
        name="dynamics",
        code=code_of("analysis/dynamics.py"),
        least=leaf("movies/least"),
        outlines=lambda wildcards: (movie_entry(wildcards) or {}).get("outlines", []),
