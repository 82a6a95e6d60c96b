# Config → typed studies, paths, code tracking, resources.
import os
import sys
from pathlib import Path

SOURCE_ROOT = Path(workflow.basedir) / "src"
sys.path.insert(0, str(SOURCE_ROOT))
# Scripts, here or in a cluster job, import the package of this checkout.
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        filter(None, [str(SOURCE_ROOT), os.getenv("PYTHONPATH")])
    )
)

from latticework import config as settings
from latticework.datasets.registry import RegistryError, load_registry
from latticework.sources import source_files
from snakemake.exceptions import WorkflowError

try:
    CONFIG = settings.parse(config)
    REGISTRY = load_registry(Path(workflow.basedir) / "config/datasets.yaml")
except (settings.ConfigError, RegistryError) as error:
    raise WorkflowError(str(error))

# Defaults filled in, so that rules can look up any leaf.
config.update(CONFIG.model_dump(mode="json"))

RESULTS = f"results/{CONFIG.run}"


def studies_by(method):
    """Names of the studies that simulate by a method."""
    return [
        study
        for study, section in CONFIG.studies.items()
        if section.simulation.method == method
    ]


def one_of(names):
    """A wildcard's pattern for one of several names; nothing for none."""
    return "|".join(names) or "(?!)"


STUDIES = studies_by("exit_waves")
DIFFRACTION_STUDIES = studies_by("diffraction")
NETWORK_NAMES = sorted(
    {name for study in DIFFRACTION_STUDIES for name in CONFIG.studies[study].networks}
)
MOVIE_NAMES = []
for study in STUDIES:
    section = CONFIG.studies[study]
    MOVIE_NAMES += section.movies.names
    for key, names in (
        ("datasets", section.datasets),
        ("movies.datasets", section.movies.datasets),
    ):
        if unknown := sorted(set(names) - set(REGISTRY)):
            raise WorkflowError(
                f"studies.{study}.{key}: {unknown} not in config/datasets.yaml, "
                f"which has {sorted(REGISTRY)}"
            )
    if taken := sorted(set(section.movies.simulated) & set(REGISTRY)):
        raise WorkflowError(
            f"studies.{study}.movies.simulated: {taken} are names of datasets as well"
        )


onstart:
    # Before any job: hours of computing would end in a file that cannot be written.
    folder = Path(RESULTS)
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        raise WorkflowError(
            f"{RESULTS} cannot be written: {folder} is read-only for this user"
        )


wildcard_constraints:
    run=CONFIG.run,
    study=one_of(STUDIES),
    dataset="|".join(REGISTRY),
    movie=one_of(MOVIE_NAMES),
    kind="train|heldout",
    number=r"\d{4}",
    network=one_of(NETWORK_NAMES),


def source_of(script):
    """The package's files that a script imports, as input: a changed module reruns its rules."""
    files = source_files(Path(workflow.basedir) / "scripts" / script, SOURCE_ROOT)
    return [os.path.relpath(path, workflow.basedir) for path in files]


# MB: Snakemake itself, twice in every cluster job, is not in what benchmarks/ measures.
SNAKEMAKE_MEMORY = 500


def memory(peak):
    """mem_mb: room for twice the measured peak (MB, max_rss), more with every attempt."""
    return lambda wildcards, attempt: attempt * (SNAKEMAKE_MEMORY + 2 * peak)


def minutes(measured):
    """runtime: twice the minutes measured on a slow machine, more with every attempt."""
    return lambda wildcards, attempt: attempt * 2 * measured


def training(wildcards):
    """Settings of a study's training."""
    return CONFIG.studies[wildcards.study].training


def evaluation_gpus(wildcards):
    """GPUs that a job asks for in which networks are judged."""
    evaluation = CONFIG.studies[wildcards.study].evaluation
    return int(evaluation.accelerator != "cpu")


def processes(wildcards):
    """Processes of a study's training, one a device."""
    return training(wildcards).devices * training(wildcards).nodes


def several(count):
    """The count if it is more than one, else None: a resource that is not set."""
    return count if count > 1 else None


def shard_names(study, kind):
    """Names of all shards of a study, "train-0000" and so on."""
    structures = CONFIG.studies[study].structures
    count = structures.shards if kind == "train" else structures.held_out_shards
    return [f"{kind}-{number:04d}" for number in range(count)]


def shard_indices(wildcards):
    """First and last (exclusive) structure of a shard."""
    structures = CONFIG.studies[wildcards.study].structures
    count = structures.count if wildcards.kind == "train" else structures.held_out
    first = int(wildcards.number) * structures.shard_size
    return first, min(first + structures.shard_size, count)


def shards_of(stage, ending, kind):
    """Input function: all shards of one kind of the study at a stage."""
    return lambda wildcards: [
        f"{RESULTS}/{stage}/{wildcards.study}/{name}.{ending}"
        for name in shard_names(wildcards.study, kind)
    ]


def weights_for(purpose):
    """Input function: the network that a purpose ("inference", "evaluation") is to use."""

    def path(wildcards):
        chosen = getattr(CONFIG.studies[wildcards.study], purpose).weights
        if chosen == "trained":
            return f"{RESULTS}/models/{wildcards.study}/weights.safetensors"
        return chosen

    return path


def atom_tables(study):
    """The tables of atoms of a study's real pictures."""
    return expand(
        f"{RESULTS}/analysis/{{dataset}}/{{study}}/atoms.csv",
        dataset=CONFIG.studies[study].datasets,
        study=study,
    )


def compared(study):
    """The study that another is compared with, and that one."""
    return [CONFIG.studies[study].compared_with, study]


def compared_at(path):
    """Input function: a file of both studies that are compared on a dataset."""
    return lambda wildcards: [
        path.format(study=study, dataset=wildcards.dataset)
        for study in compared(wildcards.study)
    ]


def generator_of(study):
    """The structure generator of a study, which names its material."""
    if study not in CONFIG.studies:
        raise WorkflowError(
            f"config/datasets.yaml: study '{study}' is not in the config, which has {STUDIES}"
        )
    return CONFIG.studies[study].structures.generator


def simulated_movies(study):
    """Parameters of a study's simulated movies, by name."""
    movies = CONFIG.studies[study].movies.simulated
    return {name: movie.model_dump(mode="json") for name, movie in movies.items()}


def movie_source(wildcards):
    """Input function: the stack that was simulated, or the folder that was fetched."""
    if wildcards.movie in simulated_movies(wildcards.study):
        return f"{RESULTS}/movies/{wildcards.study}/{wildcards.movie}.tif"
    return f"{RESULTS}/sources/{wildcards.movie}"


def movie_entry(wildcards):
    """The registry's entry of a real movie, None for a simulated one."""
    if wildcards.movie in simulated_movies(wildcards.study):
        return None
    return REGISTRY[wildcards.movie].model_dump(mode="json")


def scored_movies(study):
    """Names of a study's simulated movies but the one that the others are corrected with."""
    movies = CONFIG.studies[study].movies
    return [name for name in movies.simulated if name != movies.calibration]


def calibration_at(path):
    """Input function: a file of the movie that says how often a network errs."""
    return lambda wildcards: path.format(
        study=wildcards.study, movie=CONFIG.studies[wildcards.study].movies.calibration
    )


def movies_at(path, real=False):
    """Input function: a file of each of a study's simulated movies, or of its real ones too."""

    def paths(wildcards):
        names = scored_movies(wildcards.study)
        if real:
            names = names + CONFIG.studies[wildcards.study].movies.datasets
        return [path.format(study=wildcards.study, movie=name) for name in names]

    return paths


def movie_scores(study):
    """The tables of what was recovered of a study's simulated movies, where it has any."""
    if not CONFIG.studies[study].movies.simulated:
        return []
    folder = f"{RESULTS}/evaluation/{study}"
    return [f"{folder}/movies.csv", f"{folder}/movie_comparisons.csv"]


def movie_titles(study):
    """Titles of a study's movies that figures show, simulated ones first."""
    movies = CONFIG.studies[study].movies
    simulated = [movies.simulated[name].title for name in scored_movies(study)]
    return simulated + [REGISTRY[name].title for name in movies.datasets]


def lookup_study(leaf):
    """A leaf of the study's config, as a narrow parameter."""
    return lookup(dpath=f"studies/{{study}}/{leaf}", within=config)


FIGURES = f"{RESULTS}/figures/{{study}}/"
HOLE, FLOWER = "graphene_dtu_hole", "graphene_flower_defect"
CONTAMINATION = "graphene_contamination"
SOMETHING_ELSE = ["soot_scale_bar", "nanoparticles_on_film"]
PICTURES_A_PAGE = 9
# Figures of what a study's structures are.
OF_GENERATOR = {
    "graphene": ["fig4_structures", "fig5_training"],
    "nanoparticles": ["fig8_particles"],
}


def contamination_pages():
    """Numbers of the pages on which the set of contaminated pictures is shown."""
    dataset = REGISTRY[CONTAMINATION]
    pictures = [
        name for name in dataset.files if not Path(name).stem.endswith(dataset.masks)
    ]
    return range(1, 1 - (-len(pictures) // PICTURES_A_PAGE))


def figure_files(study):
    """All figures that a study's configuration makes possible."""
    section = CONFIG.studies[study]
    datasets = section.datasets
    names = ["dose", *OF_GENERATOR[section.structures.generator]]
    # With published weights for everything there is no training, and no curve of it.
    if "trained" in (section.inference.weights, section.evaluation.weights):
        names += ["training_curve"]
    if section.structures.generator == "nanoparticles":
        names += [f"columns_{dataset}" for dataset in datasets]
    if section.compared_with:
        names += [f"comparison_{dataset}" for dataset in datasets]
    if section.movies.names:
        names += ["fig10_dynamics"]
    if getattr(section.structures.parameters, "classes", "") == "height":
        names += ["fig1_counting", "fig11_errors", "fig12_dose", "reliability"]
    if HOLE in datasets:
        names += ["fig6_peaks", "fig7_strain"]
    if FLOWER in datasets:
        names += ["flower"]
    if CONTAMINATION in datasets:
        names += ["contamination_densities"]
        names += [f"contamination_{page}" for page in contamination_pages()]
    if others_of(study):
        names += ["out_of_distribution"]
    folder = FIGURES.format(study=study)
    return [
        *(
            f"{folder}{name}.{ending}"
            for name in names
            for ending in ("svg", "png", "csv")
        ),
        f"{folder}skipped.csv",
    ]


def networks_of(study):
    """Names of a diffraction study's networks."""
    return list(CONFIG.studies[study].networks)


def trained_networks(study):
    """Names of those that this run trains."""
    rows = CONFIG.studies[study].networks
    return [name for name, row in rows.items() if row.weights == "trained"]


def map_weights(wildcards):
    """Input function: the weights of a diffraction study's network."""
    chosen = CONFIG.studies[wildcards.study].networks[wildcards.network].weights
    if chosen == "trained":
        return f"{RESULTS}/models/{wildcards.study}/{wildcards.network}/weights.safetensors"
    return chosen


def map_methods(study):
    """What is compared on a diffraction study's patterns: networks and correlations."""
    return networks_of(study) + CONFIG.studies[study].evaluation.baselines


def shown_methods(study):
    """The correlation and the network of the figure of peaks: FCU-Net, where there is one."""
    networks = networks_of(study)
    network = "fcunet" if "fcunet" in networks else networks[0]
    return [CONFIG.studies[study].evaluation.baselines[0], network]


def of_shown_methods(table):
    """Input function: a table of each of the methods that the figure of peaks shows."""
    return lambda wildcards: [
        f"{RESULTS}/evaluation/{wildcards.study}/{method}/{table}.csv"
        for method in shown_methods(wildcards.study)
    ]


def diffraction_files(study):
    """The library of a diffraction study, its evaluation, and the figures of both."""
    folder = FIGURES.format(study=study)
    # With published weights for everything there is nothing to train on.
    trained = bool(trained_networks(study))
    return [
        *(
            f"{RESULTS}/evaluation/{study}/{name}.csv"
            for name in ("scores", "table1", "accuracy", "comparison")
        ),
        *(
            f"{RESULTS}/simulations/{study}/{name}.h5"
            for kind in ["train"] * trained + ["heldout"]
            for name in shard_names(study, kind)
        ),
        *(
            f"{folder}{name}.{ending}"
            for name in (
                *("fig6_crystals", "triplets", *["map_training"] * trained),
                *("fig2_detection", "accuracy", "table1"),
            )
            for ending in ("svg", "png", "csv")
        ),
    ]


def others_of(study):
    """A study's datasets that show something else than the study does."""
    return [name for name in CONFIG.studies[study].datasets if name in SOMETHING_ELSE]


def others_at(stage, path):
    """Input function: files of a study's datasets that show something else."""
    return lambda wildcards: [
        f"{RESULTS}/{stage}/{path.format(dataset=dataset, study=wildcards.study)}"
        for dataset in others_of(wildcards.study)
    ]


def figure_label(figure, shows):
    """A result's line in the report, which sorts them: first the paper's figures by number.

    One label and no more: where two results differ in a second, Snakemake makes it a switch
    between them, and the page breaks.
    """
    place = figure if "Fig." in figure else f"Supplement, {figure}"
    return {"figure": f"{place}: {shows}"}


def in_report(name, caption, subcategory, figure, shows):
    """A figure's PNG, with its place and caption in the report."""
    return report(
        f"{FIGURES}{name}.png",
        caption=f"../report/{caption}.rst",
        category=lambda wildcards: CONFIG.studies[wildcards.study].title,
        subcategory=subcategory,
        labels=figure_label(figure, shows),
    )
