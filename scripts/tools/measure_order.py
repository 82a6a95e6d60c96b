"""Measure how right the order is that is read through a published network.

python scripts/tools/measure_order.py models/STUDY/NETWORK/weights.safetensors OUT.csv [options]

Structures are grown anew as the network's card says, in a stream of their own, imaged with noise of
pixels and lines, and read. Prints means over the structures, and writes every one.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from latticework import materials, names, shards
from latticework.analysis.surfaces.site_order import SIGNIFICANT
from latticework.config.inference import Images
from latticework.config.stm import Evaluation
from latticework.evaluation.held_out import HeldOut
from latticework.evaluation.order_stm import order_scores
from latticework.learning import weights
from latticework.learning.sources.images import load_image_bank
from latticework.learning.sources.stm import FORMAT
from latticework.simulation.stm import simulate


def main() -> None:
    """Grow, image, read, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=12, help="structures (12)")
    parser.add_argument("--parameters", type=json.loads, default={}, help="of the generator, JSON")
    parser.add_argument("--noises", type=float, nargs="+", default=[0.1, 0.2, 0.4])
    parser.add_argument("--border", type=float, default=8.0, help="Å, where no area is compared")
    parser.add_argument("--seed", type=int, default=2018)
    given = parser.parse_args()
    network, card = weights.load(given.weights)
    material = materials.load(card["material"])
    generator = names.load("structures", card["structures"]["generator"])
    parameters = card["structures"]["parameters"] | given.parameters
    structures = generator.make_shard(
        parameters, material, given.seed, card["study"], "order", range(given.count)
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "images.h5"
        shards.write(path, *simulate(structures, card["simulation"]))
        bank = load_image_bank([path], FORMAT)
    settings = Evaluation(radius=1.0, noises=given.noises, border=given.border)
    how = Images(tile=512, overlap=64, symmetries=4, epsilon=0.995, threshold=0.5)
    held_out = HeldOut(network, card, structures, bank, settings, how)
    table, _ = order_scores(held_out, material, given.seed)
    shards.write_csv(given.output, table)
    print(table.groupby("noise").mean().drop(columns="structure").round(3).to_string())
    if "amplitude" in table:
        tell_errors(table)


def tell_errors(table: pd.DataFrame) -> None:
    """Print errors relative to the truth, of all ordered structures and of those whose order is
    said to be there."""
    ordered = table[table["amplitude"] > 0]
    for noise, own in ordered.groupby("noise"):
        said = own[own["significance"] > SIGNIFICANT]
        print(f"noise {noise:g}: {len(said)} of {len(own)} ordered ones are said to be")
        for which, rows in (("all", own), ("said", said)):
            for name, limit in (("local", 0.05), ("length", 0.20)):
                off = rows[name] / rows[f"{name}_true"] - 1
                print(
                    f"  {which}, {name}: mean {off.mean():+.3f}, median of |error| "
                    f"{off.abs().median():.3f}, within {limit:.0%}: "
                    f"{(off.abs() < limit).mean():.0%}"
                )
    plain = table[table["amplitude"] == 0]
    wrong = int((plain["significance"] > SIGNIFICANT).sum())
    print(f"{wrong} of {len(plain)} images without order are said to have it")


if __name__ == "__main__":
    main()
