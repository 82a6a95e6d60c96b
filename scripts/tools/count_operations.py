"""Parameters, and operations of a training step, of every network that recovers structure factors.

    python scripts/tools/count_operations.py [--config config/laptop.yaml]

Without --config, at the paper's scale. Nothing is calculated: tensors have shapes alone.
Convolutions count, with multiplication and addition each.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from latticework import networks
from latticework.config.parse import load

ROOT = Path(__file__).resolve().parents[2]


def counts(description: Mapping[str, Any], size: int) -> tuple[int, int]:
    """Parameters of a network, and operations forward and backward of one pattern.

    `description` has the network's name and arguments, `size` is the pattern's side in px.
    """
    with torch.device("meta"):
        network = networks.build(description)
        pattern, probe = torch.empty(2, 1, size, size)
    with FlopCounterMode(display=False) as counter:
        network(pattern, probe).sum().backward()
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    study = load(ROOT / "config/config.yaml", *given.config).studies["diffraction"]
    batch = study.training.batch_size
    print(f"{'network':18} {'parameters':>12} {'GFLOP a pattern':>16} {'TFLOP a training':>17}")
    for name, row in study.networks.items():
        if row.network is None:  # weights that exist
            continue
        parameters, operations = counts(row.network, study.simulation.size)
        total = operations * batch * (row.steps or study.training.steps)
        print(f"{name:18} {parameters:12,} {operations / 1e9:16.1f} {total / 1e12:17,.0f}")


if __name__ == "__main__":
    main()
