"""Tables of atoms, of all candidates, and of a dataset's images with their warnings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latticework import materials, shards
from latticework.analysis.atoms.planes import on_planes
from latticework.analysis.atoms.refining import RefinementError, in_words, refined_frame
from latticework.analysis.atoms.table import empty_table, in_picture, read_map
from latticework.logs import tee

COLUMNS = [
    "frame",
    "name",
    "sampling_angstrom",
    "sampling_source",
    "candidates",
    "atoms",
    "fitted",
    "warnings",
]


def fitted(
    image: np.ndarray,
    candidates: pd.DataFrame,
    sampling: float,
    card: Mapping[str, Any],
    threshold: float,
) -> tuple[pd.DataFrame, str, list[str]]:
    """Candidates of which the atoms are refined, the microscope in words, and what is doubtful.

    Where an image (ny, nx) cannot be fitted, all stay as the network found them.
    """
    atoms = candidates["probability"] >= threshold
    try:
        table, answer = refined_frame(image, candidates[atoms], sampling, card)
    except RefinementError as error:
        return candidates, "", [str(error)]
    together = pd.concat([t for t in (table, candidates[~atoms]) if len(t)] or [candidates])
    return together, in_words(answer), answer.warnings


def main(
    class_maps: Path,
    dataset: Path,
    atoms: Path,
    candidates: Path,
    frames: Path,
    *,
    epsilon: float,
    threshold: float,
    planes: float,
    refine: bool,
    material: str,
) -> None:
    """Locate the atoms of every image; `atoms` are the candidates of at least `threshold`.

    And of those, if `planes` is not 0, the ones that stand on planes of the crystal. With `refine`
    their positions are those of a fit to the image that starts from the network's.
    """
    maps, map_attributes = shards.read(class_maps, "class_maps")
    arrays, attributes = shards.read(dataset, "dataset")
    card, looked_at = map_attributes["card"], materials.load(material)
    tables, rows = [empty_table(card)], []
    kept = list(tables)
    for number, name in enumerate(attributes["names"]):
        sampling = arrays["sampling"][number]
        warnings = list(attributes["warnings"][number])
        table, microscope, count = tables[0], "", 0
        if np.isfinite(sampling):
            image = arrays[f"image_{number:04d}"]
            unseen = arrays.get(f"unseen_{number:04d}")
            table, doubts = read_map(
                maps[f"map_{number:04d}"],
                float(maps["map_sampling"]),
                image.shape,
                sampling,
                card,
                looked_at,
                epsilon=epsilon,
                frame=number,
                unseen=None if unseen is None else unseen > 0,
            )
            warnings += doubts
            if refine:
                table, microscope, doubts = fitted(image, table, sampling, card, threshold)
                warnings += doubts
            table = in_picture(table, image.shape)
            tables.append(table)
            kept.append(on_planes(table[table["probability"] >= threshold], looked_at, planes))
            count = len(kept[-1])
        source = attributes["sampling_source"][number]
        said = "; ".join(warnings)
        rows.append((number, name, sampling, source, len(table), count, microscope, said))
        for warning in warnings:
            print(f"WARNING {name}: {warning}")
    found = pd.concat(tables, ignore_index=True)
    shards.write_csv(candidates, found)
    shards.write_csv(atoms, pd.concat(kept, ignore_index=True))
    shards.write_csv(frames, pd.DataFrame(rows, columns=COLUMNS))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.class_maps),
        Path(snakemake.input.dataset),
        Path(snakemake.output.atoms),
        Path(snakemake.output.candidates),
        Path(snakemake.output.frames),
        **snakemake.params.settings,
        material=snakemake.params.material,
    )
