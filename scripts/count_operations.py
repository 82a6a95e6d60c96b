"""Parameters, and operations of a training step, of every network that recovers structure factors.

    python scripts/count_operations.py [--config config/laptop.yaml]

Without --config, at the paper's scale. Nothing is calculated: tensors have shapes alone.
Convolutions count, with multiplication and addition each.
"""

import argparse
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from latticework import config
from latticework.config_diffraction import NetworkRow
from latticework.networks.maps import MAP_NETWORKS

ROOT = Path(__file__).resolve().parents[1]


def counts(row: NetworkRow, size: int) -> tuple[int, int]:
    """Parameters of a row's network, and operations forward and backward of one pattern."""
    arguments = row.network.model_dump()
    with torch.device("meta"):
        network = MAP_NETWORKS[arguments.pop("name")](**arguments)
        pattern, probe = torch.empty(2, 1, size, size)
    with FlopCounterMode(display=False) as counter:
        network(pattern, probe).sum().backward()
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    study = config.load(ROOT / "config/config.yaml", *given.config).studies["diffraction"]
    batch = study.training.batch_size
    print(f"{'network':18} {'parameters':>12} {'GFLOP a pattern':>16} {'TFLOP a training':>17}")
    for name, row in study.networks.items():
        parameters, operations = counts(row, study.simulation.size)
        total = operations * batch * (row.steps or study.training.steps)
        print(f"{name:18} {parameters:12,} {operations / 1e9:16.1f} {total / 1e12:17,.0f}")


if __name__ == "__main__":
    main()
