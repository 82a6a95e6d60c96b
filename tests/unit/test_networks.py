"""The residual network is the paper's: shapes, order, skips, initial interpolation."""

import pytest
import torch
from torch import nn

from latticework import names, networks
from latticework.networks.layers.residual_unet import (
    Convolution,
    ResidualUNet,
    Stage,
    bilinear_upsampling,
)


@pytest.fixture
def small():
    torch.manual_seed(0)
    return ResidualUNet(frames=2, classes=3, features=4, depth=2)


@pytest.mark.parametrize("sides", [(16, 16), (32, 24)])
def test_scores_have_the_sides_of_the_picture(small, sides):
    assert small(torch.randn(5, 2, *sides)).shape == (5, 3, *sides)


def test_sides_must_be_multiples_of_the_coarsest_pixel(small):
    with pytest.raises(RuntimeError):
        small(torch.randn(1, 2, 18, 18))


def test_the_paper_s_network_has_four_resolutions_and_doubling_widths():
    network = ResidualUNet(features=32, depth=3)
    assert [stage.leave[0].out_channels for stage in network.encoder] == [32, 64, 128, 256]
    assert [stage.leave[0].out_channels for stage in network.decoder] == [128, 64, 32]
    assert isinstance(network.score, nn.Conv2d)
    assert network.score.kernel_size == (1, 1)


def test_number_of_parameters_of_the_paper_s_network():
    def stage(inputs, outputs):
        normalisation = 2 * outputs
        first = 9 * inputs * outputs + outputs + normalisation
        return first + 4 * (9 * outputs**2 + outputs + normalisation)

    encoder = stage(1, 32) + stage(32, 64) + stage(64, 128) + stage(128, 256)
    decoder = stage(128, 128) + stage(64, 64) + stage(32, 32)
    upsampling = sum(16 * 2 * n * n + n for n in (128, 64, 32))
    network = ResidualUNet(features=32, depth=3)
    found = sum(p.numel() for p in network.parameters())
    assert found == encoder + decoder + upsampling + (32 * 2 + 2)
    assert found == 5_187_458


def test_every_stage_has_five_convolutions_with_a_rectifier_before_batch_normalisation():
    stage = Stage(3, 4)
    convolutions = [stage.enter, *stage.residual, stage.leave]
    assert len(convolutions) == 5
    for convolution in convolutions:
        assert [type(layer) for layer in convolution] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d]


def test_batch_normalisation_comes_last():
    """Its outputs are centred, which those of a rectifier are not."""
    torch.manual_seed(0)
    found = Convolution(3, 8)(torch.randn(4, 3, 32, 32))
    assert found.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert found.min() < 0


def test_the_short_skip_adds():
    """With a residual path of zeros a stage is its first and last convolution."""
    torch.manual_seed(0)
    stage = Stage(3, 4).eval()
    nn.init.zeros_(stage.residual[-1][2].weight)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(stage(x), stage.leave(stage.enter(x)))
    nn.init.ones_(stage.residual[-1][2].bias)
    torch.testing.assert_close(stage(x), stage.leave(stage.enter(x) + 1))


def test_the_long_skip_adds(small):
    """With an upsampling of zeros the last stage sees the first stage's features only."""
    small.eval()
    nn.init.zeros_(small.upsampling[-1].weight)
    x = torch.randn(1, 2, 16, 16)
    expected = small.score(small.decoder[-1](small.encoder[0](x)))
    torch.testing.assert_close(small(x), expected)


@pytest.mark.parametrize("channels", [(1, 1), (4, 2)])
def test_upsampling_starts_as_bilinear_interpolation(channels):
    """A linear ramp stays one: fine pixel i lies at (i − ½)/2 of the coarse grid."""
    layer = bilinear_upsampling(*channels)
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    found = layer((2 + 3 * x - y).expand(1, channels[0], 8, 8))
    position = (torch.arange(16) - 0.5) / 2
    expected = 2 + 3 * position[None, :] - position[:, None]
    assert found.shape == (1, channels[1], 16, 16)
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(found[inside], expected.expand_as(found)[inside])


def test_each_upsampled_map_is_the_mean_of_its_own_share():
    maps = torch.tensor([1.0, 3.0, 10.0, 20.0]).reshape(1, 4, 1, 1).expand(1, 4, 6, 6)
    found = bilinear_upsampling(4, 2)(maps)[0, :, 2:-2, 2:-2]
    torch.testing.assert_close(found[0], torch.full((8, 8), 2.0))
    torch.testing.assert_close(found[1], torch.full((8, 8), 15.0))


def test_gradients_reach_every_parameter(small):
    small(torch.randn(4, 2, 16, 16)).square().mean().backward()
    for name, parameter in small.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def receptive_radius(depth):
    """Largest distance in px from which a score can be influenced, by hand."""
    return 5 * sum(2**level for level in range(depth + 1)) + sum(
        5 * 2**level + 2**level for level in range(depth)
    )


@pytest.mark.parametrize("depth", [1, 2])
def test_a_score_sees_no_further_than_its_receptive_field(depth):
    torch.manual_seed(0)
    network = ResidualUNet(features=4, depth=depth).eval().double()
    x = torch.randn(1, 1, 160, 160, dtype=torch.float64, requires_grad=True)
    network(x)[0, :, 80, 80].sum().backward()
    rows, columns = x.grad[0, 0].nonzero().T
    reach = max(int((rows - 80).abs().max()), int((columns - 80).abs().max()))
    assert 5 < reach <= receptive_radius(depth) + 2**depth


def test_a_network_in_evaluation_moves_with_its_picture():
    """By whole coarsest pixels, away from the borders."""
    torch.manual_seed(0)
    network = ResidualUNet(features=2, depth=2).eval().double()
    x = torch.randn(1, 1, 192, 192, dtype=torch.float64)
    moved = network(x.roll((4, 8), dims=(2, 3)))
    expected = network(x).roll((4, 8), dims=(2, 3))
    torch.testing.assert_close(moved[..., 80:112, 80:112], expected[..., 80:112, 80:112])


@pytest.mark.parametrize("name", names.available("networks"))
def test_every_architecture_of_the_config_can_be_built(name):
    """From the parameters that a configuration gives, and what its study knows besides."""
    module = names.load("networks", name)
    size = {"features": 2, "depth": 1}
    if "levels" in module.Parameters.model_fields:
        parameters = module.Parameters(**size, levels=2, dropout=0.1)
        inputs, expected, given = torch.rand(2, 3, 16, 16).unbind(), (3, 16, 16), {}
    else:
        parameters = module.Parameters(**size)
        given = {"frames": 2, "classes": 4}
        inputs, expected = [torch.rand(3, 2, 16, 16)], (3, 4, 16, 16)
    network = networks.build({"name": name} | parameters.model_dump(mode="json") | given)
    assert network(*inputs).shape == expected
    assert 16 % module.multiple(parameters) == 0


def test_an_unknown_architecture_and_wrong_arguments_are_errors():
    with pytest.raises(names.UnknownNameError, match="somebodys"):
        networks.build({"name": "somebodys"})
    with pytest.raises(TypeError, match="layers"):
        networks.build({"name": "residual_unet", "layers": 3})
