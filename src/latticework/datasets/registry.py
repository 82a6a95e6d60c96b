"""The registry of real data: `config/datasets.yaml`, one typed entry a data set."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Protocol

import yaml
from pydantic import (
    Field,
    PositiveFloat,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from latticework import yaml_files
from latticework.datasets.source import Source

DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]*$")]


class RegistryError(ValueError):
    """The registry of data sets is missing, is not YAML, or has an entry that is not valid."""


class Reference(Source):
    """A file that accompanies an image and says what is in it: x, y in px, one point a line."""

    kind: Literal["ring_centres", "atoms"] = Field(
        description="what it lists: centres of rings, whose Voronoi vertices are atoms, or atoms"
    )
    shows: str = Field("", description="who made it, how, in which units")


class Dataset(Source):
    """One entry of the registry: an image, a set of images, a movie or a scan."""

    title: str = Field(description="one line for figures and the report")
    study: str = Field(description="the study whose network reads it")
    kind: Literal["image", "set", "movie", "scan"] = Field(
        "image",
        description="an image, a set of images, images of one field in time, or a scan of "
        "diffraction patterns",
    )
    role: Literal["", "out_of_distribution"] = Field(
        "", description="out_of_distribution: it shows something else than the study does"
    )
    figures: list[str] = Field([], description="figures that are drawn of it")
    licence: str = Field("", description="as its source states it; 'none stated' if it does not")
    citation: str = Field("", description="whom to cite")
    shows: str = Field("", description="what is to be seen, in a sentence")
    pixel_size_angstrom: PositiveFloat | None = Field(
        None,
        le=100,
        description="your own word on the pixel size, Å; it outranks the lattice and the file's "
        "metadata, so leave it out unless you know better than they do",
    )
    energy_kev: PositiveFloat | None = Field(None, le=3000, description="beam energy, keV")
    dose_per_angstrom2: PositiveFloat | None = Field(None, description="electrons per Å²")
    region: tuple[int, int, int, int] | None = Field(
        None, description="x0, y0, x1, y1 in px of the source: where quantitative checks apply"
    )
    figure_region: tuple[int, int, int, int] | None = Field(
        None, description="x0, y0, x1, y1 in px of the source: the part that figures show"
    )
    probe: Source | None = Field(
        None, description="of a scan, the vacuum probe recorded with the same camera length"
    )
    semiangle_mrad: PositiveFloat | None = Field(
        None, le=50, description="of a scan without a vacuum probe, its convergence semiangle"
    )
    vacuum_region: tuple[int, int, int, int] | None = Field(
        None,
        description="x0, y0, x1, y1 in positions of a scan where the probe meets no sample, in "
        "place of a vacuum probe",
    )
    ellipse: tuple[Annotated[float, Field(ge=1, le=1.5)], float] | None = Field(
        None,
        description="of a scan, its elliptic distortion: longest over shortest diameter of what "
        "should be a circle, and the direction of the longest in degrees from x towards y",
    )
    reciprocal_pixel: PositiveFloat | None = Field(
        None, le=0.5, description="of a scan, the pixel in 1/Å if you know it better than the file"
    )
    reference_region: tuple[int, int, int, int] | None = Field(
        None,
        description="x0, y0, x1, y1 in positions of a scan: what counts as unstrained; without it "
        "the median of the scan does",
    )
    composition: Source | None = Field(
        None,
        description="of a scan of epitaxial layers across x: a table of `x` (positions) and "
        "`share` of the alloy's other element, by EELS say",
    )
    scan_rotation_deg: float = Field(
        0.0,
        description="of a scan, from the detector's x axis to that of the strain, towards y",
    )
    scale_region: tuple[int, int, int, int] | None = Field(
        None,
        description="x0, y0, x1, y1 in px of the source: the crystal whose lattice gives the pixel "
        "size, where an image shows others too",
    )
    outlines: list[list[tuple[float, float]]] = Field(
        [],
        description="hand-drawn outlines, each a list of x, y in px of the source, of what the "
        "study is about, such as particles on a support",
    )
    masks: str | None = Field(
        None,
        min_length=1,
        description="in a set, the mask of image NAME.png is NAME + masks + .png",
    )
    reference: Reference | None = Field(None, description="an accompanying file, same source form")

    @model_validator(mode="after")
    def _region_is_a_box(self) -> "Dataset":
        for name in (
            "region",
            "scale_region",
            "figure_region",
            "reference_region",
            "vacuum_region",
        ):
            if (box := getattr(self, name)) is not None:
                x0, y0, x1, y1 = box
                if not (0 <= x0 < x1 and 0 <= y0 < y1):
                    raise ValueError(f"{name} {box} is not x0 < x1, y0 < y1 from 0 on")
        return self

    @model_validator(mode="after")
    def _scan_has_a_probe(self) -> "Dataset":
        if self.kind != "scan":
            return self
        if sum(p is not None for p in (self.probe, self.semiangle_mrad, self.vacuum_region)) != 1:
            raise ValueError(
                "a scan needs its vacuum probe, semiangle_mrad, or vacuum_region: one of the three"
            )
        if self.semiangle_mrad is not None and self.energy_kev is None:
            raise ValueError("a scan with semiangle_mrad needs energy_kev")
        return self

    def images(self, paths: Mapping[str, Path]) -> list[tuple[Path, Path | None]]:
        """(image, its mask or None), sorted by name, of files name → path as `fetch` gives."""
        by_stem = {Path(name).stem: path for name, path in sorted(paths.items())}
        if self.masks is None:
            return [(path, None) for _, path in sorted(paths.items())]
        return [
            (path, by_stem.get(stem + self.masks))
            for stem, path in by_stem.items()
            if not stem.endswith(self.masks)
        ]


def load_registry(path: str | Path) -> dict[str, Dataset]:
    """Data sets by name.

    Raises RegistryError: one message, a line for each key that is wrong, with its value and what
    is allowed.
    """
    path = Path(path)
    try:
        entries = yaml_files.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RegistryError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RegistryError(f"{path}: is not valid YAML: {error}") from error
    try:
        return TypeAdapter(dict[DatasetName, Dataset]).validate_python(entries or {})
    except ValidationError as error:
        problems = "\n".join(f"  {_problem(e)}" for e in error.errors())
        raise RegistryError(f"{path}: not a valid registry of data sets\n{problems}") from error


class Row(Protocol):
    """What of a study's row decides which data sets it can have."""

    datasets: list[str]
    movies: "object"
    kind: "object"


def check(registry: Mapping[str, Dataset], name: str, study: Row) -> None:
    """Raise RegistryError, one line, for data sets that a study names and cannot have.

    `study` is its row of the configuration: `datasets`, `movies` and, in `kind`, its modality.
    """
    for key, names in (("datasets", study.datasets), ("movies.datasets", study.movies.datasets)):
        if unknown := sorted(set(names) - set(registry)):
            raise RegistryError(
                f"studies.{name}.{key}: {unknown} not in config/datasets.yaml, which has "
                f"{sorted(registry)}"
            )
        for dataset in names:
            kind = registry[dataset].kind
            if kind not in study.kind.kinds:
                raise RegistryError(
                    f"studies.{name}.{key}: {dataset} is of kind {kind}, and the study reads "
                    f"{' or '.join(study.kind.kinds)}; see its entry in config/datasets.yaml"
                )
    for dataset in study.movies.datasets:
        if registry[dataset].kind != "movie":
            raise RegistryError(
                f"studies.{name}.movies.datasets: {dataset} is of kind {registry[dataset].kind}; "
                "movies are of kind movie"
            )
    if taken := sorted(set(study.movies.simulated) & set(registry)):
        raise RegistryError(
            f"studies.{name}.movies.simulated: {taken} are names of data sets as well"
        )


def _problem(error: Mapping) -> str:
    key = ".".join(str(part) for part in error["loc"] if part != "[key]") or "the file"
    message = re.sub(r"^Value error, ", "", error["msg"])
    if error["type"] == "extra_forbidden":
        fields = Reference if "reference" in error["loc"] else Dataset
        return f"{key}: unknown key; allowed are {', '.join(sorted(fields.model_fields))}"
    if error["type"] == "missing":
        return f"{key}: is missing"
    value = error["input"]
    # A check over a whole entry has the entry as its value, which would bury the message.
    shown = "" if isinstance(value, Mapping) else f" = {value!r}"
    return f"{key}{shown}: {message}"
