"""Triplets are read as they were written; networks of structure factors learn and resume."""

import lightning
import numpy as np
import pytest
import torch
from torch import nn
from triplets import SEMIANGLES, SIZE, STEP, THICKNESSES, pattern_recipe, write_triplets

from latticework import networks, shards
from latticework.imaging.diffraction import turn
from latticework.inference.structure_factors import (
    predict_batch,
    predict_structure_factors,
    prepared,
)
from latticework.learning.recipe import Runtime
from latticework.learning.sources.diffraction import scaled
from latticework.learning.sources.triplets import Draws, TripletShards
from latticework.learning.training import train
from latticework.learning.weights import load, save
from latticework.networks.folding import folded
from latticework.networks.layers.complex_layers import ComplexBatchNorm2d, MonteCarloDropout

ARCHITECTURES = ["unet", "spectral_unet", "fcunet"]


@pytest.fixture
def paths(tmp_path):
    return [write_triplets(tmp_path / f"{i}.h5", i, count=3 + i) for i in range(2)]


def build(name, **changed):
    """A small network with random weights."""
    torch.manual_seed(0)
    small = {"features": 4, "levels": 2, "depth": 1, "dropout": 0.0}
    return networks.build({"name": name} | small | changed)


def test_triplets_are_numbered_thickness_first(paths):
    triplets = TripletShards(paths)
    assert len(triplets) == (3 + 4) * SEMIANGLES * THICKNESSES
    arrays = [shards.read(path, "diffraction")[0] for path in paths]
    for orientation, semiangle, thickness in [(0, 0, 0), (2, 1, 2), (3, 0, 1), (6, 1, 2)]:
        number = (orientation * SEMIANGLES + semiangle) * THICKNESSES + thickness
        stored = triplets.read([number])
        source, row = arrays[orientation // 3 > 0], orientation - 3 * (orientation // 3 > 0)
        np.testing.assert_array_equal(
            stored.pattern[0], source["pattern"][row, semiangle, thickness]
        )
        np.testing.assert_array_equal(stored.probe[0], source["probe"][semiangle])
        np.testing.assert_allclose(
            stored.structure_factors[0], source["structure_factors"][row], rtol=1e-6
        )


def test_shards_of_another_pixel_are_refused(paths, tmp_path):
    other = write_triplets(tmp_path / "other.h5", 9, step=2 * STEP)
    with pytest.raises(shards.ShardError, match=r"other\.h5: expected patterns .* 0\.1"):
        TripletShards([*paths, other])


def test_a_batch_depends_on_its_number_alone(paths):
    def batch(draws, number, following):
        return draws.batch(number, following).pattern

    triplets = TripletShards(paths)
    first, second = (Draws(triplets, 4, 7, "draws") for _ in range(2))
    one = batch(first, 5, 6)
    assert batch(second, 3, 9).shape == one.shape
    torch.testing.assert_close(batch(second, 5, 6), one)
    assert not torch.equal(batch(first, 6, 7), one)


def test_turning_is_a_symmetry_about_the_zero_frequency():
    middle, (x, y) = SIZE // 2, (5, 2)
    picture = torch.zeros(1, SIZE, SIZE)
    picture[0, middle, middle], picture[0, middle + y, middle + x] = 2, 1
    turned = turn(picture.expand(8, -1, -1), torch.arange(8))
    assert (turned[:, middle, middle] == 2).all()
    found = {tuple((torch.nonzero(p == 1)[0] - middle).tolist()) for p in turned}
    assert found == {(a * u, b * v) for a, b in [(x, y), (y, x)] for u in (1, -1) for v in (1, -1)}


@pytest.mark.parametrize("name", ["compressed_unet", "fcunet"])
def test_a_few_dozen_steps_learn_an_easy_case(paths, tmp_path, name):
    settings = {"steps": 80, "steps_per_epoch": 20, "batch_size": 8}
    learned = pattern_recipe(name, **settings)
    network, card = train(learned, Runtime(), paths, paths[:1], tmp_path / name)
    rows = np.genfromtxt(tmp_path / name / "training.csv", delimiter=",", names=True)
    assert rows["step"].tolist() == [20, 40, 60, 80]
    assert rows["held_out_loss"][-1] < 0.7 * rows["held_out_loss"][0]
    save(tmp_path / "weights.safetensors", network, card)
    again, read = load(tmp_path / "weights.safetensors")
    assert read["network"]["name"] == card["network"]["name"]
    stored = TripletShards(paths).read([0, 1])
    torch.testing.assert_close(
        predict_structure_factors(again, stored.pattern, stored.probe),
        predict_structure_factors(network, stored.pattern, stored.probe),
    )


class KilledAt(lightning.Callback):
    """The end of a training's process at the beginning of a step."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


def test_a_killed_training_resumes_to_the_same_weights(paths, tmp_path):
    whole, _ = train(pattern_recipe(), Runtime(), paths, paths, tmp_path / "whole")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(
            pattern_recipe(),
            Runtime(),
            paths,
            paths,
            tmp_path / "killed",
            callbacks=[KilledAt(4)],
        )
    resumed, _ = train(pattern_recipe(), Runtime(), paths, paths, tmp_path / "killed")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    logs = [(tmp_path / name / "training.csv").read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1]


def test_a_row_s_steps_replace_the_study_s(paths, tmp_path):
    short = pattern_recipe()
    longer = short.model_copy(update={"network": short.network.model_copy(update={"steps": 9})})
    _, card = train(longer, Runtime(), paths, paths, tmp_path)
    assert card["training"]["steps"] == 9
    assert (tmp_path / "training.csv").read_text().splitlines()[-1].startswith("9,")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_half_precision_is_close_to_full(name):
    network = build(name)
    pattern, probe = torch.rand(4, 32, 32), torch.rand(4, 32, 32)
    full = network(pattern, probe)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = network(pattern, probe)
    assert float((half - full).norm() / full.norm()) < 0.05


def test_a_network_of_roots_predicts_maps():
    plain, roots = (build("unet", root=root) for root in (1.0, 0.5))
    roots.load_state_dict(plain.state_dict())
    pattern, probe = torch.rand(2, 32, 32), torch.rand(2, 32, 32)
    torch.testing.assert_close(roots(pattern, probe), plain(pattern, probe))
    torch.testing.assert_close(
        predict_structure_factors(roots, pattern, probe),
        predict_structure_factors(plain, pattern, probe).clamp(min=0) ** 2,
    )


def test_dropout_samples_spread_and_their_absence_does_not():
    network = build("unet", dropout=0.3).eval()
    pattern, probe = torch.rand(3, 32, 32), torch.rand(1, 32, 32)
    ready = prepared(network, sampling=True)
    samples, again = (predict_batch(ready, pattern, probe, 5, 7, "32-true") for _ in range(2))
    assert samples.shape == (5, 3, 32, 32)
    assert (samples.std(dim=0) > 0).any()
    torch.testing.assert_close(samples, again, rtol=0, atol=0)
    assert not torch.equal(predict_batch(ready, pattern, probe, 5, 8, "32-true"), samples)
    mean, same = (
        predict_structure_factors(network, pattern, probe, samples=5, batch=2) for _ in range(2)
    )
    torch.testing.assert_close(mean, same, rtol=0, atol=0)
    assert not torch.equal(mean, predict_structure_factors(network, pattern, probe, samples=6))
    one, two = (predict_structure_factors(network, pattern, probe, batch=b) for b in (1, 3))
    torch.testing.assert_close(one, two)
    # The network itself is left as it was.
    assert not torch.equal(network(pattern, probe), network(pattern, probe))


@pytest.mark.parametrize(("spectral_dropout", "passes"), [(None, 3), (0.0, 1)])
def test_samples_share_what_has_no_dropout(spectral_dropout, passes):
    network = build("fcunet", dropout=0.3, spectral_dropout=spectral_dropout).eval()
    pattern, probe = torch.rand(2, 2, 32, 32)
    calls = []
    network.last.register_forward_hook(lambda *_: calls.append(1))
    with torch.inference_mode():
        torch.manual_seed(0)
        samples = network.samples(pattern, probe, 3)
        assert len(calls) == passes
        torch.manual_seed(0)
        one_by_one = [network.unrooted(network(pattern, probe)) for _ in range(3)]
    torch.testing.assert_close(samples, torch.stack(one_by_one), rtol=0, atol=0)
    assert not torch.equal(samples[0], samples[1])


@pytest.mark.parametrize(
    "arguments",
    [{"name": name} for name in ARCHITECTURES]
    + [
        {"name": "fcunet", "upsampling": "pad", "shortcut": True, "corr_power": 0.5},
        {"name": "unet", "channels": ["pattern", "correlation"], "power": 0.25},
    ],
    ids=lambda arguments: "-".join(map(str, arguments.values())),
)
def test_folded_networks_predict_the_same(arguments):
    network = build(**{"depth": 2, "dropout": 0.3} | arguments).double()
    # Away from what a network starts with, where a part that is forgotten is no loss.
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if "correlation" in name:
                tensor.uniform_(-0.9, 0.9)
            elif tensor.is_floating_point() and tensor.ndim < 4:
                tensor.uniform_(0.2, 1)
    pattern, probe = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    short = folded(network)
    # What is left stands in front of the blocks, or has no convolution before it.
    before, after = (
        sum(isinstance(m, nn.BatchNorm2d | ComplexBatchNorm2d) for m in n.modules())
        for n in (network, short)
    )
    assert after == sum(isinstance(m, nn.Sequential) for m in short.modules()) < before
    for n in (network.eval(), short):
        for module in n.modules():
            if isinstance(module, MonteCarloDropout):
                module.sampling = False
    with torch.inference_mode():
        expected = network(pattern, probe)
        torch.testing.assert_close(short(pattern, probe), expected)


def test_predictions_in_half_precision_are_close():
    network = build("fcunet", dropout=0.1)
    pattern, probe = torch.rand(3, 32, 32), torch.rand(1, 32, 32)
    full, half = (
        predict_structure_factors(network, pattern, probe, precision=p, batch=1)
        for p in ("32-true", "bf16-mixed")
    )
    assert half.dtype == torch.float32
    for a, b in zip(half, full, strict=True):
        assert 0 < float((a - b).norm() / b.norm()) < 0.05


def test_scaled_maps_have_a_largest_value_of_one():
    maps = torch.rand(3, 8, 8) * torch.tensor([1.0, 50.0, 0.0])[:, None, None]
    torch.testing.assert_close(scaled(maps).amax(dim=(1, 2)), torch.tensor([1.0, 1.0, 0.0]))
