"""What `latticework predict` does with images: by the unit of length of what its network reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latticework import materials
from latticework.analysis.atoms.reading import Prediction, predict_files
from latticework.analysis.surfaces.sites import read_sites
from latticework.cards import read_card
from latticework.config.inference import Images

READERS = {"Å": predict_files, "spacing": read_sites}


def read_images(
    images: Sequence[Path | np.ndarray], weights_path: Path, settings: Images, **options: Any
) -> Prediction:
    """Atoms, or sites, of images; arguments and errors as of `analysis.atoms.reading`."""
    material = materials.load(read_card(weights_path)["material"])
    return READERS[material.unit](images, weights_path, settings, **options)
