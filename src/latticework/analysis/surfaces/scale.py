"""The pixel of an image whose lattice constant is known, and the superlattice it may have."""

from dataclasses import dataclass

import numpy as np

from latticework.analysis.surfaces.lattice import find_lattice
from latticework.analysis.surfaces.reading import Reading
from latticework.analysis.surfaces.reflections import Reflections

# Sides of superlattices, in lattice constants, that are looked for: n and √3·n.
CELLS = {f"{n} × {n}": float(n) for n in range(1, 8)} | {
    "√3 × √3": np.sqrt(3),
    "2√3 × 2√3": 2 * np.sqrt(3),
}
STRONG = 0.25  # of the strongest amplitude: what counts as a lattice's own reflections
CLOSE = 0.05  # relative, of a scale that the file's confirms


@dataclass(frozen=True)
class Measured:
    """The pixel by a known lattice constant.

    Parameters
    ----------
    sampling, sigma
        Å/px, and its standard deviation.
    cell
        What the image's lattice is in lattice constants, "3 × 3", say.
    """

    sampling: float
    sigma: float
    cell: str


def scale_of(reading: Reading, constant: float, given: float | None) -> Measured:
    """The pixel by a lattice constant in Å.

    The image's lattice may be a superlattice. Where a pixel is given, the superlattice that agrees
    with it to 5 % is taken, if there is one. Otherwise the reflections of at least a quarter of the
    strongest amplitude are the lattice's own.
    """
    lattice = reading.lattice
    own = constant / lattice.spacing
    relative = float(np.mean(lattice.length_sigma / lattice.lengths))
    if given is not None:
        off = {cell: abs(times * own / given - 1) for cell, times in CELLS.items()}
        best = min(off, key=off.get)
        if off[best] < CLOSE:
            sampling = CELLS[best] * own
            return Measured(sampling, relative * sampling, best)
    found = reading.reflections
    strong = found.amplitude > STRONG * found.amplitude.max()
    few = Reflections(*(getattr(found, name)[strong] for name in vars(found)))
    main = find_lattice(few, reading.levelled.shape) or lattice
    sampling = constant / main.spacing
    return Measured(sampling, relative * sampling, "1 × 1")
