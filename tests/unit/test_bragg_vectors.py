"""Peaks that py4DSTEM opens: read back by h5py, and where it is installed by py4DSTEM itself."""

import json
import subprocess

import h5py
import numpy as np
import pytest
from checkout import ROOT

from latticework.analysis.diffraction.bragg_vectors import write_bragg_vectors
from latticework.analysis.diffraction.strain import strain

SCAN, SHAPE, SAMPLING, BEAM = (3, 4), (128, 128), 0.0217, (64.0, 63.0)
VECTORS = np.array([[16.2, 2.1], [-3.0, 18.4]])
# Of the right half of the scan: exx, eyy, exy and rotation of 0.010, −0.006, 0.003 and 0.001.
STRAINED = np.array([[1.010, 0.002], [0.004, 0.994]])

# py4DSTEM's own way from peaks to strain.
GO_ON = """\
import json, sys
import matplotlib
matplotlib.use("Agg")
import numpy as np
import py4DSTEM

peaks = py4DSTEM.read(sys.argv[1])
peaks.setcal()
strain = py4DSTEM.StrainMap(braggvectors=peaks)
strain.choose_basis_vectors(minSpacing=5, edgeBoundary=3, maxNumPeaks=60)
strain.set_max_peak_spacing(3)
strain.fit_basis_vectors()
strain.get_strain()
names = ("e_xx", "e_yy", "e_xy", "theta")
# The map itself: what it returns when asked raises in this version.
print("RESULT " + json.dumps(dict(zip(names, strain.data[:4].tolist()))))
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("emd") / "peaks.h5"
    line = np.arange(-3, 4)
    indices = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    peaks = []
    for number in range(SCAN[0] * SCAN[1]):
        right = number % SCAN[1] >= SCAN[1] // 2
        vectors = VECTORS @ np.linalg.inv(STRAINED) if right else VECTORS
        weights = np.exp(-0.2 * (indices**2).sum(axis=1))
        peaks.append(np.column_stack([BEAM + indices @ vectors, weights]))
    # One position has no peaks.
    peaks[4] = np.zeros((0, 3))
    write_bragg_vectors(path, peaks, SCAN, SHAPE, sampling=SAMPLING, beam=BEAM)
    return path


def test_the_file_is_laid_out_as_emd(written):
    with h5py.File(written) as file:
        assert file.attrs["emd_group_type"] == "file"
        data = file["braggvectors_root/braggvectors/_v_uncal/data"]
        assert data.shape == SCAN
        assert len(data[1, 0]) == 0
        strongest = data[0, 0][np.argmax(data[0, 0]["intensity"])]
        # Its x is the row, its y the column.
        assert (strongest["qx"], strongest["qy"]) == (BEAM[1], BEAM[0])
        known = file["braggvectors_root/metadatabundle/calibration"]
        assert known["Q_pixel_size"][()] == SAMPLING
        assert known["qx0_mean"][()] == BEAM[1]


def test_as_many_lists_as_positions(tmp_path):
    with pytest.raises(ValueError, match="3 × 4"):
        write_bragg_vectors(
            tmp_path / "x.h5", [np.zeros((0, 3))], SCAN, SHAPE, sampling=1.0, beam=BEAM
        )
    assert not list(tmp_path.iterdir())


def test_py4dstem_goes_on_to_strain(written):
    python = ROOT / ".venv-py4dstem/bin/python"
    if not python.exists():
        pytest.skip("py4DSTEM is not installed: make py4dstem")
    done = subprocess.run(
        [python, "-c", GO_ON, written], capture_output=True, text=True, check=False, timeout=300
    )
    (line,) = [row for row in done.stdout.splitlines() if row.startswith("RESULT ")] or [""]
    assert line, done.stdout[-2000:] + done.stderr[-3000:]
    theirs = {name: np.array(values) for name, values in json.loads(line[7:]).items()}
    ours = strain(VECTORS @ np.linalg.inv(STRAINED), VECTORS, convention="py4dstem")
    # Against the left half, since its reference is the median of all.
    for index, name in enumerate(("e_xx", "e_yy", "e_xy", "theta")):
        found = theirs[name][0, 3] - theirs[name][0, 0]
        assert found == pytest.approx(ours[index], abs=2e-4), name
