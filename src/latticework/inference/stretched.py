"""The pixel size of a scan whose two directions have different scales, up to a tenth."""

import numpy as np
from scipy import ndimage

from latticework.inference.scale import LatticeScale, lattice_sampling

# Of the slow direction against the fast one; a search bridges 3 % around each.
STRETCHES = (1.0, 0.92, 1.08, 0.85, 1.17)
# What a stretched lattice has to stand out by: other crystals' reflections may be near one.
CLEAR = 100.0


def stretched_sampling(image: np.ndarray, spacing: float, symmetry: int) -> LatticeScale | None:
    """`scale.lattice_sampling`, or where it finds nothing that of the image with stretched rows.

    A lattice of a scan that is a tenth longer one way than the other is no regular polygon within
    the slack of the search. The pixel is the geometric mean of both directions.
    """
    for stretch in STRETCHES:
        part = image
        if stretch != 1:
            frames = image.reshape(-1, *image.shape[-2:])[:1]
            part = np.stack([ndimage.zoom(f.astype(float), (stretch, 1), order=1) for f in frames])
        found = lattice_sampling(part, spacing, symmetry)
        if found is None or (stretch != 1 and found.confidence < CLEAR):
            continue
        return LatticeScale(
            sampling=found.sampling * float(np.sqrt(stretch)),
            confidence=found.confidence,
            peaks=found.peaks * [1, stretch],
            grains=found.grains,
            anisotropy=found.anisotropy if stretch == 1 else abs(stretch - 1),
        )
    return None
