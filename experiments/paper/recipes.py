"""How a row of the paper's table is trained: as published, and as one would today."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import torch
from recording import fit_whole
from torch.optim.lr_scheduler import LambdaLR

from lenet_utils import Digits, LeNet, SparseConv2d, distort
from lenet_utils._seeding import seeded
from lenet_utils.models import Boosted, initialize_as_published
from lenet_utils.training import PUBLISHED_RATES, modern_recipe, published_recipe

from .boosting import disagreed, distorted_forever, half_wrong
from .rows import Row

__all__ = ["RECIPES", "as_published", "boosted", "modern"]

# Distortions of the modern recipe. Twice as strong ones left LeNet-5 with more validation errors
# (one seed, and ten epochs more).
MILDLY = {
    "translation": 1.0,
    "scaling": 0.1,
    "squeezing": 0.05,
    "shear": 0.15,
    "rotation": 0.1,
    "elasticity": 0.5,
}


AfterPass = Callable[[dict[str, Any]], object]  # called with the row of the history


def as_published(
    row: Row, model: LeNet, train: Digits, seed: int, epochs: int, after_pass: AfterPass
) -> None:
    """Stochastic diagonal Levenberg-Marquardt, one image at a time, in one fixed random order.

    LeCun et al. 1998, preprint pp. 10-11 and 41-42: the rate falls by the published schedule, and
    the curvature is estimated anew on 500 digits before each pass. With distortions there are
    nine distorted digits for each of the originals; a pass goes through a tenth of them all, so
    that twenty passes see each about twice.

    Behind RBF units the paper's constants fail here, and those of the authors' later code (Lush)
    take their place: its start and its first rate, 0.0001 instead of 0.0005. For
    the rows whose rates are not published, start and first rate were chosen by validation errors.
    The curvature begins there with 2 for each of F6's units, as in Lush and whatever the criterion.
    """
    start = row.published.start
    for layer in model.modules():
        # A sparse layer has its published start. Drawn again, it would move all recorded runs.
        if start is not initialize_as_published or not isinstance(layer, SparseConv2d):
            start(layer)
    # The set that `fit` learns from; where it is distorted, in place, it is a copy.
    learned = Digits(train.images.clone(), train.labels) if row.distorted else train
    recipe = published_recipe(model, learned, seed, row.published.first_rate)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    passes = count()

    def prepare() -> None:
        number = next(passes) % 10
        if row.distorted:  # each tenth pass is the one through the originals
            images = train.images[order]
            with seeded(1_000 * seed + number):
                learned.images[order] = distort(images) if number else images
        recipe["before_epoch"]()

    def rate(step: int) -> float:  # one for each whole pass, also where there are not twenty
        number = min(step // len(train), epochs - 1)
        return PUBLISHED_RATES[number * len(PUBLISHED_RATES) // epochs] / PUBLISHED_RATES[0]

    own = {"schedule": lambda optimizer, _: LambdaLR(optimizer, rate), "before_epoch": prepare}
    fit_whole(
        model, learned, epochs=epochs, after_epoch=after_pass, progress=False,
        **{**recipe, **own},
    )  # fmt: skip


def modern(
    row: Row, model: LeNet, train: Digits, seed: int, epochs: int, after_pass: AfterPass
) -> None:
    """AdamW in batches, weight decay, a one-cycle rate."""
    augment = partial(distort, **MILDLY) if row.distorted else None
    fit_whole(
        model, train, epochs=epochs, augment=augment, seed=seed, progress=False,
        **modern_recipe(model, row.modern),
    )  # fmt: skip


RECIPES = {"as published": as_published, "modern": modern}


def boosted(row: Row, recipe: str, train: Digits, seed: int, epochs: int) -> Boosted:
    """Train three networks, the later ones on what the earlier find hard.

    LeCun et al. 1998, preprint p. 13. How many digits the second and the third learn from is not
    said there: as many as the first, chosen among distorted ones. The modern recipe distorts these
    once more in every pass.
    """
    stream = distorted_forever(train, seed=1_000_000 * (seed + 1))
    networks: list[LeNet] = []
    for number in range(3):
        if number == 1:
            part = half_wrong(networks[0], stream, len(train))
        else:
            part = disagreed(*networks, stream, len(train)) if number else train
        network = row.network()
        as_alone = replace(row, distorted=number == 0 or recipe == "modern")
        RECIPES[recipe](as_alone, network, part, 3 * seed + number, epochs, lambda _: None)
        networks.append(network)
    return Boosted(networks)
