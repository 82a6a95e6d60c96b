"""How well a network for sites at any scale does, beside the networks that were made for one study.

Every study's held-out structures are imaged in drawn microscopes of its own, as in training, and
both networks read the same images: the study's own at the pixel that it was trained for, the
one for any scale without being told the pixel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from latticework import names
from latticework.analysis.atoms.localisation import localise
from latticework.analysis.atoms.regions import outside_margin
from latticework.analysis.surfaces.any_scale import images_of, scales_of
from latticework.config.inference import Images
from latticework.config.sites import Evaluation
from latticework.evaluation import Evaluated
from latticework.evaluation.atoms import as_arrays, pooled
from latticework.evaluation.held_out import HeldOut
from latticework.evaluation.matching import scores
from latticework.hardware import best_device
from latticework.imaging.sites import Part, part_of
from latticework.inference.class_maps import symmetric_softmax, working_sampling
from latticework.learning import weights
from latticework.learning.recipe import Recipe
from latticework.learning.sources.sites import by_study
from latticework.materials import Material
from latticework.seeds import torch_seed
from latticework.shards import Array, format_of

KEYS = ["study", "seen", "network"]
SIDE = 256  # px of an image
RIGHT = 0.1  # relative error of a scale that is right


@dataclass(frozen=True)
class Judged:
    """A study to be judged by: its held-out images, and a network of its own where there is one."""

    part: Part
    card: Mapping[str, Any]
    network: torch.nn.Module | None


@dataclass(frozen=True)
class Read:
    """An image (ny, nx), its true sites (n, 2) and their spacing, and what networks find; px.

    found: by kind of network, sites (n, 2) and the spacing.
    """

    image: np.ndarray
    truth: np.ndarray
    spacing: float
    found: Mapping[str, tuple[np.ndarray, float]]


def evaluate_network(
    weights_path: Path,
    structures: Sequence[Path],
    simulations: Sequence[Path],
    prepared: Sequence[Path],
    *,
    material: Material,
    evaluation: Mapping[str, Any],
    inference: Mapping[str, Any],
    seed: int,
    study: str,
    name: str,
) -> Evaluated:
    """Scores by study and network; arguments as in `evaluation.atoms`.

    `rms` is the position error over the spacing, per site and not per axis. `scale` is the share of
    images whose spacing was found within 10 %. The details have each study's first image with what
    the network for any scale finds in it.
    """
    network, card = weights.load(weights_path)
    settings, how = Evaluation.model_validate(evaluation), Images.model_validate(inference)
    rows, shown = [], {}
    for other, paths in by_study(simulations).items():
        judged = judged_study(other, paths, card, settings.specific.get(other))
        held_out = HeldOut(network, card, (), judged.part.bank, settings, how)
        seen = "yes" if other in card["sources"] else "no"
        for number in tqdm(range(settings.images), desc=other, unit="image"):
            read = read_image(judged, held_out, torch_seed(seed, f"judged {other}/image", number))
            shown.setdefault(other, read)
            for kind, (places, measured) in read.found.items():
                scored = scored_sites(places, read.truth, read.spacing, settings)
                right = abs(measured / read.spacing - 1) < RIGHT
                of = {"study": other, "seen": seen, "network": kind, "image": number}
                rows.append(of | scored | {"scale": float(right)})
    table = pd.DataFrame(rows)
    arrays, words = as_arrays(table)
    summed = pooled(table, KEYS).merge(
        table.groupby(KEYS)["scale"].mean().reset_index(), on=KEYS, how="left"
    )
    words |= {"of": study, "name": name, "shown": list(shown)}
    words |= {"unseen": [other for other in shown if other not in card["sources"]]}
    return Evaluated(summed, arrays | _examples(list(shown.values()), study), words)


def _examples(shown: Sequence[Read], study: str) -> dict[str, Array]:
    """One image a study, its sites, and those that the network for any scale finds; px."""
    axes = ("example", "site", "axis (x, y)")
    return {
        "example_image": Array(np.stack([one.image for one in shown]), "1", ("example", "y", "x")),
        "example_true": Array([one.truth for one in shown], "px", axes, ragged=True),
        "example_found": Array([one.found[study][0] for one in shown], "px", axes, ragged=True),
    }


def judged_study(
    study: str, paths: Sequence[Path], card: Mapping[str, Any], specific: str | None
) -> Judged:
    """A study from its held-out shards, imaged as its own network, or as `card`, was trained."""
    own, described = weights.load(specific) if specific else (None, card["sources"][study])
    recipe = Recipe(
        study=study,
        seed=0,
        name="",
        material=None,
        classes=["site"],
        structures={},
        simulation=described["simulation"],
        imaging=described["imaging"],
        network={"network": card["network"]},
        training=card["training"],
        source=source_of(paths[0]),
    )
    made = recipe.make_source(paths, paths)
    return Judged(part_of(made.bank, made.ranges, made.make), described, own)


def source_of(path: Path) -> str:
    """The source of the modality whose shards are of a file's format."""
    kind = format_of(path)
    for name in names.available("modalities"):
        reference = names.load("modalities", name).MODALITY.source
        module = names.resolve(f"{reference.split(':')[0]}:__dict__")
        if module.get("FORMAT") == kind:
            return reference
    raise ValueError(f"{path}: no modality has shards of the format {kind}")


def read_image(judged: Judged, held_out: HeldOut, seed: int) -> Read:
    """An image at the pixel at which the study's own network works, and what both find in it."""
    generator = torch.Generator().manual_seed(seed)
    part, imaging, how = judged.part, judged.card["imaging"], held_out.inference
    pixel = working_sampling(judged.card)
    number = int(torch.randint(len(part.spacings), (1,), generator=generator))
    ranges = dict(part.ranges)
    ranges["sampling"] = ranges["sampling"].model_copy(update={"low": pixel, "high": pixel})
    made = part.make(
        part.bank,
        count=1,
        ranges=ranges,
        crop=SIDE,
        generator=generator,
        n_classes=2,
        structures=torch.tensor([number]),
        label_sigma=imaging["label_sigma"],
        normalisation_sigma=imaging["normalisation_sigma"],
    )
    spacing = float(part.spacings[number]) / pixel
    image = made.images[0, 0].numpy()
    found = {str(held_out.card["study"]): sites_at_any_scale(held_out, image)}
    if judged.network is not None:
        with torch.inference_mode():
            maps = symmetric_softmax(judged.network, made.images, how.symmetries)[0].numpy()
        found["specific"] = places_in(maps, how), spacing
    truth = places_in(made.labels[0].numpy(), how)
    return Read(image, truth, spacing, found)


def places_in(maps: np.ndarray, how: Images) -> np.ndarray:
    """Sites (n, 2) px of class maps, whatever their class."""
    table = localise(maps, epsilon=how.epsilon, threshold=how.threshold)
    return table[["x_px", "y_px"]].to_numpy()


def sites_at_any_scale(held_out: HeldOut, image: np.ndarray) -> tuple[np.ndarray, float]:
    """Sites (n, 2) in px of an image of unknown scale, and the spacing that was found, px."""
    tried = scales_of(held_out.network, held_out.card, image, best_device())
    if not tried:
        return np.zeros((0, 2)), np.nan
    spacing, image = tried[0].spacing, images_of(image)[tried[0].levelled]
    maps, pixel = held_out.read(image[None], 1 / spacing)
    return places_in(maps, held_out.inference) * pixel * spacing, spacing


def scored_sites(
    found: np.ndarray, truth: np.ndarray, spacing: float, settings: Evaluation
) -> dict[str, float]:
    """Scores of sites (n, 2) px, position errors over the spacing."""
    box, border = np.array([SIDE - 1, SIDE - 1]) / spacing, settings.border
    found, truth = found / spacing, truth / spacing
    return scores(
        found,
        truth,
        settings.radius,
        ignore_found=outside_margin(found, box, border),
        ignore_truth=outside_margin(truth, box, border),
    )
