"""Milliseconds of three ways to a complex convolution, forward and backward.

    python scripts/tools/benchmark_complex_convolution.py [--threads 1] [--device cpu]

"block" is one real convolution with [[K_R, −K_I], [K_I, K_R]], which `ComplexConv2d` does; "three"
is three real ones (Gauss's trick); "native" is torch's on complex numbers. CPU seconds on a CPU, so
that a busy machine does not count; wall time elsewhere.
"""

import argparse
import time

import torch
from torch.nn.functional import conv2d

from latticework.networks.layers.complex_layers import ComplexConv2d, joined

SHAPES = ((4, 8, 128), (4, 16, 64), (4, 32, 32), (4, 64, 16), (4, 128, 8))


def three(x: torch.Tensor, real: torch.Tensor, imaginary: torch.Tensor) -> torch.Tensor:
    """Complex convolution of parts (n, 2, features, ny, nx) by three real ones."""
    rr = conv2d(x[:, 0], real, padding=1)
    ii = conv2d(x[:, 1], imaginary, padding=1)
    mixed = conv2d(x[:, 0] + x[:, 1], real + imaginary, padding=1)
    return torch.stack([rr - ii, mixed - rr - ii], dim=1)


def milliseconds(step, device: str, seconds: float = 1.0) -> float:
    """Time of a call, the mean over about a second after one to warm up."""

    def clock() -> float:
        if device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    step()
    start, calls = clock(), 0
    while clock() - start < seconds:
        step()
        calls += 1
    return 1e3 * (clock() - start) / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{'batch, features, side':24s} {'block':>8s} {'three':>8s} {'native':>8s}  ms")
    for batch, features, side in SHAPES:
        layer = ComplexConv2d(features, features, bias=False).to(arguments.device)
        x = torch.randn(batch, 2, features, side, side, device=arguments.device)
        x.requires_grad_()
        ways = {
            "block": lambda: layer(x),  # noqa: B023 - called before the next shape
            "three": lambda: three(x, *layer.weight.chunk(2)),  # noqa: B023
            "native": lambda: torch.view_as_real(
                conv2d(joined(x), torch.complex(*layer.weight.chunk(2)), padding=1)  # noqa: B023
            ),
        }
        times = [
            milliseconds(lambda: way().square().sum().backward(), arguments.device)  # noqa: B023
            for way in ways.values()
        ]
        print(f"{batch:4d} {features:6d} {side:6d}²      ", *(f"{t:8.2f}" for t in times))


if __name__ == "__main__":
    main()
