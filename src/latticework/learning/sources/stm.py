"""Training images of random tips and scans, made anew in every step from sharp images."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from latticework.config.stm import Imaging
from latticework.config.training import ClassMapTraining
from latticework.imaging.stm import make_batch
from latticework.learning.recipe import Recipe
from latticework.learning.sources import Streams
from latticework.learning.sources.class_maps import ImageSource
from latticework.learning.sources.images import load_image_bank

FORMAT = "stm_images"


def source(
    recipe: Recipe, shard_paths: Sequence[Path], held_out_paths: Sequence[Path]
) -> ImageSource:
    """The source of a recipe from shards of images; raises ShardError for a bad one."""
    imaging = Imaging.model_validate(recipe.imaging)
    training = ClassMapTraining.model_validate(recipe.training)
    return ImageSource(
        load_image_bank(shard_paths, FORMAT),
        load_image_bank(held_out_paths, FORMAT),
        Streams(recipe.seed, recipe.study),
        imaging.ranges(),
        training,
        partial(
            make_batch,
            count=training.batch_size,
            crop=imaging.crop,
            label_sigma=imaging.label_sigma,
            normalisation_sigma=imaging.normalisation_sigma,
            n_classes=1 + len(recipe.classes),
        ),
    )


def arguments(recipe: Recipe) -> dict[str, Any]:
    """What the network's architecture takes from the study: one image in, classes out."""
    return {"frames": 1, "classes": 1 + len(recipe.classes)}
