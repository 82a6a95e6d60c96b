"""The columns of every frame of a movie, with its drift taken off."""

from itertools import islice
from pathlib import Path

import numpy as np

from latticework import config, shards
from latticework.analysis.tracking import track
from latticework.datasets.fetch import fetch
from latticework.datasets.movie import open_movie
from latticework.datasets.registry import Dataset
from latticework.hardware import best_device
from latticework.inference.scale import MOST_FRAMES, choose_sampling
from latticework.inference.zone_axis import material_sampling
from latticework.learning import weights
from latticework.logs import tee
from latticework.materials import MATERIALS

tee(snakemake.log[0])
source, entry = Path(snakemake.input.source), snakemake.params.entry
user, region = None, None
if entry is not None:
    dataset = Dataset.model_validate(entry)
    user, region = dataset.pixel_size_angstrom, dataset.scale_region
    files = fetch(dataset, None, source)
    source = dataset.path or (source if dataset.files else next(iter(files.values())))
network, card = weights.load(snakemake.input.weights)
movie = open_movie(source)
unreadable = snakemake.params.unreadable
# A few frames say how large a pixel is, one alone may be too noisy.
few = [f.image for f in islice(movie.frames(unreadable), MOST_FRAMES) if f.image is not None]
material = MATERIALS[card["structures"]["generator"]]
lattice = material_sampling(np.stack(few), material, region)
sampling, sampling_source, warnings = choose_sampling(lattice, movie.sampling, user)
for warning in warnings:
    print(f"WARNING {warning}")
tracked = track(
    movie.frames(unreadable),
    len(movie),
    network,
    card,
    sampling,
    config.Inference.model_validate(
        snakemake.params.inference | {"symmetries": snakemake.params.symmetries}
    ),
    best_device(),
)
shards.write_csv(snakemake.output.detections, tracked.detections)
shards.write_csv(snakemake.output.frames, tracked.frames)
shards.write(
    snakemake.output.mean,
    "movie_mean",
    {
        "mean": shards.Array(tracked.mean.astype(np.float32), "counts", ("y", "x")),
        "sampling": shards.Array(np.float64(sampling), "Å", ()),
    },
    {"sampling_source": sampling_source, "warnings": warnings},
)
