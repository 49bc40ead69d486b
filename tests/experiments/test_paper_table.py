"""The table's runs: what they train on, how they are shared out, what a killed one costs."""

import copy
import os
import signal
from dataclasses import replace
from pathlib import Path

import pandas as pd
import paper_table
import pytest
import recording
import torch
from paper.recipes import RECIPES, as_published, boosted
from paper.rows import ROWS

from lenet_utils import SDLM, Digits, LeNet1989, SparseConv2d, distort, squared_error
from lenet_utils._seeding import seeded
from lenet_utils.training import PUBLISHED_RATES


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


# --- What is trained ------------------------------------------------------------------------------


def test_final_runs_take_all_training_digits_and_choosing_ones_leave_some():
    for choose, size in ((False, 60_000), (True, 55_000)):
        sizes = {w["row"]: w["train_size"] for w in plan(choose=choose)}
        for small in ("1989 net", "1989 net [dist]"):
            assert sizes.pop(small) == (6_683 if choose else 7_291)
        assert set(sizes.values()) == {size}


def test_the_whole_table_has_the_slices_too():
    assert len(list(paper_table.slices(ROWS, RECIPES))) == 20
    assert list(paper_table.slices(["LeNet-5"], RECIPES)) == []
    assert list(paper_table.slices(ROWS, ["modern"])) == []


def plan(choose=False):
    return paper_table.plan(ROWS, RECIPES, seeds=1, choose=choose)


def test_the_published_recipe_written_out():
    """One image for each update, one order in all passes, the rates and curvatures of the paper."""
    torch.manual_seed(7)
    digits = Digits(torch.rand(6, 1, 16, 16), torch.arange(6))
    model, row = LeNet1989(), ROWS["1989 net"]
    other, before = copy.deepcopy(model), copy.deepcopy(model.state_dict())
    torch.manual_seed(8)
    as_published(row, model, digits, 3, 23, lambda _: None)
    torch.manual_seed(8)
    for layer in other.modules():
        if not isinstance(layer, SparseConv2d):
            row.published.start(layer)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(3))
    optimizer = SDLM(other.parameters(), lr=1)
    for number in range(23):
        optimizer.estimate_curvature(other, digits, squared_error)
        optimizer.param_groups[0]["lr"] = PUBLISHED_RATES[number * 20 // 23]
        for i in order:
            optimizer.zero_grad()
            squared_error(other(digits.images[i][None]), digits.labels[i][None]).backward()
            optimizer.step()
    for name, ours in other.state_dict().items():
        torch.testing.assert_close(ours, model.state_dict()[name], rtol=1e-4, atol=1e-6)
    moved = max((before[name] - ours).abs().max() for name, ours in other.state_dict().items())
    assert moved > 1e-3


def test_each_tenth_pass_is_the_one_through_the_originals(monkeypatch):
    """The nine others are through distorted ones, each in the order of the run."""
    torch.manual_seed(7)
    digits, seen = Digits(torch.rand(6, 1, 16, 16), torch.arange(6)), []
    row = replace(ROWS["1989 net"], distorted=True)
    real = SDLM.estimate_curvature

    def looking(optimizer, model, some, criterion):
        seen.append(some.images.clone())
        return real(optimizer, model, some, criterion)

    monkeypatch.setattr(SDLM, "estimate_curvature", looking)
    kept = digits.images.clone()
    as_published(row, LeNet1989(), digits, 3, 12, lambda _: None)
    assert torch.equal(digits.images, kept)
    ordered = kept[torch.randperm(6, generator=torch.Generator().manual_seed(3))]
    assert [torch.equal(images, ordered) for images in seen] == [n % 10 == 0 for n in range(12)]
    for number in (1, 9, 11):
        with seeded(1_000 * 3 + number % 10):
            assert torch.equal(seen[number], distort(ordered))


def test_digits_of_the_rows():
    train, test = ROWS["LeNet-5"].digits()
    assert train.images.shape == (60_000, 1, 32, 32)
    assert len(test) == 10_000
    train, test = ROWS["1989 net"].digits()
    assert (train.images.shape, len(test)) == ((7_291, 1, 16, 16), 2_007)
    assert train.images.min() == pytest.approx(-1, abs=1e-5)
    assert train.images.max() == pytest.approx(1, abs=1e-2)
    train, _ = ROWS["LeNet-1 [16x16]"].digits()
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
    assert judged == [7_091, 200, 7_091]  # after the pass, and at the end
    assert line["test_errors"] is None


@pytest.mark.parametrize(("recipe", "later"), [("as published", False), ("modern", True)])
def test_boosting_trains_three_networks_each_on_its_own_digits(monkeypatch, recipe, later):
    """The first learns from distorted digits; ``later`` says whether the others' are, once more."""
    seen = []
    real = RECIPES[recipe]

    def spying(row, model, train, *rest):
        seen.append((row.distorted, len(train), train.images))
        return real(row, model, train, *rest)

    monkeypatch.setitem(RECIPES, recipe, spying)
    row = ROWS["Boosted LeNet-4 [dist]"]
    train = row.digits()[0][:300]
    model = boosted(row, recipe, train, seed=0, epochs=1)
    assert len(model.networks) == 3
    assert [(distorted, count) for distorted, count, _ in seen] == [
        (True, 300), (later, 300), (later, 300),
    ]  # fmt: skip
    assert torch.equal(seen[0][2], train.images)
    first = model.networks[0].eval()
    assert not torch.equal(seen[1][2], seen[2][2])
    with torch.no_grad():
        answers = [network(seen[2][2]).argmax(dim=1) for network in (first, model.networks[1])]
    assert (answers[0] != answers[1]).all()


# --- What is recorded -----------------------------------------------------------------------------


def test_recorded_runs_are_complete_and_of_all_training_digits():
    rows = recording.read_rows(recording.RESULTS / "paper_table.csv")
    assert not rows.duplicated(["row", "recipe", "seed", "train_size", "epochs"]).any()
    final = rows.dropna(subset="test_errors")
    columns = ["train_errors", "test_size", "parameters", "seconds", *list(recording.provenance())]
    assert not final[columns].isna().any(axis=None)
    small = final["row"].str.startswith("1989")
    assert (final["train_size"] == small.map({True: 7_291, False: 60_000})).all()
    assert final.groupby(["row", "recipe"])["seed"].nunique().ge(5).all()


def test_a_slice_of_the_1989_net_is_within_its_spread():
    """Elsewhere sums are rounded otherwise, and a seed is as good as another: one of the twenty."""
    rows = recording.read_rows(recording.RESULTS / "paper_table.csv")
    recorded = rows[(rows[list(paper_table.SLICE)] == pd.Series(paper_table.SLICE)).all(axis=1)]
    assert len(recorded) == paper_table.SLICE_SEEDS
    line = paper_table.run(**paper_table.SLICE, seed=0)
    assert line["parameters"] == recorded["parameters"].iloc[0]
    mean, spread = recorded["validation_errors"].mean(), recorded["validation_errors"].std()
    assert abs(line["validation_errors"] - mean) < 4 * spread


# --- How runs are shared out ----------------------------------------------------------------------


def square(number: int) -> dict[str, object]:
    """Stand for a training."""
    return {"number": number, "square": number**2, "threads": os.environ["OMP_NUM_THREADS"]}


def kill(number: int) -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(number: int, folder: str) -> dict[str, object]:
    """Kill this process at the first try of run 2."""
    marker = Path(folder) / "tried"
    if number == 2 and not marker.exists():
        marker.touch()
        kill(number)
    return {"number": number, "folder": folder, "square": number**2}


def test_runs_are_recorded_and_not_repeated(tmp_path):
    path = tmp_path / "x.csv"
    recording.run_all(square, [{"number": n} for n in range(2)], path)
    assert sorted(pd.read_csv(path)["square"]) == [0, 1]
    assert set(pd.read_csv(path)["threads"]) == {1}
    written = path.stat().st_mtime_ns
    recording.run_all(square, [{"number": n} for n in range(2)], path)
    assert path.stat().st_mtime_ns == written


def test_a_killed_run_changes_neither_rows_nor_values(tmp_path):
    path = tmp_path / "x.csv"
    recording.run_all(deadly, [{"number": n, "folder": str(tmp_path)} for n in range(3)], path)
    assert (tmp_path / "tried").exists()
    rows = pd.read_csv(path).sort_values("number")
    assert rows["square"].tolist() == [0, 1, 4]


def test_a_run_that_is_killed_every_time_is_named():
    with pytest.raises(RuntimeError, match=r"run \{'number': 3\} was killed 3 times"):
        recording.in_a_process(kill, {"number": 3})
