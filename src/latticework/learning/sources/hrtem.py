"""Training images of random microscopes, made anew in every step from stored exit waves."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from latticework.config.micrographs import Imaging
from latticework.config.training import ClassMapTraining
from latticework.imaging.hrtem import make_batch
from latticework.learning.recipe import Recipe
from latticework.learning.sources import Streams
from latticework.learning.sources.class_maps import ImageSource
from latticework.learning.sources.waves import load_wave_bank


def source(
    recipe: Recipe, shard_paths: Sequence[Path], held_out_paths: Sequence[Path]
) -> ImageSource:
    """The source of a recipe from shards of exit waves; raises ShardError for a bad one."""
    imaging = Imaging.model_validate(recipe.imaging)
    training = ClassMapTraining.model_validate(recipe.training)
    return ImageSource(
        load_wave_bank(shard_paths, imaging.band_limit),
        load_wave_bank(held_out_paths, imaging.band_limit),
        Streams(recipe.seed, recipe.study),
        imaging.ranges(),
        training,
        partial(
            make_batch,
            count=training.batch_size,
            energy=recipe.simulation["energy"],
            crop=imaging.crop,
            label_sigma=imaging.label_sigma,
            normalisation_sigma=imaging.normalisation_sigma,
            n_classes=1 + len(recipe.classes),
            series=imaging.series,
            foci=imaging.foci,
        ),
    )


def arguments(recipe: Recipe) -> dict[str, Any]:
    """What the network's architecture takes from the study: channels in, classes out."""
    return {"frames": len(recipe.imaging["series"]), "classes": 1 + len(recipe.classes)}
