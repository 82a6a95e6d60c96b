"""Epitaxial Si/SiGe multilayers seen along [011], position by position (Munshi 2022, Methods).

Lengths in Å. The layers are stacked along x = [100]; y = [0-11] and z = [011], the beam's
direction, lie in the interfaces and keep the substrate's lattice parameter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from ase import Atoms
from pydantic import Field

from latticework.config.base import Section
from latticework.seeds import stream
from latticework.structures.orientations import about

# Of the diamond lattice in the orthorhombic cell a × a/√2 × a/√2, in fractions.
BASIS = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.25, 0, 0.5], [0.75, 0.5, 0.5]])
SILICON, GERMANIUM = 14, 32


Angle = Annotated[float, Field(ge=0, lt=20)]


class Layer(Section):
    """One layer of the stack."""

    thickness: float = Field(gt=0, description="Å, as strained.")
    germanium: float = Field(ge=0, le=1, description="Share of the sites.")
    strain: float = Field(gt=-0.1, lt=0.1, description="Along the stack, of the substrate's.")


class Parameters(Section):
    """A scan of a multilayer: a row of positions along the stack, repeated along the layers."""

    lattice: float = Field(5.6034, gt=3, lt=8, description="Of the substrate, Å.")
    layers: list[Layer] = Field(min_length=2, description="From the left; the last: substrate.")
    height: float = Field(404.0, gt=0, le=5000, description="Along the beam, Å.")
    wedge: float = Field(
        0.0, ge=0, le=1, description="Gain of height from the left to the right end, over its mean."
    )
    positions: int = Field(gt=1, description="Along the stack, evenly.")
    rows: int = Field(1, gt=0, description="Along the layers.")
    row_step: float = Field(5.0, gt=0, description="Å.")
    tilt: tuple[Angle, Angle] = Field(
        (0.0, 0.0), description="Mistilt at the right and the left end, degrees; linear between."
    )
    azimuth: tuple[float, float] = Field(
        (0.0, 0.0), description="Of the mistilt from x at the right and the left end, degrees."
    )

    @property
    def length(self) -> float:
        """Of the whole stack, Å."""
        return sum(layer.thickness for layer in self.layers)

    @property
    def tallest(self) -> float:
        """Largest height, Å."""
        return self.height * (1 + self.wedge / 2)

    @property
    def cell(self) -> np.ndarray:
        """Sides (3,) of the substrate's orthorhombic cell, Å."""
        return self.lattice * np.array([1, np.sqrt(0.5), np.sqrt(0.5)])


@dataclass(frozen=True)
class Sample:
    """A multilayer whose sites are decided; `chance` (nx, ny, nz, 4) is each site's random number.

    A site of a layer is germanium where it lies below the layer's share: neighbouring positions
    share their atoms.
    """

    design: Parameters
    chance: np.ndarray
    margin: int


def prepare(design: Parameters, seed: int, name: str, reach: float) -> Sample:
    """The sample of a design, wide enough for boxes that reach `reach` Å beyond the scan."""
    cell = design.cell
    # A mistilted box leans over its own edge by the height times the tilt.
    lean = design.tallest * np.sin(np.radians(max(design.tilt)))
    margin = int(np.ceil((reach + lean) / cell.min())) + 2
    extent = np.array([design.length, (design.rows - 1) * design.row_step, design.tallest])
    # A layer under compression has more cells than its thickness has of the substrate's.
    count = np.ceil(1.1 * extent / cell).astype(int) + 2 * margin
    chance = stream(seed, f"{name}/sites").random((*count, 4), dtype=np.float32)
    return Sample(design, chance, margin)


def places(design: Parameters) -> np.ndarray:
    """Positions (rows, positions, 2) of the probe, x and y in Å, half a step from the ends."""
    x = (np.arange(design.positions) + 0.5) * design.length / design.positions
    y = np.arange(design.rows) * design.row_step
    return np.stack(np.broadcast_arrays(x, y[:, None]), axis=-1)


def height_at(design: Parameters, x: float) -> float:
    """Height at x, Å."""
    return design.height * (1 + design.wedge * (x / design.length - 0.5))


def mistilt(design: Parameters, x: float) -> np.ndarray:
    """Rotation (3, 3) of the crystal at x: a tilt towards an azimuth in the plane."""
    left = 1 - x / design.length
    tilt, azimuth = (np.radians(a + (b - a) * left) for a, b in (design.tilt, design.azimuth))
    return about(np.array([-np.sin(azimuth), np.cos(azimuth), 0.0]), tilt)


def interfaces(design: Parameters) -> np.ndarray:
    """Where a layer ends and the next one begins (layers − 1,), Å."""
    return np.cumsum([layer.thickness for layer in design.layers])[:-1]


def layer_at(design: Parameters, x: np.ndarray) -> np.ndarray:
    """Number of the layer at x; beyond the ends the first and the last one go on."""
    return np.searchsorted(interfaces(design), x, side="right")


def design_deformation(design: Parameters, x: float) -> np.ndarray:
    """Deformation (2, 2) of the lattice at x as it was grown, whatever its tilt."""
    return np.diag([1 + design.layers[int(layer_at(design, np.array(x)))].strain, 1])


def true_deformation(design: Parameters, x: float) -> np.ndarray:
    """Deformation (2, 2) of the lattice in projection at x, the untilted substrate being one.

    A crystal that is tilted by t is foreshortened by cos t along the tilt: diffraction sees
    reciprocal vectors in projection.
    """
    strained = np.eye(3)
    strained[:2, :2] = design_deformation(design, x)
    reciprocal = (mistilt(design, x) @ np.linalg.inv(strained))[:2, :2]
    return np.linalg.inv(reciprocal).T


def reference(design: Parameters) -> np.ndarray:
    """Reciprocal vectors (2, 2) of the substrate that the zone shows, 1/Å: {111} on either side."""
    return np.array([[1, np.sqrt(2)], [-1, np.sqrt(2)]]) / design.lattice


def settled(design: Parameters, x: float, reach: float) -> bool:
    """Whether all that lies within `reach` Å of x, over the whole height, is of one layer."""
    lean = 0.5 * height_at(design, x) * abs(mistilt(design, x)[0, 2])
    return bool(np.all(np.abs(interfaces(design) - x) > reach + lean))


def local_box(sample: Sample, place: Sequence[float], side: float) -> Atoms:
    """Atoms in a square box (side, side, height) whose middle is at a place (x, y) of the sample.

    Interfaces within the box are in it, and lean with the crystal where it is mistilted.
    """
    design = sample.design
    cell, height = design.cell, height_at(design, place[0])
    reach = side + height * np.sin(np.radians(max(design.tilt)))
    # Planes are at most a tenth of the substrate's distance away from where they would lie there.
    middle = np.array([np.interp(place[0], *_planes(design)[::-1]), place[1]]) / cell[:2]
    low, high = (np.round(middle + s * reach / cell[:2]).astype(int) for s in (-1.1, 1.1))
    part = tuple(
        slice(max(0, a + sample.margin), b + sample.margin) for a, b in zip(low, high, strict=True)
    )
    chance = sample.chance[part]
    first = np.array([part[0].start, part[1].start, 0]) - sample.margin
    sites = np.indices(chance.shape[:3]).transpose(1, 2, 3, 0)[..., None, :] + first + BASIS
    positions = (sites * cell).reshape(-1, 3)
    positions[:, 0] = stacked(design, positions[:, 0])
    shares = np.array([layer.germanium for layer in design.layers])
    share = shares[layer_at(design, positions[:, 0])]
    numbers = np.where(chance.ravel() < share, GERMANIUM, SILICON)
    pivot = np.array([*place, height / 2])
    centre = np.array([side / 2, side / 2, height / 2])
    positions = (positions - pivot) @ mistilt(design, place[0]).T + centre
    box = np.array([side, side, height])
    inside = np.all((positions >= 0) & (positions < box), axis=1)
    return Atoms(numbers[inside], positions[inside], cell=box, pbc=(True, True, False))


def _planes(design: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """Interfaces in the unstrained lattice and in the strained stack, both ends included."""
    thickness = np.array([layer.thickness for layer in design.layers])
    stretch = 1 + np.array([layer.strain for layer in design.layers])
    before, after = (np.concatenate([[0], np.cumsum(t)]) for t in (thickness / stretch, thickness))
    return before, after


def stacked(design: Parameters, x: np.ndarray) -> np.ndarray:
    """Where planes of the unstrained lattice at x come to lie in the strained stack."""
    before, after = _planes(design)
    left, right = (1 + design.layers[i].strain for i in (0, -1))
    beyond = np.where(x < 0, x * left, after[-1] + (x - before[-1]) * right)
    return np.where((x < 0) | (x > before[-1]), beyond, np.interp(x, before, after))
