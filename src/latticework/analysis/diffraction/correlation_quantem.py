"""Disk detection by template correlation with `quantem` (MIT), whose code is taken as it is.

The vacuum probe is the template; quantem has no sigmoid-edged one.
"""

import importlib.util
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from latticework.analysis.diffraction import correlation
from latticework.analysis.diffraction.correlation import MOST_PEAKS, Space

OWN: Space = {
    "subpixel": ("choice", ("parabolic", "upsample")),
    "background": ("choice", (0.0, 1.0, 2.0, 4.0)),  # high-pass, radii; 0: none
    "subtract_mean": ("choice", (False, True)),
}
SPACE: Space = {**correlation.SPACE, **OWN}


@cache
def quantem() -> ModuleType:
    """quantem's module of disk detection, loaded by itself.

    It needs numpy, scipy and torch alone; its package, imported as a whole, would need a dozen of
    others, torchvision among them. Raises ImportError where quantem is not installed.
    """
    package = importlib.util.find_spec("quantem")
    if package is None:
        raise ImportError("quantem is not installed: pip install --no-deps quantem==0.1.10")
    path = Path(package.submodule_search_locations[0], "diffraction", "disk_detection.py")
    spec = importlib.util.spec_from_file_location("quantem_disk_detection", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def detect(
    pattern: np.ndarray, probe: np.ndarray, step: float, parameters: Mapping[str, Any]
) -> np.ndarray:
    """Peaks (n, 3) of a pattern (size, size): qx, qy in 1/Å, amplitude.

    `step` is the pixel in 1/Å, `parameters` one draw from `SPACE`.
    """
    module, p = quantem(), parameters
    dp, vacuum = torch.from_numpy(pattern), torch.from_numpy(probe)
    _, radius = module.estimate_central_beam(vacuum)
    template = module.make_template(vacuum, subtract_mean=p["subtract_mean"])
    spectrum = module.template_fourier(template)
    how = {
        "background_sigma": p["background"] * radius,
        "corr_power": p["corr_power"],
        "sigma_cc": p["smoothing"],
    }
    height, _ = module.cross_correlation(dp, spectrum, **how)
    peaks = module.detect_disks(
        dp,
        spectrum,
        min_abs_intensity=p["threshold"] * float(height.max()),
        min_spacing=p["spacing"] * radius,
        edge_boundary=max(1, round(p["edge"] * radius)),
        subpixel=p["subpixel"],
        max_num_peaks=MOST_PEAKS,
        **how,
    )
    return correlation.amplitudes(peaks, pattern.shape[-1], step)
