"""What stands at each site of a crystal in each frame of a movie: drift off, classes by site."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial import cKDTree

from latticework.analysis.atoms.sublattices import sublattices, translations
from latticework.analysis.movies.drift import DriftTracker
from latticework.analysis.movies.sites import SEEN, SITE_REACH, find_sites, settled
from latticework.structures.thinning import hard_core

NOTHING = "nothing"
# Å: frames are smoothed with it before they are compared; sites this near to the border of a frame
# do not count there.
SMOOTHING, EDGE = 0.8, 1.5
# A frame with less than this share of the atoms of the middle one shows no crystal; one whose atoms
# are not at the sites, this share of them within so many Å, shows another, or noise.
LEAST_ATOMS, LEAST_FIT, FIT = 0.5, 0.5, 0.45
# Of a site where nothing is ever seen: sites that lead to it, and rounds, for several together.
# Of translations that count, over the shortest.
WITNESSES, EMPTY_ROUNDS, LONGER = 3, 3, 1.25
# Å: how far off a frame may be after the images were compared, the bin of a histogram of ways, its
# smoothing; and the share of the commonest way's number that makes another as common.
REACH, BIN, WIDTH, COMMON = 4.0, 0.1, 0.2, 0.75
# Of what is left: rounds of the fit, Å to an atom's partner in the frame before, fewest partners.
ROUNDS, NEAR, FEWEST = 4, 1.2, 60
# Fraction of the frames in which something must be seen at a site.
LEAST_SEEN = 0.03
# A frame is moved by a translation of the lattice where its odd sites then agree better with those
# of the frame before, by so many and by this share of them.
LEAST_GAIN, LEAST_SHARE = 4, 0.25


@dataclass(frozen=True)
class Followed:
    """Sites of a movie and what is seen there.

    `sites` has a row a site: x_angstrom, y_angstrom (drift off) and host, the class that most
    sites of its sublattice hold. `symbols` are the classes and, first of all, `NOTHING`; `seen`
    (sites, frames) are their numbers, −1 where the site is out of the frame or the frame shows
    nothing. `drift` (frames, 2) in Å, NaN for such frames.
    """

    sites: pd.DataFrame
    symbols: tuple[str, ...]
    seen: np.ndarray
    drift: np.ndarray


def follow(
    atoms: pd.DataFrame,
    frames: np.ndarray,
    sampling: float,
    classes: tuple[str, ...],
    mask: np.ndarray | None = None,
) -> Followed:
    """Sites of a movie's frames (n, ny, nx) of pixels of `sampling` Å, and what is seen there.

    Parameters
    ----------
    atoms
        Table with frame, x_angstrom, y_angstrom, probability and class, of all frames.
    classes
        Names of all classes.
    mask
        bool (n, ny, nx), true where no specimen shows.

    Raises ValueError where no crystal is seen in two frames.
    """
    sure = atoms[atoms["probability"] >= SEEN]
    number = np.bincount(sure["frame"], minlength=len(frames))
    shown = number > LEAST_ATOMS * np.median(number[number > 0]) if number.any() else number > 0
    if shown.sum() < 2:
        raise ValueError("fewer than two frames show a crystal")
    placed, places, drift = _placed(sure, frames, shown, sampling)
    fits = _fit(placed, places, len(frames)) >= LEAST_FIT
    if (shown & ~fits).any():
        shown &= fits
        if shown.sum() < 2:
            raise ValueError("fewer than two frames show the same crystal")
        placed, places, drift = _placed(sure, frames, shown, sampling)
    axes = ["x_angstrom", "y_angstrom"]
    symbols = (NOTHING, *classes)
    seen = _observed(placed, places, symbols, len(frames))
    steps = translations(places)
    for frame, jump in _jumps(seen, places, steps, np.flatnonzero(shown)):
        placed.loc[placed["frame"] == frame, axes] += jump
        drift[frame] -= jump
    places = _with_empty(places, _usual(seen))
    seen = _observed(placed, places, symbols, len(frames))
    seen[~_visible(places, drift, frames.shape[1:], sampling, mask)] = -1
    hosts = _hosts(places, seen, symbols)
    kept = (hosts != "") & (seen >= 0).any(axis=1)
    sites = pd.DataFrame(places[kept], columns=axes).assign(host=hosts[kept])
    return Followed(sites, symbols, seen[kept], drift)


def _placed(
    sure: pd.DataFrame, frames: np.ndarray, shown: np.ndarray, sampling: float
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Atoms of the frames that show a crystal, drift off; sites (n, 2); drift (frames, 2); Å.

    Raises ValueError where there are no sites.
    """
    drift = _drift(frames, shown, sampling)
    placed = sure[shown[sure["frame"]]].reset_index(drop=True)
    axes = ["x_angstrom", "y_angstrom"]
    placed[axes] -= drift[placed["frame"]]
    before = None
    for frame, now in placed.groupby("frame"):
        if before is not None:
            way = _way(before, now)
            step = way + _bent(before, now, way)
            now = now.assign(**dict(zip(axes, (now[axes].to_numpy() - step).T, strict=True)))
            placed.loc[now.index, axes] = now[axes]
            drift[frame] += step.mean(axis=0)
        before = now
    better = settled(placed, find_sites(placed, int(shown.sum()), LEAST_SEEN))
    drift[shown] += _moved(placed, better, np.flatnonzero(shown))
    places = find_sites(better, int(shown.sum()), LEAST_SEEN)
    if not len(places):
        raise ValueError("no site is seen in two frames")
    return better, places, drift


def _way(before: pd.DataFrame, now: pd.DataFrame) -> np.ndarray:
    """By how much (x, y) the atoms of a frame lie off those of the frame before, Å.

    The commonest way from an atom to one of its class: an image that was shifted by the distance
    of two sublattices looks much the same, and atoms' classes do not. Of ways that are about as
    common, as all translations of a lattice are, the shortest.
    """
    axes, half = ["x_angstrom", "y_angstrom"], round(REACH / BIN)
    histogram = np.zeros((2 * half + 1,) * 2)
    for name, own in now.groupby("class"):
        start, end = before.loc[before["class"] == name, axes].to_numpy(), own[axes].to_numpy()
        if not len(start):
            continue
        pairs = cKDTree(start).sparse_distance_matrix(cKDTree(end), REACH, output_type="ndarray")
        cell = np.rint((end[pairs["j"]] - start[pairs["i"]]) / BIN).astype(int) + half
        np.add.at(histogram, tuple(cell.T), 1.0)
    smooth = ndimage.gaussian_filter(histogram, WIDTH / BIN, mode="constant")
    top = (smooth == ndimage.maximum_filter(smooth, 5)) & (smooth > COMMON * smooth.max())
    ways = (np.argwhere(top) - half) * BIN
    return ways[np.argmin(np.linalg.norm(ways, axis=1))] if len(ways) else np.zeros(2)


def _bent(before: pd.DataFrame, now: pd.DataFrame, way: np.ndarray) -> np.ndarray:
    """What is left (n, 2) for each atom of a frame, Å: a scan's drift is not the same everywhere.

    A polynomial of second degree, fitted to the ways to the nearest atoms of the same class in the
    frame before.
    """
    axes = ["x_angstrom", "y_angstrom"]
    place = now[axes].to_numpy() - way
    u, v = ((place - place.mean(axis=0)) / max(float(np.ptp(place, axis=0).max()), 1e-9)).T
    terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=1)
    left = np.zeros_like(place)
    for _ in range(ROUNDS):
        partner = np.full_like(place, np.nan)
        for name in now["class"].unique():
            other = before.loc[before["class"] == name, axes].to_numpy()
            own = np.flatnonzero(now["class"] == name)
            if len(other):
                distance, nearest = cKDTree(other).query(place[own] - left[own])
                close = distance < NEAR
                partner[own[close]] = other[nearest[close]]
        known = np.isfinite(partner[:, 0])
        if known.sum() < FEWEST:
            return np.zeros_like(place)
        left = terms @ np.linalg.lstsq(terms[known], (place - partner)[known], rcond=None)[0]
    return left


def _fit(placed: pd.DataFrame, places: np.ndarray, frames: int) -> np.ndarray:
    """Share (frames,) of each frame's atoms that are at a site; 0 for a frame without atoms."""
    distance, _ = cKDTree(places).query(placed[["x_angstrom", "y_angstrom"]].to_numpy())
    near = np.bincount(placed["frame"], distance < FIT, minlength=frames)
    return near / np.maximum(np.bincount(placed["frame"], minlength=frames), 1)


def _drift(frames: np.ndarray, shown: np.ndarray, sampling: float) -> np.ndarray:
    tracker = DriftTracker(SMOOTHING / sampling)
    return np.array(
        [
            tracker.shift(frame) * sampling if good else (np.nan, np.nan)
            for frame, good in zip(frames, shown, strict=True)
        ]
    )


def _moved(before: pd.DataFrame, after: pd.DataFrame, frames: np.ndarray) -> np.ndarray:
    """How far tables that differ by a shift a frame lie apart in each of some frames (n, 2)."""
    axes = ["x_angstrom", "y_angstrom"]
    steps = (before[axes] - after[axes]).groupby(before["frame"]).first()
    return steps.reindex(frames).fillna(0.0).to_numpy()


def _observed(
    placed: pd.DataFrame, places: np.ndarray, symbols: tuple[str, ...], frames: int
) -> np.ndarray:
    """Number (sites, frames) of the likeliest class at each site, 0 for none."""
    seen = np.zeros((len(places), frames), dtype=int)
    distance, owner = cKDTree(places).query(placed[["x_angstrom", "y_angstrom"]].to_numpy())
    # The likeliest of several comes last, and stays.
    order = np.argsort(placed["probability"].to_numpy(), kind="stable")
    order = order[distance[order] <= SITE_REACH]
    code = placed["class"].map({name: n for n, name in enumerate(symbols)}).to_numpy()
    seen[owner[order], placed["frame"].to_numpy()[order]] = code[order]
    return seen


def _jumps(
    seen: np.ndarray, places: np.ndarray, steps: np.ndarray, frames: np.ndarray
) -> list[tuple[int, np.ndarray]]:
    """Frames that lie off by a translation of the lattice, and by which they have to be moved.

    All that tells a frame from one that lies a lattice vector off are the sites that are not like
    most: foreign atoms, vacancies.
    """
    if not len(steps) or len(frames) < 2:
        return []
    grid = np.stack(np.meshgrid(*2 * [np.arange(-2, 3)], indexing="ij"), -1).reshape(-1, 2)
    moves = grid @ steps
    moves = moves[np.argsort(np.linalg.norm(moves, axis=1), kind="stable")]
    tree = cKDTree(places)
    partner = []
    for move in moves:
        distance, found = tree.query(places - move)
        partner.append(np.where(distance < SITE_REACH, found, -1))
    usual = np.array([np.bincount(row).argmax() for row in seen[:, frames]])
    # What is usual at a site would be carried along by its own vacancy: ask its sublattice.
    number = sublattices(places, usual)
    for one in np.unique(number[number >= 0]):
        usual[number == one] = np.bincount(usual[number == one]).argmax()
    found = []
    before = seen[:, frames[0]]
    for frame in frames[1:]:
        now = seen[:, frame]
        odd = (before != usual) & (number >= 0)
        agree = [int((odd & (own >= 0) & (now[own] == before)).sum()) for own in partner]
        best = int(np.argmax(agree))
        gain = agree[best] - agree[0]
        if gain >= LEAST_GAIN and gain > LEAST_SHARE * odd.sum():
            found.append((int(frame), moves[best]))
            now = np.where(partner[best] >= 0, now[partner[best]], usual)
        before = now
    return found


def _visible(
    places: np.ndarray,
    drift: np.ndarray,
    shape: tuple[int, int],
    sampling: float,
    mask: np.ndarray | None,
) -> np.ndarray:
    """Whether each site is well inside each frame (sites, frames), and on the specimen."""
    where = places[:, None] + drift[None]
    limit = np.array(shape[::-1]) * sampling
    inside = ((where > EDGE) & (where < limit - EDGE)).all(axis=-1)
    if mask is not None:
        pixel = np.rint(np.where(inside[..., None], where, 0) / sampling).astype(int)
        column, row = np.minimum(pixel, np.array(shape[::-1]) - 1).transpose(2, 0, 1)
        inside &= ~mask[np.arange(len(drift)), row, column]
    return inside


def _usual(seen: np.ndarray) -> np.ndarray:
    """Number (sites,) of the class that each site holds most of the time."""
    most = int(seen.max(initial=1)) + 1
    counts = np.array([np.bincount(row[row > 0], minlength=most) for row in seen])
    return counts[:, 1:].argmax(axis=1) + 1


def _with_empty(places: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Sites (n, 2), and those where nothing is ever seen but neighbours say that one should be.

    Without them only those empty sites would count that are filled some day, and sites would seem
    to be filled too often. A site is where translations of the lattice lead from three others.
    """
    steps = translations(places, usual)
    number = sublattices(places, usual)
    if not len(steps):
        return places
    ways = np.concatenate([steps, [steps[0] + steps[1], steps[0] - steps[1]]])
    length = np.linalg.norm(ways, axis=1)
    # The shortest alone: two of them lead across a straight edge, where nothing has to be.
    ways = np.concatenate([ways, -ways])[np.tile(length < LONGER * length.min(), 2)]
    found = [places]
    for one in np.unique(number[number >= 0]):
        members, known = places[number == one], places
        for _ in range(EMPTY_ROUNDS):
            guesses = (members[:, None] + ways).reshape(-1, 2)
            guesses = guesses[cKDTree(known).query(guesses)[0] > SITE_REACH]
            if not len(guesses):
                break
            near = cKDTree(guesses).query_ball_point(guesses, FIT)
            agree = np.array([len(group) for group in near])
            middle = np.array([guesses[group].mean(axis=0) for group in near])[agree >= WITNESSES]
            if not len(middle):
                break
            sure = agree[agree >= WITNESSES].astype(float)
            new = middle[hard_core(middle, SITE_REACH, priority=sure)]
            members, known = np.concatenate([members, new]), np.concatenate([known, new])
            found.append(new)
    return np.concatenate(found)


def _hosts(places: np.ndarray, seen: np.ndarray, symbols: tuple[str, ...]) -> np.ndarray:
    """Class that most sites of each site's sublattice hold, "" for sites of none.

    Where there is no lattice, every site is of the class that it holds most of the time.
    """
    counts = np.array([np.bincount(row[row >= 0], minlength=len(symbols)) for row in seen])
    own = _usual(seen)
    number = sublattices(places, own)
    names = np.array(symbols, dtype=object)
    if (number < 0).all():
        return names[own]
    hosts = np.full(len(places), "", dtype=object)
    for one in np.unique(number[number >= 0]):
        members = number == one
        hosts[members] = names[1:][counts[members, 1:].sum(axis=0).argmax()]
    return hosts
