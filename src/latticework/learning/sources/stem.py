"""Training images of random scanning microscopes, made anew in every step from sharp images."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from latticework.config.stem import Imaging, Simulation
from latticework.config.training import ClassMapTraining
from latticework.imaging.stem import make_batch
from latticework.learning.recipe import Recipe
from latticework.learning.sources import Streams
from latticework.learning.sources.class_maps import ImageSource
from latticework.learning.sources.images import load_image_bank

FORMAT = "stem_images"


def source(
    recipe: Recipe, shard_paths: Sequence[Path], held_out_paths: Sequence[Path]
) -> ImageSource:
    """The source of a recipe from shards of images; raises ShardError for a bad one."""
    imaging = Imaging.model_validate(recipe.imaging)
    simulation = Simulation.model_validate(recipe.simulation)
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
            energy=simulation.energy,
            semiangle=simulation.semiangle,
            crop=imaging.crop,
            label_sigma=imaging.label_sigma,
            normalisation_sigma=imaging.normalisation_sigma,
            n_classes=1 + len(recipe.classes),
        ),
    )


def arguments(recipe: Recipe) -> dict[str, Any]:
    """What the network's architecture takes from the study: one image in, classes out."""
    return {"frames": 1, "classes": 1 + len(recipe.classes)}
