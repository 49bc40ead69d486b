"""Steps towards other hands: the plan, a small training, the average, and what is recorded."""

import other_hands
import pandas as pd
import pytest
import recording
import torch
from hands.further import J
from hands.passes import STEPS, Passes, write_anew

from lenet_utils import Digits, LeNet5, evaluate, load_digits_of, load_mnist
from lenet_utils.models import load_weights, read_metadata
from lenet_utils.models.base import WEIGHTS
from lenet_utils.training import load_trained

KEY = ["step", "seed", "train_size", "epochs", "rate"]
ORIGIN = ["python", "torch", "processor", "cores", "threads", "commit"]
SIZES = {
    "mnist": 10_000, "optical": 1_797, "digits_1989": 9_298,
    "pen_given": 10_992, "pen_aspect": 10_992, "pen_lifted": 10_992,
}  # fmt: skip
TOLERANCE = 0.25  # as in test_experiments: other processors add in another order


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return recording.read_rows(recording.RESULTS / "other_hands.csv")


@pytest.fixture(scope="module")
def passes() -> Passes:
    digits = load_mnist().train[:600]
    return Passes(digits, write_anew(digits, times=2))


# --- What is run ----------------------------------------------------------------------------------


def test_every_step_of_a_seed_comes_before_the_next_seed() -> None:
    planned = [*other_hands.plan(seeds=2, choose=False)]
    steps = [*STEPS, other_hands.AVERAGED]
    assert [run["step"] for run in planned] == 2 * steps
    assert [run["seed"] for run in planned] == [0] * len(steps) + [1] * len(steps)
    assert {run["train_size"] for run in planned} == {60_000}
    assert {run["train_size"] for run in other_hands.plan(1, choose=True)} == {55_000}
    ladder = [run for run in planned if run["step"] != other_hands.AVERAGED]
    assert len({(run["epochs"], run["rate"]) for run in ladder}) == 1  # all learn as long


@pytest.mark.parametrize("step", ["widths", "hands"])
def test_training_learns_and_repeats(passes, step) -> None:
    one, same = (other_hands.trained(passes, step, 0, 3, 0.001) for _ in range(2))
    other = other_hands.trained(passes, step, 1, 3, 0.001)
    for old, new in zip(one.parameters(), same.parameters(), strict=True):
        assert torch.equal(old, new)
    assert not torch.equal(one.f6[1].weight, other.f6[1].weight)
    torch.manual_seed(0)
    untrained = evaluate(LeNet5(), passes.digits).errors
    assert evaluate(one, passes.digits).errors < 0.6 * untrained
    assert torch.equal(passes.digits.images, load_mnist().train[:600].images)  # not changed


def test_choosing_reads_no_other_hands(monkeypatch) -> None:
    def refuse(*folder):
        raise AssertionError("a set of the final runs was read")

    small = load_mnist().validation[:60]
    passes = Passes(small, write_anew(small, times=1))
    monkeypatch.setattr(other_hands, "judged_by", refuse)
    monkeypatch.setattr(other_hands, "learned", lambda size: passes)
    monkeypatch.setattr(other_hands, "chosen_by", lambda: {"validation": small})
    _, row = other_hands.run("plain", 0, 55_000, 1, 0.0001)
    assert row["validation_size"] == 60
    with pytest.raises(AssertionError, match="final runs"):
        other_hands.run("plain", 0, 60_000, 1, 0.0001)
    monkeypatch.setattr(other_hands, "pictures", refuse)
    monkeypatch.setattr(other_hands, "rubbish_chosen_by", lambda: small.images.roll(14, dims=3))
    found = other_hands.in_doubt(LeNet5.from_pretrained("dist"), choose=True)
    assert found["rubbish_doubted"] > 30  # of 60 digits torn in two
    assert 40 < found["validation_doubted"] < 100  # 1 % of the right ones, and most wrong ones
    with pytest.raises(AssertionError, match="final runs"):
        other_hands.in_doubt(LeNet5.from_pretrained("dist"), choose=False)


def test_recorded_runs_are_not_repeated_and_the_first_seed_is_kept(tmp_path, monkeypatch) -> None:
    done = []

    def fake(folder=None, **names):
        done.append(names)
        return LeNet5(), {**names, "mnist_errors": 1, "mnist_size": 2}

    monkeypatch.setattr(other_hands, "run", fake)
    out = tmp_path / "new" / "x.csv"
    command = ["--seeds", "2", "--out", str(out), "--weights", str(tmp_path)]
    other_hands.main([*command, "--choose"])
    assert not [*tmp_path.glob("*.safetensors")]  # which has not learned from all digits
    other_hands.main(command)
    (kept,) = tmp_path.glob("*.safetensors")
    which, name = other_hands.KEPT
    assert kept.name == name
    assert read_metadata(kept)["step"] == which["step"]
    assert read_metadata(kept)["seed"] == "0"
    assert read_metadata(kept)["test_errors"] == "1"
    load_weights(LeNet5(), kept)
    count = len(done)
    assert count == len(pd.read_csv(out)) == 2 * 2 * (len(STEPS) + 1)
    other_hands.main(command)
    assert len(done) == count


# --- What is recorded -----------------------------------------------------------------------------


def test_what_is_recorded_is_complete(rows) -> None:
    assert not rows.duplicated(KEY).any()
    doubted = [column for column in rows if column.endswith("_doubted")]
    assert not rows.drop(columns=doubted).isna().any(axis=None)
    further = rows["step"] == other_hands.AVERAGED
    assert rows[doubted].notna().all(axis=1).equals(further)  # others have learned no rubbish
    assert set(ORIGIN) <= set(rows.columns)
    for name, size in SIZES.items():
        assert (rows[f"{name}_size"] == size).all()
        assert rows[f"{name}_errors"].between(1, size).all()
    assert (rows["parameters"] == 60_000).all()


def test_recorded_runs_are_those_of_the_plan(rows) -> None:
    """Those of the first seeds: every step has some."""
    planned = {tuple(run.values()) for run in other_hands.plan(seeds=5, choose=False)}
    assert {tuple(row) for row in rows[KEY].itertuples(index=False)} <= planned
    assert {*rows["step"]} == {*STEPS, other_hands.AVERAGED}
    for step, seeds in rows.groupby("step")["seed"]:
        assert sorted(seeds) == list(range(len(seeds))), step


def test_the_shipped_network_makes_the_errors_recorded(rows) -> None:
    which, name = other_hands.KEPT
    notes = read_metadata(WEIGHTS / name)
    old = rows[(rows[list(which)] == pd.Series(which)).all(axis=1)].squeeze()
    model = LeNet5.from_pretrained("hands")
    sets: dict[str, Digits] = {
        "mnist": load_mnist(for_=model).test,
        "optical": load_digits_of("optical", for_=model),
        "pen_aspect": load_digits_of("pen", drawn="aspect", for_=model),
    }
    for name, digits in sets.items():
        errors = evaluate(model, digits).errors
        assert abs(errors - old[f"{name}_errors"]) <= 0.001 * len(digits), name
        assert notes[f"{name}_errors"] == str(old[f"{name}_errors"])
    assert float(notes["rubbish_penalty"]) == J
    limit = load_trained("lenet5-hands").penalty_limit
    doubted = (-evaluate(model, sets["mnist"]).scores.amax(dim=1) > limit).sum()
    assert abs(int(doubted) - old["mnist_doubted"]) <= 5


@pytest.mark.long
def test_a_run_comes_out_as_recorded(rows) -> None:
    old = rows[(rows["step"] == "plain") & (rows["seed"] == 0)].squeeze()
    names = old[KEY].to_dict()
    passes = Passes(recording.all_training_digits(load_mnist()))
    model = other_hands.trained(passes, "plain", names["seed"], names["epochs"], names["rate"])
    errors = evaluate(model, load_mnist().test).errors
    assert errors == pytest.approx(old["mnist_errors"], rel=TOLERANCE)
