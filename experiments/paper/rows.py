"""The rows of the paper's table: a network, the digits it sees, what the recipes need for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from recording import all_training_digits
from torch import nn

from lenet_utils import Digits, LeNet, LeNet1, LeNet4, LeNet5, LeNet1989, load_mnist
from lenet_utils.models import initialize_as_published, initialize_like_lush
from lenet_utils.training import PUBLISHED_RATES

__all__ = ["ROWS", "Modern", "Row"]


@dataclass(frozen=True)
class Modern:
    """What the modern recipe was given for one network; chosen by validation errors."""

    epochs: int
    scale: float  # of the scores in the criterion: squashed outputs are small, RBF penalties large
    # In place of the cross-entropy; behind RBF units it is eq. 9, without which F6 draws no digits.
    own_criterion: bool = False
    rate: float = 0.01
    decay: float = 0.1
    smoothing: float = 0.05  # of the labels, in the cross-entropy


@dataclass(frozen=True)
class Row:
    """A row of the table: a network, the digits it sees, and what the recipes need for it."""

    network: Callable[..., LeNet]
    digits: Callable[[], tuple[Digits, Digits]]  # all the training digits, and the test digits
    modern: Modern
    distorted: bool = False
    boosted: bool = False  # three of these networks
    passes: int = 20  # as published
    recipes: tuple[str, ...] = ("as published", "modern")
    start: Callable[[nn.Module], None] = initialize_as_published
    first_rate: float = PUBLISHED_RATES[0]  # the rates of all passes are in proportion to it


@cache
def native(size: int) -> tuple[Digits, Digits]:
    """MNIST at ``size``: the training digits with the 5,000 validation digits last."""
    mnist = load_mnist(size=size)
    return all_training_digits(mnist), mnist.test


@cache
def sixteen() -> tuple[Digits, Digits]:
    """MNIST at 16x16 pixels, centred in 28x28: LeCun et al. 1998, preprint p. 13."""
    mnist = load_mnist(size=28, digit=16)
    return all_training_digits(mnist), mnist.test


@cache
def like_1989() -> tuple[Digits, Digits]:
    """7,291 and 2,007 digits of 16x16 pixels from -1 to 1, as many as in 1989, out of MNIST."""
    mnist = load_mnist(size=16, scaling="signed")
    chosen = []
    for digits, count in ((all_training_digits(mnist), 7_291), (mnist.test, 2_007)):
        order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(1989))
        chosen.append(digits[order[:count]])
    return tuple(chosen)


native_32 = partial(native, 32)
lush = {"start": initialize_like_lush, "first_rate": 0.0001}  # of the authors' later code
swift = {"start": initialize_like_lush, "first_rate": 0.0015}  # by validation errors
calmer = {"start": initialize_like_lush, "first_rate": 0.00075}  # at 0.0015 one seed diverged

ROWS = {
    "1989 net": Row(LeNet1989, like_1989, Modern(60, 3.0, decay=0.3, smoothing=0), passes=23),
    # Not in the papers. The best public figure for the network of 1989 has distortions, too.
    "1989 net [dist]": Row(
        LeNet1989,
        like_1989,
        Modern(120, 3.0, smoothing=0),
        distorted=True,
        recipes=("modern",),
    ),
    "LeNet-1 [16x16]": Row(
        LeNet1, sixteen, Modern(60, 6.0, rate=0.02, decay=0.02, smoothing=0), **swift
    ),
    "LeNet-4": Row(LeNet4, native_32, Modern(30, 3.0), **calmer),
    "LeNet-5": Row(LeNet5, native_32, Modern(30, 0.1, own_criterion=True), **lush),
    "LeNet-5 [dist]": Row(
        LeNet5,
        native_32,
        Modern(60, 0.1, own_criterion=True, decay=0.05),
        distorted=True,
        **lush,
    ),
    "Boosted LeNet-4 [dist]": Row(
        LeNet4, native_32, Modern(40, 3.0, decay=0.05), distorted=True, boosted=True, **calmer
    ),
}
