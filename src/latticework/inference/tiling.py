"""Large pictures in bounded memory: overlapping tiles, of which only the trusted centre is kept.

A network's answer near a tile's border depends on padding; further inside than half of its
receptive field it does not. Neighbouring tiles overlap, and each pixel is taken from the tile in
which it lies furthest inside, so that the result is the untiled one: no seams, nothing to blend.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np


@dataclass(frozen=True)
class Tile:
    """A tile of a picture. read: (rows, columns) that go into the network; keep: those of the
    picture that are taken from this tile; inside: the same, counted from the tile's corner."""

    read: tuple[slice, slice]
    keep: tuple[slice, slice]
    inside: tuple[slice, slice]


def tiles(shape: tuple[int, int], tile: int, overlap: int, multiple: int = 8) -> list[Tile]:
    """Tiles that cover a picture, row by row; what they keep covers every pixel exactly once.

    shape: (ny, nx), each a multiple of `multiple` (see `pad_to_multiple`). tile: side in px, made
    smaller where the picture is. overlap: px that neighbours share at least; give at least the
    network's receptive field. multiple: tiles start on this grid, so that a network with pooling
    pools the same pixels as it would in the whole picture.

    Raises ValueError if tile or shape is not a multiple, or the overlap leaves nothing to keep.
    """
    if multiple < 1 or tile < multiple or tile % multiple or any(n % multiple for n in shape):
        raise ValueError(
            f"tile {tile} px and picture {shape} px have to be multiples of {multiple}"
        )
    if not 0 <= overlap <= tile - multiple:
        raise ValueError(
            f"an overlap of {overlap} px does not fit tiles of {tile} px on a grid of {multiple} "
            f"px: it can be 0 to {tile - multiple}"
        )
    return [
        Tile(read=(y[0], x[0]), keep=(y[1], x[1]), inside=(y[2], x[2]))
        for y, x in product(*(_intervals(n, tile, overlap, multiple) for n in shape))
    ]


def pad_to_multiple(picture: np.ndarray, multiple: int) -> np.ndarray:
    """A picture (..., ny, nx), continued by reflection below and right to a multiple in px."""
    after = [-n % multiple for n in picture.shape[-2:]]
    if not any(after):
        return picture
    widths = [(0, 0)] * (picture.ndim - 2) + [(0, n) for n in after]
    return np.pad(picture, widths, mode="reflect")


def predict_tiled(
    function: Callable[[np.ndarray], np.ndarray],
    picture: np.ndarray,
    tile: int = 512,
    overlap: int = 128,
    multiple: int = 8,
    batch: int = 4,
) -> np.ndarray:
    """Apply a function of picture tiles to a whole picture.

    function: (n, frames, h, w) float32 numpy array → (n, classes, h, w), a numpy array or a torch
    tensor on any device; n is at most `batch`. picture: (frames, ny, nx) or (ny, nx). tile,
    overlap, multiple: px, as for `tiles`. Returns float32 (classes, ny, nx).

    Memory beyond the picture and the result: `batch` tiles. Where the receptive field is not
    larger than the overlap, the result is that of the whole picture at once.

    Raises ValueError for a wrong number of dimensions, tiles that do not fit (see `tiles`), and a
    function that returns another size.
    """
    picture = np.asarray(picture, dtype=np.float32)
    if picture.ndim == 2:
        picture = picture[None]
    if picture.ndim != 3:
        raise ValueError(f"a picture is (frames, ny, nx) or (ny, nx), got shape {picture.shape}")
    ny, nx = picture.shape[1:]
    padded = pad_to_multiple(picture, multiple)
    plan = tiles(padded.shape[1:], tile, overlap, multiple)
    result = None
    for start in range(0, len(plan), batch):
        group = plan[start : start + batch]
        stack = np.stack([padded[(slice(None), *t.read)] for t in group])
        maps = _to_numpy(function(stack))
        if maps.ndim != 4 or (len(maps), *maps.shape[2:]) != (len(stack), *stack.shape[2:]):
            raise ValueError(
                f"the function made {maps.shape} of {stack.shape}: expected (n, classes, h, w) "
                "with the same n, h, w"
            )
        if result is None:
            result = np.empty((maps.shape[1], *padded.shape[1:]), dtype=np.float32)
        for part, prediction in zip(group, maps, strict=True):
            result[(slice(None), *part.keep)] = prediction[(slice(None), *part.inside)]
    return result[:, :ny, :nx]


def _intervals(
    length: int, tile: int, overlap: int, multiple: int
) -> list[tuple[slice, slice, slice]]:
    """Along one axis: what each tile reads, keeps, and where in the tile the kept part lies."""
    tile = min(tile, length)
    step = (tile - overlap) // multiple * multiple
    starts = [*range(0, length - tile, step), length - tile] if length > tile else [0]
    # Neighbours share out their overlap in the middle.
    seams = [(b + a + tile) // 2 for a, b in pairwise(starts)]
    edges = [0, *seams, length]
    return [
        (slice(s, s + tile), slice(a, b), slice(a - s, b - s))
        for s, a, b in zip(starts, edges[:-1], edges[1:], strict=True)
    ]


def _to_numpy(maps: object) -> np.ndarray:
    """A torch tensor of any device, or an array, as a numpy array."""
    if hasattr(maps, "detach"):
        maps = maps.detach().cpu().float()
    return np.asarray(maps)
