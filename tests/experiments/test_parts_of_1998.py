"""Single parts of the training of 1998: what differs between the runs, and what is recorded."""

import math
from functools import partial

import pandas as pd
import parts_of_1998
import pytest
import recording
import torch
from parts_of_1998 import VARIANTS

from lenet_utils import SDLM, DiscriminativeLoss, RBFOutput, digit_codes, load_mnist

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return recording.read_rows(recording.RESULTS / "parts_of_1998.csv")


@pytest.fixture(scope="module")
def mnist():
    return load_mnist(size=32)


def test_codes_are_of_the_kind_their_name_says() -> None:
    assert torch.equal(parts_of_1998.codes_of("drawn", 0), digit_codes())
    for kind in ("random", "one of ten"):
        codes = parts_of_1998.codes_of(kind, 0)
        assert codes.shape == (10, 84)
        assert set(codes.flatten().tolist()) == {-1.0, 1.0}
        assert torch.pdist(codes).min() > 0
    own = parts_of_1998.codes_of("one of ten", 0).eq(1)
    assert own.sum(dim=1).tolist() == [8] * 10
    assert own.sum(dim=0).max() == 1  # no unit is at +1 for two digits
    assert not torch.equal(parts_of_1998.codes_of("random", 0), parts_of_1998.codes_of("random", 1))


def test_variants_of_a_seed_share_their_first_weights() -> None:
    models = {name: parts_of_1998.build(variant, 3) for name, variant in VARIANTS.items()}
    first = models.pop("reconstruction")
    for name, model in models.items():
        assert torch.equal(model.c1[0].weight, first.c1[0].weight), name
        assert torch.equal(model.f6[1].weight, first.f6[1].weight), name
        assert isinstance(model.output[0], RBFOutput) == (name != "ten squashed units")


def test_each_variant_changes_what_its_name_says() -> None:
    for name, variant in VARIANTS.items():
        if name.startswith("j = "):
            assert isinstance(variant.criterion, DiscriminativeLoss)
            assert variant.criterion.j == float(name.removeprefix("j = "))
        if name.startswith("curvature of "):
            assert variant.curvature_digits == int(name.removeprefix("curvature of "))
    usual = VARIANTS["reconstruction"]
    assert (usual.criterion.j, usual.curvature_digits, usual.once) == (1.0, 500, False)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("reconstruction", [500] * 3), ("curvature once", [500]), ("curvature of 50", [50] * 3)],
)
def test_the_curvature_is_measured_as_often_and_on_as_many(monkeypatch, mnist, name, sizes) -> None:
    seen = []
    monkeypatch.setattr(
        SDLM, "estimate_curvature", lambda self, model, digits, criterion: seen.append(len(digits))
    )
    variant = VARIANTS[name]
    model = parts_of_1998.build(variant, 0)
    parts = parts_of_1998.stepping(variant, model, mnist, 0, 0.0001)
    assert isinstance(parts["optimizer"], SDLM)
    for _ in range(3):
        parts["before_epoch"]()
    assert seen == sizes


def test_gradient_descent_measures_nothing(mnist) -> None:
    model = parts_of_1998.build(VARIANTS["gradient descent"], 0)
    parts = parts_of_1998.stepping(VARIANTS["gradient descent"], model, mnist, 0, 0.002)
    assert type(parts["optimizer"]) is torch.optim.SGD
    assert parts["before_epoch"] is None
    assert parts["optimizer"].param_groups[0]["lr"] == 0.002


def test_what_is_recorded_is_complete(rows: pd.DataFrame) -> None:
    assert not rows.duplicated(["purpose", "variant", "seed", "rate"]).any()
    chosen, final = (rows[rows["purpose"] == purpose] for purpose in ("choose", "final"))
    assert len(chosen) + len(final) == len(rows)
    assert chosen["test_errors"].isna().all()
    assert final["test_errors"].between(100, 10_000).all()
    assert set(chosen["seed"]).isdisjoint(final["seed"])
    origin = rows[["python", "torch", "processor", "cores", "threads", "commit"]]
    assert not origin.isna().any(axis=None)
    rates = parts_of_1998.chosen_rates(rows)
    for (variant, seed), lines in final.groupby(["variant", "seed"]):
        assert lines["rate"].tolist() == [rates[variant]], (variant, seed)
    assert {"reconstruction", "eq. 8", "gradient descent"} <= set(final["variant"])
    assert set(final["variant"]) <= set(VARIANTS)
    for variant, seeds in final.groupby("variant")["seed"]:  # the same ones, so that they are pairs
        assert sorted(seeds) == list(range(final["seed"].max() + 1)), variant
    for variant, tried in parts_of_1998.RATES.items():
        errors = chosen[chosen["variant"] == variant].groupby("rate")["validation_errors"].sum()
        assert sorted(errors.index) == sorted(tried)
        assert errors[rates[variant]] == errors.min()


def test_a_run_is_within_its_spread(rows: pd.DataFrame, mnist) -> None:
    """Elsewhere sums are rounded otherwise, and a seed is as good as another: one of these."""
    name = "reconstruction"
    then = rows[(rows["variant"] == name) & (rows["purpose"] == "final")]
    rate = float(then["rate"].iloc[0])
    line = parts_of_1998.run(mnist, "final", name, seed=0, rate=rate)
    for count in ("train_errors", "validation_errors", "test_errors"):
        mean, spread = then[count].mean(), then[count].std()
        assert abs(line[count] - mean) < 6 * spread, count


def test_a_run_that_diverges_counts_all_digits_as_wrong(tmp_path, monkeypatch, mnist) -> None:
    def diverge(*_, **__):
        raise FloatingPointError

    monkeypatch.setattr(parts_of_1998, "run", diverge)
    out = tmp_path / "x.csv"
    wanted = [
        {"purpose": purpose, "variant": "eq. 8", "seed": 0, "rate": 0.1}
        for purpose in ("choose", "final")
    ]
    recording.run_in_turn(partial(parts_of_1998.run_or_diverge, mnist), wanted, out)
    found = pd.read_csv(out)
    assert found["validation_errors"].tolist() == [5_000] * 2
    assert math.isnan(found["test_errors"][0])
    assert found["test_errors"][1] == 10_000
