"""LeNet-5 with the printed start and rates: what differs between the runs, and what is recorded."""

import pandas as pd
import printed_recipe
import pytest
import recording
import torch
from torch import nn

from lenet_utils import LeNet5
from lenet_utils.training import PUBLISHED_RATES

RUN = ["variant", "seed"]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return recording.read_rows(recording.RESULTS / "printed_recipe.csv")


def test_what_is_recorded_is_complete(rows: pd.DataFrame) -> None:
    assert set(rows["variant"]) <= set(printed_recipe.VARIANTS)
    assert rows["train_size"].eq(60_000).all()
    assert rows["passes"].eq(20).all()
    for run, lines in rows.groupby(RUN):
        assert lines["pass"].tolist() == list(range(1, 21)), run
        assert lines["train_errors"].notna().tolist() == [False] * 19 + [True], run
    origin = rows[["python", "torch", "processor", "cores", "threads", "commit"]]
    assert not origin.isna().any(axis=None)
    assert rows["test_errors"].between(0, 10_000).all()
    assert rows.loc[rows["variant"] == "printed rates", "seed"].nunique() >= 5


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


def test_a_slice_runs_and_its_reconstruction_learns() -> None:
    lines = printed_recipe.run("reconstruction", seed=0, train_size=2_000, passes=2)
    assert [line["pass"] for line in lines] == [1, 2]
    assert set(lines[0]) == set(lines[1]) - {"train_errors", "seconds"}
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
    assert len(done) == 2 * len(printed_recipe.VARIANTS) == len(pd.read_csv(out))
    printed_recipe.main(command)
    assert len(done) == 2 * len(printed_recipe.VARIANTS)
