"""The whole configuration as one typed model. Its JSON schema is generated from it.

Units: Å, eV, rad and e/Å² unless a field says otherwise. Every field's description says which.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from latticework.config_base import (
    Accelerator,
    Integers,
    Lengths,
    Positive,
    Range,
    Schedule,
    Section,
    Sharded,
    ascending,
    bounded,
)
from latticework.config_diffraction import DiffractionStudy
from latticework.config_particles import Movies, Nanoparticles


class ConfigError(ValueError):
    """One message naming every wrong key, its value, and what is allowed."""


class GrapheneSheets(Section):
    """Parameters of `structures.graphene.graphene` (Madsen 2018, §3.1)."""

    box: float = Field(43.2, gt=20, le=500, description="Side of the periodic square, Å.")
    density: float = Field(0.381, gt=0.3, lt=0.45, description="Atoms per Å² before holes.")
    seed_separation: float = Field(1.9, gt=0.5, lt=2.4, description="Poisson-disc radius, Å.")
    crystalline: float = Field(
        0.0, ge=0, le=1, description="Probability of pristine grains instead of a random sheet."
    )
    grains: Integers = (1, 3)
    lloyd_steps: Integers = (3, 8)
    holes: Integers = (0, 4)
    hole_radius: Lengths = (2.0, 7.0)
    contamination: Integers = (0, 2)
    contamination_radius: Lengths = (3.0, 16.0)
    contamination_thickness: Lengths = (3.0, 30.0)
    contamination_density: float = Field(0.075, gt=0, lt=0.2, description="Atoms per Å³.")
    contamination_profile: Annotated[
        tuple[float, float],
        AfterValidator(ascending),
        Field(description="Uniform range of an exponent: 0.5 is a dome, 0 has vertical sides."),
    ] = (0.05, 0.5)
    contamination_margin: float = Field(
        2.5, ge=0, lt=10, description="Atoms nearer than this to contamination are no labels, Å."
    )
    disorder: float = Field(0.03, ge=0, lt=0.3, description="RMS random displacement per axis, Å.")


class GrapheneStructures(Sharded):
    generator: Literal["graphene"] = Field(description="Name of the structure generator.")
    parameters: GrapheneSheets = Field(
        default_factory=GrapheneSheets, description="Arguments of the generator."
    )


class NanoparticleStructures(Sharded):
    generator: Literal["nanoparticles"] = Field(description="Name of the structure generator.")
    parameters: Nanoparticles = Field(
        default_factory=Nanoparticles, description="Arguments of the generator."
    )


Structures = Annotated[
    GrapheneStructures | NanoparticleStructures,
    Field(discriminator="generator", description="What the atoms are, by its generator."),
]
GENERATORS = ("graphene", "nanoparticles")


class Simulation(Section):
    method: Literal["exit_waves"] = Field(description="What is simulated from the atoms.")
    energy: float = Field(gt=1e4, le=1.2e6, description="Electron energy, eV.")
    sampling: float = Field(gt=0.01, lt=0.5, description="Pixel of the multislice, Å.")
    stored_sampling: float = Field(
        gt=0.01, lt=0.5, description="Pixel of the stored waves, Å; at least `sampling`."
    )
    slice_thickness: float = Field(2.0, gt=0.1, le=5, description="Å.")
    thermal_sigma: float = Field(
        0.06, ge=0, lt=0.5, description="RMS thermal displacement per axis, Å (Debye–Waller)."
    )
    device: Literal["cpu", "gpu"] = Field("cpu", description="gpu needs CuPy.")

    @model_validator(mode="after")
    def _coarser(self) -> "Simulation":
        if self.stored_sampling < self.sampling:
            raise ValueError(
                f"stored_sampling ({self.stored_sampling}) must be at least sampling "
                f"({self.sampling})"
            )
        return self


class Imaging(Section):
    """Ranges of the random microscopes (Madsen 2018, Table 1), and how pictures are prepared."""

    sampling: bounded("Pixel, Å.", 0.01, 1)
    defocus: bounded("Å; positive is underfocus.", -5000, 5000)
    cs: bounded("Third-order spherical aberration C30, Å (1 µm = 1e4 Å).", -5e7, 5e7)
    c5: bounded("Fifth-order spherical aberration C50, Å (1 mm = 1e7 Å).", -5e9, 5e9)
    astigmatism: bounded("Two-fold astigmatism C12, Å.", 0, 2000)
    astigmatism_angle: bounded("φ12, rad.", 0, 6.2832)
    focal_spread: bounded("1/e width, Å.", 0, 200)
    deflection: bounded("RMS image deflection, Å.", 0, 2)
    dose: bounded("Electrons per Å² and picture.", 1e-2, 1e8)
    c1: bounded("MTF, eq. 5.", 0, 1)
    c2: bounded("MTF, eq. 5, in units of the Nyquist frequency.", 0.01, 5)
    c3: bounded("MTF, eq. 5.", 0.1, 20)
    nyquist_ratio: bounded("Camera's Nyquist frequency over the picture's.", 0.3, 10)
    crop: int = Field(gt=31, description="Side of a training picture, px; a multiple of 2^depth.")
    series: list[float] = Field(
        [0.0],
        min_length=1,
        description="Defocus of each picture of a focal series beyond the drawn one, Å; the dose "
        "is divided among them.",
    )
    label_sigma: float = Field(gt=0.05, lt=2, description="Width of the labels' Gaussians, Å.")
    normalisation_sigma: float = Field(
        12.0, gt=1, lt=200, description="Window of the local normalisation, Å (eqs. 2–3)."
    )
    band_limit: float = Field(
        1.5, gt=0.3, lt=10, description="Highest spatial frequency that is imaged, 1/Å."
    )

    def ranges(self) -> dict[str, Range]:
        """The imaging ranges alone, by name."""
        return {name: value for name, value in self if isinstance(value, Range)}


class Network(Section):
    name: Literal["residual_unet"] = Field(description="Architecture.")
    frames: int = Field(1, gt=0, description="Pictures of one field that go in together.")
    classes: int = Field(2, gt=1, description="With the background, which is class 0.")
    features: int = Field(gt=1, description="Feature maps at full resolution.")
    depth: int = Field(3, gt=0, le=6, description="Poolings; 2**depth is the coarsest pixel.")


class Curriculum(Section):
    """Ranges that training starts from; they widen linearly to the imaging ranges."""

    steps: int = Field(0, ge=0, description="Steps until the full ranges; 0: from the start.")
    defocus: Range | None = Field(None, description="Å.")
    cs: Range | None = Field(None, description="Å.")
    dose: Range | None = Field(None, description="e/Å².")

    def ranges(self) -> dict[str, Range]:
        """The easy ranges by name."""
        return {name: value for name, value in self if isinstance(value, Range)}


class Training(Schedule):
    loss: Literal["mse", "cross_entropy"] = Field(description="Eq. 6, or its alternative.")
    curriculum: Curriculum = Field(
        default_factory=Curriculum, description="From easy pictures to all of them."
    )


class Inference(Section):
    weights: str = Field(
        description="'trained': this run's own network; else the path of a .safetensors file."
    )
    tile: int = Field(512, gt=63, description="Largest side that a network sees at once, px.")
    overlap: int = Field(64, ge=0, description="Between tiles, px.")
    symmetries: Literal[1, 4, 8] = Field(
        1,
        description="A picture is read in that many turns and mirror images, and the mean is "
        "taken: steadier, and as many times slower.",
    )
    epsilon: float = Field(0.995, gt=0, lt=1, description="Background above is empty (§2.5).")
    threshold: float = Field(0.5, ge=0, description="t of eq. 8.")


class Evaluation(Section):
    weights: str = Field(
        description="'trained': this run's own network; else the path of a .safetensors file."
    )
    radius: float = Field(0.5, gt=0, lt=3, description="A match is nearer than this, Å.")
    doses: list[Positive] = Field(min_length=1, description="e/Å².")
    defocus: list[float] = Field(min_length=1, description="Å.")
    cs: float = Field(-1.15e5, description="C30 of the evaluation's microscope, Å.")
    focal_spread: float = Field(28.0, gt=0, description="Å, 1/e width.")
    mtf: tuple[float, float, float] = Field((0.0, 0.49, 2.34), description="c1, c2, c3 of eq. 5.")
    border: float = Field(3.0, ge=0, description="Atoms nearer to the border are not judged, Å.")
    accelerator: Accelerator = Field(
        "auto",
        description="Of the networks; auto takes a GPU if there is one, and asks a cluster for it.",
    )


class Study(Section):
    title: str = Field(description="For people.")
    structures: Structures
    simulation: Simulation
    imaging: Imaging
    network: Network
    training: Training
    inference: Inference
    evaluation: Evaluation
    datasets: list[str] = Field(description="Names in config/datasets.yaml to be analysed.")
    movies: Movies = Field(default_factory=Movies, description="Pictures of one field in time.")
    compared_with: str | None = Field(
        None, description="A study of the same real pictures, beside which this one is shown."
    )

    @model_validator(mode="after")
    def _fits(self) -> "Study":
        if len(self.imaging.series) != self.network.frames:
            raise ValueError(
                f"imaging.series has {len(self.imaging.series)} steps of defocus, but "
                f"network.frames is {self.network.frames}"
            )
        unit = 2**self.network.depth
        for key, size in (
            ("imaging.crop", self.imaging.crop),
            ("inference.tile", self.inference.tile),
        ):
            if size % unit:
                raise ValueError(f"{key} ({size}) must be a multiple of {unit}, 2^network.depth")
        if self.inference.overlap >= self.inference.tile:
            raise ValueError(
                f"inference.overlap ({self.inference.overlap}) must be less than inference.tile "
                f"({self.inference.tile})"
            )
        # Pictures have an even number of pixels a side, and the crop must fit into the smallest.
        box, pixel = self.structures.parameters.box, self.imaging.sampling
        smallest = 2 * math.ceil(box / pixel.high / 2 - 1e-9)
        if smallest > box / pixel.low + 1e-9:
            raise ValueError(
                f"imaging.sampling ({pixel.low} to {pixel.high}) gives the {box} Å box no even "
                "number of pixels; widen it"
            )
        if self.imaging.crop > smallest:
            raise ValueError(
                f"imaging.crop ({self.imaging.crop}) must be at most {smallest}, the {box} Å box "
                "at the coarsest pixel"
            )
        parameters = self.structures.parameters
        by_height = isinstance(parameters, Nanoparticles) and parameters.classes == "height"
        if by_height and parameters.tallest != self.network.classes - 1:
            raise ValueError(
                f"structures.parameters.tallest ({parameters.tallest}) must be one less than "
                f"network.classes ({self.network.classes}): one class a height, and background"
            )
        limit = 0.5 / self.simulation.stored_sampling
        if self.imaging.band_limit > limit:
            raise ValueError(
                f"imaging.band_limit ({self.imaging.band_limit}) is beyond the stored waves' "
                f"Nyquist frequency ({limit:.3g} 1/Å)"
            )
        return self


def study_model(values: Any) -> str:
    """Tag of the model that validates a study: by what it simulates."""
    simulation = values.get("simulation") if isinstance(values, dict) else None
    method = simulation.get("method") if isinstance(simulation, dict) else None
    diffraction = method == "diffraction" or isinstance(values, DiffractionStudy)
    return "diffraction" if diffraction else "exit_waves"


AnyStudy = Annotated[
    Annotated[Study, Tag("exit_waves")] | Annotated[DiffractionStudy, Tag("diffraction")],
    Discriminator(study_model),
]


class Config(Section):
    """Everything that a run depends on."""

    run: str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="Results go to results/<run>/.")
    seed: int = Field(ge=0, lt=2**32, description="Of every random stream.")
    mirror: str | None = Field(
        None,
        description="Folder searched for data before any address; the environment variable "
        "LATTICEWORK_MIRROR takes precedence.",
    )
    missing_data: Literal["error", "skip"] = Field(
        description="Where a picture can be had neither from the mirror nor from its address."
    )
    meaningful: bool = Field(
        description="false: the scale is too small for its numbers to mean anything, and every "
        "figure says so."
    )
    studies: dict[str, AnyStudy] = Field(min_length=1, description="Rows of the workflow.")

    @model_validator(mode="after")
    def _comparable(self) -> "Config":
        for name, study in self.studies.items():
            if isinstance(study, Study) and study.compared_with is not None:
                other = self.studies.get(study.compared_with)
                if not isinstance(other, Study) or not set(study.datasets) <= set(other.datasets):
                    raise ValueError(
                        f"studies.{name}.compared_with ({study.compared_with}) must be a study "
                        f"that reads {study.datasets} as well"
                    )
        return self


def parse(values: dict[str, Any]) -> Config:
    """Validate a configuration as Snakemake hands it over.

    A study that a later file sets to null is left out.
    Raises ConfigError with one line for every wrong key: its path, its value, what is allowed.
    """
    studies = values.get("studies")
    if isinstance(studies, dict):
        kept = {name: study for name, study in studies.items() if study is not None}
        values = values | {"studies": kept}
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            parts = [str(part) for part in problem["loc"]]
            # studies.<name>.<model>.…: the model that a study is validated by is no key.
            if parts[:1] == ["studies"]:
                parts = parts[:2] + parts[3:]
            # Nor is the generator of its structures.
            parts = [
                part
                for before, part in zip(["", *parts], parts, strict=False)
                if not (before == "structures" and part in GENERATORS)
            ]
            key = ".".join(parts) or "config"
            shown = json.dumps(problem["input"], default=str)
            # What disagrees inside a whole section is named, with its value, by the message.
            shown = f" = {shown}" if len(shown) < 80 else ""
            message = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                message = "unknown key; config/schema.json lists those that are allowed"
            lines.append(f"  {key}{shown}: {message}")
        raise ConfigError("The configuration is wrong:\n" + "\n".join(lines)) from None


def merge(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries, the second over the first (as Snakemake merges configfiles)."""
    merged = dict(base)
    for key, value in override.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def load(*paths: str | Path) -> Config:
    """Read YAML files, later over earlier ones, and validate the result."""
    values: dict[str, Any] = {}
    for path in paths:
        values = merge(values, yaml.safe_load(Path(path).read_text()) or {})
    return parse(values)


def fingerprint(*sections: Any) -> str:
    """Twelve hexadecimal digits that identify the values of config sections."""
    plain = [s.model_dump(mode="json") if isinstance(s, BaseModel) else s for s in sections]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def schema() -> str:
    """The JSON schema of `Config`, as written to config/schema.json."""
    described = Config.model_json_schema()
    studies = described["properties"]["studies"]
    # null leaves a study out (see `parse`).
    studies["additionalProperties"] = {"anyOf": [studies["additionalProperties"], {"type": "null"}]}
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
