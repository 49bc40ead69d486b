"""What is no digit: how it is made, how it is learned, and what the shipped network makes of it."""

import hands.further as further
import no_digits
import numpy as np
import pandas as pd
import pytest
import torch
from hands.further import J, WithRubbish, averaged, trained_further
from hands.passes import Passes, write_anew
from hands.rubbish import KINDS, MIRRORED, OVERTURNED, rubbish
from hands.strokes import Strokes, length, packed
from recording import RESULTS
from torch import nn
from torch.nn.functional import cross_entropy

from lenet_utils import LeNet5, load_mnist
from lenet_utils.models import DiscriminativeLoss
from lenet_utils.training import load_trained

pytestmark = pytest.mark.usefixtures("one_thread")

COUNT = 600
FACTOR = further.FURTHER.factor


@pytest.fixture(scope="module")
def passes() -> Passes:
    digits = load_mnist().train[:COUNT]
    (writing,) = write_anew(digits, times=1)
    things = rubbish(1_000, writing, digits.labels.numpy(), np.random.default_rng(0))
    return Passes(digits, [writing], rubbish=things)


@pytest.fixture
def labels(passes) -> np.ndarray:
    return passes.digits.labels.numpy()


# --- How it is made -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_drawn_by_lot(passes, labels, kind) -> None:
    def some(seed: int) -> list[list[np.ndarray]]:
        rng = np.random.default_rng(seed)
        return [KINDS[kind](passes.writings[0], labels, rng) for _ in range(20)]

    first, same, other = some(0), some(0), some(1)
    for one, again in zip(first, same, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert {len(np.concatenate(thing)) for thing in first} or first != other
    for thing in first + other:
        points = np.concatenate(thing)
        assert points.dtype == np.float32
        assert np.isfinite(points).all()
        assert min(len(stroke) for stroke in thing) >= 2
        assert sum(length(stroke) for stroke in thing) > 1.5 * np.ptp(points, axis=0).max() / 2
    assert not np.array_equal(np.concatenate(first[0]), np.concatenate(other[0]))


def test_turned_digits_are_digits_that_are_none_that_way() -> None:
    told = packed([np.array([[0, 0], [10 * (label + 1), 0]], np.float32)] for label in range(10))
    rng, ways = np.random.default_rng(0), set()
    for _ in range(600):
        (line,) = KINDS["turned"](told, np.arange(10), rng)
        x, y = line[-1] - line[0]
        ways.add((round(float(np.hypot(x, y)) / 10) - 1, float(np.sign(x)), float(np.sign(y))))
    lying = {(label, 0, way) for label in range(1, 10) for way in (-1, 1)}
    assert ways == lying | {(label, -1, 0) for label in {*MIRRORED, *OVERTURNED}}


def test_a_sign_has_three_lines_or_more_that_hang_together(passes, labels) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        lines = KINDS["sign"](passes.writings[0], labels, rng)
        assert 3 <= len(lines) <= 6
        ends = [{tuple(line[0]), tuple(line[-1])} for line in lines]
        reached = ends[0]
        for _ in ends:
            reached = reached.union(*(pair for pair in ends if pair & reached))
        assert reached == set().union(*ends)


def test_rubbish_is_of_all_kinds(labels, passes) -> None:
    things = rubbish(500, passes.writings[0], labels, np.random.default_rng(0))
    assert isinstance(things, Strokes)
    assert len(things) == 500
    counts = {len(things[k]) for k in range(500)}
    assert {1, 2, 3, 6} <= counts


def test_its_images_are_as_lenet_5_takes_them(passes) -> None:
    images = passes.rubbish_images(100, seed=0, number=1)
    assert images.shape == (100, 1, 32, 32)
    assert images.amin() == pytest.approx(-0.1)
    assert images.amax() <= 1.1751
    assert ((images > 0.5).flatten(1).sum(dim=1) > 10).all()
    assert torch.equal(images, passes.rubbish_images(100, seed=0, number=1))
    assert not torch.equal(images, passes.rubbish_images(100, seed=0, number=2))


# --- How it is learned ----------------------------------------------------------------------------


class Given(nn.Module):
    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        return scores


def test_the_loss_is_eq_9_with_rubbish_a_class_of_its_own() -> None:
    torch.manual_seed(0)
    scores = (-40 * torch.rand(6, 10)).requires_grad_()
    labels = torch.tensor([0, 3, 9, 10, 10, 10])
    whole = cross_entropy(WithRubbish(Given())(scores), labels, reduction="none")
    of_digits = DiscriminativeLoss(FACTOR * J)(FACTOR * scores[:3], labels[:3])
    torch.testing.assert_close(whole[:3].mean(), of_digits)
    penalties = -FACTOR * scores[3:].double()
    rest = torch.log(np.exp(-FACTOR * J) + torch.exp(-penalties).sum(dim=1)) + FACTOR * J
    torch.testing.assert_close(whole[3:].double(), rest)
    whole[3:].sum().backward()
    assert (scores.grad[3:] > 0).all()  # a step against it makes all penalties larger
    assert (scores.grad[:3] == 0).all()


def test_training_pushes_the_penalties_of_rubbish_up(passes) -> None:
    before = LeNet5.from_pretrained("dist")
    one, same = (trained_further(passes, 0, 3, 0.002, count=300) for _ in range(2))
    for old, new in zip(one.parameters(), same.parameters(), strict=True):
        assert torch.equal(old, new)
    new_things = passes.rubbish_images(500, seed=9, number=0)
    with torch.inference_mode():
        old, new = (-model(new_things).amax(dim=1) for model in (before, one))
        digits = -one(passes.digits.images).amax(dim=1)
    assert (new < J).float().mean() < 0.8 * (old < J).float().mean()
    assert digits.quantile(0.95) < new.median()


def test_weights_are_averaged() -> None:
    torch.manual_seed(0)
    model, before = LeNet5(), LeNet5.from_pretrained("dist")
    mixed = averaged(model, before, part=0.75)
    parameters = (network.named_parameters() for network in (mixed, model, before))
    for (name, new), (_, one), (_, other) in zip(*parameters, strict=True):
        expected = 0.75 * one.double() + 0.25 * other.double()
        torch.testing.assert_close(new.double(), expected, rtol=1e-5, atol=1e-6, msg=name)
    assert not mixed.training
    images = torch.rand(2, 1, 32, 32)
    alone = averaged(model, before, part=1.0)
    torch.testing.assert_close(alone(images), model(images))


# --- What the shipped network makes of it ---------------------------------------------------------


@pytest.fixture(scope="module")
def recorded() -> pd.DataFrame:
    rows = pd.read_csv(RESULTS / "no_digits.csv")
    return rows[rows["network"] == "lenet5-hands"].set_index("kind")


# Of the first 40 pictures, or 10 where nearly all are refused. Before the network had learned
# rubbish, it doubted a third of the letters.
SOME = {"letter": (40, 22), "scribble": (40, 26)}


@pytest.mark.parametrize("kind", no_digits.KINDS)
def test_most_of_what_is_no_digit_is_refused_or_in_doubt(kind) -> None:
    count, least = SOME.get(kind, (10, 9))
    assert no_digits.doubted(no_digits.pictures(kind, count), load_trained("lenet5-hands")) >= least


def test_the_recorded_counts_are_of_all_kinds_and_of_digits(recorded) -> None:
    assert {*recorded.index} == {*no_digits.KINDS, "digit of MNIST", "digit in a scene"}
    assert (recorded.loc[[*no_digits.KINDS], "pictures"] == no_digits.PICTURES).all()
    share = recorded["doubted"] / recorded["pictures"]
    assert (share[[*no_digits.KINDS]] > 0.6).all()
    assert share.filter(like="digit ").max() <= 0.02
    trained = load_trained("lenet5-hands")
    images = load_mnist(for_=trained.model).test.images
    doubted = no_digits.doubted_images(images, trained) / len(images)
    assert doubted == pytest.approx(share["digit of MNIST"], abs=0.001)


@pytest.mark.long
@pytest.mark.parametrize("kind", no_digits.KINDS)
def test_as_many_are_in_doubt_as_recorded(recorded, kind) -> None:
    doubted = no_digits.doubted(no_digits.pictures(kind), load_trained("lenet5-hands"))
    assert abs(doubted - recorded.loc[kind, "doubted"]) <= 4
