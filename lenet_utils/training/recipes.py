"""How the networks are trained in the table of *As published*: as in the papers, and as today."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._checks import check_kind, check_whole
from ..data.digits import Digits
from ..models.base import LeNet
from ..models.criteria import Criterion
from ..models.initialization import initialize_as_published, initialize_like_lush
from ..models.networks import LeNet1, LeNet4, LeNet5, LeNet1989
from .schedules import PUBLISHED_RATES, one_cycle, published_schedule
from .sdlm import SDLM

__all__ = ["MODERN", "PUBLISHED", "Modern", "Published", "modern_recipe", "published_recipe"]

CURVATURE_DIGITS = 500  # LeCun et al. 1998, preprint p. 42


@dataclass(frozen=True)
class Published:
    """What the papers' training was given for one network.

    Behind RBF units the paper's constants fail here, and those of the authors' later code (Lush)
    take their place: its start and its first rate, 0.0001 instead of 0.0005. For the networks whose
    rates are not published, start and first rate were chosen by validation errors.

    Attributes
    ----------
    start
        Sets the first weights: a network's ``initialize``.
    first_rate
        The global rate of the first passes, to which those of the later ones are in proportion.
    passes
        Over the training set.
    """

    start: Callable[[nn.Module], None] = initialize_as_published
    first_rate: float = PUBLISHED_RATES[0]
    passes: int = 20


@dataclass(frozen=True)
class Modern:
    """What the modern recipe was given for one network, chosen by validation errors.

    Attributes
    ----------
    epochs
        Passes over the training set.
    factor
        Of the scores in the criterion: squashed outputs are small, RBF penalties large.
    own_criterion
        Whether the network's own takes the place of the cross-entropy; behind RBF units it is eq.
        9, without which F6 draws no digits.
    rate, decay
        Highest learning rate and weight decay of AdamW.
    smoothing
        Of the labels, in the cross-entropy.
    """

    epochs: int
    factor: float
    own_criterion: bool = False
    rate: float = 0.01
    decay: float = 0.1
    smoothing: float = 0.05


PUBLISHED: dict[type[LeNet], Published] = {
    LeNet1989: Published(passes=23),  # LeCun et al. 1989, p. 546
    LeNet1: Published(initialize_like_lush, 0.0015),
    LeNet4: Published(initialize_like_lush, 0.00075),  # at 0.0015 one seed diverged
    LeNet5: Published(initialize_like_lush, 0.0001),
}
MODERN: dict[type[LeNet], Modern] = {
    LeNet1989: Modern(60, 3.0, decay=0.3, smoothing=0),
    LeNet1: Modern(60, 6.0, rate=0.02, decay=0.02, smoothing=0),
    LeNet4: Modern(30, 3.0),
    LeNet5: Modern(30, 0.1, own_criterion=True),
}


def published_recipe(
    model: LeNet, train: Digits, seed: int = 0, first_rate: float | None = None
) -> dict[str, Any]:
    """Return the arguments with which `fit` trains as in 1998, one image at a time.

    LeCun et al. 1998, preprint pp. 10-11 and 41-42: `SDLM`, one random order all along, published
    rates, and before each pass the curvature anew, on the first 500 digits of that order.
    ``fit(model, train, epochs=20, **published_recipe(model, train))`` is the whole of it, for a
    model whose first weights are by ``PUBLISHED[type(model)].start``.

    Parameters
    ----------
    model
        The network.
    train
        What it will learn from.
    seed
        Of the order.
    first_rate
        The global rate of the first passes; None for the network's in ``PUBLISHED``.

    Raises
    ------
    TypeError, ValueError
        If an argument is something else, or nothing is published of such a network.
    """
    _check(model, PUBLISHED)
    check_kind("train", train, Digits, "load_mnist().train is one")
    check_whole("seed", seed, least=0)
    rate = PUBLISHED[type(model)].first_rate if first_rate is None else first_rate
    optimizer = SDLM(model.parameters(), lr=rate)
    # The very order in which `fit` goes through them, with this seed.
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed), device="cpu")
    criterion = model.criterion

    def estimate() -> None:
        optimizer.estimate_curvature(model, train[order[:CURVATURE_DIGITS]], criterion)

    return {
        "batch_size": 1,
        "shuffle": "once",
        "seed": seed,
        "optimizer": optimizer,
        "schedule": published_schedule,
        "before_epoch": estimate,
        "device": "cpu",  # where one image at a time is learned from by compiled code
    }


def modern_recipe(model: LeNet, chosen: Modern | None = None) -> dict[str, Any]:
    """Return the arguments with which `fit` trains as one would today: AdamW, batches, one cycle.

    ``fit(model, train, epochs=30, **modern_recipe(model))``.

    Parameters
    ----------
    model
        The network.
    chosen
        What to take; None for the network's in ``MODERN``.

    Raises
    ------
    TypeError, ValueError
        If an argument is something else, or nothing was chosen for such a network.
    """
    if chosen is None:
        _check(model, MODERN)
        chosen = MODERN[type(model)]
    own: Criterion = model.criterion
    smooth = partial(F.cross_entropy, label_smoothing=chosen.smoothing)
    return {
        "batch_size": 128,
        "optimizer": torch.optim.AdamW(
            model.parameters(), lr=chosen.rate, weight_decay=chosen.decay, fused=True
        ),
        "schedule": one_cycle,
        "criterion": partial(_scaled, own if chosen.own_criterion else smooth, chosen.factor),
    }


def _scaled(criterion: Criterion, scale: float, scores: Tensor, labels: Tensor) -> Tensor:
    return criterion(scale * scores, labels)


def _check(model: LeNet, known: dict[type[LeNet], Any]) -> None:
    check_kind("model", model, LeNet, "such as LeNet5()")
    if type(model) not in known:
        names = ", ".join(network.__name__ for network in known)
        raise ValueError(f"there are recipes for {names}, got {type(model).__name__}")
