"""Training pictures per second, and the same physics through abTEM's own calls."""

import argparse
import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import abtem
import numpy as np
import torch

from latticework import materials, names
from latticework.config.parse import load
from latticework.config.study import Study
from latticework.imaging.bank import Bank
from latticework.imaging.detector import poisson_counts
from latticework.imaging.draws import draw
from latticework.imaging.hrtem import make_batch
from latticework.imaging.waves import exit_intensity, wave_bank
from latticework.simulation.exit_waves import wave_maker

CONFIG = Path(__file__).resolve().parents[2] / "config"
EXPLANATION = """
Two measurements:

1. pictures per second of `make_batch` (aberrations, translation, resampling, dose, MTF,
   normalisation, symmetry, labels), at the settings of the laptop's and the paper's scale;
2. one wave on a grid of 360 x 360 px of 0.12 Å through contrast transfer function, intensity and
   Poisson noise, with a new random microscope and dose for every picture: abTEM's own
   `apply_ctf`, `intensity` and `poisson_noise` against our `exit_intensity` and
   `poisson_counts`, on the same waves with the same parameters. abTEM has no image deflection,
   so it is zero there. Ours computes the band that the config images (1.5 1/Å) only, of spectra
   that, as in training, are made once and held in memory; by how much the noiseless pictures
   differ is printed.

Give it an idle machine: two threads that compete with another program measure that program.

Each number is the median of several repeats, abTEM and ours taking turns.
"""


def waves_of(study: Study, count: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Waves (count, 360, 360) complex64 at 0.12 Å, and the visible atoms, of random structures."""
    structures = names.load("structures", study.structures.generator).make_shard(
        study.structures.parameters.model_dump(),
        materials.load(study.material),
        0,
        "benchmark",
        "train",
        range(count),
    )
    simulation = study.simulation
    make = wave_maker(simulation.model_dump() | {"stored_sampling": simulation.sampling})
    waves = np.stack([make(atoms) for atoms in structures])
    atoms = [torch.from_numpy(s.positions[s.arrays["visible"], :2]).float() for s in structures]
    return torch.from_numpy(waves), atoms


def bank_of(study: Study, waves: torch.Tensor, atoms: list[torch.Tensor]) -> Bank:
    classes = [torch.ones(len(item), dtype=torch.long) for item in atoms]
    box = study.structures.parameters.box
    return wave_bank(waves, box, study.imaging.band_limit, atoms, classes)


def seconds(work: Callable[[], Any], device: str) -> float:
    """Wall-clock time of one call, the device's queue included."""
    start = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def training_pictures(study: Study, bank: Bank, device: str) -> Callable[[], Any]:
    """One batch as training makes it."""
    generator = torch.Generator(device).manual_seed(0)
    bank = bank.to(device)
    imaging = study.imaging
    return lambda: make_batch(
        bank,
        study.training.batch_size,
        energy=study.simulation.energy,
        ranges=imaging.ranges(),
        crop=imaging.crop,
        label_sigma=imaging.label_sigma,
        normalisation_sigma=imaging.normalisation_sigma,
        generator=generator,
    )


def microscopes(study: Study, count: int, seed: int) -> dict[str, torch.Tensor]:
    """Random optics and doses within the study's ranges, without deflection."""
    values = draw(study.imaging.ranges(), count, torch.Generator().manual_seed(seed))
    return values | {"deflection": torch.zeros(count)}


def abtem_pictures(
    waves: list[abtem.Waves], energy: float, parameters: dict[str, torch.Tensor], noise: bool
) -> list[np.ndarray]:
    """Pictures (x, y) through abTEM, one microscope and one wave at a time."""
    values = {name: value.tolist() for name, value in parameters.items()}
    pictures = []
    for i, wave in enumerate(waves):
        ctf = abtem.CTF(
            energy=energy,
            C10=-values["defocus"][i],
            C12=values["astigmatism"][i],
            phi12=values["astigmatism_angle"][i],
            C30=values["cs"][i],
            C50=values["c5"][i],
            focal_spread=values["focal_spread"][i],
        )
        picture = wave.apply_ctf(ctf).intensity()
        if noise:
            picture = picture.poisson_noise(dose_per_area=values["dose"][i])
        pictures.append(picture.array)
    return pictures


def our_pictures(
    bank: Bank,
    size: int,
    energy: float,
    parameters: dict[str, torch.Tensor],
    generator: torch.Generator | None,
) -> torch.Tensor:
    """Pictures (n, y, x) of the bank's waves, noiseless without a generator."""
    pictures = exit_intensity(bank.spectra, bank.frequencies, bank.box, size, energy, parameters)
    if generator is None:
        return pictures
    expected = pictures * (parameters["dose"] * (bank.box / size) ** 2).reshape(-1, 1, 1)
    return torch.stack([poisson_counts(picture, generator) for picture in expected])


def compare(
    study: Study,
    waves: torch.Tensor,
    atoms: list[torch.Tensor],
    repeats: int,
    threads: int,
    dose: float | None,
) -> tuple[float, float, float]:
    """Seconds a picture through abTEM and through ours, and their largest noiseless difference."""
    torch.set_num_threads(threads)
    abtem.config.set({"fftw.threads": threads, "mkl.threads": threads})
    energy, size = study.simulation.energy, waves.shape[-1]
    bank = bank_of(study, waves, atoms)
    sampling = bank.box / size
    theirs = [
        abtem.Waves(np.ascontiguousarray(wave.numpy().T), energy=energy, sampling=sampling)
        for wave in waves
    ]
    generator = torch.Generator().manual_seed(0)

    parameters = microscopes(study, len(waves), 0)
    reference = abtem_pictures(theirs, energy, parameters, noise=False)
    ours = our_pictures(bank, size, energy, parameters, None).numpy()
    difference = max(float(np.abs(a.T - b).max()) for a, b in zip(reference, ours, strict=True))
    times: dict[str, list[float]] = {"abtem": [], "ours": []}
    for repeat in range(repeats + 1):  # the first one warms up and is not counted
        parameters = microscopes(study, len(waves), repeat)
        if dose is not None:
            parameters["dose"] = torch.full((len(waves),), dose)
        times["abtem"].append(
            seconds(lambda p=parameters: abtem_pictures(theirs, energy, p, noise=True), "cpu")
        )
        times["ours"].append(
            seconds(lambda p=parameters: our_pictures(bank, size, energy, p, generator), "cpu")
        )
    abtem_time, our_time = (statistics.median(t[1:]) / len(waves) for t in times.values())
    return abtem_time, our_time, difference


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pictures", type=int, default=8, help="waves, and pictures a repeat")
    parser.add_argument("--repeats", type=int, default=15, help="repeats, of which the median")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="CPU threads")
    parser.add_argument("--output", type=Path, help="write the table as CSV")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    paper = load(CONFIG / "config.yaml").studies["graphene"]
    laptop = load(CONFIG / "config.yaml", CONFIG / "laptop.yaml").studies["graphene"]
    waves, atoms = waves_of(paper, options.pictures)
    rows: list[dict[str, Any]] = []

    def report(what: str, device: str, threads: int | str, milliseconds: float, ratio: Any) -> None:
        rows.append(
            {
                "what": what,
                "device": device,
                "threads": threads,
                "ms_per_picture": f"{milliseconds:.3g}",
                "pictures_per_second": f"{1e3 / milliseconds:.3g}",
                "times_faster_than_abtem": ratio,
            }
        )
        print("{:44} {:6} {:>7} {:>14} {:>19} {:>23}".format(*rows[-1].values()))

    print(
        "{:44} {:6} {:>7} {:>14} {:>19} {:>23}".format(
            "what", "device", "threads", "ms_per_picture", "pictures_per_second",
            "times_faster_than_abtem",
        )
    )  # fmt: skip
    places = [("cpu", threads) for threads in options.threads]
    places += [("cuda", "")] if torch.cuda.is_available() else []
    for device, threads in places:
        if device == "cpu":
            torch.set_num_threads(threads)
        for scale, study in (("laptop", laptop), ("paper", paper)):
            work = training_pictures(study, bank_of(study, waves, atoms), device)
            work()
            batch = statistics.median(seconds(work, device) for _ in range(options.repeats))
            milliseconds = 1e3 * batch / study.training.batch_size
            report(f"make_batch, {scale}, {study.imaging.crop}²", device, threads, milliseconds, "")
    size = waves.shape[-1]
    for threads in options.threads:
        for label, dose in (("doses of the paper's scale", None), ("10⁴ e/Å²", 1e4)):
            abtem_time, our_time, difference = compare(
                paper, waves, atoms, options.repeats, threads, dose
            )
            what = f"{size}², {label}"
            report(f"abTEM, {what}", "cpu", threads, 1e3 * abtem_time, 1)
            report(f"ours, {what}", "cpu", threads, 1e3 * our_time, f"{abtem_time / our_time:.1f}")
    print(f"Largest difference of the noiseless pictures: {difference:.1e} of the mean intensity.")
    if options.output:
        with options.output.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
