"""What single_images.py times does learn; its layers are the plan's, its record is of one run."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import recording
import single_images
import torch

from lenet_utils import Digits, LeNet5
from lenet_utils.training.plan import Plan

FEW = 4


@pytest.fixture
def digits():
    invented = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 10, (FEW,), generator=invented)
    return Digits(torch.randn(FEW, 1, 32, 32, generator=invented), labels)


def test_all_ways_make_the_same_updates(digits):
    torch.manual_seed(0)
    model, ends = LeNet5(), []
    start = deepcopy(model.state_dict())
    for name in single_images.own_ways(model, digits, compiling=False):
        model.load_state_dict(start)
        ways = single_images.own_ways(model, digits, compiling=False)
        assert ways[name]() > 0
        ends.append(deepcopy(model.state_dict()))
    assert not torch.equal(ends[0]["c5.0.weight"], start["c5.0.weight"])
    for end in ends[1:]:
        for key, value in ends[0].items():
            torch.testing.assert_close(end[key], value, rtol=1e-4, atol=1e-6)


def test_lightning_learns_and_is_timed(digits):
    assert single_images.by_lightning(digits) > 0


def test_the_layers_are_those_of_the_plan(digits):
    model = LeNet5()
    rows = pd.DataFrame(single_images.layer_by_layer(model, digits, repeats=1, times=2))
    assert (rows["value"] > 0).all()
    names = rows[rows["measurement"] == "layer, forward"]["contestant"].tolist()
    plan = Plan(model, digits, model.criterion)
    assert names[-1] == "refill"
    assert len(names) - 1 == len(plan.layers)
    kinds = [name.split()[1] for name in names[:-1]]
    assert [kind for kind in kinds if kind != "squash"] == [
        *("convolution", "subsampling", "convolution", "subsampling", "full", "full", "rbf")
    ]


def test_peers_read_the_digits_as_they_are(digits, tmp_path):
    raw = np.fromfile(single_images.written(digits, tmp_path), np.uint8)
    pixels = raw[: FEW * 4096].view("<f4").reshape(FEW, 1, 32, 32)
    assert np.array_equal(pixels, digits.images.numpy())
    assert raw[FEW * 4096 :].tolist() == digits.labels.tolist()


def test_all_is_recorded_by_one_run_on_one_machine():
    recorded = recording.read_rows(recording.RESULTS / "single_images.csv")
    updates = recorded[recorded["measurement"] == "update"]
    assert updates.groupby("contestant").size().to_dict() == dict.fromkeys(
        (
            *("fit, PyTorch", "a bare loop", "torch.compile", "fit, compiled"),
            *("Lightning", "Keras on JAX", "tiny-dnn, C++"),
        ),
        7,
    )
    assert recorded["commit"].nunique() == recorded["processor"].nunique() == 1
    assert "uncommitted" not in set(recorded["commit"])
