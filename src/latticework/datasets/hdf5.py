"""HDF5 files: which program wrote one, and single arrays of those that no known program wrote."""

from pathlib import Path
from typing import Any

import h5py


class PictureError(ValueError):
    """A file is not a picture that can be read. The message names the file and the reason."""


def readers_by_groups(path: Path) -> list[str]:
    """Readers of an HDF5 file, by the groups that it has."""
    try:
        with h5py.File(path) as file:
            groups, attributes = set(file), set(file.attrs)
            nested = any("emd_group_type" in file[group].attrs for group in groups)
    # A damaged file makes the library stumble over anything.
    except Exception:
        return []
    if "Experiments" in groups:
        return ["HSPY"]
    if nested or "version_major" in attributes or {"Data", "Version"} <= groups:
        return ["EMD"]
    if "Acquisition0" in groups:
        return ["Delmic"]
    return ["Arina", "NeXus"] if "entry" in groups else []


def is_velox(path: Path) -> bool:
    with h5py.File(path) as file:
        return {"Data", "Version"} <= set(file)


def datasets_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Arrays of numbers of two to four dimensions in an HDF5 file: name → shape."""
    found = {}

    def look(name: str, item: Any) -> None:
        numbers = isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf"
        if numbers and 2 <= item.ndim <= 4 and min(item.shape[-2:]) >= 2:
            found[name] = item.shape

    try:
        with h5py.File(path) as file:
            file.visititems(look)
    # A damaged file makes the library stumble over anything.
    except Exception:
        return {}
    return found


def only_dataset(path: Path, held: dict[str, tuple], lazy: bool) -> list[dict[str, Any]]:
    if len(held) > 1:
        listed = ", ".join(f"{n} ({' × '.join(map(str, s))})" for n, s in list(held.items())[:8])
        raise PictureError(
            f"{path}: is HDF5 of no known program and has {len(held)} arrays; choose one by "
            f"{path.name}::NAME; there are {listed}"
        )
    return read_dataset(path, next(iter(held)), lazy)


def read_dataset(path: Path, name: str, lazy: bool = False) -> list[dict[str, Any]]:
    """One array of an HDF5 file, by its name in it. Raises PictureError, naming those there are."""
    held = datasets_of(path)
    if (name := name.strip("/")) not in held:
        raise PictureError(
            f"{path}: has no array of numbers '{name}'; there are {', '.join(held) or 'none'}"
        )
    if lazy:
        # The file stays open for as long as the array is used.
        data: Any = h5py.File(path)[name]
    else:
        with h5py.File(path) as file:
            data = file[name][()]
    count = len(held[name])
    axes = [{"scale": 1.0, "units": None, "navigate": i < count - 2} for i in range(count)]
    title = {"General": {"title": name}}
    return [{"data": data, "axes": axes, "metadata": title, "original_metadata": {}}]
