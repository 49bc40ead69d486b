"""The rows of the paper's table: a network, the digits it sees, what the recipes need for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import torch
from recording import all_training_digits

from lenet_utils import Digits, LeNet, LeNet1, LeNet4, LeNet5, LeNet1989, load_mnist
from lenet_utils.training import MODERN, PUBLISHED, Modern, Published

__all__ = ["ROWS", "Row"]


@dataclass(frozen=True)
class Row:
    """A row of the table: a network, the digits it sees, and what the recipes need for it."""

    network: type[LeNet]
    digits: Callable[[], tuple[Digits, Digits]]  # all the training digits, and the test digits
    modern: Modern
    distorted: bool = False
    boosted: bool = False  # three of these networks
    recipes: tuple[str, ...] = ("as published", "modern")
    own: Published | None = None  # in place of the network's in PUBLISHED

    @property
    def published(self) -> Published:
        """What the papers' training was given."""
        return self.own or PUBLISHED[self.network]


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

ROWS = {
    "1989 net": Row(LeNet1989, like_1989, MODERN[LeNet1989]),
    # Not in the papers. The best public figure for the network of 1989 has distortions, too.
    "1989 net [dist]": Row(
        LeNet1989,
        like_1989,
        Modern(120, 3.0, smoothing=0),
        distorted=True,
        recipes=("modern",),
    ),
    "LeNet-1 [16x16]": Row(LeNet1, sixteen, MODERN[LeNet1]),
    "LeNet-4": Row(LeNet4, native_32, MODERN[LeNet4]),
    "LeNet-5": Row(LeNet5, native_32, MODERN[LeNet5]),
    "LeNet-5 [dist]": Row(
        LeNet5, native_32, replace(MODERN[LeNet5], epochs=60, decay=0.05), distorted=True
    ),
    "Boosted LeNet-4 [dist]": Row(
        LeNet4, native_32, Modern(40, 3.0, decay=0.05), distorted=True, boosted=True
    ),
}
