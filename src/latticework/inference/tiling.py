"""Large images in bounded memory: overlapping tiles, of which only the trusted centre is kept.

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
    """A tile of an image.

    Parameters
    ----------
    read
        (rows, columns) that go into the network.
    keep
        Those of the image that are taken from this tile.
    inside
        The same, counted from the tile's corner.
    """

    read: tuple[slice, slice]
    keep: tuple[slice, slice]
    inside: tuple[slice, slice]


def tiles(shape: tuple[int, int], tile: int, overlap: int, multiple: int) -> list[Tile]:
    """Tiles that cover an image, row by row; what they keep covers every pixel exactly once.

    Parameters
    ----------
    shape
        (ny, nx), each a multiple of `multiple` (see `pad_to_multiple`).
    tile
        Largest side in px; smaller where that covers the image with as many tiles.
    overlap
        px that neighbours share at least; give at least the network's receptive field.
    multiple
        Tiles start on this grid, so that a network with pooling pools the same pixels as it would
        in the whole image.

    Raises ValueError if tile or shape is not a multiple, or the overlap leaves nothing to keep.
    """
    if multiple < 1 or tile < multiple or tile % multiple or any(n % multiple for n in shape):
        raise ValueError(f"tile {tile} px and image {shape} px have to be multiples of {multiple}")
    if not 0 <= overlap <= tile - multiple:
        raise ValueError(
            f"an overlap of {overlap} px does not fit tiles of {tile} px on a grid of {multiple} "
            f"px: it can be 0 to {tile - multiple}"
        )
    return [
        Tile(read=(y[0], x[0]), keep=(y[1], x[1]), inside=(y[2], x[2]))
        for y, x in product(*(_intervals(n, tile, overlap, multiple) for n in shape))
    ]


def pad_to_multiple(image: np.ndarray, multiple: int) -> np.ndarray:
    """An image (..., ny, nx), continued by reflection below and right to a multiple in px."""
    after = [-n % multiple for n in image.shape[-2:]]
    if not any(after):
        return image
    widths = [(0, 0)] * (image.ndim - 2) + [(0, n) for n in after]
    return np.pad(image, widths, mode="reflect")


def predict_tiled(
    function: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    *,
    tile: int,
    overlap: int,
    multiple: int,
    batch: int,
) -> np.ndarray:
    """Apply a function of image tiles to a whole image.

    Memory beyond the image and the result: `batch` tiles. Where the receptive field is not larger
    than the overlap, the result is that of the whole image at once.

    Parameters
    ----------
    function
        (n, series, h, w) float32 numpy array → (n, classes, h, w), a numpy array or a torch tensor
        on any device; n is at most `batch`.
    image
        (series, ny, nx) or (ny, nx).
    tile, overlap, multiple
        px, as for `tiles`.
    batch
        Tiles at once.

    Returns
    -------
    np.ndarray
        float32 (classes, ny, nx).

    Raises ValueError for a wrong number of dimensions, tiles that do not fit (see `tiles`), and a
    function that returns another size.
    """
    image = np.asarray(image, dtype=np.float32)
    if image.ndim == 2:
        image = image[None]
    if image.ndim != 3:
        raise ValueError(f"an image is (series, ny, nx) or (ny, nx), got shape {image.shape}")
    ny, nx = image.shape[1:]
    padded = pad_to_multiple(image, multiple)
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
    """Along one axis: what each tile reads, keeps, and where in the tile the kept part lies.

    As few tiles as there can be, all of one size, and that no larger than they need: a line a
    little longer than a tile is read as two halves, not as two whole tiles.
    """
    overlap = -(-overlap // multiple) * multiple
    count = max(1, -(-(length - overlap) // (tile - overlap)))
    tile = -(-(length + (count - 1) * overlap) // (count * multiple)) * multiple
    # On the grid, and spread evenly; the first starts at the border and the last ends there.
    starts = [
        (length - tile) * n // (max(count - 1, 1) * multiple) * multiple for n in range(count)
    ]
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
