import pytest
import torch

from latticework.hardware import DEVICE_VARIABLE, best_device


@pytest.mark.parametrize(
    ("wanted", "there", "device"),
    [(None, True, "cuda"), ("gpu", True, "cuda"), ("cpu", True, "cpu"), (None, False, "cpu")],
)
def test_networks_run_on_the_gpu_unless_told_otherwise(monkeypatch, wanted, there, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.delenv(DEVICE_VARIABLE, raising=False)
    if wanted is not None:
        monkeypatch.setenv(DEVICE_VARIABLE, wanted)
    assert best_device().type == device


@pytest.mark.parametrize("wanted", ["gpu", "tpu"])
def test_a_device_that_is_not_there_is_an_error(monkeypatch, wanted):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv(DEVICE_VARIABLE, wanted)
    with pytest.raises(RuntimeError, match=DEVICE_VARIABLE):
        best_device()
