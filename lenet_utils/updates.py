"""One update of a network's weights, and the batches it learns from; `fit` puts them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from . import parallel
from .data import Digits

__all__: list[str] = []  # for `fit`, not for readers

Criterion = Callable[[Tensor, Tensor], Tensor]


def criterion_of(model: nn.Module, given: Criterion | None) -> Criterion:
    """Return ``given``; for None the model's own, or cross-entropy where it has none."""
    own: Criterion = getattr(model, "criterion", F.cross_entropy)
    return given or own


class Learner(nn.Module):
    """A model and its criterion as one: both may have weights, and both may learn."""

    def __init__(self, model: nn.Module, criterion: Criterion) -> None:
        super().__init__()
        self.model, self.criterion = model, criterion

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.model(images)
        return scores, self.criterion(scores, labels)


@contextmanager
def keeping_rates(optimizer: Optimizer) -> Iterator[None]:
    """Give ``optimizer`` its settings back after the block: a schedule leaves its rate near 0.

    A second training with it, or one that goes on from a checkpoint, begins as the first did.
    """
    before = [{**group} for group in optimizer.param_groups]
    try:
        yield
    finally:
        for group, settings in zip(optimizer.param_groups, before, strict=True):
            group.clear()
            group.update(settings)


def batches(
    digits: Digits, batch_size: int, augment: Callable[[Tensor], Tensor] | None
) -> Iterator[tuple[Tensor, Tensor, float]]:
    """Go through all of ``digits`` once, in a new order; of several processes each gets its part.

    With each batch comes the weight of its loss, 1 for a process that is alone.
    """
    order = torch.randperm(len(digits), device=digits.labels.device)
    for chosen in parallel.from_first(order).split(int(batch_size)):
        own, weight = parallel.own_part(chosen)
        images = digits.images[own]
        yield (augment(images) if augment else images), digits.labels[own], weight


def update(
    learner: nn.Module,
    images: Tensor,
    labels: Tensor,
    weight: float,
    optimizer: Optimizer,
    scheduler: LRScheduler | None,
) -> tuple[Tensor, Tensor]:
    """Learn from one batch; return its loss and error before the update, still on the device."""
    try:
        scores, loss = learner(images, labels)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            f"batch normalization cannot learn from a batch of {len(images)} at a layer of single "
            "units, and an epoch's last batch has so few: choose another batch_size"
        ) from error
    wrong = (scores.argmax(dim=1) != labels).float().mean()
    if weight != 1:
        loss, wrong = loss * weight, wrong * weight
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    return loss.detach(), wrong
