"""Seconds and memory of atoms in a STEM picture, beside AtomAI's and atomap's own pipelines.

    python scripts/tools/benchmark_stem.py PICTURE --study stem_tmd --pixel-size 0.12 \\
        --atomai venv-atomai/bin/python --atomap venv-atomap/bin/python

Each tool runs in an interpreter and a process of its own, one after the other, on one thread:

- ours: the published network, then all columns refined together (`predict --refine`);
- AtomAI: its U-Net, trained on patches of this very picture with the local maxima as labels, as
  its authors do where they have no simulation, then `predict` with coordinates;
- atomap: local maxima, centres of mass, 2-D Gaussians; these are taken out of the picture, and what
  is left is the second sublattice.

Seconds are those of the processor, so that a machine which does something else beside hardly
matters; memory is the largest that the process had, libraries included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from latticework.datasets.read import read_picture

HEAD = """
import json, resource, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np
path, pixel, separation, out, study = sys.argv[1], *map(float, sys.argv[2:4]), *sys.argv[4:6]
seconds, start = {}, time.process_time()
def lap(name):
    global start
    now = time.process_time()
    seconds[name], start = now - start, now
def done(positions):
    np.save(out, np.asarray(positions))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("RESULT " + json.dumps({"seconds": seconds, "memory": memory}))
image = np.load(path)
"""

OURS = """
from dataclasses import replace
from latticework.analysis.atoms.reading import predict_files
from latticework.analysis.atoms.refining import refined
from latticework.cli import published
from latticework.config.inference import Images
lap("import")
found = predict_files([image], published.weights(study), Images(symmetries=1), pixel_size=pixel,
                      progress=False)
lap("find")
fitted, _ = refined(found, found.card, posterior=False, progress=False)
lap("refine")
done(fitted.atoms[["x_px", "y_px"]])
"""

ATOMAI = """
import atomai as aoi
from scipy import ndimage
lap("import")
smooth = ndimage.gaussian_filter(image, 0.25 * separation)
top = smooth == ndimage.maximum_filter(smooth, int(separation) | 1)
top &= smooth > np.percentile(smooth, 50)
y, x = np.nonzero(top)
mask = np.zeros_like(image)
mask[y, x] = 1
mask = ndimage.binary_dilation(mask, iterations=max(1, int(separation / 5))).astype(np.float32)
scaled = (image - image.min()) / np.ptp(image)
side = min(128, min(image.shape) // 16 * 8)
images, masks = aoi.utils.extract_patches_(scaled, mask, side, 40, random_state=0)
model = aoi.models.Segmentor(nb_classes=1, seed=0)
model.fit(images[:32], masks[:32], images[32:], masks[32:], training_cycles=CYCLES, batch_size=8)
lap("train")
_, coordinates = model.predict(scaled[None], thresh=0.5)
lap("find")
done(coordinates[0][:, 1::-1])
"""

ATOMAP = """
import atomap.api as am
import hyperspy.api as hs
lap("import")
from atomap.tools import remove_atoms_from_image_using_2d_gaussian
found = []
left = image.astype(float)
for sublattice in range(2):
    positions = am.get_atom_positions(hs.signals.Signal2D(left), separation=separation)
    columns = am.Sublattice(positions, image=left)
    seconds["find"] = seconds.get("find", 0) + time.process_time() - start
    start = time.process_time()
    columns.find_nearest_neighbors()
    columns.refine_atom_positions_using_center_of_mass(show_progressbar=False)
    columns.refine_atom_positions_using_2d_gaussian(show_progressbar=False)
    found.append(np.stack([columns.x_position, columns.y_position], axis=1))
    if sublattice == 0:
        left = remove_atoms_from_image_using_2d_gaussian(left, columns, show_progressbar=False)
    seconds["refine"] = seconds.get("refine", 0) + time.process_time() - start
    start = time.process_time()
done(np.concatenate(found))
"""


def measure(python: str, code: str, words: list[str]) -> tuple[dict, np.ndarray]:
    """Run a pipeline in an interpreter on one thread: what it says, and positions (n, 2) in px."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "positions.npy")
        path = {} if python == sys.executable else {"PYTHONPATH": ""}
        done = subprocess.run(
            [python, "-c", HEAD + code, *words[:3], str(out), words[3]],
            capture_output=True,
            text=True,
            cwd=folder if path else None,
            env=os.environ | threads | path,
            check=False,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if done.returncode or not lines:
            raise SystemExit(f"{python} failed:\n{done.stderr[-3000:]}")
        return json.loads(lines[-1][7:]), np.load(out)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="\n".join(__doc__.splitlines()[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("--study", required=True)
    parser.add_argument("--pixel-size", type=float, required=True, help="Å")
    parser.add_argument("--separation", type=float, default=1.3, help="least, of columns, Å")
    parser.add_argument("--atomai", metavar="PYTHON", help="an interpreter that has AtomAI")
    parser.add_argument("--atomap", metavar="PYTHON", help="an interpreter that has atomap")
    parser.add_argument("--cycles", type=int, default=100, help="of AtomAI's training")
    parser.add_argument("--truth", type=Path, help="a table with x_px and y_px of all columns")
    parser.add_argument("--repeats", type=int, default=3, help="the median is told")
    arguments = parser.parse_args()
    image = read_picture(arguments.picture).image[0].astype(np.float32)
    pipelines = {
        "ours": (sys.executable, OURS),
        "AtomAI": (arguments.atomai, ATOMAI.replace("CYCLES", str(arguments.cycles))),
        "atomap": (arguments.atomap, ATOMAP),
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image.npy")
        np.save(path, image)
        pixel = arguments.pixel_size
        words = [str(path), str(pixel), str(arguments.separation / pixel), arguments.study]
        for name, (python, code) in pipelines.items():
            if python is None:
                continue
            runs = [measure(python, code, words) for _ in range(arguments.repeats)]
            positions = runs[0][1]
            row = {"tool": name, "columns": len(positions)}
            for step in runs[0][0]["seconds"]:
                row[f"{step}_s"] = float(np.median([run["seconds"][step] for run, _ in runs]))
            row["memory_mib"] = float(np.median([run["memory"] for run, _ in runs]))
            if arguments.truth:
                true = pd.read_csv(arguments.truth)[["x_px", "y_px"]].to_numpy()
                limit = 0.8 / pixel
                row["found"] = float(np.mean(cKDTree(positions).query(true)[0] < limit))
                row["right"] = float(np.mean(cKDTree(true).query(positions)[0] < limit))
            rows.append(row)
    table = pd.DataFrame(rows)
    order = ["tool", "import_s", "train_s", "find_s", "refine_s", "memory_mib", "columns"]
    kept = [name for name in [*order, "found", "right"] if name in table]
    print(f"{image.shape[1]} x {image.shape[0]} px")
    print(table[kept].round(3).to_string(index=False))


if __name__ == "__main__":
    main()
