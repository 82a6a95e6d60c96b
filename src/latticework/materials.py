"""What is known of each structure generator's material: its lattice, for scales and warnings."""

from dataclasses import dataclass

import numpy as np

# Å
GOLD_LATTICE_CONSTANT, CERIA_LATTICE_CONSTANT = 4.08, 5.411


@dataclass(frozen=True)
class Material:
    """Facts about what a study's pictures show.

    name: in words. spacing: of the first-order reflections, Å, where they are a regular hexagon.
    patterns: where they are not, reflections (n, 2) in 1/Å of each zone axis, one of each Friedel
    pair. density: what is to be found per Å² of a full field. coverage: the least share of a
    field that is full. neighbours: range of distances to the nearest neighbour, Å.
    """

    name: str
    spacing: float | None
    patterns: tuple[np.ndarray, ...]
    density: float
    coverage: float
    neighbours: tuple[float, float]


# Along [110] with [1-10] to the right and [001] up: (1-11), (1-1-1) and (002).
FCC_110 = np.array([[np.sqrt(2), 1], [np.sqrt(2), -1], [0, 2]]) / GOLD_LATTICE_CONSTANT
# Along [111]: three pairs of {220}, 1.44 Å.
FCC_111 = (np.sqrt(8) / GOLD_LATTICE_CONSTANT) * np.array(
    [[np.cos(t), np.sin(t)] for t in np.deg2rad([0, 60, 120])]
)

MATERIALS = {
    "graphene": Material("graphene", 2.13, (), 0.381, 0.05, (1.1, 1.75)),
    # Columns of ⟨110⟩: two on a × a/√2. Of ⟨111⟩ there are more, and they are 1.67 Å apart.
    "nanoparticles": Material(
        "a gold particle near ⟨110⟩ or ⟨111⟩",
        None,
        (FCC_110, FCC_111),
        np.sqrt(8) / GOLD_LATTICE_CONSTANT**2,
        0.02,
        (1.4, 3.1),
    ),
}
