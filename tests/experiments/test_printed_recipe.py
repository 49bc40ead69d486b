"""LeNet-5 with the printed start and rates: what differs between the runs, and what is recorded."""

import pandas as pd
import printed_recipe
import pytest
import recording
import torch
from torch import nn

from lenet_utils import LeNet5, mean_penalty
from lenet_utils.training import PUBLISHED_RATES, diagonal_curvature

RUN = ["variant", "seed", "train_size"]
ORIGIN = ["python", "torch", "processor", "cores", "threads", "commit"]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return recording.read_rows(recording.RESULTS / "printed_recipe.csv")


def test_what_is_recorded_is_complete(rows: pd.DataFrame) -> None:
    assert set(rows["variant"]) <= set(printed_recipe.VARIANTS)
    smaller = rows["train_size"] != 60_000  # Fig. 6
    assert set(rows["train_size"]) == set(printed_recipe.SIZES)
    assert set(rows.loc[smaller, "variant"]) == {"reconstruction"}
    assert rows["passes"].eq(20).all()
    for run, lines in rows.groupby(RUN):
        assert lines["pass"].tolist() == list(range(1, 21)), run
        assert lines["train_errors"].notna().tolist() == [False] * 19 + [True], run
    assert not rows[ORIGIN].isna().any(axis=None)
    assert rows["test_errors"].between(0, 10_000).all()
    assert rows.loc[rows["variant"] == "printed rates", "seed"].nunique() >= 5
    curves = rows[rows["variant"] == "reconstruction"]
    assert curves["moving_error"].between(0.001, 0.2).all()
    assert curves.loc[curves["pass"] == 20, "rejected"].between(0.001, 0.1).all()


def test_start_and_rate_are_the_printed_ones_or_those_of_the_reconstruction() -> None:
    """Preprint p. 41: within 2.4/F, and F is 120 for F6; p. 10: 0.0005. Lush: 1/sqrt(F)."""
    found = {}
    for name, (start, rate) in printed_recipe.VARIANTS.items():
        torch.manual_seed(0)
        full = next(layer for layer in LeNet5().f6 if isinstance(layer, nn.Linear))
        start(full)
        found[name] = (full.weight.abs().max().item(), rate)
    printed, lush = 2.4 / 120, 120**-0.5
    assert found["reconstruction"] == pytest.approx((lush, 0.0001), rel=0.01)
    assert found["printed rates"] == pytest.approx((lush, PUBLISHED_RATES[0]), rel=0.01)
    assert found["printed start"] == pytest.approx((printed, 0.0001), rel=0.01)
    assert found["as printed"] == pytest.approx((printed, 0.0005), rel=0.01)
    assert found["wider start"] == pytest.approx((1.2 * lush, 0.0005), rel=0.01)


def test_a_slice_runs_and_its_reconstruction_learns() -> None:
    lines = printed_recipe.run("reconstruction", seed=0, train_size=2_000, passes=2)
    assert [line["pass"] for line in lines] == [1, 2]
    assert set(lines[0]) == set(lines[1]) - {"train_errors", "seconds", "rejected"}
    assert lines[0]["moving_error"] > lines[1]["moving_error"] > 0
    assert lines[1]["test_errors"] < 2_000
    assert lines[1]["train_errors"] < 400


def test_recorded_runs_are_not_repeated(tmp_path, monkeypatch) -> None:
    done = []

    def fake(**names):
        done.append(names)
        return [{**names, "pass": 1, "test_errors": 1}]

    monkeypatch.setattr(printed_recipe, "run", fake)
    command = ["--seeds", "2", "--out", str(tmp_path / "new" / "x.csv")]
    out = printed_recipe.main(command)
    runs = 2 * (len(printed_recipe.VARIANTS) + 2)  # two of them from fewer digits
    assert len(done) == runs == len(pd.read_csv(out))
    printed_recipe.main(command)
    assert len(done) == runs
    printed_recipe.main([*command[:3], str(tmp_path / "y.csv"), "--sizes", "15000"])
    assert [names["train_size"] for names in done[runs:]] == [15_000] * 2


# --- The rates of starts --------------------------------------------------------------------------


def test_ends_of_the_rates_are_recorded_for_every_start() -> None:
    starts = recording.read_rows(recording.RESULTS / "printed_starts.csv")
    assert len(starts) == len(starts["start"].unique()) * starts["seed"].nunique()
    factors = {f"{factor:g} / sqrt(F)" for factor in printed_recipe.FACTORS}
    assert set(starts["start"]) == {"2.4 / F", *factors}
    assert starts["seed"].nunique() >= 20
    assert not starts[ORIGIN].isna().any(axis=None)
    assert (starts["lowest"] < starts["highest"]).all()
    assert (starts["highest"] <= PUBLISHED_RATES[0] / 0.02).all()  # eq. 21, without curvature


def test_a_start_has_the_rates_that_are_recorded(tmp_path, monkeypatch) -> None:
    """From eq. 21 (preprint p. 42) by the curvature that PyTorch finds."""
    monkeypatch.setattr(printed_recipe, "FACTORS", (1.2,))
    path = tmp_path / "starts.csv"
    printed_recipe.rates_of_starts(1, path)
    found = pd.read_csv(path).set_index("start")
    recorded = recording.read_rows(recording.RESULTS / "printed_starts.csv")
    recorded = recorded[recorded["seed"] == 0].set_index("start")
    some = printed_recipe.ROWS["LeNet-5"].digits()[0][:500]
    torch.manual_seed(0)
    model = LeNet5(initialize=printed_recipe.over_root(1.2))
    curvature = diagonal_curvature(model, some.images, some.labels, mean_penalty)
    rates = 0.0005 / (0.02 + torch.cat([h.flatten() for h in curvature.values()]))
    for rows in (found, recorded):
        line = rows.loc["1.2 / sqrt(F)"]
        assert line["lowest"] == pytest.approx(rates.min().item(), rel=1e-3)
        assert line["highest"] == pytest.approx(rates.max().item(), rel=1e-3)
