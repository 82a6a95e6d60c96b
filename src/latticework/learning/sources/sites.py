"""Training images of sites at any scale, made anew in every step as several studies make theirs."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from latticework import names, shards
from latticework.config.sites import Imaging
from latticework.config.training import ClassMapTraining
from latticework.imaging.sites import Mixture, make_batch, part_of
from latticework.learning.recipe import Recipe
from latticework.learning.sources import Streams
from latticework.learning.sources.class_maps import ImageSource


def source(
    recipe: Recipe, shard_paths: Sequence[Path], held_out_paths: Sequence[Path]
) -> ImageSource:
    """The source of a recipe from shards of several studies; raises ShardError for a bad one."""
    imaging = Imaging.model_validate(recipe.imaging)
    training = ClassMapTraining.model_validate(recipe.training)
    made = own_sources(recipe, by_study(shard_paths), by_study(held_out_paths))
    return ImageSource(
        Mixture(tuple(part_of(one.bank, one.ranges, one.make) for one in made)),
        Mixture(tuple(part_of(one.held_out, one.ranges, one.make) for one in made)),
        Streams(recipe.seed, recipe.study),
        imaging.ranges(),
        training,
        partial(
            make_batch,
            count=training.batch_size,
            crop=imaging.crop,
            label_sigma=imaging.label_sigma,
            window=imaging.window,
            levelled=imaging.levelled,
        ),
    )


def by_study(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Shards by the study in whose folder they lie."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(path.parent.name, []).append(path)
    return found


def own_sources(
    recipe: Recipe, training: Mapping[str, list[Path]], held_out: Mapping[str, list[Path]]
) -> list[ImageSource]:
    """The source that each of the studies has for itself.

    Raises ShardError for a study of the recipe without shards.
    """
    made = []
    for study, origin in recipe.sources.items():
        if study not in training or study not in held_out:
            raise shards.ShardError(
                f"expected shards of {study}, found those of {sorted({*training, *held_out})}"
            )
        own = recipe.model_copy(
            update={
                "study": study,
                "source": origin.source,
                "simulation": origin.simulation,
                "imaging": origin.imaging,
                "sources": {},
            }
        )
        made.append(names.resolve(origin.source)(own, training[study], held_out[study]))
    return made


def arguments(recipe: Recipe) -> dict[str, Any]:
    """What the network's architecture takes from the study: one image in, sites out."""
    return {"frames": 1, "classes": 2}
