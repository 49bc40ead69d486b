"""The popular versions differ from the published network in what they say, and in nothing else."""

import popular_versions
import pytest
import recording
import torch
from torch import nn

from lenet_utils import ScaledTanh, SparseConv2d, Subsampling, load_mnist

RESULTS = recording.RESULTS / "popular_versions.csv"


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def kinds(name):
    model = popular_versions.VERSIONS[name].network()
    return {type(module) for module in model.modules()}, model


@pytest.mark.parametrize(
    ("name", "gone", "new", "parameters"),
    [
        ("published", None, ScaledTanh, 60_000),
        ("logistic", ScaledTanh, nn.Sigmoid, 60_000),
        ("ReLU", ScaledTanh, nn.ReLU, 60_000),
        ("dense C3", SparseConv2d, nn.Conv2d, 60_900),
        ("average pooling", Subsampling, nn.AvgPool2d, 60_000 - 44),
        ("max pooling", Subsampling, nn.MaxPool2d, 60_000 - 44),
        ("softmax", None, nn.Linear, 60_850),
        ("input 28x28", None, SparseConv2d, 60_000 - 16 * 9 * 120),
        ("all at once", SparseConv2d, nn.MaxPool2d, 60_850 + 900 - 44 - 16 * 9 * 120),
    ],
)
def test_each_version_changes_one_part(name, gone, new, parameters):
    found, model = kinds(name)
    assert gone not in found
    assert new in found
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize("name", popular_versions.VERSIONS)
def test_each_version_takes_its_own_digits(name):
    version = popular_versions.VERSIONS[name]
    digits = load_mnist(size=version.size, scaling=version.scaling).test[:3]
    assert version.network()(digits.images).shape == (3, 10)


def test_a_choosing_run_never_reads_the_test_set(monkeypatch):
    real, judged = popular_versions.evaluate, []
    monkeypatch.setattr(
        popular_versions,
        "evaluate",
        lambda model, digits: judged.append(len(digits)) or real(model, digits),
    )
    line = popular_versions.run("softmax", "choose", 0, 0.01, train_size=256, epochs=1)
    assert judged == [5_000]
    assert line["test_errors"] is None


def test_the_best_rate_is_taken():
    rows = recording.read_rows(RESULTS)
    tries = rows[rows["purpose"] == "choose"]
    for wanted in popular_versions.final(rows, seeds=1):
        own = tries[tries["variant"] == wanted["variant"]].set_index("rate")["validation_errors"]
        assert own[wanted["rate"]] == own.min()


def test_recorded_runs_are_complete():
    rows = recording.read_rows(RESULTS)
    final = rows[rows["purpose"] == "final"]
    assert set(final["variant"]) == set(popular_versions.VERSIONS)
    assert final.groupby("variant")["seed"].nunique().ge(5).all()
    assert not final[["test_errors", "seconds", *recording.provenance()]].isna().any(axis=None)


@pytest.mark.parametrize("name", ["softmax", "all at once"])
def test_a_version_learns_from_a_few_digits(name):
    """At the rate that its recorded runs had."""
    rows = recording.read_rows(RESULTS)
    rate = rows[(rows["variant"] == name) & (rows["purpose"] == "final")]["rate"].iloc[0]
    line = popular_versions.run(name, "choose", 0, rate, train_size=5_000, epochs=1)
    assert line["validation_errors"] < 0.25 * 5_000


@pytest.mark.long
def test_a_slice_is_within_the_recorded_spread():
    """One seed of the softmax version, again."""
    rows = recording.read_rows(RESULTS)
    recorded = rows[(rows["variant"] == "softmax") & (rows["purpose"] == "final")]
    rate = recorded["rate"].iloc[0]
    line = popular_versions.run("softmax", "choose", 0, rate, train_size=55_000, epochs=3)
    mean, spread = recorded["validation_errors"].mean(), recorded["validation_errors"].std()
    assert abs(line["validation_errors"] - mean) < 5 * spread + 5
