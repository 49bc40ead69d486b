"""The NumPy loop takes the very steps of autograd and SDLM."""

import copy

import pytest
import torch
import torch.nn.functional as F
from one_by_one import _TWINS, train_one_by_one
from torch import nn

from lenet_utils import (
    SDLM,
    Digits,
    DiscriminativeLoss,
    LeNet1,
    LeNet4,
    LeNet5,
    LeNet1989,
    ScaledTanh,
    mean_penalty,
    squared_error,
)
from lenet_utils.models import KINDS, initialize_like_lush

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
    one.apply(initialize_like_lush)
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


def trained(model, digits, rate=0.01):
    """Train a copy, and return it."""
    model = copy.deepcopy(model)
    rates = {name: torch.full_like(p, rate) for name, p in model.named_parameters()}
    train_one_by_one(model, digits, squared_error, rates)
    return model


def test_weights_in_another_order_of_memory_learn_the_same():
    model, digits = LeNet1(connections=None), some_digits(28)
    wanted = trained(model, digits).h3[0].weight
    assert not torch.equal(wanted, model.h3[0].weight)
    other = trained(model.to(memory_format=torch.channels_last), digits).h3[0].weight
    torch.testing.assert_close(other, wanted)


def test_what_is_below_a_convolution_of_one_map_learns_too():
    maps = [nn.Conv2d(1, 1, 3), ScaledTanh(), nn.Conv2d(1, 2, 3), nn.Flatten()]
    model, digits = nn.Sequential(*maps, nn.Linear(32, 10), ScaledTanh()), some_digits(8)
    other = copy.deepcopy(model)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.01)
    for i in range(STEPS):
        optimizer.zero_grad()
        squared_error(other(digits.images[i : i + 1]), digits.labels[i : i + 1]).backward()
        optimizer.step()
    for ours, theirs in zip(trained(model, digits).parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("option", [{"padding": 1}, {"dilation": 2}, {"groups": 2}])
def test_convolutions_with_more_to_them_are_refused(option):
    with pytest.raises(ValueError, match=f"convolutions must have .* got .*{next(iter(option))}"):
        trained(nn.Sequential(nn.Conv2d(2, 2, 3, **option)), some_digits(8))


@pytest.mark.parametrize(
    ("network", "criterion", "what"),
    [(LeNet1(activation=nn.ReLU()), squared_error, "ReLU"), (LeNet1(), F.cross_entropy, "cross")],
)
def test_what_has_no_twin_is_refused(network, criterion, what):
    rates = {name: torch.ones_like(p) for name, p in network.named_parameters()}
    with pytest.raises(TypeError, match=f"{what}.*has no twin"):
        train_one_by_one(network, some_digits(28), criterion, rates)


def test_twins_are_called_as_their_layers_are():
    assert set(_TWINS) <= {kind.name for kind in KINDS.values()}
