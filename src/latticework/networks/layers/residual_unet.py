"""The residual fully convolutional network of Madsen 2018, §2.2, Fig. 2 (after FusionNet)."""

import torch
from torch import nn

# Of the running statistics: torch's 0.1 forgets within a few dozen steps the variance of features
# that rectifiers seldom let through, and divides by next to nothing when they fire.
MOMENTUM = 0.02


class Convolution(nn.Sequential):
    """3×3 convolution, rectifier, batch normalisation: in this order, as in the paper."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(outputs, momentum=MOMENTUM),
        )


class Stage(nn.Module):
    """Five convolutions of one resolution, the middle three bypassed by addition."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.enter = Convolution(inputs, outputs)
        self.residual = nn.Sequential(*(Convolution(outputs, outputs) for _ in range(3)))
        self.leave = Convolution(outputs, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.enter(x)
        return self.leave(x + self.residual(x))


def bilinear_upsampling(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """Transposed convolution that starts as bilinear interpolation by two.

    With more inputs than outputs, each output starts as the mean of its share of the inputs.
    """
    layer = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    share = inputs // outputs
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        for i in range(inputs):
            layer.weight[i, i // share if share else i] = torch.outer(line, line) / max(share, 1)
    return layer


class ResidualUNet(nn.Module):
    """Encoder and decoder with residual stages and additive long skips; scores, not softmax.

    Parameters
    ----------
    frames
        Input channels: pictures of the same field, e.g. a focal series.
    classes
        Output channels, background included.
    features
        Feature maps at full resolution; doubled at each of `depth` poolings.
    depth
        Number of 2×2 max poolings; the paper's three reach one eighth of the resolution.

    The sides of a picture must be multiples of 2**depth. The paper's softmax (eq. 4) is applied
    by the loss and by the prediction, so that cross-entropy is computed from the scores.
    """

    def __init__(self, frames: int = 1, classes: int = 2, features: int = 32, depth: int = 3):
        super().__init__()
        widths = [features * 2**level for level in range(depth + 1)]
        self.encoder = nn.ModuleList(
            Stage(inputs, outputs)
            for inputs, outputs in zip([frames, *widths[:-1]], widths, strict=True)
        )
        self.upsampling = nn.ModuleList(
            bilinear_upsampling(wide, narrow)
            for wide, narrow in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.decoder = nn.ModuleList(Stage(width, width) for width in widths[-2::-1])
        self.score = nn.Conv2d(features, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = []
        for level, stage in enumerate(self.encoder):
            x = stage(x if level == 0 else nn.functional.max_pool2d(x, 2))
            skips.append(x)
        for up, stage, skip in zip(self.upsampling, self.decoder, skips[-2::-1], strict=True):
            x = stage(up(x) + skip)
        return self.score(x)
