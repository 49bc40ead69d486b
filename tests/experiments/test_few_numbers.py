"""Networks with and without shared weights: the layer, the plan, and what is recorded."""

import few_numbers
import pandas as pd
import pytest
import recording
import torch
from building import long
from torch import nn

from lenet_utils import Digits, load_mnist

KEY = ["purpose", "variant", "pixels", "seed", "train_size", "rate"]
ORIGIN = ["python", "torch", "processor", "cores", "threads", "commit"]
TOLERANCE = 0.25  # as in test_experiments: other processors add in another order


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return recording.read_rows(recording.RESULTS / "few_numbers.csv")


@pytest.fixture(scope="module")
def small():
    return load_mnist(size=16, scaling="signed")


# --- The layer and the networks -------------------------------------------------------------------


def test_local_layer_is_a_loop_over_its_places() -> None:
    torch.manual_seed(0)
    layer = few_numbers.LocalConv2d(3, 4, size=9, kernel_size=3, stride=2)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, 9, 9)
    expected = torch.empty(2, 4, 4, 4)
    for row in range(4):
        for column in range(4):
            place = 4 * row + column
            window = x[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3].flatten(1)
            units = window @ layer.weight[place].T + layer.bias[:, place]
            expected[:, :, row, column] = units
    torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)


def test_local_layer_with_one_kernel_is_a_convolution() -> None:
    """And its gradients, added over the places, are the convolution's (1998, preprint p. 9)."""
    torch.manual_seed(0)
    shared, local = nn.Conv2d(6, 12, 5, stride=2), few_numbers.LocalConv2d(6, 12, size=12)
    with torch.no_grad():
        local.weight.copy_(shared.weight.flatten(1).expand_as(local.weight))
        local.bias.copy_(shared.bias[:, None].expand_as(local.bias))
    x = torch.randn(3, 6, 12, 12)
    torch.testing.assert_close(local(x), shared(x), rtol=1e-5, atol=1e-5)
    for layer in (local, shared):
        layer(x).square().sum().backward()
    added = local.weight.grad.sum(dim=0).reshape(shared.weight.shape)
    torch.testing.assert_close(added, shared.weight.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(local.bias.grad.sum(dim=1), shared.bias.grad, rtol=1e-4, atol=1e-4)


def test_four_networks_have_the_same_connections() -> None:
    counted = {
        kind: few_numbers.connections(few_numbers.build(kind, 0)) for kind in few_numbers.KINDS
    }
    by_hand = 64 * 6 * 26 + 16 * 12 * 151 + 10 * 193
    assert counted == {
        "linear": 2_570, "full": 257 * 153 + 154 * 10,
        "local": by_hand, "first shared": by_hand, "shared": by_hand,
    }  # fmt: skip
    assert counted["full"] == pytest.approx(by_hand, rel=0.002)


def test_weights_start_alike_whether_shared_or_not() -> None:
    for kind, layers in (("local", (1, 4)), ("shared", (1, 4))):
        model = few_numbers.build(kind, 0)
        for layer, fan_in in zip(layers, (25, 150), strict=True):
            weight, limit = model[layer].weight, 2.4 / fan_in
            assert 0.9 * limit < weight.abs().max().item() <= limit
            assert not model[layer].bias.any()


# --- The digits -----------------------------------------------------------------------------------


def test_pixels_are_permuted_alike_in_all_digits_and_lose_nothing(small) -> None:
    digits = small.validation[:50]
    mixed = few_numbers.permuted(digits, 3)
    assert mixed.images.shape == digits.images.shape
    assert torch.equal(mixed.labels, digits.labels)
    numbered = torch.arange(256.0).reshape(1, 1, 16, 16)
    order = few_numbers.permuted(Digits(numbered, digits.labels[:1]), 3).images.flatten().long()
    assert sorted(order.tolist()) == list(range(256)) != order.tolist()
    assert torch.equal(mixed.images.flatten(1), digits.images.flatten(1)[:, order])
    assert not torch.equal(mixed.images, few_numbers.permuted(digits, 4).images)


def test_small_draws_are_part_of_larger_ones(small) -> None:
    many, few = (few_numbers.drawn(small.train, 0, size) for size in (2_000, 500))
    assert torch.equal(many.images[:500], few.images)
    assert not torch.equal(few_numbers.drawn(small.train, 1, 500).images, few.images)


# --- What is recorded -----------------------------------------------------------------------------


def test_what_is_recorded_is_complete(rows: pd.DataFrame) -> None:
    assert not rows.duplicated(KEY).any()
    assert not rows.drop(columns="test_errors").isna().any(axis=None)
    assert set(ORIGIN) <= set(rows.columns)
    chosen, final = (rows[rows["purpose"] == purpose] for purpose in ("choose", "final"))
    assert len(chosen) + len(final) == len(rows)
    assert chosen["test_errors"].isna().all()
    assert final["test_errors"].between(0, 10_000).all()
    assert set(chosen["seed"]).isdisjoint(final["seed"])
    seeds = final["seed"].nunique()
    assert seeds >= 5
    assert (final["epochs"] * final["train_size"] == few_numbers.UPDATES * few_numbers.BATCH).all()


def test_final_runs_are_those_of_the_plan(rows: pd.DataFrame) -> None:
    """Every network at every size, with the rate that the validation digits chose."""
    planned = [*few_numbers.choosing()]
    seeds = rows.loc[rows["purpose"] == "final", "seed"].nunique()
    planned += few_numbers.final(rows, seeds)
    recorded = {tuple(row) for row in rows[KEY].itertuples(index=False)}
    assert recorded == {tuple(run.values()) for run in planned}


def test_of_equal_rates_the_lowest_is_chosen() -> None:
    tries = [("a", 0.01, 5), ("a", 0.003, 5), ("a", 0.03, 9), ("b", 0.003, 7), ("b", 0.03, 6)]
    frame = pd.DataFrame(tries, columns=["variant", "rate", "validation_errors"])
    frame = frame.assign(purpose="choose", pixels="in order")
    assert few_numbers.chosen_rates(frame) == {("in order", "a"): 0.003, ("in order", "b"): 0.03}


@pytest.mark.parametrize(
    ("variant", "pixels", "train_size"),
    [("full", "in order", 500), long("local", "in order", 500), long("shared", "permuted", 2_000)],
)
def test_a_run_comes_out_as_recorded(rows, small, variant, pixels, train_size) -> None:
    names = {"purpose": "final", "variant": variant, "pixels": pixels, "seed": 0}
    same = (rows[list(names)] == pd.Series(names)).all(axis=1) & (rows["train_size"] == train_size)
    old = rows[same].squeeze()
    again = few_numbers.run(small, **names, train_size=train_size, rate=old["rate"])
    for column in ("parameters", "connections", "epochs"):
        assert again[column] == old[column], column
    for column in ("train_errors", "validation_errors", "test_errors"):
        assert again[column] == pytest.approx(old[column], rel=TOLERANCE, abs=5), column


def test_choosing_leaves_the_test_set_alone(small, monkeypatch) -> None:
    monkeypatch.setattr(few_numbers, "UPDATES", 10)
    read = []
    monkeypatch.setattr(few_numbers, "evaluate", Spy(few_numbers.evaluate, read))
    names = {"variant": "linear", "pixels": "in order", "seed": 0, "train_size": 500, "rate": 0.01}
    assert few_numbers.run(small, purpose="choose", **names)["test_errors"] is None
    assert len(small.test) not in read
    assert few_numbers.run(small, purpose="final", **names)["test_errors"] > 0
    assert len(small.test) in read


class Spy:
    """Notes how many digits a function was asked about."""

    def __init__(self, function, asked: list[int]) -> None:
        self.function, self.asked = function, asked

    def __call__(self, model, digits):
        self.asked.append(len(digits))
        return self.function(model, digits)


def test_recorded_runs_are_not_repeated(tmp_path, monkeypatch) -> None:
    done = []

    def fake(mnist, **names):
        done.append(names)
        return {**names, "validation_errors": 1, "test_errors": 2}

    monkeypatch.setattr(few_numbers, "run", fake)
    monkeypatch.setattr(few_numbers, "load_mnist", lambda **_: None)
    command = ["--seeds", "2", "--out", str(tmp_path / "new" / "x.csv")]
    few_numbers.main(command)
    runs = len(done)
    assert runs == 8 * 4 * 2 + 2 * (5 * 4 + 3 * 2)
    out = few_numbers.main(command)
    assert len(done) == runs == len(pd.read_csv(out))
