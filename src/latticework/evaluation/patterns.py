"""Patterns that all methods are judged by: held-out crystals in drawn microscopes.

Crystals, not patterns, are split into those that thresholds are tuned on ("validation") and those
that count ("test"). Beside the test's patterns, whose dose is drawn like all else, some are made
again at every dose of a series ("dose"), with the same microscope.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from tqdm import tqdm

from latticework import shards
from latticework.analysis.diffraction.bragg import bragg_peaks
from latticework.analysis.diffraction.similarity import direct_beam, ssim
from latticework.config.base import Range
from latticework.config.evaluation_peaks import Patterns
from latticework.imaging.diffraction import augment
from latticework.seeds import torch_seed
from latticework.shards import Array
from latticework.structures.orientations import tilt_from_zone


def split_crystals(
    names: Sequence[str], share: float, rng: np.random.Generator
) -> dict[str, list[str]]:
    """Crystals by subset: about a `share` of them to validate, at least one in either.

    Raises ValueError for fewer than two.
    """
    crystals = list(dict.fromkeys(names))
    if len(crystals) < 2:
        raise ValueError(
            f"tuning and test need a crystal each: expected at least 2 held-out crystals, found "
            f"{len(crystals)}; raise structures.held_out"
        )
    order = [crystals[i] for i in rng.permutation(len(crystals))]
    count = min(max(round(share * len(crystals)), 1), len(crystals) - 1)
    return {"validation": order[:count], "test": order[count:]}


def choose_sources(
    structures: Sequence[Atoms],
    probes: int,
    thicknesses: int,
    settings: Patterns,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Which simulated patterns are taken, and at which dose; a row each.

    Structure, semiangle and thickness are indices; the dose (electrons in the probe) is NaN where
    it is drawn. Each simulated pattern of a subset is equally likely, none comes twice. `source`
    counts them; the patterns of the dose series share it with the test's.
    """
    names = [atoms.info["crystal"] for atoms in structures]
    crystals = split_crystals(names, settings.validation, rng)
    rows = []
    for subset, count in (("validation", settings.tuning), ("test", settings.test)):
        members = np.flatnonzero(np.isin(names, crystals[subset]))
        shape = len(members), probes, thicknesses
        drawn = rng.permutation(np.prod(shape))[:count]
        for m, semiangle, thickness in zip(*np.unravel_index(drawn, shape), strict=True):
            rows.append(
                (subset, len(rows), int(members[m]), int(semiangle), int(thickness), np.nan)
            )
    columns = ["subset", "source", "structure", "semiangle", "thickness", "dose"]
    table = pd.DataFrame(rows, columns=columns)
    scanned = table[table["subset"] == "test"].head(settings.series)
    series = [scanned.assign(subset="dose", dose=dose) for dose in settings.doses]
    return pd.concat([table, *series], ignore_index=True)


def make_patterns(
    sources: pd.DataFrame,
    paths: Sequence[str | Path],
    structures: Sequence[Atoms],
    settings: Patterns,
    ranges: Mapping[str, Range],
    seed: int,
    name: str,
) -> tuple[dict[str, Array], pd.DataFrame]:
    """Patterns of `choose_sources` in drawn microscopes: arrays of an HDF5 file, and their table.

    `paths` are diffraction shards in the order of the `structures`. A source has a random stream
    of its own, so that its microscope is the same at every dose. True peaks are those of the
    distorted, noise-free map. The table has a row a pattern: where it comes from, what was drawn,
    `tilt_degrees` from the nearest low-index direction (zero for all zone axes of the library), the
    SSIM of the direct beam alone.
    """
    made: list[dict[str, Any]] = []
    first = 0
    for path in tqdm(paths, desc="evaluation patterns", unit="shard"):
        shard, _ = shards.read(path, "diffraction")
        count = len(shard["zone_axis"])
        inside = sources["structure"].between(first, first + count - 1)
        for row in sources[inside].itertuples():
            made.append(_pattern(row, shard, structures, first, settings, ranges, seed, name))
        first += count
    made.sort(key=lambda item: item["index"])
    table = pd.DataFrame([item["row"] for item in made])
    table.insert(0, "pattern", np.arange(len(table)))
    pixels = ("pattern", "y", "x")
    picture = {
        key: np.stack([item[key] for item in made])
        for key in ("pattern", "probe", "structure_factors")
    }
    unit = "brightest pixel of the probe"
    return {
        "pattern": Array(picture["pattern"], unit, pixels),
        "probe": Array(picture["probe"], unit, pixels),
        "structure_factors": Array(picture["structure_factors"], "V", pixels),
        "peaks": Array(
            [item["peaks"] for item in made],
            "1/Å, 1/Å, V",
            ("pattern", "peak", "qx qy amplitude"),
            ragged=True,
        ),
        "centre": Array(np.stack([item["centre"] for item in made]), "1/Å", ("pattern", "x y")),
        "reciprocal_sampling": Array(np.array(made[0]["step"]), "1/Å", ()),
    }, table


def _pattern(
    source: Any,
    shard: Mapping[str, np.ndarray],
    structures: Sequence[Atoms],
    first: int,
    settings: Patterns,
    ranges: Mapping[str, Range],
    seed: int,
    name: str,
) -> dict[str, Any]:
    """One pattern of the evaluation, from the shard that begins with structure number `first`."""
    info, number = structures[source.structure].info, source.structure - first
    on_zone = bool(np.any(info["zone_axis"]))
    cell = structures[source.structure].cell[:]
    step = float(shard["reciprocal_sampling"])
    generator = torch.Generator().manual_seed(
        torch_seed(seed, f"{name}/evaluation patterns", source.source)
    )
    fixed = {} if np.isnan(source.dose) else {"dose": Range(low=source.dose, high=source.dose)}
    triplet = augment(
        torch.from_numpy(shard["pattern"][number, source.semiangle, source.thickness])[None],
        torch.from_numpy(shard["probe"][source.semiangle])[None],
        torch.from_numpy(shard["structure_factors"][number])[None],
        step=step,
        ranges={**ranges, **fixed},
        generator=generator,
    )
    drawn = {key: float(value) for key, value in triplet.parameters.items()}
    truth = triplet.structure_factors[0].numpy()
    centre = np.array([drawn["shift_x"], drawn["shift_y"]]) * step
    peaks = bragg_peaks(
        triplet.structure_factors,
        step,
        threshold=settings.threshold,
        separation=settings.separation,
    )
    return {
        "index": source.Index,
        "pattern": triplet.pattern[0].numpy(),
        "probe": triplet.probe[0].numpy(),
        "structure_factors": truth,
        "peaks": peaks[["qx", "qy", "intensity"]].to_numpy(float),
        "centre": centre,
        "step": step,
        "row": {
            "subset": source.subset,
            "source": source.source,
            "crystal": info["crystal"],
            "on_zone": on_zone,
            "tilt_degrees": 0.0 if on_zone else tilt_from_zone(cell, info["orientation"]),
            "semiangle_mrad": float(shard["semiangle"][source.semiangle]),
            "thickness_angstrom": float(shard["thickness"][source.thickness]),
            **drawn,
            "ssim_direct_beam": ssim(direct_beam(truth, centre, step), truth),
        },
    }
