# The package of this checkout, the parsed configuration, and where results go.
import os
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
SOURCE_ROOT = ROOT / "src"
sys.path.insert(0, str(SOURCE_ROOT))
# Scripts, here or in a cluster job, import the package of this checkout.
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        filter(None, [str(SOURCE_ROOT), os.getenv("PYTHONPATH")])
    )
)

from latticework.config import parse as configuration
from latticework.datasets.registry import RegistryError, check, load_registry
from snakemake.exceptions import WorkflowError

try:
    configuration.check_files(workflow.configfiles)
    CONFIG = configuration.parse(config)
    REGISTRY = load_registry(ROOT / "config/datasets.yaml")
    for study_name, row in CONFIG.studies.items():
        check(REGISTRY, study_name, row)
except (configuration.ConfigError, RegistryError) as error:
    raise WorkflowError(str(error))

# Defaults filled in, so that rules can look up any leaf.
config.update(CONFIG.model_dump(mode="json"))


pathvars:
    results=f"results/{CONFIG.run}",
    # What all runs share: data that were fetched, and calibrated.
    shared="results/shared",
    step="none",


onstart:
    # Before any job: hours of computing would end in a file that cannot be written.
    for folder in (f"results/{CONFIG.run}", "results/shared"):
        place = Path(folder)
        while not place.exists():
            place = place.parent
        if not os.access(place, os.W_OK):
            raise WorkflowError(
                f"{folder} cannot be written: {place} is read-only for this user"
            )


def one_of(names):
    """A wildcard's pattern for one of several names; nothing for none."""
    return "|".join(sorted(names)) or "(?!)"


wildcard_constraints:
    study=one_of(CONFIG.studies),
    dataset=one_of(REGISTRY),
    network=one_of({n for row in CONFIG.studies.values() for n in row.networks}),
    method=one_of({m for row in CONFIG.studies.values() for m in row.baselines}),
    scan=one_of({s for row in CONFIG.studies.values() for s in row.scans.simulated}),
    movie=one_of({m for row in CONFIG.studies.values() for m in row.movies.names}),
    split="train|heldout",
    number=r"\d{4}",
    table="drawn|refined|cross_domain|order",
