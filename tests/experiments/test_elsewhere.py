"""Digits from elsewhere: what is put aside, drawn, rejected and recorded."""

import elsewhere
import pytest
import recording
import torch

from lenet_utils import Digits, LeNet5, evaluate, load_digits_of, load_mnist

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def whole():
    return recording.read_rows(recording.RESULTS / "elsewhere.csv")


@pytest.fixture(scope="module")
def tuned():
    return recording.read_rows(recording.RESULTS / "elsewhere_tuned.csv")


@pytest.fixture(scope="module")
def optical():
    return load_digits_of("optical", for_=LeNet5())


def numbered(count):
    """Digits whose pixels say which they are."""
    images = torch.arange(count).reshape(-1, 1, 1, 1) + torch.zeros(1, 1, 2, 2)
    return Digits(images, torch.arange(count) % 10)


def test_what_is_put_aside_is_never_learned_from() -> None:
    parts = [{int(image[0, 0, 0]) for image in part.images} for part in
             elsewhere.put_aside(numbered(1_000))]  # fmt: skip
    assert [len(part) for part in parts] == [667, 166, 167]
    assert set.union(*parts) == set(range(1_000))
    again = elsewhere.put_aside(numbered(1_000))
    assert {int(image[0, 0, 0]) for image in again[2].images} == parts[2]


@pytest.mark.parametrize("size", elsewhere.SIZES)
def test_as_many_digits_of_each_class_are_drawn_and_others_by_another_seed(size) -> None:
    digits = numbered(2_000)
    drawn = elsewhere.few(digits, 0, size)
    assert drawn.labels.bincount().tolist() == [size // 10] * 10
    assert len(drawn.images[:, 0, 0, 0].unique()) == size
    assert not torch.equal(drawn.images, elsewhere.few(digits, 1, size).images)


def test_the_most_doubtful_are_rejected_until_few_of_the_rest_err() -> None:
    doubt = torch.tensor([0.5, 0.1, 0.9, 0.3, 0.7])
    wrong = torch.tensor([False, False, True, False, True])
    assert elsewhere.rejected(doubt, wrong, 0.0) == pytest.approx(0.4)
    assert elsewhere.rejected(doubt, wrong, 0.25) == pytest.approx(0.2)
    assert elsewhere.rejected(doubt, wrong, 0.4) == 0
    assert elsewhere.rejected(doubt, torch.ones(5).bool()) == 1


def test_rejection_is_what_trying_every_share_finds() -> None:
    random = torch.Generator().manual_seed(0)
    doubt = torch.rand(400, generator=random)
    wrong = torch.rand(400, generator=random) < doubt**3 / 5
    order = doubt.argsort()
    fine = [kept for kept in range(1, 401) if wrong[order[:kept]].double().mean() <= 0.02]
    assert elsewhere.rejected(doubt, wrong, 0.02) == pytest.approx(1 - max(fine) / 400)


def test_each_network_has_read_each_set(whole) -> None:
    assert set(map(tuple, whole[["network", "set"]].to_numpy())) == {
        (network, name) for network in elsewhere.NETWORKS for name in elsewhere.SETS
    }
    counts, errors = (whole[[f"{kind}_{k}" for k in range(10)]].sum(axis=1)
                      for kind in ("of", "errors"))  # fmt: skip
    assert (counts == whole["digits"]).all()
    assert (errors == whole["errors"]).all()
    assert whole.set_index("set")["digits"].groupby(level=0).first().to_dict() == {
        "mnist": 10_000, "optical": 1_797, "1989": 9_298,
        "pen given": 10_992, "pen aspect": 10_992, "pen lifted": 10_992,
    }  # fmt: skip


def test_reading_a_set_again_gives_what_is_recorded(whole, optical) -> None:
    recorded = whole.set_index(["network", "set"]).loc["dist", "optical"]
    row = elsewhere.read("dist", "optical", None)
    assert abs(row["errors"] - recorded["errors"]) <= 3
    assert row["rejected_by_penalty"] == pytest.approx(recorded["rejected_by_penalty"], abs=0.03)
    result = evaluate(LeNet5.from_pretrained("dist"), optical)
    assert set(elsewhere.doubts(result)) == {"penalty", "difference"}


def test_the_rate_is_that_with_the_fewest_errors_and_its_seeds_are_not_used_again(tuned) -> None:
    tries = tuned[tuned["purpose"] == "choose"]
    assert set(tries["seed"]) == set(elsewhere.CHOICE["seeds"])
    assert tries["mnist_errors"].isna().all()
    final = tuned[tuned["purpose"] == "final"]
    wanted = {tuple(names.values()) for names in elsewhere.final(tuned, seeds=5)}
    assert {tuple(row) for row in final[["purpose", "set", "way", "seed", "size", "rate"]]
            .itertuples(index=False)} == wanted  # fmt: skip
    assert not set(final["seed"]) & set(elsewhere.CHOICE["seeds"])
    assert "uncommitted" not in set(tuned["commit"])


def test_tuning_again_gives_what_is_recorded(tuned) -> None:
    key = tuned["purpose"].eq("final") & tuned["set"].eq("optical") & tuned["way"].eq("alone")
    recorded = tuned[key & tuned["seed"].eq(0) & tuned["size"].eq(100)].squeeze()
    learned, _, judging = elsewhere.put_aside(elsewhere.digits_of("optical", None))
    mnist = load_mnist(for_=LeNet5())
    model = elsewhere.tune(learned, mnist.train, "alone", 0, 100, recorded["rate"])
    # Other processors add in another order: a few digits of 300 may go another way.
    assert abs(evaluate(model, judging).errors - recorded["errors"]) <= 4
    assert recorded["before"] > recorded["errors"]
