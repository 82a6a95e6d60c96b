# Tables → figures, each with the table it was drawn from. A row is a figure: what it is drawn from,
# what decides how, and the memory that drawing takes (MB).

EVALUATION = "<results>/evaluation/{study}/"
ANALYSIS = "<results>/analysis/{dataset}/{study}/"
MAPS = {
    "dataset": "<shared>/datasets/{dataset}.h5",
    "class_maps": "<results>/inference/{dataset}/{study}.h5",
}
PATTERNS = {
    "patterns": f"{EVALUATION}patterns.h5",
    "table": f"{EVALUATION}patterns.csv",
}
COUNTED = {"input": {"example": f"{EVALUATION}counting_example.h5"}, "memory": 750}


def registry(key):
    """What the registry says of a rule's data set."""
    return lambda wildcards: REGISTRY[wildcards.dataset].model_dump(mode="json")[key]


def one_scored(study):
    """The network whose scores figures show."""
    return study.scored[:1]


def compared(wildcards):
    """The study that another is compared with, and that one."""
    return [study_of(wildcards).compared_with, wildcards.study]


def each_compared(path):
    """Input function: a file of both studies that are compared on a data set."""
    return lambda wildcards: [
        path.format(study=study, dataset=wildcards.dataset)
        for study in compared(wildcards)
    ]


def unlike(path):
    """Input function: a file of each of the study's data sets that show something else."""
    return lambda wildcards: [
        path.format(dataset=dataset, study=wildcards.study)
        for dataset in study_of(wildcards).datasets
        if REGISTRY[dataset].role == "out_of_distribution"
    ]


def meaningful(wildcards):
    """Whether a figure's numbers mean something: the run's do, or published weights made them."""
    study = study_of(wildcards)
    real = hasattr(wildcards, "dataset")
    return (
        CONFIG.meaningful or real and study.networks[study.reader].weights is not None
    )


def best_methods(wildcards):
    """The baseline and the network that the figure of detected peaks shows."""
    study = study_of(wildcards)
    return [study.evaluation.baselines[0], study.evaluation.shown or study.scored[0]]


def each_best(file):
    """Input function: a file of each of these."""
    return lambda wildcards: [
        f"<results>/evaluation/{wildcards.study}/{method}/{file}"
        for method in best_methods(wildcards)
    ]


DRAWN = {
    "construction": {
        "input": {"construction": "<results>/structures/{study}/construction.h5"},
    },
    "training_example": {"input": {"example": f"{EVALUATION}training_example.h5"}},
    "particles": {"input": {"examples": f"{EVALUATION}examples.h5"}, "memory": 750},
    "training_curve": {
        "input": {
            "logs": each_network(
                "<results>/models/{study}/{network}/training.csv",
                lambda study: study.trained,
            )
        },
        "params": {"networks": lambda wildcards: study_of(wildcards).trained},
    },
    "dose": {
        "input": {
            "scores": each_network(f"{EVALUATION}{{network}}/scores.csv", one_scored),
            "bounds": f"{EVALUATION}bounds.csv",
        },
        "params": {"material": material},
        "uses": ("material",),
    },
    "order": {
        "input": {
            "details": each_network(f"{EVALUATION}{{network}}/order.h5", one_scored)
        },
    },
    "one_network": {
        "input": {
            "details": each_network(f"{EVALUATION}{{network}}/details.h5", one_scored)
        },
        "params": {"titles": lambda w: {n: s.title for n, s in CONFIG.studies.items()}},
    },
    "cross_domain": {
        "input": {"scores": lambda w: CONFIG.tables_alike(w.study, "cross_domain.csv")},
    },
    "probability": {
        "input": MAPS | {"candidates": f"{ANALYSIS}candidates.csv"},
        "params": {"region": registry("figure_region"), "cutoffs": (0.01, 0.5)},
    },
    "strain": {
        "input": MAPS
        | {
            "strain": f"{ANALYSIS}strain.csv",
            "bonds": f"{ANALYSIS}bonds.csv",
            "checks": f"{EVALUATION}real_images.csv",
        },
        "params": {"dataset": "{dataset}", "material": material},
        "uses": ("material",),
    },
    "defect": {
        "input": MAPS
        | {
            key: f"{ANALYSIS}{key}.csv"
            for key in ("strain", "bonds", "rings", "reference")
        },
    },
    "contamination": {
        "input": MAPS
        | {"atoms": f"{ANALYSIS}atoms.csv", "checks": f"{EVALUATION}real_images.csv"},
        "params": {"dataset": "{dataset}"},
        "memory": 750,
    },
    "contamination_densities": {
        "input": {
            "dataset": "<shared>/datasets/{dataset}.h5",
            "checks": f"{EVALUATION}real_images.csv",
        },
        "params": {"dataset": "{dataset}", "material": material},
        "uses": ("material",),
    },
    "out_of_distribution": {
        "input": {
            "datasets": unlike("<shared>/datasets/{dataset}.h5"),
            "class_maps": unlike("<results>/inference/{dataset}/{study}.h5"),
            "atoms": unlike(f"{ANALYSIS}atoms.csv"),
            "frames": unlike(f"{ANALYSIS}frames.csv"),
        },
    },
    "columns": {
        "input": MAPS | {"atoms": f"{ANALYSIS}atoms.csv"},
        "params": {"outlines": registry("outlines")},
        "memory": 750,
    },
    "comparison": {
        "input": {
            "dataset": "<shared>/datasets/{dataset}.h5",
            "class_maps": each_compared("<results>/inference/{dataset}/{study}.h5"),
            "atoms": each_compared(f"{ANALYSIS}atoms.csv"),
            "checks": each_compared(f"{EVALUATION}real_images.csv"),
        },
        "params": {
            "studies": compared,
            "dataset": "{dataset}",
            "outlines": registry("outlines"),
        },
        "memory": 750,
    },
    "dynamics": {
        "input": {
            file.split(".")[0]: each_movie(
                f"<results>/analysis/{{movie}}/{{study}}/{file}", real=True
            )
            for file in ("mean.h5", "sites.csv", "rates.csv")
        },
        "params": {
            "titles": lambda wildcards: [
                *(
                    study_of(wildcards).movies.simulated[movie].title
                    for movie in study_of(wildcards).movies.scored
                ),
                *(
                    REGISTRY[movie].title
                    for movie in study_of(wildcards).movies.datasets
                ),
            ]
        },
        "memory": 750,
    },
    "counting": COUNTED,
    "counting_errors_in_place": COUNTED,
    "counting_dose": {
        "input": {
            "errors": f"{EVALUATION}errors.csv",
            "bounds": f"{EVALUATION}count_bounds.csv",
        },
    },
    "reliability": {
        "input": {
            key: f"{EVALUATION}{key}.csv"
            for key in ("errors", "confusion", "reliability")
        },
    },
    "skipped": {
        "input": {"datasets": each_dataset("<shared>/datasets/{dataset}.h5")},
        "params": {"names": leaf("datasets")},
    },
    "crystals": {"input": {"structures": shards_of("structures", "extxyz", "train")}},
    "triplets": {
        "input": {"patterns": "<results>/simulations/{study}/heldout-0000.h5"},
        "memory": 1200,
    },
    "detection": {
        "input": PATTERNS
        | {"scores": each_best("scores.csv"), "details": each_best("details.h5")},
        "params": {"methods": best_methods, "radius": leaf("evaluation/radius")},
        "memory": 1500,
    },
    "accuracy": {"input": {"accuracy": f"{EVALUATION}accuracy.csv"}},
    "strain_maps": {"input": {"maps": f"{ANALYSIS}strain_maps.h5"}, "memory": 750},
    "strain_profile": {"input": {"maps": f"{ANALYSIS}strain_maps.h5"}, "memory": 750},
    "strain_profiles": {
        "input": {
            "strain": f"{EVALUATION}strain.csv",
            "scores": f"{EVALUATION}strain_scores.csv",
            "scans": lambda wildcards: [
                f"<results>/scans/{wildcards.study}/{scan}-0000.h5"
                for scan in study_of(wildcards).scans.scored
            ],
        },
        "params": {
            "titles": lambda wildcards: {
                scan: study_of(wildcards).scans.simulated[scan].title
                for scan in study_of(wildcards).scans.scored
            }
        },
        "memory": 750,
    },
    "table1": {
        "input": {
            "table1": f"{EVALUATION}table1.csv",
            "comparison": f"{EVALUATION}comparison.csv",
            "published": "report/table1_published.csv",
        },
    },
    "bragg_peaks": {
        "input": {"peaks": "<results>/inference/{dataset}/{study}.h5"},
        "memory": 750,
    },
}

for name, row in DRAWN.items():
    place = f"{folder_of(name)}{name}"

    rule:
        name:
            f"figure_{name}"
        input:
            **row["input"],
        output:
            **figure(name),
        log:
            f"logs/{place}.log",
        benchmark:
            f"benchmarks/<results>/figure_{name}/{place.removeprefix('<results>/figures/')}.tsv"
        localrule: True
        conda:
            "../envs/figures.yaml"
        resources:
            mem_mb=memory(row.get("memory", 400)),
            runtime=minutes(5),
        params:
            **row.get("params", {}),
            name=name,
            code=code_of(f"figures/{name}.py", *row.get("uses", ())),
            meaningful=meaningful,
        message:
            f"Draw {name.replace('_', ' ')} of {{wildcards}}"
        script:
            "../scripts/figures/{params.name}.py"
