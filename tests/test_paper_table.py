"""The table's runs: what they train on, how they are shared out, what a dead worker costs."""

import os
import signal
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from lenet_utils import LeNet5

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))
import paper_table
import runs

RUN = {"row": "LeNet-5", "recipe": "as published", "train_size": 60_000, "epochs": 20}


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


# --- What is trained ------------------------------------------------------------------------------


def test_final_runs_take_all_training_digits_and_choosing_ones_leave_some():
    for choose, size in ((False, 60_000), (True, 55_000)):
        sizes = {w["row"]: w["train_size"] for w in plan(choose=choose)}
        assert sizes.pop("1989 net") == (6_683 if choose else 7_291)
        assert set(sizes.values()) == {size}


def plan(choose=False):
    return paper_table.plan(paper_table.ROWS, paper_table.RECIPES, seeds=1, choose=choose)


def test_digits_of_the_rows():
    train, test = paper_table.ROWS["LeNet-5"].digits()
    assert train.images.shape == (60_000, 1, 32, 32)
    assert len(test) == 10_000
    train, test = paper_table.ROWS["1989 net"].digits()
    assert (train.images.shape, len(test)) == ((7_291, 1, 16, 16), 2_007)
    assert train.images.min() == pytest.approx(-1, abs=1e-5)
    assert train.images.max() == pytest.approx(1, abs=1e-2)
    train, _ = paper_table.ROWS["LeNet-1 [16x16]"].digits()
    assert train.images.shape == (60_000, 1, 28, 28)
    margin = train.images.clone()
    margin[..., 6:22, 6:22] = -0.1
    assert margin.eq(-0.1).all()  # nothing outside the central 16x16


def test_a_choosing_run_never_reads_the_test_set(monkeypatch):
    real = paper_table.evaluate
    judged = []

    def counting(model, digits):
        judged.append(len(digits))
        return real(model, digits)

    monkeypatch.setattr(paper_table, "evaluate", counting)
    line = paper_table.run("1989 net", "as published", seed=0, train_size=200, epochs=1)
    assert judged == [200, 7_091]
    assert line["test_errors"] is None


def test_lush_start_is_by_the_fan_in_of_each_row():
    model = LeNet5()
    model.apply(paper_table.start)
    first, last = model.c3[0].weight[:3], model.c3[0].weight[-6:]
    assert 0.9 * 75**-0.5 < first.abs().max() <= 75**-0.5
    assert 0.9 * 150**-0.5 < last.abs().max() <= 150**-0.5
    assert 0.9 * 400**-0.5 < model.c5[0].weight.abs().max() <= 400**-0.5


# --- What is recorded -----------------------------------------------------------------------------


def test_recorded_runs_are_complete_and_of_all_training_digits():
    rows = runs.read_rows(runs.RESULTS / "paper_table.csv")
    assert not rows.duplicated(["row", "recipe", "seed", "train_size", "epochs"]).any()
    final = rows.dropna(subset="test_errors")
    columns = ["train_errors", "test_size", "parameters", "seconds", *list(runs.provenance())]
    assert not final[columns].isna().any(axis=None)
    full = final["row"].map({"1989 net": 7_291}).fillna(60_000)
    assert (final["train_size"] == full).all()
    assert final.groupby(["row", "recipe"])["seed"].nunique().ge(5).all()


def test_a_slice_of_the_1989_net_is_within_its_spread():
    """A third of the published passes, one seed: already near what all passes reach."""
    rows = runs.read_rows(runs.RESULTS / "paper_table.csv")
    recorded = rows[(rows["row"] == "1989 net") & (rows["recipe"] == "as published")]
    line = paper_table.run("1989 net", "as published", seed=0, train_size=7_291, epochs=5)
    assert line["parameters"] == recorded["parameters"].iloc[0]
    mean, spread = recorded["test_errors"].mean(), recorded["test_errors"].std()
    assert abs(line["test_errors"] - mean) < 6 * spread + 30


# --- How runs are shared out ----------------------------------------------------------------------


def square(number: int) -> dict[str, object]:
    """Stand for a training."""
    return {"number": number, "square": number**2}


def deadly(number: int, folder: str) -> dict[str, object]:
    """Kill the worker at the first try of run 2."""
    marker = Path(folder) / "tried"
    if number == 2 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"number": number, "folder": folder, "square": number**2}


def test_runs_are_recorded_and_not_repeated(tmp_path):
    path = tmp_path / "x.csv"
    runs.run_all(square, [{"number": n} for n in range(4)], path)
    assert sorted(pd.read_csv(path)["square"]) == [0, 1, 4, 9]
    written = path.stat().st_mtime_ns
    runs.run_all(square, [{"number": n} for n in range(4)], path)
    assert path.stat().st_mtime_ns == written


def test_a_dead_worker_changes_neither_rows_nor_values(tmp_path):
    path = tmp_path / "x.csv"
    runs.run_all(deadly, [{"number": n, "folder": str(tmp_path)} for n in range(4)], path)
    assert (tmp_path / "tried").exists()
    rows = pd.read_csv(path).sort_values("number")
    assert rows["square"].tolist() == [0, 1, 4, 9]


def test_a_cluster_elsewhere_takes_the_runs(tmp_path):
    from distributed import LocalCluster

    path = tmp_path / "x.csv"
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        runs.run_all(square, [{"number": 3}], path, scheduler=cluster.scheduler_address)
    assert pd.read_csv(path)["square"].tolist() == [9]
