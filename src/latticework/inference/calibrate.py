"""Real images → one file a dataset, every image with its pixel size and where that is from."""

from pathlib import Path
from typing import Any

import numpy as np

from latticework.datasets.fetch import fetch
from latticework.datasets.not_specimen import wide
from latticework.datasets.read import PictureError, read_picture
from latticework.datasets.registry import Dataset
from latticework.inference.scale import TOLERANCE, ScaleError, choose_sampling
from latticework.inference.zone_axis import material_scales
from latticework.materials import Material
from latticework.shards import Array

SKIPPED = "SKIPPED"  # a file that says why a folder has no data


def images(
    dataset: Dataset, folder: Path, material: Material
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays and attributes of a calibrated dataset of images.

    Parameters
    ----------
    dataset
        Entry of the registry.
    folder
        The dataset's fetched files; a file SKIPPED in it says why there are none.
    material
        What the images show: its lattice gives the pixel size.

    Returns
    -------
    dict, dict
        Images may differ in size: they are image_0000 … with `sampling` (images,) in Å, NaN where
        it is unknown; an image's hand mask is mask_0000 …; what shows no specimen is filled, and 1
        in unseen_0000 … where it is too wide for atoms to be told; `reference` (points, 2) is in px
        of the first image. Attributes: `names`, `sampling_source` and `warnings` of every image,
        `skipped` (a reason, or empty) and the registry's `entry`.

    Raises PictureError for a file that is no image, or a mask of another shape.
    """
    skipped = folder / SKIPPED
    if skipped.exists():
        return {"sampling": Array(np.zeros(0), "Å", ("image",))}, attributes_of(
            dataset, skipped=skipped.read_text(encoding="utf-8").strip()
        )
    arrays, names, samplings, sources, warnings = {}, [], [], [], []
    # All files are in place: this only verifies them and says where they are.
    for path, mask_path in dataset.images(fetch(dataset, None, folder)):
        picture = read_picture(path)
        for frame, image in enumerate(picture.image):
            number = len(names)
            sampling, source, notes = calibrated(image, picture.sampling, dataset, material)
            notes = [*picture.warnings, *notes]
            if picture.mask is not None and picture.mask[frame].any():
                unseen = wide(picture.mask[frame]).astype(np.uint8)
                arrays[f"unseen_{number:04d}"] = Array(unseen, "1", ("y", "x"))
            arrays[f"image_{number:04d}"] = Array(image, "counts", ("y", "x"))
            if mask_path is not None:
                mask = read_mask(mask_path, image.shape)
                arrays[f"mask_{number:04d}"] = Array(mask, "1", ("y", "x"))
            names.append(path.name)
            samplings.append(sampling)
            sources.append(source)
            warnings.append(notes)
    arrays["sampling"] = Array(np.array(samplings), "Å", ("image",))
    if dataset.reference is not None:
        path = next(iter(fetch(dataset.reference, None, folder / "reference").values()))
        arrays["reference"] = Array(np.loadtxt(path, ndmin=2), "px", ("point", "axis (x, y)"))
    return arrays, attributes_of(dataset, names=names, sources=sources, warnings=warnings)


def attributes_of(
    dataset: Dataset,
    *,
    names: list[str] | None = None,
    sources: list[str] | None = None,
    warnings: list[list[str]] | None = None,
    skipped: str = "",
) -> dict[str, Any]:
    """Attributes of a calibrated dataset: lists with an entry for each image."""
    return {
        "names": names or [],
        "sampling_source": sources or [],
        "warnings": warnings or [],
        "skipped": skipped,
        "entry": dataset.model_dump(mode="json", exclude={"files"}),
    }


def calibrated(
    image: np.ndarray, metadata: float | None, dataset: Dataset, material: Material
) -> tuple[float, str, list[str]]:
    """Pixel size in Å of an image (ny, nx), its source, and warnings.

    NaN and "unknown" where neither the user, the material's lattice nor the metadata say. Of
    several lattices that fit, the one that agrees with the metadata is taken, else the clearest.
    """
    scales = material_scales(image, material, dataset.scale_region)
    agreeing = [s for s in scales if metadata and abs(s.sampling / metadata - 1) <= TOLERANCE]
    lattice = next(iter([*agreeing, *scales]), None)
    doubts = []
    if len(scales) > 1 and not agreeing and dataset.pixel_size_angstrom is None:
        fit = ", ".join(f"{scale.sampling:.4f}" for scale in scales)
        doubts = [f"several lattices fit, at {fit} Å/px: scale_region says which to measure"]
    try:
        sampling, source, warnings = choose_sampling(lattice, metadata, dataset.pixel_size_angstrom)
        return sampling, source, warnings + doubts
    except ScaleError as error:
        return float("nan"), "unknown", [str(error)]


def read_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """A mask image as 0/1 of the image's shape; PictureError where the shapes differ."""
    mask = read_picture(path, whole=True).image[0]
    if mask.shape != shape:
        raise PictureError(f"{path}: expected a mask of {shape} px, found {mask.shape}")
    return (mask > 0.5 * mask.max()).astype(np.uint8)
