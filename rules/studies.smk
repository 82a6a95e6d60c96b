# What a study asks for: its shards, networks, data sets, and the code that makes them.
from latticework import names
from latticework.config.uses import recipe, used_files
from latticework.materials import load as load_material
from latticework.sources import digest, source_files


def study_of(wildcards):
    """A study's row: named by the rule, or the one that reads the rule's data set."""
    name = getattr(wildcards, "study", None) or REGISTRY[wildcards.dataset].study
    if name not in CONFIG.studies:
        raise WorkflowError(f"there is no study '{name}' in the configuration")
    return CONFIG.studies[name]


def leaf(path):
    """A leaf of the study's configuration, as a narrow parameter."""
    return lookup(dpath=f"studies/{{study}}/{path}", within=config)


def leaves(section, *keys):
    """Some leaves of a section of the study's configuration, as one parameter."""
    return lambda wildcards: {
        key: config["studies"][wildcards.study][section][key] for key in keys
    }


def used_with(section, role="evaluate"):
    """The leaves of a section on which a role of the modality depends."""
    keys = lambda wildcards: getattr(study_of(wildcards).kind, f"{role}_with")[section]
    return lambda wildcards: leaves(section, *keys(wildcards))(wildcards)


def material(wildcards):
    """Name of what a study looks at."""
    return study_of(wildcards).material


def classes(wildcards):
    """Names of what the study's networks find."""
    study = study_of(wildcards)
    looked_at = study.material and load_material(study.material)
    if study.structures is None:
        return list(looked_at.classes)
    generator = names.load("structures", study.structures.generator)
    return generator.classes(study.structures.parameters.model_dump(), looked_at)


def function(role):
    """What the study's modality does for a role, such as "simulate"."""
    return lambda wildcards: getattr(study_of(wildcards).kind, role)


def code_of(script, *uses):
    """Digest of a script, of what it imports, and of the files that the study's row names.

    As a parameter it reruns a rule when its own code changes, and no other study's.
    """

    def value(wildcards):
        row = getattr(wildcards, "network", "")
        files = [ROOT / "scripts" / script]
        for use in uses:
            study = study_of(wildcards)
            others = [CONFIG.studies[name] for name in study.sources]
            files += used_files(study, use, row, ROOT, others)
        return digest({files[0], *source_files(files, SOURCE_ROOT)}, ROOT)

    return value


def by_table(make):
    """A parameter that `make` gives of the role of the modality that a table is named for."""
    return lambda wildcards: make(wildcards.table)(wildcards)


def judged(wildcards):
    """Names of the studies whose shards are read, its own or all of the modality."""
    wide = wildcards.get("table") == "cross_domain"
    return CONFIG.alike(wildcards.study) if wide else [wildcards.study]


def shards_of(stage, ending, split):
    """Input function: all shards of one split of the study at a stage.

    A study that has no structures has those of its sources, and to be judged by also others.
    """

    def paths(wildcards):
        row = study_of(wildcards)
        of = [*row.sources, *(row.unseen if split == "heldout" else [])]
        return [
            f"<results>/{stage}/{study}/{name}.{ending}"
            for study in of or judged(wildcards)
            for name in CONFIG.studies[study].shards(split)
        ]

    return paths


def weights_of(row):
    """Input function: weights of a row of `networks`, which a function of the wildcards names."""
    return lambda wildcards: study_of(wildcards).weights_of(
        wildcards.study, row(wildcards)
    )


WEIGHTS_OF_READER = weights_of(lambda wildcards: study_of(wildcards).reader)
WEIGHTS_OF_SCORED = weights_of(lambda wildcards: study_of(wildcards).scored[0])
WEIGHTS_OF_NETWORK = weights_of(lambda wildcards: wildcards.network)


def each_dataset(path):
    """Input function: a file of each of the study's data sets."""
    return lambda wildcards: [
        path.format(dataset=dataset, study=wildcards.study)
        for dataset in study_of(wildcards).datasets
    ]


def each_network(path, rows):
    """Input function: a file of each of the networks that a function of the study lists."""
    return lambda wildcards: [
        path.format(network=row, study=wildcards.study)
        for row in rows(study_of(wildcards))
    ]


def prepared(wildcards):
    """What a study's evaluation needs beside the held-out shards."""
    folder, table = f"<results>/evaluation/{wildcards.study}", wildcards.get("table")
    if table == "cross_domain":
        return CONFIG.weights_alike(wildcards.study)
    needed = [*study_of(wildcards).kind.prepared] + ["bounds.csv"] * (
        table == "refined"
    )
    return [f"{folder}/{name}" for name in needed]


def each_movie(path, real=False):
    """Input function: a file of each of a study's simulated movies, or of its real ones too."""

    def paths(wildcards):
        study = study_of(wildcards)
        chosen = study.movies.scored + study.movies.datasets * real
        return [path.format(study=wildcards.study, movie=movie) for movie in chosen]

    return paths


def calibration_movie(path):
    """Input function: a file of the movie that says how often a network errs."""
    return lambda wildcards: path.format(
        study=wildcards.study, movie=study_of(wildcards).movies.calibration
    )


def movie_section(wildcards):
    """Parameters of a simulated movie; None of a real one."""
    return config["studies"][wildcards.study]["movies"]["simulated"].get(
        wildcards.movie
    )


def movie_entry(wildcards):
    """The registry's entry of a real movie; None of a simulated one."""
    simulated = movie_section(wildcards) is not None
    return None if simulated else REGISTRY[wildcards.movie].model_dump(mode="json")


def scan_of(wildcards):
    """The section of a simulated scan."""
    return config["studies"][wildcards.study]["scans"]["simulated"][wildcards.scan]


def each_scan(names):
    """Input function: the shards of each of the study's scans, by the scan's name."""
    return lambda wildcards: {
        scan: [
            f"<results>/scans/{wildcards.study}/{scan}-{number:04d}.h5"
            for number in range(study_of(wildcards).scans.shards(scan))
        ]
        for scan in names(study_of(wildcards).scans)
    }


def references(wildcards):
    """What counts as unstrained in each of the scans that are judged."""
    scans = study_of(wildcards).scans
    return {scan: scans.simulated[scan].reference for scan in scans.scored}
