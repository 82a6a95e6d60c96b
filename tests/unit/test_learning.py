"""Weights are read safely, and training learns, resumes, and is the same every time."""

import copy
import json

import lightning
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from latticework import shards
from latticework.config.base import Range
from latticework.config.micrographs import Imaging
from latticework.config.training import ClassMapTraining
from latticework.fingerprint import fingerprint
from latticework.hardware import resolved_precision
from latticework.learning.distributed import DistributedError, train_distributed
from latticework.learning.module import TrainingModule, floor_variances, learning_rate_factor
from latticework.learning.recipe import Recipe, Runtime
from latticework.learning.sources import Batch
from latticework.learning.sources.class_maps import LOSSES, ImageSource, blend, displacement_error
from latticework.learning.sources.waves import load_wave_bank
from latticework.learning.training import train
from latticework.learning.weights import WeightsError, copy_matching, load, save
from latticework.networks.layers.residual_unet import ResidualUNet

BOX = 24.0
NETWORK = {"name": "residual_unet", "frames": 1, "classes": 2, "features": 4, "depth": 1}


# Weights


def small_network():
    torch.manual_seed(0)
    network = ResidualUNet(frames=1, classes=2, features=4, depth=1)
    network(torch.randn(2, 1, 16, 16))  # so that the running means are not the initial ones
    return network.eval()


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.safetensors"
    save(path, small_network(), {"study": "graphene", "network": NETWORK})
    return path


def test_weights_come_back_with_their_card(weights):
    network, card = load(weights)
    assert card == {"study": "graphene", "network": NETWORK}
    assert not network.training
    picture = torch.randn(1, 1, 32, 32)
    torch.testing.assert_close(network(picture), small_network()(picture))


def test_the_same_weights_give_the_same_bytes(weights, tmp_path):
    again = tmp_path / "again.safetensors"
    save(again, small_network(), {"network": NETWORK, "study": "graphene"})
    assert again.read_bytes() == weights.read_bytes()


def test_a_pickle_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    torch.save(small_network().state_dict(), path)
    with pytest.raises(WeightsError, match=r"expected a \.safetensors file"):
        load(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_weights_are_refused(weights, share):
    content = weights.read_bytes()
    weights.write_bytes(content[: int(share * len(content))])
    with pytest.raises(WeightsError, match=r"expected a \.safetensors file"):
        load(weights)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
        load(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (None, "no card"),
        ("{", "expected a card"),
        ("{}", "expected a card"),
        (json.dumps({"network": {"name": "somebody's"}}), "residual_unet"),
        (json.dumps({"network": NETWORK | {"layers": 3}}), "expected a card"),
        (json.dumps({"network": NETWORK | {"features": 6}}), "fit their own card.*size mismatch"),
    ],
)
def test_weights_without_a_card_that_fits_are_refused(tmp_path, card, expected):
    path = tmp_path / "weights.safetensors"
    save_file(small_network().state_dict(), path, metadata=card and {"card": card})
    with pytest.raises(WeightsError, match=expected) as raised:
        load(path)
    assert "\n" not in str(raised.value)


# Losses and schedules


def test_losses_are_least_where_the_softmax_is_the_label():
    labels = torch.rand(2, 2, 8, 8).softmax(dim=1)
    for loss in LOSSES.values():
        right = loss(labels.log(), labels)
        assert all(
            right < loss(labels.log() + 0.3 * torch.randn(2, 2, 8, 8), labels) for _ in range(5)
        )


def atom_maps(centre, height=1.0, size=33, sigma=1.4):
    axis = torch.arange(size, dtype=torch.float32)
    near = torch.exp(-((axis - centre) ** 2) / (2 * sigma**2))
    atom = height * torch.exp(-((axis - size // 2) ** 2) / (2 * sigma**2))[:, None] * near
    return torch.stack([1 - atom, atom])[None].clamp(min=1e-6)


def test_displacements_count_by_their_square_however_probable_an_atom_is():
    labels = atom_maps(16.0)
    errors = [float(displacement_error(atom_maps(16 + d).log(), labels)) for d in (0, 0.2, 0.4)]
    assert errors[0] == pytest.approx(0, abs=1e-6)
    assert errors[2] == pytest.approx(4 * errors[1], rel=0.05)
    # In px², less what the label's own width takes of the window.
    assert 0.3 < errors[2] / 0.4**2 < 1
    faint = float(displacement_error(atom_maps(16.4, 0.3).log(), labels))
    assert faint == pytest.approx(errors[2], rel=0.05)
    across = labels.transpose(-1, -2)
    turned = displacement_error(atom_maps(16.4).transpose(-1, -2).log(), across)
    assert float(turned) == pytest.approx(errors[2], rel=1e-4)


def test_a_weight_of_displacements_adds_to_the_loss():
    scores, labels = atom_maps(16.4).log(), atom_maps(16.0)
    source = ImageSource.__new__(ImageSource)
    source.criterion, source.displacement_weight = LOSSES["cross_entropy"], 0.5
    batch = Batch((scores,), labels)
    told = source.loss(torch.nn.Identity(), batch) - LOSSES["cross_entropy"](scores, labels)
    assert float(told) == pytest.approx(0.5 * float(displacement_error(scores, labels)), rel=1e-3)


def test_squared_error_is_equation_six_per_pixel():
    scores, labels = torch.zeros(1, 2, 1, 2), torch.tensor([[[[1.0, 0.5]], [[0.0, 0.5]]]])
    assert float(LOSSES["mse"](scores, labels)) == pytest.approx((0.5 + 0.0) / 2)


def test_learning_rate_warms_up_stays_and_decays_to_zero():
    factors = [learning_rate_factor(step, 10, 100, 0.3) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:70] == [1.0] * 61
    assert factors[85] == pytest.approx(0.5)
    assert factors[100] == 0
    assert np.all(np.diff(factors[70:]) < 0)


def test_easy_ranges_widen_to_the_full_ones():
    easy, full = Range(low=-10, high=10), Range(low=-100, high=50)
    assert blend(easy, full, 0.0) == easy
    assert blend(easy, full, 0.5) == Range(low=-55, high=30)
    assert blend(easy, full, 1.0) == full


# Training


def made_up_waves(count=2, size=80):
    """Phase objects (count, size, size) complex64 of a few dozen strong atoms, and the atoms."""
    rng = np.random.default_rng(0)
    grid = np.arange(size) * (BOX / size)
    waves, positions = [], []
    for _ in range(count):
        lattice = np.stack(np.meshgrid(*2 * [np.arange(1.5, BOX, 3)]), axis=-1).reshape(-1, 2)
        xy = lattice + rng.uniform(-0.5, 0.5, lattice.shape)
        x, y = (np.exp(-0.5 * ((grid - xy[:, axis, None]) / 0.5) ** 2) for axis in (0, 1))
        waves.append(np.exp(0.5j * (y.T @ x)).astype(np.complex64))
        positions.append(np.pad(xy, ((0, 0), (0, 1))))
    return np.stack(waves), positions


def recipe(**training):
    """Bright atoms, little noise, a very small network."""
    values = {
        "steps": 6,
        "steps_per_epoch": 3,
        "batch_size": 2,
        "loss": "cross_entropy",
        "learning_rate": 3e-3,
        "weight_decay": 0.01,
    }

    def fixed(value):
        return {"low": value, "high": value}

    imaging = {
        **{name: fixed(0) for name in ("c5", "astigmatism", "astigmatism_angle", "deflection")},
        "cs": fixed(-1.5e5),
        "defocus": {"low": -100, "high": -60},
        "focal_spread": fixed(25),
        "dose": {"low": 1e4, "high": 1e5, "distribution": "loguniform"},
        **{"c1": fixed(0), "c2": fixed(0.5), "c3": fixed(2.5), "nyquist_ratio": fixed(1)},
        "sampling": {"low": 0.28, "high": 0.32},
        "crop": 64,
        "label_sigma": 0.6,
        "band_limit": 1.2,
    }
    return Recipe(
        study="made_up",
        seed=1,
        name="small",
        material=None,
        classes=["C"],
        structures={"generator": "graphene", "parameters": {}},
        simulation={"energy": 80e3, "sampling": 0.3, "stored_sampling": 0.3},
        imaging=Imaging.model_validate(imaging).model_dump(mode="json"),
        network={"network": {"name": "residual_unet", "features": 4, "depth": 1}},
        training=ClassMapTraining.model_validate(values | training).model_dump(mode="json"),
        source="learning.sources.hrtem:source",
    )


@pytest.fixture
def shard(tmp_path):
    waves, positions = made_up_waves()
    path = tmp_path / "waves.h5"
    arrays = {
        "wave": shards.Array(waves, "1", ("structure", "y", "x")),
        "sampling": shards.Array(np.full((2, 2), BOX / 80), "Å", ("structure", "axis")),
        "positions": shards.Array(positions, "Å", ("structure", "atom", "axis"), ragged=True),
        "classes": shards.Array(
            [np.ones(len(xy), int) for xy in positions], "1", ("structure", "atom"), ragged=True
        ),
    }
    shards.write(path, "exit_waves", arrays, {})
    return path


def state(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


class KilledAt(lightning.Callback):
    """The end of a training's process at the beginning of a step."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


def test_a_killed_training_resumes_to_the_same_weights_and_log(shard, tmp_path):
    whole, _ = train(recipe(), Runtime(), [shard], [shard], tmp_path / "whole")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        # Three steps make the first epoch; then one step more.
        train(recipe(), Runtime(), [shard], [shard], tmp_path / "killed", callbacks=[KilledAt(4)])
    resumed, _ = train(recipe(), Runtime(), [shard], [shard], tmp_path / "killed")
    assert same(state(resumed), state(whole))
    logs = [(tmp_path / name / "training.csv").read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1]
    assert len(logs[0].splitlines()) == 3


def test_another_recipe_does_not_continue_from_a_checkpoint(shard, tmp_path):
    first, _ = train(recipe(steps=3), Runtime(), [shard], [shard], tmp_path / "model")
    train(recipe(learning_rate=1e-2), Runtime(), [shard], [shard], tmp_path / "model")
    again, _ = train(recipe(steps=3), Runtime(), [shard], [shard], tmp_path / "other")
    assert same(state(first), state(again))


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_a_few_dozen_steps_learn_an_easy_case(shard, tmp_path, loss):
    settings = {"loss": loss, "steps": 40, "steps_per_epoch": 10}
    network, card = train(recipe(**settings), Runtime(), [shard], [shard], tmp_path)
    lines = (tmp_path / "training.csv").read_text().splitlines()
    rows = [
        dict(zip(lines[0].split(","), map(float, row.split(",")), strict=True)) for row in lines[1:]
    ]
    assert [row["step"] for row in rows] == [10, 20, 30, 40]
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert rows[-1]["held_out_loss"] < 0.8 * rows[0]["held_out_loss"]
    save(tmp_path / "weights.safetensors", network, card)
    assert load(tmp_path / "weights.safetensors")[1]["network"] == NETWORK


def test_weight_decay_acts_on_kernels_only(shard):
    given = recipe(weight_decay=0.1)
    module = TrainingModule(given, given.make_source([shard], [shard]))
    decayed, free = module.configure_optimizers()["optimizer"].param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert all(parameter.ndim == 4 for parameter in decayed["params"])
    assert all(parameter.ndim == 1 for parameter in free["params"])


def test_a_bank_of_shards_of_different_boxes_is_refused(shard, tmp_path):
    arrays, _ = shards.read(shard, "exit_waves")
    other = tmp_path / "other.h5"
    shards.write(
        other,
        "exit_waves",
        {
            "wave": shards.Array(arrays["wave"], "1", ("structure", "y", "x")),
            "sampling": shards.Array(2 * arrays["sampling"], "Å", ("structure", "axis")),
            "positions": shards.Array(arrays["positions"], "Å", ("structure",), ragged=True),
            "classes": shards.Array(arrays["classes"], "1", ("structure",), ragged=True),
        },
        {},
    )
    assert load_wave_bank([shard], 1.2).box == pytest.approx(BOX)
    with pytest.raises(shards.ShardError, match=r"other\.h5: expected square waves of one box"):
        load_wave_bank([shard, other], 1.2)


@pytest.mark.parametrize(
    ("abilities", "expected"),
    [
        ({"amx_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": False, "avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": False, "avx512_bf16": False}, "32-true"),
        ({}, "32-true"),
    ],
)
def test_precision_follows_the_processor_only_where_asked(monkeypatch, abilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities)
    assert resolved_precision("auto", "cpu") == expected
    assert resolved_precision("16-mixed", "cpu") == "16-mixed"


def test_a_recipe_is_one_fingerprint():
    assert fingerprint(recipe()) == fingerprint(recipe())
    assert fingerprint(recipe()) != fingerprint(recipe(steps=7))


def test_a_training_can_start_from_other_weights(tmp_path):
    """What has the same shape is taken over; first and last layers for other data are not."""
    arguments = {"frames": 1, "classes": 2, "features": 4, "depth": 1}
    known = ResidualUNet(**arguments)
    path = tmp_path / "known.safetensors"
    save(path, known, {"network": {"name": "residual_unet", **arguments}})
    network = ResidualUNet(**arguments | {"frames": 3, "classes": 5})
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    taken = copy_matching(network, path)
    for name, tensor in network.state_dict().items():
        expected = known.state_dict()[name] if name in taken else before[name]
        torch.testing.assert_close(tensor, expected)
    left = {name for name in before if name not in taken}
    assert left == {"encoder.0.enter.0.weight", "score.weight", "score.bias"}
    with pytest.raises(WeightsError, match="found none"):
        copy_matching(ResidualUNet(**arguments | {"features": 6, "depth": 2}), path)


def test_a_feature_that_never_fired_is_not_blown_up():
    network = ResidualUNet(features=4, depth=1)
    layer = network.encoder[0].enter[2]
    layer.running_var.copy_(torch.tensor([1e-30, 4.0, 5.0, 6.0]))
    floor_variances(network)
    torch.testing.assert_close(layer.running_var, torch.tensor([0.04, 4.0, 5.0, 6.0]))


def test_trained_variances_are_floored(shard, tmp_path):
    network, _ = train(recipe(), Runtime(), [shard], [shard], tmp_path)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            assert layer.running_var.min() >= 0.0099 * layer.running_var.median()


# Several processes


def one_process_with_all_shares(module, steps, count):
    """Train without Lightning: mean gradient of `count` shares of every step, one after another.

    Running statistics follow the first share alone, as those of the first of several processes.
    """
    setup = module.configure_optimizers()
    optimizer, schedule = setup["optimizer"], setup["lr_scheduler"]["scheduler"]
    module.train()
    for step in range(steps):
        for share in range(count):
            number = step * count + share
            made = module.source.training(step, number, number + count)
            module.source.prepare(number)
            (module.source.loss(module.network, made) / count).backward()
            if share == 0:
                statistics = {n: b.clone() for n, b in module.network.named_buffers()}
        for name, buffer in module.network.named_buffers():
            buffer.copy_(statistics[name])
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return module.network


def test_two_processes_give_the_weights_of_one_that_makes_both_shares(shard, tmp_path):
    two, card = train_distributed(recipe(), Runtime(devices=2), [shard], [shard], tmp_path / "two")
    module = TrainingModule(recipe(), recipe().make_source([shard], [shard]))
    initial = copy.deepcopy(module.network)
    one = one_process_with_all_shares(module, steps=6, count=2)
    assert card["processes"] == 2
    assert state(two).keys() == state(one).keys()
    for name, expected in state(one).items():
        torch.testing.assert_close(state(two)[name], expected, rtol=1e-4, atol=1e-5)
    # The training did something, and a single share would have done something else.
    alone, _ = train(recipe(), Runtime(), [shard], [shard], tmp_path / "alone")
    for other in (initial, alone):
        difference = max(
            float((state(two)[name] - tensor.detach()).abs().max())
            for name, tensor in other.named_parameters()
        )
        assert difference > 1e-3


def test_a_process_that_fails_is_an_error(shard, tmp_path, capfd):
    with pytest.raises(DistributedError, match="2 x 1 processes failed"):
        train_distributed(
            recipe(), Runtime(devices=2), [tmp_path / "missing.h5"], [shard], tmp_path
        )
    assert "missing.h5" in capfd.readouterr().out


def test_several_nodes_need_slurm(shard, tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(DistributedError, match="2 nodes need Slurm"):
        train_distributed(recipe(), Runtime(nodes=2), [shard], [shard], tmp_path)
