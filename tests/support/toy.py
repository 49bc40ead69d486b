"""A training so small that it takes milliseconds, for the tests of `fit`."""

import torch
from torch import nn

from lenet_utils import Digits

COUNT, BATCH = 22, 5  # 5 steps an epoch, the last with 2 images
QUIET = {"device": "cpu", "progress": False}


def make_digits():
    """22 images of 4x4 pixels, each with some light at the place of its label."""
    labels = torch.arange(COUNT) % 10
    images = torch.randn(COUNT, 1, 4, 4)
    images.view(COUNT, 16)[range(COUNT), labels] += 2
    return Digits(images, labels)


def make_model():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 10))


def copy_of(model):
    """Return another network with the same weights, to train it in another way."""
    copy = make_model()
    copy.load_state_dict(model.state_dict())
    return copy


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def at_call(number, act, otherwise=lambda value: value):
    """Return a function of one value that acts differently when called for that time."""
    calls, when = iter(range(1, 10_000)), [number]  # a list, which no checkpoint compares
    return lambda value: act(value) if next(calls) in when else otherwise(value)


def interrupt(images):
    raise KeyboardInterrupt
