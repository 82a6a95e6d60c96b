"""Scanning-tunnelling images as instruments write them: Nanonis, Gwyddion, text, raw matrices.

rosettasciio has no reader for these, and each is a header and an array. Every reader gives a
picture as rosettasciio does: `data`, `axes` and `metadata`, so that what follows does not care.
Rows are in the order of the sample: the first is at the top, and the first pixel on the left,
whichever way the tip moved.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

NANONIS_END = b"\x1a\x04"  # between header and data of a Nanonis scan
GWYDDION = b"GWYP"
# numpy's types of the arrays in a Gwyddion file, by the letter of the type.
GWYDDION_ARRAYS = {"C": "S1", "I": "<i4", "Q": "<i8", "D": "<f8"}
GWYDDION_VALUES = {"b": "<?", "c": "<c", "i": "<i", "q": "<q", "d": "<d"}
TEXT_KEYS = re.compile(rb"^#\s*([A-Za-z-]+)\s*=\s*(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Channel:
    """One recorded quantity of a scan.

    Parameters
    ----------
    name, unit
        As the instrument calls it, such as "Z" in "m".
    direction
        "forward" or "backward".
    data
        (ny, nx), float.
    """

    name: str
    unit: str
    direction: str
    data: np.ndarray


def signals(path: Path, channel: str | None = None, direction: str = "forward") -> list[dict]:
    """The picture of a scan, as a list of one of rosettasciio's dictionaries; none if the file is
    of no format that is known here.

    Parameters
    ----------
    channel
        Name of what was recorded; without it the topography, or the current where the tip's
        height was kept constant.
    direction
        "forward" or "backward".

    Raises ValueError for a file that is damaged or has no such channel.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    for matches, reader in READERS:
        if matches(path, start):
            return [reader(path, channel, direction)]
    return []


def nanonis_channels(path: Path) -> tuple[list[Channel], dict[str, str]]:
    """All channels of a Nanonis scan (.sxm) in both directions, and its header.

    Raises ValueError where the data are shorter than the header says.
    """
    content = path.read_bytes()
    end = content.find(NANONIS_END)
    if end < 0:
        raise ValueError("its header has no end")
    header = _nanonis_header(content[:end].decode("latin-1"))
    nx, ny = (int(word) for word in header["SCAN_PIXELS"].split()[:2])
    found = []
    data = content[end + len(NANONIS_END) :]
    for row in header["DATA_INFO"].splitlines()[1:]:
        cells = row.split()
        if len(cells) < 4:
            continue
        both = ("forward", "backward") if cells[3] == "both" else (cells[3],)
        for direction in both:
            if len(data) < 4 * nx * ny:
                raise ValueError(f"its channel {cells[1]} {direction} is cut off")
            values = np.frombuffer(data, ">f4", nx * ny).reshape(ny, nx).astype(float)
            data = data[4 * nx * ny :]
            # Lines come in the order of time; those of a scan upwards start at the bottom.
            values = values[::-1] if header["SCAN_DIR"] == "up" else values
            values = values[:, ::-1] if direction == "backward" else values
            found.append(Channel(cells[1], cells[2], direction, values))
    return found, header


def _nanonis_header(text: str) -> dict[str, str]:
    """Entries ":KEY:" of a header; the value is what follows, up to the next."""
    parts = re.split(r"^:([^\n]+):[ \t]*\n", text, flags=re.MULTILINE)
    return {key: value.strip() for key, value in zip(parts[1::2], parts[2::2], strict=True)}


def _nanonis(path: Path, channel: str | None, direction: str) -> dict:
    channels, header = nanonis_channels(path)
    chosen = _chosen(channels, channel, direction, _feedback(header))
    rows = np.flatnonzero(np.isfinite(chosen.data).all(axis=1))
    if len(rows) == 0:
        raise ValueError("it was stopped before its first line ended")
    # A scan that was stopped has no numbers in the lines that were never recorded.
    data = chosen.data[rows[0] : rows[-1] + 1]
    width, height = (float(word) for word in header["SCAN_RANGE"].split()[:2])
    scales = height / chosen.data.shape[0], width / chosen.data.shape[1]
    metadata = {
        "title": path.stem,
        "channel": chosen.name,
        "direction": chosen.direction,
        "unit": chosen.unit,
        "bias_V": float(header["BIAS"]) if "BIAS" in header else "",
        "setpoint": _setpoint(header),
        "lines_recorded": len(data),
        "lines": len(chosen.data),
        "recorded": f"{header.get('REC_DATE', '')} {header.get('REC_TIME', '')}".strip(),
    }
    return picture(data, scales, "m", metadata)


def _controller(header: Mapping[str, str]) -> list[str]:
    rows = header.get("Z-CONTROLLER", "").splitlines()
    return [cell.strip() for cell in rows[1].split("\t") if cell.strip()] if len(rows) > 1 else []


def _feedback(header: Mapping[str, str]) -> bool:
    """Whether the tip's height followed the surface."""
    cells = _controller(header)
    return len(cells) < 2 or cells[1] == "1"


def _setpoint(header: Mapping[str, str]) -> str:
    cells = _controller(header)
    return cells[2] if len(cells) > 2 else ""


def _chosen(channels: list[Channel], name: str | None, direction: str, feedback: bool) -> Channel:
    """The channel of a name, or the one that shows the surface; ValueError if there is none."""
    there = [c for c in channels if c.direction == direction]
    wanted = (name,) if name else ("Z", "Current") if feedback else ("Current", "Z")
    for one in wanted:
        for channel in there:
            if channel.name.casefold() == one.casefold():
                return channel
    if name is None and there:
        return there[0]
    known = ", ".join(f"{c.name} {c.direction}" for c in channels)
    raise ValueError(f"it has no channel '{name or 'Z'} {direction}'; it has {known or 'none'}")


def picture(
    data: np.ndarray, scales: tuple[float, float], unit: str, metadata: Mapping[str, Any]
) -> dict:
    """rosettasciio's dictionary of an image (ny, nx) with pixels of `scales` (y, x)."""
    axes = [
        {"name": name, "size": size, "scale": scale, "units": unit, "navigate": False}
        for name, size, scale in zip("yx", data.shape, scales, strict=True)
    ]
    return {"data": data, "axes": axes, "metadata": {"General": dict(metadata)}}


def _gwyddion(path: Path, channel: str | None, direction: str) -> dict:
    """The first field of a Gwyddion file, or the one whose title has the channel's name."""
    content = path.read_bytes()
    root = dict(_gwyddion_object(content[len(GWYDDION) :])[1])
    fields = {
        key: dict(value[1])
        for key, value in sorted(root.items())
        if re.fullmatch(r"/\d+/data", key) and isinstance(value, tuple)
    }
    titles = {key: str(root.get(f"{key}/title", "")) for key in fields}
    chosen = [k for k in fields if channel is None or channel.casefold() in titles[k].casefold()]
    if not chosen:
        raise ValueError(f"it has no channel '{channel}'; it has {', '.join(titles.values())}")
    field, title = fields[chosen[0]], titles[chosen[0]]
    nx, ny = field["xres"], field["yres"]
    unit = field.get("si_unit_xy")
    return picture(
        field["data"].reshape(ny, nx),
        (field["yreal"] / ny, field["xreal"] / nx),
        str(dict(unit[1]).get("unitstr", "")) if unit else "",
        {"title": path.stem, "channel": title},
    )


def _gwyddion_object(content: bytes) -> tuple[str, list[tuple[str, Any]], bytes]:
    """Name and components of a serialised object, and the bytes after it.

    Raises ValueError for one that is cut off.
    """
    name, _, rest = content.partition(b"\0")
    if len(rest) < 4 or len(rest) < 4 + (size := struct.unpack_from("<I", rest)[0]):
        raise ValueError(f"its object {name[:40].decode('latin-1')} is cut off")
    return name.decode(), list(_gwyddion_components(rest[4 : 4 + size])), rest[4 + size :]


def _gwyddion_components(body: bytes) -> Iterator[tuple[str, Any]]:
    """Names and values of an object's components; objects are (name, components)."""
    while body:
        name, _, rest = body.partition(b"\0")
        kind, rest = rest[:1].decode("latin-1"), rest[1:]
        if kind == "s":
            value, _, body = rest.partition(b"\0")
            yield name.decode(), value.decode("utf-8", "replace")
        elif kind == "o":
            inner, components, body = _gwyddion_object(rest)
            yield name.decode(), (inner, components)
        elif kind in GWYDDION_VALUES:
            form = GWYDDION_VALUES[kind]
            yield name.decode(), struct.unpack_from(form, rest)[0]
            body = rest[struct.calcsize(form) :]
        elif kind in GWYDDION_ARRAYS:
            count, form = struct.unpack_from("<I", rest)[0], np.dtype(GWYDDION_ARRAYS[kind])
            yield name.decode(), np.frombuffer(rest, form, count, 4)
            body = rest[4 + count * form.itemsize :]
        elif kind in "SO":
            count, body = struct.unpack_from("<I", rest)[0], rest[4:]
            for _ in range(count):
                body = body.partition(b"\0")[2] if kind == "S" else _gwyddion_object(body)[2]
        else:
            raise ValueError(f"its component {name[:40].decode('latin-1')} has type '{kind}'")


def _text(path: Path, channel: str | None, direction: str) -> dict:
    """A table of numbers under a header of "# key = value", lengths in nm (as WSxM exports)."""
    header = {
        key.decode().lower(): value.decode("latin-1")
        for key, value in TEXT_KEYS.findall(path.read_bytes())
    }
    data = np.loadtxt(path, comments="#", ndmin=2)
    nx, ny = int(header["x-pixels"]), int(header["y-pixels"])
    if data.shape != (ny, nx):
        raise ValueError(f"it has {data.shape[0]} × {data.shape[1]} numbers, not {ny} × {nx}")
    scales = float(header["y-length"]) / ny, float(header["x-length"]) / nx
    return picture(data, scales, "nm", {"title": path.stem, "unit": header.get("z-unit", "")})


def _is_matrix(path: Path, start: bytes) -> bool:
    """Whether a file is two integers, the sides, and then a matrix of doubles, and no more."""
    if path.suffix.lower() != ".dat" or len(start) < 16:
        return False
    ny, nx = struct.unpack_from("<ii", start)
    return ny > 0 and nx > 0 and path.stat().st_size == 8 + 8 * nx * ny


def _matrix(path: Path, channel: str | None, direction: str) -> dict:
    """A matrix of doubles after its two sides; nothing says how large a pixel is."""
    content = path.read_bytes()
    ny, nx = struct.unpack_from("<ii", content)
    data = np.frombuffer(content, "<f8", nx * ny, 8).reshape(ny, nx)
    return {"data": data, "axes": [], "metadata": {"General": {"title": path.stem}}}


def _spectrum(path: Path, channel: str | None, direction: str) -> dict:
    raise ValueError("it is a Nanonis spectrum at one point, not a picture")


Reader = Callable[[Path, str | None, str], dict]
# By what a file starts with. The ending decides nothing: three programs write .dat.
READERS: tuple[tuple[Callable[[Path, bytes], bool], Reader], ...] = (
    (lambda path, start: start.startswith(b":NANONIS_VERSION:"), _nanonis),
    (lambda path, start: start.startswith(GWYDDION), _gwyddion),
    (lambda path, start: b"x-pixels" in start and b"x-length" in start, _text),
    (lambda path, start: start.startswith(b"Experiment\t"), _spectrum),
    (_is_matrix, _matrix),
)
ENDINGS = ("sxm", "gwy")
