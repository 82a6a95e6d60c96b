"""Calibrate what tells a network that an image is not of its kind: familiarity.json.

    python scripts/tools/calibrate_familiarity.py graphene --shards FOLDER \\
        --own OWN... --foreign FOREIGN...

Familiar images are drawn from the ranges on the network's own card, with structures that it has
not seen, and read from files (--own). Foreign ones are those of the other studies' cards, of other
crystals, amorphous films, vacuum and noise that are made here, and files (--foreign). Each image
goes to the half that calibrates or to the half that measures by a hash of its name (all images of
a structure together), and only numbers of the second half are reported.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import ValidationError
from scipy import ndimage
from scipy.optimize import minimize
from tqdm import tqdm

from latticework import materials, names, shards
from latticework.analysis.atoms.familiar import signs_of
from latticework.cards import read_card
from latticework.cli.published import networks, studies, weights
from latticework.config.networks import NetworkRow
from latticework.datasets.read import PictureError, read_picture
from latticework.inference.class_maps import predict_fields, working_sampling
from latticework.inference.familiarity import CUT, FIELD, NAME, Familiarity, watched
from latticework.inference.scale import ScaleError
from latticework.inference.zone_axis import material_sampling
from latticework.learning.recipe import Recipe
from latticework.learning.weights import load
from latticework.modalities import modality_of
from latticework.seeds import stream, torch_seed

SEED = 90  # of no run: structures that no training has
ALARMS = 0.02  # of familiar images in the half that calibrates, left out in turn
PENALTY = 0.001  # of the regression
FOLDS = 8

Picture = tuple[str, np.ndarray, float | None]  # name, (series, ny, nx), Å or None to measure it


def parameters_of(card: dict) -> Any:
    """Parameters of a card's generator; where an older card has a number, and the generator now
    has a range, the range is that number."""
    model = names.load("structures", card["structures"]["generator"]).Parameters
    given = dict(card["structures"]["parameters"])
    try:
        return model.model_validate(given)
    except ValidationError as error:
        numbers = [e["loc"][0] for e in error.errors() if e["type"] == "tuple_type"]
        return model.model_validate(given | {name: [given[name]] * 2 for name in numbers})


def shard_of(card: dict, folder: Path, structures: int) -> Path:
    """A shard of structures of a card's recipe that no training has; made if it is not there."""
    path = folder / f"{card['study']}-{structures}.h5"
    if not path.is_file():
        generator = names.load("structures", card["structures"]["generator"])
        made = generator.make_shard(
            parameters_of(card),
            materials.load(card["material"]),
            SEED,
            card["study"],
            "familiarity",
            range(structures),
        )
        simulate = names.resolve(modality_of(card).simulate)
        shards.write(path, *simulate(made, card["simulation"]))
    return path


def own_images(card: dict, folder: Path, structures: int, microscopes: int) -> Iterator[Picture]:
    """Images by a card's own recipe: new structures, microscopes and doses from its ranges.

    They are as large as is read of a file, or as the structures' box where that is smaller and does
    not go on beyond its sides.
    """
    shard = shard_of(card, folder, structures)
    coarsest = card["imaging"]["sampling"]["high"]
    fits = 8 * int(card["structures"]["parameters"]["box"] / coarsest / 8)
    source, first = None, None
    for side in (FIELD, fits):
        source = source_of(card, shard, side)
        try:
            first = one_image(source, card["study"], 0, 0)
            break
        except ValueError as error:
            if side == fits or "does not fit" not in str(error):
                raise
    yield first
    for number in range(1, structures * microscopes):
        yield one_image(source, card["study"], number % structures, number)


def one_image(source: Any, study: str, structure: int, number: int) -> Picture:
    """An image of a structure in the microscope and with the noise of a number."""
    seed = torch_seed(SEED, f"{study}/familiarity noise", number)
    made = source.make(
        source.bank,
        ranges=source.ranges,
        generator=torch.Generator().manual_seed(seed),
        structures=torch.tensor([structure]),
    )
    # Of exit waves a batch has one pixel, of scans each image has its own.
    pixel = made.parameters.get("sampling", getattr(made, "sampling", None))
    return f"simulated {study} {structure}", made.images[0].numpy(), float(pixel)


def source_of(card: dict, shard: Path, side: int) -> Any:
    """What makes training images of a card, one at a time and of `side` px."""
    recipe = Recipe(
        **{key: card[key] for key in ("study", "seed", "name", "material", "classes")},
        **{key: card[key] for key in ("structures", "simulation")},
        imaging=card["imaging"] | {"crop": side},
        network=NetworkRow(network=card["network"]),
        training=card["training"] | {"batch_size": 1},
        source=modality_of(card).source,
    )
    return recipe.make_source([shard], [shard])


def crystal(rng: np.random.Generator, size: int, pixel: float) -> np.ndarray:
    """The projected density (size, size) of a random crystal of one to three atoms a cell."""
    a, b = rng.uniform(2.2, 6, 2)
    angle = np.deg2rad(rng.choice([60, 90, 120, rng.uniform(60, 120)]))
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    cell = np.array([[a, 0], [b * np.cos(angle), b * np.sin(angle)]]) @ rotation
    index = np.stack(np.meshgrid(*[np.arange(-80, 80)] * 2), axis=-1).reshape(-1, 2)
    density = np.zeros((size, size))
    for _ in range(rng.integers(1, 4)):
        place = (index + rng.uniform(0, 1, 2)) @ cell + size * pixel / 2
        place += rng.normal(0, rng.uniform(0.03, 0.1), place.shape)
        column, row = np.rint(place / pixel).astype(int).T
        inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
        np.add.at(density, (row[inside], column[inside]), rng.uniform(0.3, 1))
    return density


def through_lens(rng: np.random.Generator, phase: np.ndarray, pixel: float) -> np.ndarray:
    """A weak phase object at a random defocus."""
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(len(phase), pixel)] * 2))
    aberration = np.pi * 0.03 * rng.uniform(-250, 250) * frequency**2
    transfer = np.sin(aberration) * np.exp(-((frequency / rng.uniform(0.5, 1)) ** 4))
    image = np.fft.ifft2(np.fft.fft2(phase - phase.mean()) * transfer).real
    return image / max(image.std(), 1e-9)


def foreign_image(number: int, pixel: float) -> Picture:
    """A foreign image: kinds take turns, and all else is drawn by the number."""
    rng, size = stream(SEED, "foreign", number), 320
    kinds = ("noise", "vacuum", "amorphous film", "annular dark field", "phase contrast", "blobs")
    kind = kinds[number % len(kinds)]
    pixel = pixel * rng.uniform(0.6, 1.6)
    white = rng.normal(size=(size, size))
    if kind == "noise":
        expected = 1 + 0.2 * ndimage.gaussian_filter(white, rng.uniform(0, 3))
    elif kind == "vacuum":
        expected = 1 + rng.uniform(0, 1) * np.linspace(0, 1, size) * np.ones((size, 1))
    elif kind == "amorphous film":
        expected = 1 + rng.uniform(0.03, 0.2) * through_lens(rng, white, pixel)
    elif kind == "annular dark field":
        spread = ndimage.gaussian_filter(crystal(rng, size, pixel), rng.uniform(0.4, 0.8) / pixel)
        expected = rng.uniform(0, 0.5) + spread / spread.max()
    elif kind == "phase contrast":
        phase = ndimage.gaussian_filter(crystal(rng, size, pixel), 0.3 / pixel)
        expected = 1 + rng.uniform(0.05, 0.25) * through_lens(rng, phase, pixel)
    else:
        smooth = ndimage.gaussian_filter(white, rng.uniform(2, 12))
        expected = 1 + 0.4 * np.tanh(rng.uniform(0.5, 3) * smooth / smooth.std())
    counts = rng.poisson(np.exp(rng.uniform(np.log(10), np.log(3000))) * np.clip(expected, 0, None))
    blurred = ndimage.gaussian_filter(counts.astype(np.float32), rng.uniform(0, 1))
    return f"{kind} {number}", blurred[None], pixel


def files(paths: Sequence[Path]) -> Iterator[Picture]:
    """First images of files, their scale to be measured; what is no image is passed over."""
    for path in paths:
        try:
            picture = read_picture(path)
        except (PictureError, OSError, ValueError) as error:
            print(f"left out: {error}")
            continue
        yield path.name, picture.image[:1].astype(np.float32), None


def signs_of_picture(network: torch.nn.Module, card: dict, picture: Picture) -> dict[str, float]:
    """The signs of one picture, read as `latticework predict` would."""
    _, image, sampling = picture
    target = working_sampling(card)
    if sampling is None:
        lattice = material_sampling(image, materials.load(card["material"]))
        sampling = target if lattice is None else lattice.sampling
    series = card["network"]["frames"]
    side = round(FIELD * target / sampling)
    if len(image) != series:
        image = np.broadcast_to(image[:1], (series, *image.shape[1:]))
    middle = [slice(max(0, (n - side) // 2), (n - side) // 2 + side) for n in image.shape[1:]]
    image = np.ascontiguousarray(image[:, middle[0], middle[1]])
    with watched(network) as features:
        how = {"tile": 1024, "overlap": 64, "symmetries": 1, "progress": False}
        maps = next(iter(predict_fields(network, card, [(image, sampling)], **how)))
    return signs_of(features, maps, image, sampling, card)


def digest(name: str, place: int, count: int) -> int:
    """A number below `count` that belongs to a name: images of one structure stay together."""
    return hashlib.sha256(name.encode()).digest()[place] % count


def fit(z: np.ndarray, foreign: np.ndarray) -> np.ndarray:
    """Coefficients (1 + n) of a logistic regression on n signs; both kinds weigh the same."""
    design = np.column_stack([np.ones(len(z)), z])
    weight = np.where(foreign, 0.5 / foreign.sum(), 0.5 / (~foreign).sum())
    penalty = PENALTY * np.r_[0, np.ones(z.shape[1])]

    def loss(p: np.ndarray) -> tuple[float, np.ndarray]:
        odds = design @ p
        value = weight @ (np.logaddexp(0, odds) - foreign * odds) + penalty @ p**2 / 2
        share = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
        return value, design.T @ (weight * (share - foreign)) + penalty * p

    return minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x


def standardised(values: pd.DataFrame, familiar: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    """Signs by the median and the scatter of familiar images, and these."""
    known = values[familiar]
    scale = pd.DataFrame({"centre": known.median()})
    scale["width"] = 1.48 * (known - scale["centre"]).abs().median() + 1e-3
    return ((values - scale["centre"]) / scale["width"]).clip(-CUT, CUT).to_numpy(), scale


def calibrate(table: pd.DataFrame) -> tuple[Familiarity, pd.DataFrame]:
    """A familiarity from the signs of images (columns name, foreign, and the signs), and the table
    with the columns `test` and `score`.

    The threshold is that of scores of images that were left out of the fit, fold by fold: those of
    the fit itself would promise too much.
    """
    kinds = [column for column in table if column not in ("name", "foreign")]
    test = table["name"].map(lambda name: digest(name, 0, 2) == 1).to_numpy(bool)
    fold = table["name"].map(lambda name: digest(name, 1, FOLDS)).to_numpy()
    foreign, values = table["foreign"].to_numpy(bool), table[kinds]
    left_out = []
    for number in range(FOLDS):
        others, these = ~test & (fold != number), ~test & ~foreign & (fold == number)
        z, _ = standardised(values, others & ~foreign)
        p = fit(z[others], foreign[others])
        left_out.append(p[0] + z[these] @ p[1:])
    threshold = float(np.quantile(np.concatenate(left_out), 1 - ALARMS))
    z, scale = standardised(values, ~test & ~foreign)
    p = fit(z[~test], foreign[~test])
    odds = p[0] + z @ p[1:]
    warned = odds > threshold
    made = Familiarity(
        centre=scale["centre"].to_dict(),
        width=scale["width"].to_dict(),
        weight=dict(zip(kinds, p[1:].tolist(), strict=True)),
        constant=float(p[0]),
        threshold=threshold,
        measured={
            "false_alarms": float(warned[test & ~foreign].mean()),
            "familiar": int((test & ~foreign).sum()),
            "detected": float(warned[test & foreign].mean()),
            "foreign": int((test & foreign).sum()),
        },
    )
    return made, table.assign(test=test, score=odds - threshold)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--network")
    parser.add_argument("--own", type=Path, nargs="*", default=[], help="files of familiar images")
    parser.add_argument("--foreign", type=Path, nargs="*", default=[], help="files of foreign ones")
    parser.add_argument("--alike", nargs="*", default=[], help="studies that are not foreign")
    parser.add_argument(
        "--shards", type=Path, required=True, help="a folder for simulated structures, kept"
    )
    parser.add_argument("--structures", type=int, default=24)
    parser.add_argument("--microscopes", type=int, default=7, help="images of a structure")
    parser.add_argument("--made", type=int, default=240, help="foreign images to make")
    parser.add_argument("--signs", type=Path, help="a table of signs to keep, and to go on from")
    given = parser.parse_args()
    path = weights(given.study, given.network)
    if given.signs and given.signs.is_file():
        table = pd.read_csv(given.signs)
    else:
        network, card = load(path)
        pixel = working_sampling(card)
        others = [s for s in studies(patterns=False) if s not in (given.study, *given.alike)]
        sources: list[tuple[bool, Iterator[Picture]]] = [
            (False, own_images(card, given.shards, given.structures, given.microscopes)),
            (False, files(given.own)),
            (True, (foreign_image(number, pixel) for number in range(given.made))),
            (True, files(given.foreign)),
        ]
        for other in others:
            theirs = read_card(weights(other, networks(other)[0]))
            if "generator" not in theirs["structures"]:
                continue  # it learned from the images of others
            sources.append((True, own_images(theirs, given.shards, given.structures, 1)))
        rows = []
        for foreign, pictures in sources:
            for picture in tqdm(pictures, unit="image"):
                try:
                    found = signs_of_picture(network, card, picture)
                except (ValueError, ScaleError) as error:
                    print(f"left out: {picture[0]}: {error}")
                    continue
                rows.append({"name": picture[0], "foreign": foreign} | found)
        table = pd.DataFrame(rows)
        if given.signs:
            table.to_csv(given.signs, index=False)
    made, scored = calibrate(table)
    path.with_name(NAME).write_text(
        json.dumps(made.model_dump(), indent=1) + "\n", encoding="utf-8"
    )
    print(json.dumps(made.measured))
    wrong = scored[scored["test"] & ((scored["score"] > 0) != scored["foreign"])]
    print(wrong[["name", "foreign", "score"]].to_string())


if __name__ == "__main__":
    main()
