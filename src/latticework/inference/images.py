"""Images of a calibrated dataset → class maps, one file a dataset."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from latticework import shards
from latticework.config.inference import Images
from latticework.inference.class_maps import predict_fields, working_sampling
from latticework.learning import weights


def predict(
    dataset_path: Path,
    source_folder: Path,
    weights_path: Path,
    output_path: Path,
    *,
    settings: Mapping[str, Any],
    attributes: Mapping[str, Any],
) -> None:
    """Write the class maps of every image of a dataset, format "class_maps", one at a time.

    Parameters
    ----------
    dataset_path
        A calibrated dataset, format "dataset".
    source_folder
        Its files, which are not read again.
    weights_path
        Published or trained weights.
    output_path
        Gets map_0000 … (classes, y, x) of the images whose pixel size is known, `map_sampling`
        in Å and, as an attribute, the network's `card`.
    settings
        Of `config.inference.Images`.
    attributes
        Of the file, beside the card.
    """
    how = Images.model_validate(settings)
    network, card = weights.load(weights_path)
    read = predict_fields(
        network,
        card,
        fields(dataset_path),
        tile=how.tile,
        overlap=how.overlap,
        symmetries=how.symmetries,
    )
    with shards.stream(output_path, "class_maps") as output:
        output.attributes = dict(attributes) | {"card": card}
        sampling = np.float64(working_sampling(card))
        output.put("map_sampling", shards.Array(sampling, "Å", ()))
        for number, probabilities in enumerate(read):
            if probabilities is not None:
                array = shards.Array(probabilities, "1", ("class", "y", "x"))
                output.put(f"map_{number:04d}", array)


def fields(dataset_path: Path) -> Iterator[tuple[np.ndarray, float]]:
    """Images (1, ny, nx) of a dataset with their pixels in Å, one at a time."""
    with shards.open_lazily(dataset_path, "dataset", ["sampling"]) as file:
        for number, sampling in enumerate(file["sampling"][()]):
            yield file[f"image_{number:04d}"][()][None], float(sampling)
