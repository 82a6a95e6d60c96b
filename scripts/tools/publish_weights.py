"""Publish the weights of a training: its network and card, in half precision.

Example: python scripts/tools/publish_weights.py \\
    results/laptop/models/gold_heights/residual_unet/weights.safetensors \\
    models/gold_heights/residual_unet/weights.safetensors
"""

import argparse
from pathlib import Path

from latticework.learning import weights


def publish(trained: Path, published: Path) -> None:
    """Write the weights of a training where published ones are."""
    network, card = weights.load(trained)
    weights.save(published, network, card, half=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trained", type=Path, help="weights.safetensors of a training")
    parser.add_argument("published", type=Path, help="where to write them")
    arguments = parser.parse_args()
    publish(arguments.trained, arguments.published)


if __name__ == "__main__":
    main()
