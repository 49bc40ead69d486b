"""The recorded results are complete, come from this code, and grow without ever being spoilt."""

import math
from pathlib import Path

import activations
import pandas as pd
import pytest
import recording
import sparse_c3
import torch
from building import long

from lenet_utils import C3_TABLE, LeNet5, SparseConv2d, load_mnist

KEY = ["variant", "seed", "train_size", "epochs"]
ORIGIN = ["python", "torch", "processor", "cores", "threads", "commit"]
RESULTS = ["train_errors", "validation_errors", "test_errors", "parameters", "seconds"]
# Other processors and numbers of threads add in another order; chaos makes a few errors of that.
TOLERANCE = 0.25


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def sparse_rows() -> pd.DataFrame:
    return recording.read_rows(recording.RESULTS / "sparse_c3.csv")


@pytest.fixture(scope="module")
def activation_rows() -> pd.DataFrame:
    return recording.read_rows(recording.RESULTS / "activations.csv")


def assert_complete(rows: pd.DataFrame) -> None:
    columns = KEY + RESULTS + ORIGIN
    assert set(columns) <= set(rows.columns)
    assert not rows[columns].isna().any(axis=None)
    assert not rows.duplicated(KEY).any()
    assert (rows["train_errors"] <= rows["train_size"]).all()
    assert rows["validation_errors"].between(0, 5_000).all()
    assert rows["test_errors"].between(0, 10_000).all()


def long_runs(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["train_size"] == 55_000]


# --- What is recorded ----------------------------------------------------------------------------


def test_sparse_c3_is_complete(sparse_rows: pd.DataFrame) -> None:
    assert_complete(sparse_rows)
    assert sparse_rows["c3_correlation"].between(0, 1).all()
    long = long_runs(sparse_rows)
    assert set(long["variant"]) == set(sparse_c3.VARIANTS)
    assert (long.groupby("variant")["seed"].nunique() >= 5).all()
    assert long["epochs"].nunique() == 1
    parameters = long.groupby("variant")["parameters"].unique().map(list).to_dict()
    assert parameters == {"table": [60_850], "dense": [61_750], "random": [60_850]}


def test_activations_are_complete(activation_rows: pd.DataFrame) -> None:
    assert_complete(activation_rows)
    long = long_runs(activation_rows)
    assert set(long["variant"]) == set(activations.RECIPES)
    seeds = long.groupby(["study", "variant"])["seed"].nunique()
    assert (seeds["activations"] >= 5).all()
    assert (seeds["stall"] >= 3).all()


def test_every_run_has_its_whole_curve(activation_rows: pd.DataFrame) -> None:
    curves = recording.read_rows(recording.RESULTS / "activations_curves.csv")
    ends = curves.groupby(KEY)["step"].max()
    judged = curves.groupby(KEY)["validation_error"].count()
    assert set(ends.index) == set(activation_rows.set_index(KEY).index)
    for key, end in ends.items():
        _, _, train_size, epochs = key
        assert end == epochs * math.ceil(train_size / 64)
        assert judged[key] == epochs


# --- The recorded slice, again -------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["dense", long("random")])
def test_slice_of_sparse_c3_comes_out_as_recorded(sparse_rows, variant: str) -> None:
    again = sparse_c3.run(load_mnist(size=32), variant, **sparse_c3.SLICE)
    assert_as_recorded(sparse_rows, again)
    old = recorded(sparse_rows, again)
    assert again["c3_correlation"] == pytest.approx(old["c3_correlation"], abs=0.05)


@pytest.mark.parametrize("variant", ["scaled tanh", long("ReLU")])
def test_slice_of_activations_comes_out_as_recorded(activation_rows, variant: str) -> None:
    again, curve = activations.run(variant, **activations.SLICE)
    assert_as_recorded(activation_rows, again)
    old = recording.read_rows(recording.RESULTS / "activations_curves.csv")
    old = old[(old["variant"] == variant) & (old["train_size"] == again["train_size"])]
    assert curve["loss"].to_list() == pytest.approx(old["loss"].to_list(), rel=TOLERANCE)


def recorded(rows: pd.DataFrame, run: dict[str, object]) -> pd.Series:
    return rows.set_index(KEY).loc[tuple(run[column] for column in KEY)]


def assert_as_recorded(rows: pd.DataFrame, again: dict[str, object]) -> None:
    old = recorded(rows, again)
    assert again["parameters"] == old["parameters"]
    for column in ("train_errors", "validation_errors", "test_errors"):
        assert again[column] == pytest.approx(old[column], rel=TOLERANCE), column


def test_published_network_is_the_same_in_both_experiments(sparse_rows, activation_rows) -> None:
    columns = ["train_errors", "validation_errors", "test_errors", "parameters"]
    slices = [rows[rows["train_size"] == 10_000] for rows in (sparse_rows, activation_rows)]
    table = slices[0].set_index("variant").loc["table", columns]
    tanh = slices[1].set_index("variant").loc["scaled tanh", columns]
    assert table.to_list() == tanh.to_list()


# --- How it is recorded --------------------------------------------------------------------------


class FakeRun:
    """Takes the place of a training; stops the program, as Ctrl-C does, when told to."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.done: list[tuple[str, int]] = []
        self.stop_at = stop_at

    def __call__(self, mnist, variant, seed, train_size, epochs) -> dict[str, object]:
        if len(self.done) == self.stop_at:
            raise KeyboardInterrupt
        self.done.append((variant, seed))
        run = {"variant": variant, "seed": seed, "train_size": train_size, "epochs": epochs}
        return {**run, "test_errors": 100 + len(self.done)}


@pytest.fixture
def command(tmp_path, monkeypatch) -> list[str]:
    """Two seeds of the experiment, to be written to a new file, without any data."""
    monkeypatch.setattr(sparse_c3, "load_mnist", lambda size: None)
    return [
        "--seeds",
        "2",
        "--epochs",
        "1",
        "--train-size",
        "64",
        "--out",
        str(tmp_path / "new" / "x.csv"),
    ]


def test_recorded_runs_are_not_repeated(command, monkeypatch) -> None:
    for expected in (3 + 2 * 3, 0):
        fake = FakeRun()
        monkeypatch.setattr(sparse_c3, "run", fake)
        out = sparse_c3.main(command)
        assert len(fake.done) == expected
    assert len(pd.read_csv(out)) == 9


def test_interrupted_experiment_goes_on_where_it_stopped(command, monkeypatch) -> None:
    first, second = FakeRun(stop_at=4), FakeRun()
    monkeypatch.setattr(sparse_c3, "run", first)
    with pytest.raises(KeyboardInterrupt):
        sparse_c3.main(command)
    before = pd.read_csv(command[-1])
    assert len(before) == 4
    monkeypatch.setattr(sparse_c3, "run", second)
    after = pd.read_csv(sparse_c3.main(command))
    assert len(second.done) == 5
    pd.testing.assert_frame_equal(after.iloc[:4], before)


def test_half_a_training_is_no_result() -> None:
    """`fit` returns what there is after Ctrl-C; an experiment must not record that."""
    digits = load_mnist(size=32).train[:64]

    def stopped(scores, labels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recording.fit_whole(LeNet5(), digits, epochs=1, criterion=stopped, progress=False)


def test_more_digits_than_there_are_is_refused(command, capsys) -> None:
    with pytest.raises(SystemExit):
        sparse_c3.main([*command, "--train-size", "60000"])
    assert "there are 55,000 training digits" in capsys.readouterr().err


def test_more_seeds_keep_the_old_ones(command, monkeypatch) -> None:
    monkeypatch.setattr(sparse_c3, "run", FakeRun())
    sparse_c3.main(command)
    more = FakeRun()
    monkeypatch.setattr(sparse_c3, "run", more)
    sparse_c3.main([*command, "--seeds", "3"])
    assert {seed for _, seed in more.done} == {2}


def test_same_run_replaces_its_rows(tmp_path) -> None:
    run = {"variant": "table", "seed": 0, "train_size": 64, "epochs": 1}
    path = tmp_path / "x.csv"
    recording.record(path, [{**run, "step": 1}, {**run, "step": 2}])
    recording.record(path, [{**run, "seed": 1, "step": 7}])
    recording.record(path, [{**run, "step": 3}])
    assert recording.read_rows(path)[["seed", "step"]].to_numpy().tolist() == [[1, 7], [0, 3]]


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    run = {"variant": "table", "seed": 0, "train_size": 64, "epochs": 1}
    path = tmp_path / "x.csv"
    recording.record(path, [run])
    before = path.read_bytes()

    def half_written(frame, target, **_) -> None:
        Path(target).write_text("variant,se")
        raise OSError("no space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", half_written)
    with pytest.raises(OSError, match="no space"):
        recording.record(path, [{**run, "seed": 1}])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_origin_is_told() -> None:
    origin = recording.provenance()
    assert list(origin) == ORIGIN
    assert origin["torch"] == torch.__version__
    assert origin["threads"] == 1


# --- What is compared ----------------------------------------------------------------------------


def test_random_tables_have_the_published_row_lengths() -> None:
    tables = [sparse_c3.random_table(seed) for seed in range(50)]
    for table in tables:
        assert [len(row) for row in table] == [len(row) for row in C3_TABLE]
        assert {in_map for row in table for in_map in row} == set(range(6))
    assert len(set(tables)) == 50
    assert sparse_c3.random_table(3) == tables[3]


def test_larger_start_follows_each_row_of_the_table() -> None:
    torch.manual_seed(0)
    kernels = activations.RECIPES["logistic, larger start"].model().c3[0].weight.detach()
    rows = kernels.split([len(row) for row in C3_TABLE])
    deviations = torch.stack([row.std() * row.numel() ** 0.5 for row in rows])
    assert deviations.mean().item() == pytest.approx(4, rel=0.1)


def test_leaving_the_plateau_is_counted_from_a_mean_of_fifty() -> None:
    steps = pd.DataFrame({"step": range(1, 201), "loss": [2.3] * 100 + [1.0] * 100})
    history = type("History", (), {"steps": steps})
    # 38 x 2.3 + 12 x 1.0 is less than 50 x 2
    assert activations.updates_to_escape(history) == 112


def test_xavier_reaches_each_kernel_of_a_sparse_convolution() -> None:
    """Where all are read by all it is PyTorch's own, of a dense one."""
    everything, dense = (tuple(range(6)),) * 16, torch.nn.Conv2d(6, 16, 5)
    sparse = SparseConv2d(everything, 6)
    torch.nn.init.zeros_(sparse.weight)
    activations.xavier(sparse, gain=2.0)
    activations.xavier(dense, gain=2.0)
    limit = 2 * (6 / (25 * (6 + 16))) ** 0.5
    for weight in (sparse.weight, dense.weight):
        assert 0.98 * limit < weight.abs().max().item() <= limit
    alone = SparseConv2d(((0,), (0, 1), (0, 1)), 2)  # the second map is read by two, not three
    activations.xavier(alone)
    limits = [(6 / (25 * sum(fans))) ** 0.5 for fans in ((1, 3), (2, 3), (2, 2), (2, 3), (2, 2))]
    for kernel, reach in zip(alone.weight, limits, strict=True):
        assert 0.5 * reach < kernel.abs().max().item() <= reach
