"""Scans of diffraction patterns → strain at every position: networks propose, disks refine.

The workflow's rule and the command line measure by the same functions, in bounded memory.
"""

from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from latticework.analysis.diffraction import disk_models, disks
from latticework.analysis.diffraction.bragg import bragg_peaks
from latticework.analysis.diffraction.disk_patches import design_matrix, overlapping
from latticework.analysis.diffraction.disk_probe import Probe, make_probe
from latticework.analysis.diffraction.lattice import find_lattice, fit_lattice
from latticework.analysis.diffraction.scan_patterns import (
    DIFFRACTED,
    beam_reach,
    diffracted,
    read_batches,
)
from latticework.analysis.diffraction.scan_peaks import Reader
from latticework.analysis.diffraction.strain_map import DIRECT_BEAM, FEW, MEASURED, UNSETTLED
from latticework.datasets.pattern_faults import repaired
from latticework.datasets.read import PictureError
from latticework.datasets.scans import Patterns
from latticework.inference.network_grid import normalised
from latticework.inference.scan_calibration import disk
from latticework.inference.structure_factors import predict_batch

BATCH = 16
CHECKED = 6  # batches, evenly over the scan, in which models are compared if not in all
VAGUE = 0.01  # relative: a lattice that is not known better says nothing of strain
# A refined lattice may leave the network's by so much of the disk's radius at the outermost disk.
FARTHEST = 1.0
# Of the scan's median: a residual above is not of this crystal.
WORST = 4.0


@dataclass(frozen=True)
class Options:
    """How lattices are measured: refined or as the network says, and how disks are modelled."""

    refine: bool = True
    power: float = disks.POWER
    degrees: tuple[int, ...] = disk_models.DEGREES
    lattice: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Lattices:
    """Lattices of all positions of a scan, in the order of the file.

    lattice (n, 3, 2) px, NaN where there is none; covariance (n, 6, 6), px²; reason (n,), an index
    of `REASONS`; peaks (n,) that decided; indexed (n,): share of the peaks' weight that belongs to
    the lattice; residual (n,): what the model leaves, of the disks or, in px, of the peaks.
    """

    lattice: np.ndarray
    covariance: np.ndarray
    reason: np.ndarray
    peaks: np.ndarray
    indexed: np.ndarray
    residual: np.ndarray


@dataclass(frozen=True)
class _Shared:
    """What all positions of a scan have in common.

    base (3, 2): their lattice to begin with, px; probe and indices: of the disks that are refined,
    if they are; overlap: whether these cover each other's edges; reach: radius of the direct beam
    in px, and least: the share of a pattern's intensity that has to lie beyond it.
    """

    reader: Reader
    options: Options
    base: np.ndarray
    probe: Probe | None
    indices: torch.Tensor | None
    overlap: bool
    reach: float
    least: float


def network_peaks(patterns: np.ndarray, reader: Reader) -> list[tuple[np.ndarray, np.ndarray]]:
    """Places (n, 2), x and y in px, and weights (n,) of the peaks in patterns (n, ky, kx)."""
    recorded, vacuum = normalised(patterns, reader.probe, reader.grid)
    maps = predict_batch(
        reader.network, recorded, vacuum.expand(len(recorded), -1, -1), 1, 0, "auto"
    )[0]
    table = bragg_peaks(maps, reader.grid.sampling, threshold=reader.threshold)
    x, y = reader.grid.to_user(table["qx"].to_numpy(), table["qy"].to_numpy())
    ny, nx = patterns.shape[-2:]
    inside = (x >= 0) & (x <= nx - 1) & (y >= 0) & (y <= ny - 1)
    number = table["pattern"].to_numpy()
    places = np.column_stack([x, y])
    weights = table["intensity"].to_numpy()
    chosen = [inside & (number == n) for n in range(len(patterns))]
    return [(places[c], weights[c]) for c in chosen]


def first_lattice(
    patterns: Patterns, mean: np.ndarray, reader: Reader, options: Options
) -> np.ndarray:
    """The scan's lattice (3, 2), px: of its mean pattern (ky, kx), or as the user gave it.

    Raises PictureError where the mean pattern shows no lattice.
    """
    beam = np.array(reader.grid.beam)
    if options.lattice is not None:
        return np.vstack([beam, np.reshape(options.lattice, (2, 2))])
    (places, weights), *_ = network_peaks(mean[None].astype(np.float32), reader)
    central = np.argmin(np.linalg.norm(places - beam, axis=1)) if len(places) else 0
    found = find_lattice(places, weights, places[central]) if len(places) > 2 else None
    if found is None:
        raise PictureError(
            f"{patterns.path}: no lattice in the mean pattern ({len(places)} peaks); is the vacuum "
            "probe of this camera length? Name the lattice with --lattice ux uy vx vy (px)"
        )
    # Rows are in the order origin, u, v; indices count from the direct beam.
    return found


def measure_lattices(
    patterns: Patterns,
    mean: np.ndarray,
    reader: Reader,
    options: Options,
    *,
    batch: int = BATCH,
    progress: bool = True,
) -> Lattices:
    """The lattice at every position of a scan, with a progress bar.

    `mean` is its `average` (ky, kx).

    Raises PictureError where no lattice is found to begin with.
    """
    base = first_lattice(patterns, mean, reader, options)
    count = len(patterns)
    found = Lattices(
        np.full((count, 3, 2), np.nan),
        np.full((count, 6, 6), np.nan),
        np.zeros(count, np.uint8),
        np.zeros(count, np.int32),
        np.full(count, np.nan),
        np.full(count, np.nan),
    )
    shared = _shared(base, mean, reader, options)
    apart: list[np.ndarray] = []
    every = max(1, -(-count // (batch * CHECKED)))
    with tqdm(total=count, desc=patterns.path.name, unit="pattern", disable=not progress) as bar:
        for number, (part, read, reason) in enumerate(read_batches(patterns, batch)):
            check = apart if len(options.degrees) > 1 or number % every == 0 else None
            _measure(found, part, read, reason, shared, check)
            bar.update(len(read))
    if apart:
        together = np.concatenate(apart, axis=1)
        found.covariance[:] += disk_models.model_covariance(together, len(options.degrees))
    return found


def _shared(base: np.ndarray, mean: np.ndarray, reader: Reader, options: Options) -> _Shared:
    """What is needed at every position, from the first lattice and the mean pattern (ky, kx)."""
    beam, radius = disk(reader.probe)
    reach = beam_reach(reader.probe)
    least = diffracted(reader.probe, np.array(beam), reach) + DIFFRACTED
    probe, indices = None, None
    if options.refine:
        probe = vacuum_probe(reader.probe, options.power)
        whole, first = torch.from_numpy(mean), torch.from_numpy(base)
        indices = disks.brightest_disks(whole, first, probe.radius)
        best = disks.refine(whole[None], first[None], indices, probe)
        if best.converged.all():
            base = best.lattice[0].numpy()
    overlap = len(overlapping(torch.from_numpy(base), radius)) > 0
    return _Shared(reader, options, base, probe, indices, overlap, reach, least)


def vacuum_probe(probe: np.ndarray, power: float) -> Probe:
    """A vacuum probe (ky, kx) made ready for the refinement. Raises PictureError."""
    centre, radius = disk(probe)
    return make_probe(torch.from_numpy(np.asarray(probe, float)), centre, radius, power)


def _measure(
    found: Lattices,
    part: slice,
    read: np.ndarray,
    reason: np.ndarray,
    shared: _Shared,
    apart: list[np.ndarray] | None,
) -> None:
    """Fill in the lattices of one batch of patterns; note how far models are apart in it."""
    good = np.flatnonzero(reason == MEASURED)
    numbers = np.arange(part.start, part.stop)
    fits = []
    whole = np.array([repaired(pattern)[0] for pattern in read[good]])
    found_peaks = network_peaks(whole, shared.reader) if len(good) else ()
    for number, pattern, (places, weights) in zip(good, whole, found_peaks, strict=True):
        fit = fit_lattice(places, weights, shared.base) if len(places) else None
        if fit is None:
            reason[number] = FEW
            continue
        if diffracted(pattern, fit.lattice[0], shared.reach) < shared.least:
            reason[number] = DIRECT_BEAM
            continue
        fits.append((number, fit))
        at = numbers[number]
        found.lattice[at], found.covariance[at] = fit.lattice, fit.covariance
        found.peaks[at], found.residual[at] = fit.used.sum(), fit.rms
        found.indexed[at] = weights[fit.used].sum() / weights.sum()
    if shared.probe is not None and fits:
        chosen = np.array([number for number, _ in fits])
        start = torch.from_numpy(np.stack([fit.lattice for _, fit in fits]))
        refined, settled = _refine(torch.from_numpy(read[chosen]), start, shared, apart)
        reason[chosen[~settled]] = UNSETTLED
        at = numbers[chosen]
        found.lattice[at], found.covariance[at] = refined.lattice, refined.covariance
        found.peaks[at], found.residual[at] = refined.disks, refined.residual
    found.reason[part] = reason
    found.lattice[numbers[reason != MEASURED]] = np.nan
    found.covariance[numbers[reason != MEASURED]] = np.nan


def _refine(
    patterns: torch.Tensor, start: torch.Tensor, shared: _Shared, apart: list[np.ndarray] | None
) -> tuple[disks.Refined, np.ndarray]:
    """Refined lattices of patterns (n, ky, kx) from a start (n, 3, 2), and which have settled."""
    indices, probe, degrees = shared.indices, shared.probe, shared.options.degrees
    base = torch.from_numpy(shared.base)
    if shared.overlap:
        # Of disks that overlap a network says less than the mean pattern does.
        start = base.expand_as(start)
    refined, away, settled = _fitted(patterns, start, shared)
    if not (shared.overlap or settled.all()):
        # Of small disks the outermost lie elsewhere where a network's vectors are a little off:
        # those of the mean pattern, about the network's origin.
        left = (~settled).nonzero()[:, 0]
        again = torch.cat([start[left, :1], base[1:].expand(len(left), -1, -1)], dim=1)
        second, farther, found = _fitted(patterns[left], again, shared)
        better = left[found]
        for name in ("lattice", "influence", "disks", "residual", "converged"):
            getattr(refined, name)[better] = getattr(second, name)[found]
        away[:, better], settled[better] = farther[:, found], True
    if apart is not None and settled.any():
        if len(degrees) == 1:
            good = patterns[settled], refined.lattice[settled]
            others, away = disk_models.refine(*good, indices, probe)
            apart.append(away[:, others.converged].numpy())
        else:
            apart.append(away[:, settled].numpy())
    return refined, settled.numpy()


def _fitted(
    patterns: torch.Tensor, start: torch.Tensor, shared: _Shared
) -> tuple[disks.Refined, torch.Tensor, torch.Tensor]:
    """`disk_models.refine` from a start (n, 3, 2), and which have settled not far from it (n,)."""
    indices, probe = shared.indices, shared.probe
    refined, away = disk_models.refine(
        patterns, start, indices, probe, degrees=shared.options.degrees
    )
    moved = torch.linalg.norm(design_matrix(indices) @ (refined.lattice - start), dim=-1)
    return refined, away, refined.converged & (moved.amax(-1) < FARTHEST * probe.radius)
