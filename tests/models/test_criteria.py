"""The criteria against their formulas, transcribed literally in float64."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from inventing import floats
from refusing import LABELS as THREE
from refusing import SCORES

from lenet_utils import DiscriminativeLoss, LeNet1, LeNet5, mean_penalty, squared_error


@pytest.fixture
def penalties():
    torch.manual_seed(0)
    return 30 * torch.rand(7, 10, dtype=torch.float64)


LABELS = torch.tensor([0, 3, 9, 9, 1, 5, 2])


def test_eq_8_is_the_mean_penalty_of_the_right_class(penalties):
    by_hand = sum(penalties[p, d].item() for p, d in enumerate(LABELS)) / 7
    assert mean_penalty(-penalties, LABELS).item() == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("j", [0.1, 1.0, 10.0, 100.0])
def test_eq_9_literally(penalties, j):
    """E(W) = 1/P sum_p ( y_D + log( e^-j + sum_i e^-y_i ) ), one sample after the other."""
    total = 0.0
    for y, d in zip(penalties.tolist(), LABELS.tolist(), strict=True):
        total += y[d] + math.log(math.exp(-j) + sum(math.exp(-y_i) for y_i in y))
    assert DiscriminativeLoss(j)(-penalties, LABELS).item() == pytest.approx(total / 7, rel=1e-10)


def test_eq_9_survives_penalties_whose_exponential_is_zero():
    loss = DiscriminativeLoss(j=1000.0)(torch.full((1, 10), -2000.0), torch.tensor([4]))
    assert loss.item() == pytest.approx(1000.0)


def test_eq_9_without_rubbish_is_cross_entropy(penalties):
    loss = DiscriminativeLoss(math.inf)(-penalties, LABELS)
    torch.testing.assert_close(loss, F.cross_entropy(-penalties, LABELS))


def test_rubbish_spares_penalties_that_are_large_already():
    """The gradient by a wrong class's penalty dies out once it is well above j."""
    penalties = torch.tensor([[2.0, 20.0, *[50.0] * 8]], requires_grad=True)
    DiscriminativeLoss(j=1.0)(-penalties, torch.tensor([0])).backward()
    assert -1e-6 < penalties.grad[0, 1].item() < 0
    near = torch.tensor([[2.0, 2.0, *[50.0] * 8]], requires_grad=True)
    DiscriminativeLoss(j=1.0)(-near, torch.tensor([0])).backward()
    assert near.grad[0, 1].item() < -0.1


def test_squared_error_by_hand():
    scores = torch.tensor([[0.5, -1.0, *[-1.0] * 8], [1.0, 1.0, *[-1.0] * 8]])
    # image 0, label 0: (0.5 - 1)^2 / 2; image 1, label 0: (1 + 1)^2 / 2
    assert squared_error(scores, torch.tensor([0, 0])).item() == pytest.approx((0.125 + 2) / 2)


@pytest.mark.parametrize("criterion", [mean_penalty, DiscriminativeLoss(1.0), squared_error])
def test_gradients_by_finite_differences(criterion, penalties):
    scores = (-penalties / 10).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: criterion(s, LABELS), scores)


@pytest.mark.parametrize("j", [0.0, -1.0, -math.inf, math.nan, "1", True])
def test_j_must_be_positive(j):
    with pytest.raises(ValueError, match="j must be positive"):
        DiscriminativeLoss(j)


def test_the_networks_know_their_criterion():
    assert isinstance(LeNet5().criterion, DiscriminativeLoss)
    assert LeNet1().criterion is squared_error
    assert LeNet5(output=torch.nn.Linear(84, 10)).criterion is F.cross_entropy


def test_the_targets_are_made_where_the_scores_are():
    """On PyTorch's "meta" device, which computes shapes alone and mixes with no other."""
    scores = torch.zeros(3, 10, device="meta")
    labels = torch.zeros(3, dtype=torch.int64, device="meta")
    assert squared_error(scores, labels).device.type == "meta"


def test_the_printed_criterion_shows_its_j():
    assert str(DiscriminativeLoss(0.5)) == "DiscriminativeLoss(j=0.5)"


CRITERIA = {"mean": mean_penalty, "squared": squared_error, "eq. 9": DiscriminativeLoss()}


@pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)
@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (
            SCORES.numpy(),
            THREE,
            "scores must be of type Tensor, got ndarray; what a model gave out$",
        ),
        (SCORES.int(), THREE, "scores must be a float tensor, got torch.int32"),
        (SCORES[0], THREE, r"scores must be a non-empty \(N, classes\), got \(10,\)"),
        (SCORES[:0], THREE[:0], r"scores must be a non-empty \(N, classes\), got \(0, 10\)"),
        (SCORES[:, :0], THREE, r"scores must be a non-empty \(N, classes\), got \(3, 0\)"),
        (
            SCORES,
            THREE.int(),
            r"labels must be an int64 tensor, got torch.int32; try torch.as_tensor",
        ),
        (SCORES, [0, 9, 5], "labels must be an int64 tensor, got list"),
        (
            SCORES,
            THREE[:2],
            r"there must be one label for each row of scores, got \(2,\) labels for \(3, 10\)",
        ),
        (SCORES, THREE + 1, "labels must be from 0 to 9, got 1 to 10"),
        (SCORES, THREE - 1, "labels must be from 0 to 9, got -1 to 8"),
    ],
)
def test_criteria_refuse_what_does_not_fit(criterion, scores, labels, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        criterion(scores, labels)


def test_a_criterion_with_an_infinite_j_is_the_cross_entropy():
    scores = torch.randn(3, 10)
    loss = DiscriminativeLoss(math.inf)(scores, THREE)
    assert loss.item() == pytest.approx(F.cross_entropy(scores, THREE).item())


BATCHES = st.integers(1, 6).flatmap(
    lambda count: st.tuples(
        floats(count, 10), st.lists(st.integers(0, 9), min_size=count, max_size=count)
    )
)


@given(BATCHES, st.floats(0.1, 50))
def test_the_criteria_are_the_papers_sums(batch, j):
    scores, labels = batch[0], torch.tensor(batch[1])
    penalties, right = -scores.double().numpy(), range(len(labels))
    wanted = penalties[right, labels.numpy()]
    assert mean_penalty(scores, labels).item() == pytest.approx(wanted.mean(), abs=1e-4)
    rubbish = np.log(np.exp(-j) + np.exp(-penalties).sum(axis=1))  # eq. 9
    loss = DiscriminativeLoss(j)(scores, labels).item()
    assert loss == pytest.approx((wanted + rubbish).mean(), rel=1e-4, abs=1e-4)
    targets = 2 * np.eye(10)[labels.numpy()] - 1
    half = 0.5 * ((scores.double().numpy() - targets) ** 2).sum(axis=1).mean()
    assert squared_error(scores, labels).item() == pytest.approx(half, rel=1e-4, abs=1e-4)
