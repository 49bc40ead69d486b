"""What speed.py compares does the same work, and what it recorded is complete."""

import sys
from dataclasses import replace

import loops
import pandas as pd
import pytest
import recording
import speed
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from lenet_utils import load_mnist

FEW = 512


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mnist")


@pytest.fixture(scope="module")
def digits(folder):
    return load_mnist(size=32, scaling="standard", cache=folder).test[:FEW]


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


# --- The same work --------------------------------------------------------------------------------


def test_the_loader_gives_the_digits_of_the_tensor(folder, digits):
    apart = loops.tutorial_digits(folder, False, FEW)
    for i in (0, 1, FEW - 1):
        image, label = apart[i]
        torch.testing.assert_close(image, digits.images[i], atol=1e-3, rtol=0)
        assert label == digits.labels[i]


# torch.compile needs a C++ compiler.
@pytest.mark.parametrize("name", sorted(set(loops.LOOPS) - {"torch.compile"}))
def test_every_loop_learns(name, folder, digits):
    loop = loops.LOOPS[name]
    sets = digits if loop.one_tensor else loops.tutorial_digits(folder, False, FEW)
    torch.manual_seed(0)
    before = loss(loops.network(), digits)
    *_, model = loops.train(loop, sets, epochs=3)
    assert loss(model, digits) < 0.9 * before


def loss(model, digits):
    with torch.no_grad():
        return F.cross_entropy(model(digits.images), digits.labels)


def test_fused_and_channels_last_change_the_clock_alone(digits):
    plain, last = (
        list(loops.train(loops.LOOPS[name], digits, epochs=1))[-1]
        for name in ("one tensor", "channels_last")
    )
    for ours, theirs in zip(plain.parameters(), last.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_both_ways_of_judging_count_the_same_errors(folder, digits):
    torch.manual_seed(0)
    model = loops.network()
    errors = loops.evaluate_like_tutorials(model, loops.tutorial_digits(folder, False, FEW))
    assert abs(errors - speed.evaluate(model, digits).errors) <= 1  # the scalings differ a little


def test_lightning_trains_the_lenet1_that_fit_trains(folder):
    mnist = load_mnist(size=28, cache=folder)
    mnist = replace(mnist, train=mnist.train[:FEW], validation=mnist.validation[:FEW])
    torch.manual_seed(0)
    before = loss(loops.softmax_lenet1(), mnist.train)
    model = loops.train_with_lightning(mnist, epochs=1, batch_size=64)
    assert [p.shape for p in model.parameters()] == [
        p.shape for p in loops.softmax_lenet1().parameters()
    ]
    assert loss(model, mnist.train) < before


def test_the_bound_counts_what_pytorch_counts():
    """PyTorch's own counter sees each multiply-accumulate as two operations."""
    model, images = loops.network(), torch.randn(3, 1, 32, 32)
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(model(images), torch.tensor([1, 2, 3])).backward()
    assert speed.training_work() == counter.get_total_flops() / 2 / 3


# --- What is measured -----------------------------------------------------------------------------


def test_measurements_are_written_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "MATRIX", 64)
    out = tmp_path / "speed.csv"
    few = speed.Sizes(repeats=2, digits=FEW)
    speed.main(["--only", "lightning", "judging", "matrix_product", "--out", str(out)], few)
    rows = pd.read_csv(out)
    assert rows.groupby("contestant").size().to_dict() == {
        "Lightning": 2,
        "fit": 2,
        "tutorial": 2,
        "evaluate": 2,
        "torch.mm": 2,
        "bound": 1,
    }
    assert (rows["value"] > 0).all()
    speed.main(["--only", "judging", "--out", str(out)], few)
    again = pd.read_csv(out)
    assert len(again) == len(rows)
    pd.testing.assert_frame_equal(
        again[:5], rows[rows["part"] != "judging"][:5].reset_index(drop=True)
    )
    assert rows["contestant"][:4].tolist() == ["Lightning", "fit", "Lightning", "fit"]  # in turns


@pytest.mark.long
def test_a_sweep_is_measured_on_one_worker_and_on_two(tmp_path):
    few = speed.Sizes(few_repeats=1, digits=FEW)
    assert [r["contestant"] for r in speed.sweep(few, tmp_path)] == ["workers: 1", "workers: 2"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a program's peak memory")
def test_memory_is_that_of_a_program_of_its_own(tmp_path, monkeypatch):
    """Which says what it is told to: here, to take 300 MB at once and give them back."""
    program = """
taken = b"1" * 300_000_000
del taken
print(open("/proc/self/status").read())
"""
    monkeypatch.setattr(speed, "PEAK", program)
    (measured,) = speed.memory(speed.Sizes(digits=FEW), tmp_path)
    assert measured["unit"] == "bytes"
    assert measured["value"] > 300_000_000


# --- What is recorded -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded():
    return recording.read_rows(recording.RESULTS / "speed.csv")


def test_every_part_is_recorded_by_one_run_on_one_machine(recorded):
    epochs = recorded[recorded["measurement"] == "epoch"]
    assert set(loops.LOOPS) | {"fit"} <= set(epochs["contestant"])
    assert epochs.groupby("contestant").size().ge(5).all()
    tests = recorded[recorded["measurement"] == "test"].groupby("contestant").size().to_dict()
    assert tests == {"tutorial": 3, **{f"fit, {n} epochs": 10 for n in speed.FIT_EPOCHS}}
    origin = list(recording.provenance())
    assert not recorded[["measurement", "contestant", "value", *origin]].isna().any(axis=None)
    assert recorded.groupby("part")[origin].nunique().eq(1).all(axis=None)
    assert set(recorded["part"]) == set(speed.MEASUREMENTS)
    assert recorded["processor"].nunique() == 1
