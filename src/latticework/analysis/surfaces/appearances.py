"""What a molecule looks like in each of its orientations, and where an image looks like it.

An image is correlated with simulated pictures of one molecule, in all orientations and azimuths,
under a window that leaves its neighbours out. The best one at a place says which orientation, the
place of its maximum where the molecule is.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy import ndimage
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from latticework.analysis.surfaces.markov_field import lattice_graph
from latticework.config.stm import Simulation
from latticework.simulation.stm import image_of

ROOM = 12.0  # Å around a molecule in its picture
DEPTH = 1.5  # Å below its highest point, to which a picture of a lone molecule is kept
WINDOW = 0.27  # of the distance of neighbours: standard deviation of the window
BLUR = 0.7  # Å, RMS radius of a usual tip's end
STEP = 10.0  # degrees of azimuth
# Of the least distance of molecules: the blur that makes a blob of each, and how far its middle may
# be from the blob's.
BLOB, STRAY = 0.35, 0.3
SAME_DIRECTION = np.deg2rad(22.0)
CLIP = 3.0  # robust standard deviations: a hole is no contrast


@dataclass(frozen=True)
class Appearances:
    """Pictures of a molecule.

    Parameters
    ----------
    pictures
        (n, m, m), the molecule's middle in the middle.
    kinds
        (n,), the orientation of each, from 0.
    azimuths
        (n,), degrees.
    periods
        (kinds,), degrees after which an orientation repeats.
    window
        (m, m), weights that sum to 1.
    """

    pictures: np.ndarray
    kinds: np.ndarray
    azimuths: np.ndarray
    periods: np.ndarray
    window: np.ndarray


def appearances(
    orientations: list[np.ndarray],
    periods: list[float],
    given: Simulation,
    sampling: float,
    constant: float,
) -> Appearances:
    """Pictures of a molecule whose atoms (n, 3) in each orientation are given.

    Parameters
    ----------
    orientations, periods
        Atoms in Å, and the degrees about z after which each repeats.
    given
        How they are imaged.
    sampling
        Pixel of the image that they are compared with, Å.
    constant
        Distance of neighbours, Å.
    """
    half = int(np.ceil(1.2 * constant / 2 / sampling))
    steps = np.arange(-half, half + 1)
    pictures, kinds, azimuths = [], [], []
    for kind, (atoms, period) in enumerate(zip(orientations, periods, strict=True)):
        turns = max(1, round(period / STEP))
        for turn in range(turns):
            azimuth = period * turn / turns
            turned = Rotation.from_euler("z", azimuth, degrees=True).apply(atoms)
            image, pixel = _alone(turned, given)
            place = steps * sampling / pixel + (len(image) // 2)
            rows, columns = np.meshgrid(place, place, indexing="ij")
            pictures.append(ndimage.map_coordinates(image, [rows, columns], order=1))
            kinds.append(kind)
            azimuths.append(azimuth)
    radius = np.hypot(steps[:, None], steps) * sampling
    window = np.exp(-0.5 * (radius / (WINDOW * constant)) ** 2)
    return Appearances(
        np.array(pictures),
        np.array(kinds),
        np.array(azimuths),
        np.array(periods),
        window / window.sum(),
    )


def _alone(positions: np.ndarray, given: Simulation) -> tuple[np.ndarray, float]:
    """Height (m, m) over one molecule in the middle of a box, Å, and the pixel."""
    side = 2 * ROOM
    atoms = Atoms("C" * len(positions), positions=positions, cell=(side, side, 40.0))
    size = 2 * round(side / given.sampling / 2)
    pixel = side / size
    atoms.positions[:, :2] += pixel * (size // 2)
    for name in ("column", "specimen"):
        atoms.new_array(name, np.ones(len(positions), int if name == "column" else bool))
    height = image_of(atoms, given)[0]
    # What is below the molecule's side nobody sees in a layer.
    height = np.maximum(height, height.max() - DEPTH)
    return ndimage.gaussian_filter(height, BLUR / pixel), pixel


@dataclass(frozen=True)
class Molecules:
    """Molecules of an image.

    Parameters
    ----------
    positions
        (n, 2), x and y in px.
    scores
        (n, kinds), the highest correlation with each orientation, −1 to 1.
    azimuths
        (n, kinds), degrees, of that correlation.
    """

    positions: np.ndarray
    scores: np.ndarray
    azimuths: np.ndarray

    @property
    def kinds(self) -> np.ndarray:
        """(n,) the likeliest orientation of each."""
        return self.scores.argmax(axis=1)

    def those(self, chosen: np.ndarray) -> "Molecules":
        """Some of the molecules, by a mask (n,)."""
        return Molecules(self.positions[chosen], self.scores[chosen], self.azimuths[chosen])


def correlations(image: np.ndarray, known: Appearances) -> np.ndarray:
    """Correlation (n, ny, nx) of an image with each picture, under the window at each pixel."""
    weights = known.window
    shape = [next_fast_len(a + b - 1) for a, b in zip(image.shape, weights.shape, strict=True)]
    half = weights.shape[0] // 2
    own = tuple(slice(half, half + n) for n in image.shape)

    def correlated(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        return irfft2(rfft2(values, shape) * rfft2(kernel[::-1, ::-1], shape), shape)[own]

    inside = correlated(np.ones_like(image), weights)
    mean = correlated(image, weights) / inside
    variance = np.maximum(correlated(image**2, weights) / inside - mean**2, 1e-12)
    found = np.empty((len(known.pictures), *image.shape))
    for number, picture in enumerate(known.pictures):
        centred = picture - (weights * picture).sum()
        spread = np.sqrt((weights * centred**2).sum())
        kernel = weights * centred / max(spread, 1e-12)
        part = correlated(image, kernel) - mean * correlated(np.ones_like(image), kernel)
        found[number] = part / np.sqrt(variance) / np.maximum(inside, 0.3)
    return found


def find_molecules(
    image: np.ndarray, known: Appearances, nearest: float, lowest: float = 0.3
) -> Molecules:
    """Molecules of a levelled image (ny, nx): places whose surroundings look like one.

    Parameters
    ----------
    known
        At the image's pixel.
    nearest
        Molecules are at least so far apart, px.
    lowest
        Least correlation.
    """
    image = np.clip(image, -CLIP, CLIP)
    # From afar every molecule is one blob, whichever way it is turned.
    blobs = ndimage.gaussian_filter(image, BLOB * nearest)
    peaks = blobs == ndimage.maximum_filter(blobs, 2 * int(nearest / 2) + 1)
    rows, columns = np.nonzero(peaks & (blobs > np.median(blobs) - np.std(blobs)))
    order = np.argsort(blobs[rows, columns])[::-1]
    places = np.column_stack([columns, rows])[order].astype(float)
    places = places[_apart(places, nearest)]
    maps = correlations(image, known)
    found = read_at(maps, places, known, round(STRAY * nearest))
    # A bright side is not a middle: where the neighbours say that a molecule is, it is read again.
    for reach in (0.2, 0.12, 0.12):
        places = by_neighbours(found.positions)
        found = read_at(maps, places, known, max(1, round(reach * nearest)))
    return found.those(found.scores.max(axis=1) > lowest)


def by_neighbours(positions: np.ndarray) -> np.ndarray:
    """Where the neighbours of molecules (n, 2) of a layer say that each is.

    A neighbour says: where I am, and the vector that neighbours in this direction usually have. The
    median over the neighbours is taken, axis by axis; a molecule without any stays where it is.
    """
    pairs = lattice_graph(positions)
    if len(pairs) == 0:
        return positions
    source, target = np.concatenate([pairs, pairs[:, ::-1]]).T
    edges = positions[target] - positions[source]
    angles = np.arctan2(edges[:, 1], edges[:, 0])
    turned = np.abs((angles[:, None] - angles + np.pi) % (2 * np.pi) - np.pi)
    alike = turned < SAME_DIRECTION
    usual = (alike @ edges) / alike.sum(axis=1, keepdims=True)
    said = positions[source] + usual
    places = positions.copy()
    for number in range(len(positions)):
        own = target == number
        if own.any():
            places[number] = np.median(said[own], axis=0)
    return places


def _apart(places: np.ndarray, nearest: float) -> np.ndarray:
    """Numbers of places (n, 2), the best first, that no better one is too near to."""
    near = cKDTree(places).query_ball_point(places, nearest) if len(places) else []
    kept = np.zeros(len(places), bool)
    for number, around in enumerate(near):
        kept[number] = not any(kept[other] for other in around if other < number)
    return np.flatnonzero(kept)


def read_at(maps: np.ndarray, places: np.ndarray, known: Appearances, reach: int) -> Molecules:
    """Molecules at places (n, 2) px that are known to `reach` px, from `correlations`."""
    ny, nx = maps.shape[1:]
    count = len(known.periods)
    scores, azimuths = np.full((len(places), count), -1.0), np.zeros((len(places), count))
    refined = places.astype(float).copy()
    for n, (x, y) in enumerate(places):
        row, column = int(np.clip(round(y), 0, ny - 1)), int(np.clip(round(x), 0, nx - 1))
        rows = slice(max(row - reach, 0), row + reach + 1)
        columns = slice(max(column - reach, 0), column + reach + 1)
        part = maps[:, rows, columns]
        highest = part.reshape(len(maps), -1).max(axis=1)
        for kind in range(count):
            own = np.flatnonzero(known.kinds == kind)
            chosen = own[highest[own].argmax()]
            scores[n, kind], azimuths[n, kind] = highest[chosen], known.azimuths[chosen]
        best = int(highest.argmax())
        at = np.unravel_index(part[best].argmax(), part[best].shape)
        refined[n] = _vertex(maps[best], rows.start + at[0], columns.start + at[1])
    return Molecules(refined, scores, azimuths)


def _vertex(values: np.ndarray, row: int, column: int) -> tuple[float, float]:
    """x, y of the maximum of a parabola through a pixel and its neighbours."""

    def offset(line: np.ndarray) -> float:
        curvature = line[0] - 2 * line[1] + line[2]
        return float(np.clip(0.5 * (line[0] - line[2]) / curvature, -1, 1)) if curvature else 0.0

    ny, nx = values.shape
    x, y = float(column), float(row)
    if 0 < column < nx - 1:
        x += offset(values[row, column - 1 : column + 2])
    if 0 < row < ny - 1:
        y += offset(values[row - 1 : row + 2, column])
    return x, y
