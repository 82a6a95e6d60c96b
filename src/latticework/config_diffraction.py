"""The section of a diffraction study: crystals, patterns, what a detector adds (Munshi 2022)."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from latticework.config_base import (
    Accelerator,
    Positive,
    Precision,
    Range,
    Schedule,
    Section,
    Sharded,
    bounded,
)

KEPT = 2 / 3  # of the grid by abTEM's band limit


class Crystals(Section):
    """Parameters of `structures.crystals.make_crystals`."""

    low_index: int = Field(5, ge=0, le=10, description="Zone axes of a crystal along the beam.")
    random: int = Field(5, ge=0, description="Random orientations of a crystal.")
    held_out_prototypes: float = Field(
        0.1, gt=0, lt=1, description="Share of the prototypes that is kept for the evaluation."
    )

    frozen: str | None = Field(
        None,
        description="File of real crystals to draw from instead of prototypes, with its table "
        "beside it: scripts/freeze_crystals.py writes both.",
    )

    @model_validator(mode="after")
    def _some(self) -> "Crystals":
        if not self.low_index + self.random:
            raise ValueError(
                "low_index and random must not both be 0: a crystal needs orientations"
            )
        return self


class CrystalStructures(Sharded):
    """A structure is a crystal in one orientation; all orientations of a crystal come in a row."""

    generator: Literal["prototypes"] = Field(description="Name of the structure generator.")
    parameters: Crystals = Field(
        default_factory=Crystals, description="Arguments of the generator."
    )


class DiffractionSimulation(Section):
    method: Literal["diffraction"] = Field(description="What is simulated from the atoms.")
    energy: float = Field(gt=1e4, le=1.2e6, description="Electron energy, eV.")
    box: float = Field(
        gt=10, le=200, description="Side of the square cell, Å: 1/box is a pixel before binning."
    )
    height: float = Field(gt=0, le=5000, description="Greatest thickness, Å.")
    gpts: int = Field(gt=31, le=4096, description="Grid points of the multislice along x and y.")
    size: int = Field(gt=15, description="Side of patterns, probes and structure factors, px.")
    binning: Literal[1, 2] = Field(1, description="Pixels of 1/box along each side of a pixel.")
    slice_thickness: float = Field(2.0, gt=0.1, le=5, description="Å.")
    thickness_step: float = Field(20.0, gt=0, description="Between exit planes, Å.")
    semiangles: list[Annotated[float, Field(gt=0, le=50)]] = Field(
        min_length=1, description="Convergence semiangles of the probes, mrad."
    )
    excitation_sigma: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Width of the weight about the Ewald sphere, 1/Å.",
    )
    ewald: bool = Field(True, description="false: about the plane through the origin instead.")
    taper: float = Field(
        1.0, gt=0, le=1, description="Tapered share of the Tukey window that peaks are shaped by."
    )
    device: Literal["cpu", "gpu"] = Field("cpu", description="gpu needs CuPy.")

    @model_validator(mode="after")
    def _fits(self) -> "DiffractionSimulation":
        most = int(KEPT * self.gpts)
        if self.size * self.binning > most:
            raise ValueError(
                f"size ({self.size}) times binning ({self.binning}) must be at most {most}, "
                f"two thirds of gpts ({self.gpts}): the band limit keeps no more"
            )
        for key, length, unit_key, unit in (
            ("thickness_step", self.thickness_step, "slice_thickness", self.slice_thickness),
            ("height", self.height, "thickness_step", self.thickness_step),
        ):
            if abs(length / unit - round(length / unit)) > 1e-6 or length < unit:
                raise ValueError(f"{key} ({length}) must be a multiple of {unit_key} ({unit})")
        return self


class DiffractionImaging(Section):
    """Ranges of what `imaging.diffraction.augment` draws."""

    background: bounded("Share of the electrons in the inelastic background.", 0, 0.9)
    background_width: bounded("q0 of the background's Lorentzian, 1/Å.", 1e-4, 2)
    ellipticity: bounded("Elliptic distortion.", 0, 0.5)
    shift: bounded("Of a pattern along x and along y, px.", -100, 100)
    dose: bounded("Electrons in the probe.", 1, 1e14)
    hot: bounded("Share of hot pixels.", 0, 0.1)
    dead: bounded("Share of dead pixels.", 0, 0.1)

    def ranges(self) -> dict[str, Range]:
        """The ranges by name."""
        return dict(self)


class _MapNetwork(Section):
    features: int = Field(gt=0, le=256, description="Feature maps at full resolution.")
    levels: int = Field(gt=0, le=8, description="Poolings; sides are multiples of 2**levels.")
    depth: int = Field(gt=0, le=8, description="Convolutions a block.")
    dropout: float = Field(ge=0, lt=1, description="Monte Carlo dropout's probability.")
    power: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Exponent on what goes in, for less dynamic range; 1 is the paper's.",
    )
    root: float = Field(
        1.0,
        gt=0,
        le=1,
        description="The network learns maps to this power, which its predictions undo; 1 is the "
        "paper's.",
    )


class RealNetwork(_MapNetwork):
    name: Literal["unet", "spectral_unet"] = Field(
        description="U-Net with max pooling, or with spectral pooling."
    )
    channels: list[Literal["pattern", "correlation"]] = Field(
        ["pattern"], min_length=1, description="What goes in; the paper's is the pattern alone."
    )


class ComplexNetwork(_MapNetwork):
    name: Literal["fcunet"] = Field(description="FCU-Net.")
    upsampling: Literal["nearest", "pad"] = Field(
        "nearest", description="Of spectra: nearest neighbours (the paper's), or zeros around."
    )
    spectral_dropout: float | None = Field(
        None, ge=0, lt=1, description="In the complex blocks; null: dropout, as in the paper."
    )
    real_depth: int | None = Field(
        None, gt=0, le=8, description="Of the real block; null: depth, as in the paper."
    )
    corr_power: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Of the correlation that goes in: 1 cross-correlation (the paper's), 0 phase "
        "correlation.",
    )
    shortcut: bool = Field(
        False, description="The last, real block sees the correlation as well; false: the paper's."
    )


class NetworkRow(Section):
    """One network of a study, with a training of its own."""

    network: Annotated[RealNetwork | ComplexNetwork, Field(discriminator="name")]
    steps: int | None = Field(
        None, gt=0, description="Instead of training.steps, for a comparison at equal time."
    )
    learning_rate: float | None = Field(
        None, gt=0, lt=1, description="Instead of training.learning_rate."
    )
    weights: str = Field(
        "trained",
        description="'trained': by this run; else the path of a .safetensors file to evaluate.",
    )


class Tuning(Section):
    """What Optuna looks for, and how long; only when a tuning is asked for."""

    trials: int = Field(gt=0, description="Trainings, stopped ones included.")
    workers: int = Field(gt=0, description="Jobs that share the trials.")
    steps: int = Field(gt=0, description="Optimiser steps of a trial that is not stopped.")
    random: int = Field(10, ge=0, description="Trials with random parameters before any other.")
    reduction: int = Field(
        3, gt=1, description="Of so many trials at a rung, the best one goes on."
    )
    features: list[int] = Field(min_length=1, description="To choose from.")
    levels: list[int] = Field(min_length=1, description="To choose from.")
    depth: list[int] = Field(min_length=1, description="To choose from.")
    dropout: bounded("Uniform.", 0, 0.9)
    learning_rate: bounded("Loguniform.", 1e-6, 0.5)


def without_null(rows: dict[str, Any]) -> dict[str, Any]:
    """Rows that are not null; raises ValueError where none is left."""
    kept = {name: row for name, row in rows.items() if row is not None}
    if not kept:
        raise ValueError("must have at least one network that is not null")
    return kept


class EvaluationPatterns(Section):
    """Patterns of held-out crystals in drawn microscopes, and their true peaks."""

    validation: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="Share of the held-out crystals that every method's parameters are tuned on; "
        "the others are the test.",
    )
    tuning: int = Field(gt=0, description="Patterns of the validation's crystals.")
    test: int = Field(gt=0, description="Patterns of the test's crystals.")
    series: int = Field(
        gt=0, description="Of the test's patterns, those that are made at every dose as well."
    )
    doses: list[Positive] = Field(min_length=1, description="Electrons in the probe.")
    threshold: float = Field(
        0.03,
        gt=0,
        lt=1,
        description="True peaks are at least this share of the strongest: above the side lobes of "
        "the window that they are drawn with.",
    )
    separation: int = Field(
        1, gt=0, le=10, description="A true peak is the largest value this far around it, px."
    )


class DiffractionEvaluation(Section):
    """What networks and correlation are judged by."""

    patterns: EvaluationPatterns
    radius: float = Field(
        0.05, gt=0, lt=1, description="A found peak is no farther from a true one, 1/Å (eq. 1)."
    )
    samples: int = Field(
        10, ge=0, description="Predictions with dropout whose mean is taken; 0: one without."
    )
    accelerator: Accelerator = Field(
        "auto",
        description="Of the networks; auto takes a GPU if there is one, and asks a cluster for it.",
    )
    precision: Precision = Field(
        "32-true",
        description="Of the networks. bf16-mixed is faster where the hardware multiplies it, which "
        "auto asks it.",
    )
    trials: int = Field(gt=0, description="Random draws of each method's parameters.")
    baselines: list[Literal["quantem", "py4dstem"]] = Field(
        min_length=1,
        description="Implementations of the correlation; py4dstem needs an environment of its "
        "own: snakemake --sdm conda.",
    )


class DiffractionStudy(Section):
    title: str = Field(description="For people.")
    structures: CrystalStructures
    simulation: DiffractionSimulation
    imaging: DiffractionImaging
    networks: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], NetworkRow | None],
        AfterValidator(without_null),
    ] = Field(
        description="Networks to be trained and compared, by a name of your choice; null leaves "
        "one out that an earlier file has."
    )
    training: Schedule
    tuning: Tuning
    evaluation: DiffractionEvaluation

    @model_validator(mode="after")
    def _pools(self) -> "DiffractionStudy":
        asked = {f"networks.{n}.network.levels": r.network.levels for n, r in self.networks.items()}
        asked["tuning.levels"] = max(self.tuning.levels)
        for key, levels in asked.items():
            unit = 2**levels
            if self.simulation.size % unit:
                raise ValueError(
                    f"simulation.size ({self.simulation.size}) must be a multiple of {unit}, "
                    f"2^{key}"
                )
        return self

    @model_validator(mode="after")
    def _judged(self) -> "DiffractionStudy":
        if taken := sorted({"quantem", "py4dstem"} & set(self.networks)):
            raise ValueError(f"networks must not have the name of a correlation, {taken[0]}")
        each = self.structures.parameters.low_index + self.structures.parameters.random
        if self.structures.held_out <= each:
            raise ValueError(
                f"structures.held_out ({self.structures.held_out}) must be more than {each}, the "
                "orientations of a crystal: tuning and test need a crystal each"
            )
        return self
