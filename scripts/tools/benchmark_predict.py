"""How long `latticework predict` takes on an image, in passes of its bare network.

    python scripts/tools/benchmark_predict.py IMAGE [--study graphene] [--pixel-size 0.25]

A bare pass is the published network, in 32 bits and as torch builds it, on the image at the
network's scale in one piece. The command's work is timed from the file to the table, without the
start of Python and the imports, which are given beside it. All take turns, in one run; the fastest
of their repeats counts. CPU seconds stand beside wall time: on a busy machine they are what the
calculation costs. With --atomai PYTHON, one of an environment with AtomAI, its predictor (a U-Net
of its own default size, with its own post-processing) reads the same pixels.
"""

import argparse
import contextlib
import io
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from latticework.analysis.atoms.reading import predict_files
from latticework.cli.published import weights
from latticework.config.inference import Images
from latticework.datasets.read import read_picture
from latticework.inference.class_maps import as_read, multiple_of
from latticework.inference.tiling import pad_to_multiple
from latticework.learning.weights import load

IN_ATOMAI = """
import sys, time
import numpy as np, torch, atomai
torch.set_num_threads(int(sys.argv[2]))
image = np.load(sys.argv[1])
model = atomai.models.Segmentor("Unet", nb_classes=1)
model.predict(image[:64, :64], verbose=False)
start, cpu = time.perf_counter(), time.process_time()
model.predict(image, verbose=False)
print(time.perf_counter() - start, time.process_time() - cpu)
"""

Clock = Callable[[], tuple[float, float]]


def clocked(function: Callable[[], object]) -> Clock:
    """Wall and CPU seconds of a call."""

    def run() -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        return time.perf_counter() - wall, time.process_time() - cpu

    return run


def started() -> tuple[float, float]:
    """Wall and CPU seconds until all that the command imports is there."""
    code = "import time, latticework.cli.python; print(time.process_time())"
    wall = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return time.perf_counter() - wall, float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path)
    parser.add_argument("--study", default="graphene")
    parser.add_argument("--pixel-size", type=float)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--atomai", help="a Python that has AtomAI")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    path = weights(given.study)
    network, card = load(path)
    found = predict_files(
        [given.image], path, Images(tile=1024), pixel_size=given.pixel_size, progress=False
    )
    read = as_read(card, read_picture(given.image).image[:1], found.sampling)
    whole = torch.from_numpy(pad_to_multiple(read, multiple_of(card)))[None]
    bare = network.to(memory_format=torch.contiguous_format)

    def one_pass() -> None:
        with torch.inference_mode():
            bare(whole)

    def command(symmetries: int) -> Callable[[], object]:
        how = Images(tile=1024, symmetries=symmetries)
        return lambda: predict_files(
            [given.image], path, how, pixel_size=given.pixel_size, progress=False
        )

    methods: dict[str, Clock] = {
        "bare pass": clocked(one_pass),
        "predict": clocked(command(1)),
        "predict --symmetries 4": clocked(command(4)),
        "start and imports": started,
    }
    with TemporaryDirectory() as folder:
        if given.atomai:
            array = Path(folder) / "image.npy"
            np.save(array, whole[0, 0].numpy())
            call = [given.atomai, "-c", IN_ATOMAI, str(array), str(given.threads)]

            def atomai() -> tuple[float, float]:
                done = subprocess.run(call, capture_output=True, text=True, check=True)
                wall, cpu = map(float, done.stdout.split()[-2:])
                return wall, cpu

            methods["AtomAI"] = atomai
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
        for _ in range(given.repeats):
            for name, run in methods.items():
                with contextlib.redirect_stdout(io.StringIO()):
                    seconds[name].append(run())
    best = {name: np.min(runs, axis=0) for name, runs in seconds.items()}
    ny, nx = whole.shape[-2:]
    size = f"{nx} × {ny} px at the network's scale"
    print(f"{size}, {given.threads} thread(s), {len(found.atoms)} atoms")
    print(f"{'':26} {'wall, s':>9} {'CPU, s':>9} {'passes':>9} {'Mpx/s':>9}")
    for name, (wall, cpu) in best.items():
        passes, speed = cpu / best["bare pass"][1], 1e-6 * nx * ny / cpu
        print(f"{name:26} {wall:9.2f} {cpu:9.2f} {passes:9.2f} {speed:9.2f}")


if __name__ == "__main__":
    main()
