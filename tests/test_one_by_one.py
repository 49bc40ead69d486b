"""The NumPy loop takes the very steps of autograd and SDLM."""

import copy
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lenet_utils import (
    SDLM,
    Digits,
    DiscriminativeLoss,
    LeNet1,
    LeNet4,
    LeNet5,
    LeNet1989,
    mean_penalty,
    squared_error,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))
from one_by_one import train_one_by_one
from paper_table import start

STEPS = 25
RATE = 0.00005  # a tenth of the published one, under which rounding errors stay small


def some_digits(size):
    torch.manual_seed(7)
    return Digits(torch.rand(STEPS, 1, size, size), torch.arange(STEPS) % 10)


@pytest.mark.parametrize(
    ("network", "criterion"),
    [
        (LeNet1989, squared_error),
        (LeNet1, squared_error),
        (LeNet4, squared_error),
        (LeNet5, mean_penalty),
        (LeNet5, DiscriminativeLoss(j=1)),
        (LeNet5, DiscriminativeLoss(j=60)),
    ],
)
def test_weights_after_some_steps_are_those_of_sdlm(network, criterion):
    torch.manual_seed(0)
    one = network()
    one.apply(start)
    other = copy.deepcopy(one)
    digits = some_digits(network.size)
    optimizer = SDLM(other.parameters(), lr=RATE)
    optimizer.estimate_curvature(other, digits, criterion)
    wrong = 0
    for i in range(STEPS):
        optimizer.zero_grad()
        scores = other(digits.images[i : i + 1])
        wrong += int(scores.argmax()) != digits.labels[i].item()
        criterion(scores, digits.labels[i : i + 1]).backward()
        optimizer.step()
    rates = {
        name: RATE / (0.02 + optimizer.state[p]["curvature"])
        for name, p in other.named_parameters()
    }
    before = [p.detach().clone() for p in one.parameters()]
    assert train_one_by_one(one, digits, criterion, rates) == wrong / STEPS
    for was, ours, theirs in zip(before, one.parameters(), other.parameters(), strict=True):
        assert not torch.equal(was, theirs)
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("network", "criterion", "what"),
    [(LeNet1(activation=nn.ReLU()), squared_error, "ReLU"), (LeNet1(), F.cross_entropy, "cross")],
)
def test_what_has_no_twin_is_refused(network, criterion, what):
    rates = {name: torch.ones_like(p) for name, p in network.named_parameters()}
    with pytest.raises(TypeError, match=f"{what}.*has no twin"):
        train_one_by_one(network, some_digits(28), criterion, rates)
