"""Disk detection by template correlation with py4DSTEM 0.14, whose authors are the paper's.

It needs numpy 1, and so an environment of its own (envs/py4dstem.yaml). This module imports nothing
of ours that would not work there.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from latticework.analysis.diffraction import correlation
from latticework.analysis.diffraction.correlation import MOST_PEAKS, Space

try:
    from py4DSTEM.braggvectors import Probe
    from py4DSTEM.braggvectors.diskdetection import find_Bragg_disks
except ImportError as error:
    raise ImportError(
        "py4DSTEM cannot be imported: it needs an environment of its own. Run snakemake with "
        "--sdm conda, or leave py4dstem out of evaluation.baselines"
    ) from error

OWN: Space = {
    "subpixel": ("choice", ("poly", "multicorr")),
    "kernel": ("choice", ("flat", "sigmoid")),
}
SPACE: Space = {**correlation.SPACE, **OWN}


def detect(
    pattern: np.ndarray, probe: np.ndarray, step: float, parameters: Mapping[str, Any]
) -> np.ndarray:
    """Peaks (n, 3) of a pattern (size, size): qx, qy in 1/Å, amplitude.

    `step` is the pixel in 1/Å, `parameters` one draw from `SPACE`. The sigmoid kernel has the
    paper's trench, from one probe radius to four.
    """
    p, size = parameters, pattern.shape[-1]
    vacuum = Probe(probe.astype(float))
    radius = np.sqrt((probe > probe.max() / 2).sum() / np.pi)
    how = {"radii": (radius, 4 * radius)} if p["kernel"] == "sigmoid" else {}
    kernel = vacuum.get_kernel(mode=p["kernel"], origin=(size // 2, size // 2), **how)
    found = find_Bragg_disks(
        pattern.astype(float),
        kernel,
        corrPower=p["corr_power"],
        sigma_cc=p["smoothing"],
        subpixel=p["subpixel"],
        minRelativeIntensity=p["threshold"],
        minPeakSpacing=p["spacing"] * radius,
        edgeBoundary=max(1, round(p["edge"] * radius)),
        maxNumPeaks=MOST_PEAKS,
    )
    peaks = np.column_stack([found.qx, found.qy, found.intensity])
    return correlation.amplitudes(peaks, size, step)
