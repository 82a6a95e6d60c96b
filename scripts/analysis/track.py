"""The columns of every frame of a movie, with its drift taken off."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from latticework import materials, shards
from latticework.analysis.movies.tracking import track
from latticework.config.inference import Images
from latticework.datasets.fetch import fetch
from latticework.datasets.movies import open_movie
from latticework.datasets.registry import Dataset
from latticework.hardware import best_device
from latticework.inference.scale import choose_sampling
from latticework.inference.spectrum import MOST_FRAMES
from latticework.inference.zone_axis import material_sampling
from latticework.learning import weights
from latticework.logs import tee


def main(
    source: Path,
    weights_path: Path,
    detections: Path,
    frames: Path,
    mean: Path,
    *,
    entry: Mapping[str, Any] | None,
    inference: Mapping[str, Any],
    material: str,
    unreadable: str,
) -> None:
    """Track a movie: a simulated stack, or the fetched files of a registry's `entry`."""
    user, region = None, None
    if entry is not None:
        dataset = Dataset.model_validate(entry)
        user, region = dataset.pixel_size_angstrom, dataset.scale_region
        files = fetch(dataset, None, source)
        source = dataset.path or (source if dataset.files else next(iter(files.values())))
    network, card = weights.load(weights_path)
    movie = open_movie(source)
    # A few frames say how large a pixel is; one alone may be too noisy.
    few = [f.image for f in islice(movie.frames(unreadable), MOST_FRAMES) if f.image is not None]
    lattice = material_sampling(np.stack(few), materials.load(material), region)
    sampling, sampling_source, warnings = choose_sampling(lattice, movie.sampling, user)
    for warning in warnings:
        print(f"WARNING {warning}")
    tracked = track(
        movie.frames(unreadable),
        len(movie),
        network,
        card,
        sampling,
        Images.model_validate(inference),
        best_device(),
    )
    shards.write_csv(detections, tracked.detections)
    shards.write_csv(frames, tracked.frames)
    arrays = {
        "mean": shards.Array(tracked.mean.astype(np.float32), "counts", ("y", "x")),
        "sampling": shards.Array(np.float64(sampling), "Å", ()),
    }
    attributes = {"sampling_source": sampling_source, "warnings": warnings}
    shards.write(mean, "movie_mean", arrays, attributes)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.source),
        Path(snakemake.input.weights),
        Path(snakemake.output.detections),
        Path(snakemake.output.frames),
        Path(snakemake.output.mean),
        entry=snakemake.params.entry,
        # A movie has its own number of symmetries.
        inference=snakemake.params.inference | {"symmetries": snakemake.params.symmetries},
        material=snakemake.params.material,
        unreadable=snakemake.params.unreadable,
    )
