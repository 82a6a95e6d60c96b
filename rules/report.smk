# Figures as a table (report/figures.yaml): which there are, where the report shows them, and which
# ones a study's row and its data sets ask for.
import yaml

FIGURES = yaml.safe_load((ROOT / "report/figures.yaml").read_text())
ENDINGS = ("svg", "png", "csv")


def folder_of(name):
    """Where a figure goes: one of a data set lies in a folder of its own."""
    per_dataset = FIGURES[name]["per"] == "dataset"
    return "<results>/figures/{study}/" + "{dataset}/" * per_dataset


def label(name, what):
    """A result's line in the report, which sorts them: first the paper's figures by number."""
    row = FIGURES[name]
    data = ", {dataset}" if row["per"] == "dataset" else ""
    return {"figure": f"{row['label'] or 'Supplement'}: {what}{data}"}


def shown(name, ending, what):
    """A file with its place and caption in the report."""
    return report(
        f"{folder_of(name)}{name}.{ending}",
        caption=f"../report/{name}.rst",
        category=lambda wildcards: study_of(wildcards).title,
        subcategory=FIGURES[name]["section"],
        labels=label(name, what),
    )


def figure(name):
    """The files of a figure, as a rule's output."""
    row = FIGURES[name]
    if row.get("html"):
        page = shown(name, "html", row["shows"])
        return {"html": page, "csv": f"{folder_of(name)}{name}.csv"}
    files = {ending: f"{folder_of(name)}{name}.{ending}" for ending in ENDINGS}
    files["png"] = shown(name, "png", row["shows"])
    if row.get("csv_in_report"):
        files["csv"] = shown(name, "csv", f"{row['shows']}, as a table")
    return files


def figure_files(name):
    """All figures that a study's row and its data sets ask for."""
    study = CONFIG.studies[name]
    asked = [("", figure_name) for figure_name in study.figures]
    for dataset in study.datasets:
        of_dataset = [*REGISTRY[dataset].figures, *study.dataset_figures]
        asked += [(dataset, figure_name) for figure_name in of_dataset]
    if unknown := sorted({figure_name for _, figure_name in asked} - set(FIGURES)):
        raise WorkflowError(
            f"figures {unknown}: report/figures.yaml has {sorted(FIGURES)}"
        )
    return [
        f"{folder_of(figure_name)}{figure_name}.{ending}".format(
            study=name, dataset=dataset
        )
        for dataset, figure_name in asked
        if study.trained or not FIGURES[figure_name].get("needs_training")
        for ending in (("csv",) if FIGURES[figure_name].get("html") else ENDINGS)
    ]


RESULT_FILES = [
    path
    for name, study in CONFIG.studies.items()
    for path in (
        *(f"<results>/{table}" for table in study.tables_of(name)),
        *figure_files(name),
    )
]
