"""Complex layers against explicit calculations with complex numbers, and their gradients."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import fractional_matrix_power

from latticework import networks
from latticework.networks.layers.complex_layers import (
    ComplexBatchNorm2d,
    ComplexConv2d,
    MonteCarloDropout,
    correlation_spectrum,
    crop_centre,
    inverse_spectrum,
    joined,
    pad_centre,
    parts,
    spectral_pool,
)
from latticework.networks.layers.fcunet import FCUNet, complex_block
from latticework.networks.layers.unet import UNet, level_widths


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def complex_maps(*shape):
    return torch.complex(torch.randn(*shape), torch.randn(*shape))


def test_parts_and_back():
    z = complex_maps(2, 3, 4, 5)
    assert parts(z).shape == (2, 2, 3, 4, 5)
    assert torch.equal(joined(parts(z)), z)


@pytest.mark.parametrize("size", [1, 3])
def test_a_complex_convolution_is_the_sum_of_complex_products(size):
    layer = ComplexConv2d(2, 3, size=size).double()
    layer.bias.data.normal_()
    z = complex_maps(1, 2, 5, 6).to(torch.complex128)
    found = joined(layer(parts(z)))[0].detach().numpy()
    kernel = torch.complex(*layer.weight.detach().chunk(2)).numpy()
    bias = torch.complex(*layer.bias.detach()).numpy()
    half = size // 2
    padded = np.pad(z[0].numpy(), ((0, 0), (half, half), (half, half)))
    for f in range(3):
        for y in range(5):
            for x in range(6):
                # Networks convolve without turning the kernel.
                expected = (padded[:, y : y + size, x : x + size] * kernel[f]).sum() + bias[f]
                assert found[f, y, x] == pytest.approx(expected, abs=1e-10)


def test_a_complex_convolution_is_torch_s_own():
    layer = ComplexConv2d(4, 5, bias=False)
    z = complex_maps(2, 4, 8, 8)
    expected = torch.nn.functional.conv2d(z, torch.complex(*layer.weight.chunk(2)), padding=1)
    torch.testing.assert_close(joined(layer(parts(z))), expected, atol=1e-5, rtol=1e-5)


def test_weights_start_with_the_variance_of_he_and_any_phase_in_the_middle():
    weight = torch.complex(*ComplexConv2d(64, 128).weight.detach().chunk(2))
    assert float(weight[..., 1, 1].abs().square().mean()) == pytest.approx(2 / 64, rel=0.03)
    assert float(weight[..., 1, 1].mean().abs()) < 5e-3
    weight[..., 1, 1] = 0
    assert not weight.any()


def test_an_untrained_fcunet_treats_all_of_a_pattern_alike():
    """As many random masks as layers would leave some of them."""
    y, x = np.indices((64, 64)) - 32
    disks = [(y - a) ** 2 + (x - b) ** 2 < 9 for a in (-20, 0, 20) for b in (-20, 0, 20)]
    pattern = torch.from_numpy(np.sum(disks, axis=0)).float()[None]
    probe = torch.from_numpy(disks[4]).float()[None]
    network = FCUNet(features=16, levels=3, depth=2, dropout=0.0, upsampling="pad")
    seen = []
    network.real.register_forward_pre_hook(lambda _, given: seen.append(given[0][0]))
    network.train()(pattern, probe)
    energy = seen[0].detach().square().sum(0).numpy()
    bright = [energy[disk].mean() for i, disk in enumerate(disks) if i != 4]
    # Two to four times as bright as one another behind kernels that are random all over.
    assert min(bright) > 0.5 * max(bright)


def test_a_phase_passes_through_a_convolution():
    """Linear over complex numbers, which two independent real convolutions would not be."""
    layer = ComplexConv2d(2, 2, bias=False)
    z = complex_maps(1, 2, 6, 6)
    turned = joined(layer(parts(1j * z)))
    torch.testing.assert_close(turned, 1j * joined(layer(parts(z))))


def test_batch_normalisation_whitens():
    """Parts become uncorrelated, of variance ½ each, by the covariance's inverse square root."""
    layer = ComplexBatchNorm2d(2, eps=1e-12).double()
    real, noise = torch.randn(2, 8, 2, 16, 16, dtype=torch.float64)
    x = torch.stack([3 * real + 1, 0.5 * noise - 2 * real], dim=1)
    y = layer(x)
    for feature in range(2):
        pairs = y[:, :, feature].transpose(0, 1).flatten(1).detach()
        torch.testing.assert_close(
            torch.cov(pairs, correction=0), torch.eye(2, dtype=torch.float64) / 2
        )
        source = x[:, :, feature].transpose(0, 1).flatten(1)
        covariance = torch.cov(source, correction=0).numpy()
        centred = (source - source.mean(dim=1, keepdim=True)).numpy()
        deviation = np.sqrt(np.diag(covariance))
        whitening = fractional_matrix_power(covariance / np.outer(deviation, deviation), -0.5)
        expected = whitening @ (centred / deviation[:, None]) / math.sqrt(2)
        np.testing.assert_allclose(pairs.numpy(), expected, atol=1e-10)


def test_batch_normalisation_at_inference_uses_running_statistics():
    layer = ComplexBatchNorm2d(3, momentum=1.0)
    x = torch.randn(16, 2, 3, 8, 8) * 2 + 1
    trained = layer(x)
    layer.eval()
    # Torch's running variance is the unbiased one, of 1,024 numbers here.
    torch.testing.assert_close(layer(x), trained, atol=1e-3, rtol=1e-3)
    one = layer(x[:1])
    torch.testing.assert_close(one, trained[:1], atol=1e-3, rtol=1e-3)


def test_batch_normalisation_survives_a_map_of_one_phase():
    layer = ComplexBatchNorm2d(1)
    real = torch.randn(4, 1, 8, 8)
    assert layer(torch.stack([real, 2 * real], dim=1)).isfinite().all()
    assert layer(torch.zeros(2, 2, 1, 4, 4)).isfinite().all()


GRADIENTS = {
    "convolution": lambda: (ComplexConv2d(2, 2), (1, 2, 2, 4, 4)),
    "batch normalisation": lambda: (ComplexBatchNorm2d(2), (3, 2, 2, 3, 3)),
    "block": lambda: (complex_block(1, 2, 1, 0.0), (2, 2, 1, 4, 4)),
}


@pytest.mark.parametrize("what", GRADIENTS)
def test_gradients_are_those_of_finite_differences(what):
    layer, shape = GRADIENTS[what]()
    layer = layer.double()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    values = [p.detach().clone().requires_grad_() for p in layer.parameters()]
    names = [name for name, _ in layer.named_parameters()]

    def call(x, *parameters):
        given = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(layer, given, (x,))

    assert torch.autograd.gradcheck(call, (x, *values), atol=1e-5)


def test_gradients_of_spectral_layers():
    x = torch.randn(1, 8, 8, dtype=torch.float64, requires_grad=True)
    probe = torch.randn(1, 8, 8, dtype=torch.float64)
    assert torch.autograd.gradcheck(spectral_pool, (x,))
    assert torch.autograd.gradcheck(
        lambda p: inverse_spectrum(crop_centre(correlation_spectrum(p, probe), 4, 4)), (x,)
    )


def test_dropout_goes_on_at_inference_and_drops_whole_complex_numbers():
    layer = MonteCarloDropout(0.25).eval()
    x = torch.ones(4, 2, 8, 16, 16)
    y = layer(x)
    assert torch.equal(y[:, 0] == 0, y[:, 1] == 0)
    assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert float(y.mean()) == pytest.approx(1, abs=0.03)
    assert not torch.equal(layer(x), y)
    layer.sampling = False
    assert torch.equal(layer(x), x)


def test_spectral_pooling_keeps_low_frequencies_and_drops_high_ones():
    x = torch.arange(32) * (2 * math.pi / 32)
    low, high = torch.cos(3 * x), torch.cos(13 * x)
    maps = 2 + low[:, None] + high[None, :]
    found = spectral_pool(maps)
    expected = 2 + torch.cos(3 * x[::2])[:, None].expand(16, 16)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_cropping_a_shifted_spectrum_keeps_its_zero_frequency_in_the_middle():
    spectrum = torch.zeros(16, 16)
    spectrum[8, 8], spectrum[8, 9], spectrum[0, 0] = 1, 2, 3
    found = crop_centre(spectrum, 8, 8)
    assert (found[4, 4], found[4, 5], found.sum()) == (1, 2, 3)
    back = pad_centre(found, 16, 16)
    assert (back[8, 8], back[8, 9], back.sum()) == (1, 2, 3)


def test_correlation_has_a_peak_where_the_pattern_has_a_disk():
    offset = torch.arange(32) - 16
    disk = ((offset**2 + offset[:, None] ** 2) <= 9).float()
    pattern = torch.roll(disk, (5, -7), dims=(0, 1)) + 0.3 * torch.roll(disk, (-8, 2), dims=(0, 1))
    spectrum = correlation_spectrum(pattern[None], disk[None])
    assert float(spectrum.abs().square().sum()) == pytest.approx(1, rel=1e-5)
    picture = inverse_spectrum(spectrum)[0]
    row, column = divmod(int(picture.argmax()), 32)
    assert (row, column) == (21, 9)
    assert float(picture[8, 18] / picture[21, 9]) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("corr_power", [0.0, 0.5])
def test_the_power_of_a_correlation_changes_moduli_and_no_phases(corr_power):
    pattern, probe = torch.rand(2, 1, 16, 16)
    cross = correlation_spectrum(pattern, probe)
    hybrid = correlation_spectrum(pattern, probe, corr_power)
    moduli = cross.abs() ** corr_power
    torch.testing.assert_close(hybrid.abs(), moduli / torch.linalg.vector_norm(moduli))
    torch.testing.assert_close(hybrid / hybrid.abs(), cross / cross.abs(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("corr_power", [1.0, 0.5])
def test_a_pattern_of_nothing_gives_numbers(corr_power):
    nothing = torch.zeros(1, 8, 8)
    assert correlation_spectrum(nothing, nothing, corr_power).isfinite().all()


def test_a_shortcut_adds_the_correlation_to_what_the_real_block_sees():
    network = FCUNet(**SMALL, shortcut=True, corr_power=0.5)
    seen = []
    network.real.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    pattern, probe = torch.rand(2, 1, 32, 32)
    network(pattern, probe)
    assert seen[0].shape == (1, 3, 32, 32)
    expected = inverse_spectrum(correlation_spectrum(pattern, probe, 0.5))
    torch.testing.assert_close(seen[0][:, 2], expected)


def test_dropout_of_spectra_is_a_setting_of_its_own():
    network = FCUNet(**SMALL, spectral_dropout=0.0)
    kinds = {
        name: {m.probability for m in block.modules() if isinstance(m, MonteCarloDropout)}
        for name, block in (
            ("spectra", network.encoder),
            ("last", network.last),
            ("real", network.real),
        )
    }
    assert kinds == {"spectra": {0.0}, "last": {0.0}, "real": {0.1}}


SMALL = {"features": 2, "levels": 2, "depth": 1, "dropout": 0.1}


@pytest.mark.parametrize("name", ["unet", "spectral_unet", "fcunet"])
def test_every_network_maps_a_pattern_to_a_map_with_gradients_everywhere(name):
    network = networks.build({"name": name} | SMALL)
    pattern, probe = torch.rand(3, 32, 32), torch.rand(3, 32, 32)
    found = network(pattern, probe)
    assert found.shape == (3, 32, 32)
    found.square().mean().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        # What a normalisation subtracts anyway has no gradient.
        if not parameter_name.endswith("bias"):
            assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("upsampling", ["nearest", "pad"])
def test_fcunet_works_with_both_ways_up(upsampling):
    network = FCUNet(**SMALL, upsampling=upsampling).eval()
    pattern, probe = torch.rand(1, 16, 16), torch.rand(1, 16, 16)
    assert network(pattern, probe).shape == (1, 16, 16)


def test_skips_join_real_with_real_and_imaginary_with_imaginary():
    """With its other inputs silenced, the last stage sees the skip's two parts in their places."""
    network = FCUNet(**SMALL | {"dropout": 0.0}).eval()
    seen = []
    network.decoder[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    skips = []
    network.encoder[0].register_forward_hook(lambda *arguments: skips.append(arguments[2]))
    network(torch.rand(1, 16, 16), torch.rand(1, 16, 16))
    deep = seen[0].shape[2] - skips[0].shape[2]
    torch.testing.assert_close(seen[0][:, 0, deep:], skips[0][:, 0])
    torch.testing.assert_close(seen[0][:, 1, deep:], skips[0][:, 1])


def test_brightness_of_a_pattern_does_not_matter_to_fcunet():
    network = FCUNet(**SMALL | {"dropout": 0.0}).eval()
    pattern, probe = torch.rand(1, 16, 16), torch.rand(1, 16, 16)
    torch.testing.assert_close(network(1e3 * pattern, probe), network(pattern, probe))


def test_repeated_predictions_spread():
    network = FCUNet(**SMALL | {"dropout": 0.3}).eval()
    pattern, probe = torch.rand(1, 16, 16), torch.rand(1, 16, 16)
    assert not torch.equal(network(pattern, probe), network(pattern, probe))


def test_widths_and_size_of_the_paper_s_network():
    assert level_widths(32, 5) == [32, 64, 128, 256, 256]
    count = sum(p.numel() for p in FCUNet(features=32, levels=7, depth=4).parameters())
    # The authors' own has 50 million.
    assert count == pytest.approx(50e6, rel=0.02)


def test_the_correlation_is_a_channel_of_its_own():
    network = UNet(**SMALL, channels=("pattern", "correlation"), power=0.25).eval()
    network.encoder[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    seen = []
    pattern, probe = torch.rand(1, 16, 16), torch.rand(1, 16, 16)
    network(pattern, probe)
    torch.testing.assert_close(seen[0][0, 0], pattern[0] ** 0.25)
    expected = inverse_spectrum(correlation_spectrum(pattern, probe)).clamp(min=0) ** 0.25
    torch.testing.assert_close(seen[0][0, 1], expected[0])
