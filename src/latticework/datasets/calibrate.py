"""Real pictures → one file a dataset, every frame with its pixel size and where that is from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latticework.datasets.read import PictureError, read_picture
from latticework.datasets.registry import Dataset
from latticework.inference.scale import ScaleError, choose_sampling
from latticework.inference.zone_axis import material_sampling
from latticework.materials import Material
from latticework.shards import Array


def calibrated(
    image: np.ndarray,
    metadata: float | None,
    user: float | None,
    material: Material,
    region: tuple[int, int, int, int] | None = None,
) -> tuple[float, str, list[str]]:
    """Pixel size in Å of a frame (ny, nx), its source, and warnings.

    The lattice is that of a material, looked for in a region x0, y0, x1, y1 in px where one is
    given. NaN and "unknown" where neither the lattice nor anybody says.
    """
    try:
        return choose_sampling(material_sampling(image, material, region), metadata, user)
    except ScaleError as error:
        return float("nan"), "unknown", [str(error)]


def read_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """A mask picture as 0/1 of the picture's shape; PictureError where the shapes differ."""
    mask = read_picture(path).image[0]
    if mask.shape != shape:
        raise PictureError(f"{path}: expected a mask of {shape} px, found {mask.shape}")
    return (mask > 0.5 * mask.max()).astype(np.uint8)


def dataset_arrays(
    dataset: Dataset,
    pictures: Sequence[tuple[Path, Path | None]],
    reference: Path | None,
    material: Material,
) -> tuple[dict[str, Array], dict]:
    """Arrays and attributes of a calibrated dataset.

    Frames may differ in size: they are image_0000 … with `sampling` (frames,); a frame's hand
    mask is mask_0000 …; `reference` (points, 2) in px of the first frame.
    """
    arrays, names, samplings, sources, warnings = {}, [], [], [], []
    for path, mask_path in pictures:
        picture = read_picture(path)
        for image in picture.image:
            number = len(names)
            sampling, source, notes = calibrated(
                image,
                picture.sampling,
                dataset.pixel_size_angstrom,
                material,
                dataset.scale_region,
            )
            arrays[f"image_{number:04d}"] = Array(image, "counts", ("y", "x"))
            if mask_path is not None:
                mask = read_mask(mask_path, image.shape)
                arrays[f"mask_{number:04d}"] = Array(mask, "1", ("y", "x"))
            names.append(path.name)
            samplings.append(sampling)
            sources.append(source)
            warnings.append(notes)
    arrays["sampling"] = Array(np.array(samplings), "Å", ("frame",))
    if reference is not None:
        arrays["reference"] = Array(np.loadtxt(reference, ndmin=2), "px", ("point", "axis (x, y)"))
    return arrays, {
        "names": names,
        "sampling_source": sources,
        "warnings": warnings,
        "skipped": "",
        "entry": dataset.model_dump(mode="json", exclude={"files"}),
    }


def skipped_arrays(dataset: Dataset, reason: str) -> tuple[dict[str, Array], dict]:
    """A dataset without frames that says why it has none."""
    return {"sampling": Array(np.zeros(0), "Å", ("frame",))}, {
        "names": [],
        "sampling_source": [],
        "warnings": [],
        "skipped": reason,
        "entry": dataset.model_dump(mode="json", exclude={"files"}),
    }
