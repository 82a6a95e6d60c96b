"""Networks of less work at inference: normalisations folded into the convolutions before them."""

from copy import deepcopy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from latticework.networks.layers.complex_layers import ComplexBatchNorm2d, ComplexConv2d


class FoldedComplexConv2d(nn.Module):
    """Real and imaginary parts (n, 2, inputs, ny, nx) by one real convolution of all parts."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor):
        super().__init__()
        outputs, inputs, size, _ = weight.shape
        self.convolution = nn.Conv2d(inputs, outputs, size, padding=size // 2)
        self.convolution.weight, self.convolution.bias = map(nn.Parameter, (weight, bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convolution(x.flatten(1, 2)).unflatten(1, (2, -1))


@torch.no_grad()
def fold_complex(
    convolution: ComplexConv2d, normalisation: ComplexBatchNorm2d
) -> FoldedComplexConv2d:
    """A complex convolution and what follows it with its running statistics, as one convolution."""
    (rr, ri), (ir, ii) = (
        map(torch.diag, line) for line in normalisation.matrix(normalisation.correlation)
    )
    scale = torch.rsqrt(normalisation.variance + normalisation.eps)
    mix = torch.cat([torch.cat([rr, ri], dim=1), torch.cat([ir, ii], dim=1)]) * scale
    bias = -normalisation.mean
    if convolution.bias is not None:
        bias = bias + convolution.bias.flatten()
    return FoldedComplexConv2d(
        torch.einsum("ab,bchw->achw", mix, convolution.block()).contiguous(),
        mix @ bias + normalisation.shift.flatten(),
    )


PAIRS = {
    (nn.Conv2d, nn.BatchNorm2d): fuse_conv_bn_eval,
    (ComplexConv2d, ComplexBatchNorm2d): fold_complex,
}


def folded(network: nn.Module) -> nn.Module:
    """A copy of a network, for inference alone, with the same predictions but for rounding.

    In every `nn.Sequential`, a normalisation by running statistics that follows a convolution
    becomes part of it.
    """
    copy = deepcopy(network).eval()
    for name, chain in list(copy.named_modules()):
        if not isinstance(chain, nn.Sequential):
            continue
        layers: list[nn.Module] = []
        for layer in chain:
            fold = PAIRS.get((type(layers[-1]), type(layer))) if layers else None
            if fold:
                layers[-1] = fold(layers[-1], layer)
            else:
                layers.append(layer)
        copy.set_submodule(name, nn.Sequential(*layers))
    return copy
