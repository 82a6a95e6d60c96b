"""The registry of real data: `config/datasets.yaml`, one typed entry a data set."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Protocol
from urllib.parse import quote, unquote, urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from latticework import yaml_files

# What lies beside the files of a data set that is fetched.
RESERVED = ("SKIPPED", "reference", "probe")


class RegistryError(ValueError):
    """The registry of data sets is missing, is not YAML, or has an entry that is not valid."""


def _inside(path: str) -> str:
    """A relative path inside its folder: a registry must not write elsewhere."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith(("/", "~")) or "\\" in path or ".." in parts:
        raise ValueError("a relative path without '..', with '/' between folders")
    return path


def _plain_name(name: str) -> str:
    if not re.fullmatch(r"[^/\\.~][^/\\]*", name):
        raise ValueError("a file name, without a folder and without a leading dot")
    if name in RESERVED:
        raise ValueError(f"another name: {', '.join(RESERVED)} are the fetched folder's own")
    return name


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="sha256, 64 hex digits")]
RelativePath = Annotated[str, AfterValidator(_inside)]
FileName = Annotated[str, AfterValidator(_plain_name)]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]*$")]


class Source(BaseModel):
    """Where one file, or a folder of files, comes from: exactly one of a GitHub repository at a
    commit, a web address, or a path of the user's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str | None = Field(
        None, pattern=r"^[\w.-]+/[\w.-]+$", description="GitHub repository, owner/name"
    )
    commit: str | None = Field(
        None, pattern=r"^[0-9a-f]{40}$", description="the full commit, 40 hex digits"
    )
    path_in_repository: RelativePath | None = Field(
        None, description="the file, or with `files` the folder that holds them"
    )
    url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="the file's address, or with `files` the folder's",
    )
    path: Path | None = Field(
        None,
        description="a file or folder of your own; a relative one counts from the folder in which "
        "the command is given",
    )
    sha256: Sha256 | None = Field(
        None, description="of a single file; needed for whatever is fetched"
    )
    md5: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{32}$",
        description="of a single file whose publisher states no sha256, 32 hex digits",
    )
    files: dict[FileName, Sha256] | None = Field(
        None, min_length=1, description="a set of files: name → sha256"
    )
    mirror: RelativePath | None = Field(
        None, description="the file or folder inside the mirror folder, where there is a mirror"
    )
    derived: str = Field(
        "",
        description="how the file was made of what is at the address, where it is not the same; "
        "such a file comes from the mirror only",
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Source":
        in_repository = (self.repository, self.commit, self.path_in_repository)
        if any(in_repository) and not all(in_repository):
            raise ValueError("repository, commit and path_in_repository go together")
        if sum(map(bool, (self.repository, self.url, self.path))) != 1:
            raise ValueError(
                "exactly one source is needed: repository + commit + path_in_repository, or url, "
                "or path"
            )
        if sum(map(bool, (self.sha256, self.md5, self.files))) > 1:
            raise ValueError("give sha256 or md5 for a single file, or files for a set, one only")
        if self.path is None and not (self.sha256 or self.md5 or self.files):
            raise ValueError(
                "a file that is fetched needs its sha256 (or files: name → sha256); "
                "`sha256sum FILE` tells it"
            )
        if self.path is not None and self.mirror:
            raise ValueError("a file of your own (path) has no mirror")
        if self.path is None and not self.files:
            for name in self.checksums:
                try:
                    _plain_name(name)
                except ValueError:
                    said = f"the address ends in '{name}', which is no file's name"
                    raise ValueError(said) from None
        if self.derived and not self.mirror:
            raise ValueError("a derived file can only come from a mirror: give its `mirror` path")
        return self

    @property
    def address(self) -> str:
        """Where the file, or the set's folder, is: a web address, or the user's path."""
        if self.repository:
            folder = f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/"
            return folder + quote(self.path_in_repository.rstrip("/"))
        return self.url.rstrip("/") if self.url else str(self.path)

    @property
    def checksums(self) -> dict[str, str]:
        """File name → checksum of what is fetched; a single file is named as its address is."""
        if self.files:
            return dict(self.files)
        # What is derived has a name of its own; another file lies at the address.
        # The address of a download may end in a query, which is no part of the name.
        web = unquote(urlsplit(self.url).path) if self.url else ""
        place = self.mirror if self.derived else self.path_in_repository or web
        return {PurePosixPath(place or "").name: self.sha256 or self.md5}

    def address_of(self, name: str) -> str:
        """The address of one of the `checksums`' files."""
        return f"{self.address}/{quote(name)}" if self.files else self.address

    def mirror_path(self, name: str) -> PurePosixPath | None:
        """The path of one of the `checksums`' files inside the mirror folder."""
        if self.mirror is None:
            return None
        return PurePosixPath(self.mirror, name) if self.files else PurePosixPath(self.mirror)


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
