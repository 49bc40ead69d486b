"""One update of a network's weights, and the batches it learns from; `fit` puts them together."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from .._seeding import seeded
from ..models.criteria import Criterion
from ..models.inside import evaluating
from ..models.outputs import check_scores
from . import parallel
from .settings import Settings

__all__: list[str] = []  # for `fit`, not for readers


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


@contextmanager
def channels_last(model: nn.Module, optimizer: Optimizer) -> Iterator[None]:
    """Hold the weights in the order of memory in which PyTorch's convolutions are fastest.

    A quarter faster on a CPU, with the same numbers. After the block they are as they came, for
    ``weight.view(...)`` works in one order only.
    """
    maps = [t for t in (*model.parameters(), *model.buffers()) if t.ndim == 4]
    usual = all(t.is_contiguous() for t in maps)
    model.to(memory_format=torch.channels_last)
    arrange_state(optimizer)
    try:
        yield
    finally:
        model.to(memory_format=torch.contiguous_format if usual else torch.channels_last)
        arrange_state(optimizer)


def arrange_state(optimizer: Optimizer) -> None:
    """Put what ``optimizer`` keeps for each weight into the weight's own order of memory.

    PyTorch 2.15's fused optimisers go through both by position in memory and never look at the
    strides: where the orders differ, they update each weight by the averages of another.
    """
    for p, values in optimizer.state.items():
        for name, value in values.items():
            # An empty_like(p) has p's strides, where value.contiguous() has the usual ones.
            if isinstance(value, Tensor) and value.shape == p.shape:
                values[name] = torch.empty_like(p, dtype=value.dtype).copy_(value)


def try_out(settings: Settings) -> None:
    """Let model and criterion see an image, so that what cannot go well is refused before.

    Raises
    ------
    TypeError, ValueError
        If the scores are too few, or the criterion has no use for them and labels.
    """
    train, model = settings.train, settings.model
    sets = [train] if settings.validation is None else [train, settings.validation]
    with seeded(settings.seed), evaluating(model):
        scores = model(train.images[:1])
    check_scores(scores, torch.cat([digits.labels for digits in sets]))
    # Of as many rows as columns, or of one, some criteria make something wrong instead of an error.
    rows = 3 if scores.shape[1] == 2 else 2
    try:
        with warnings.catch_warnings(), seeded(settings.seed), torch.no_grad():
            warnings.simplefilter("ignore")
            settings.criterion(scores.clone().expand(rows, -1), train.labels[:1].expand(rows))
    except Exception as error:  # each criterion its own
        name = getattr(settings.criterion, "__name__", type(settings.criterion).__name__)
        raise TypeError(
            f"criterion {name} cannot be called with (N, {scores.shape[1]}) scores and (N,) "
            f"labels: {str(error).splitlines()[0]}; torch.nn.functional.cross_entropy can, or "
            "lenet_utils.squared_error, which makes targets of the labels"
        ) from error


def order_for_all(settings: Settings) -> Tensor | None:
    """Draw the order of the images where it is the same in all epochs; else there is none yet."""
    return _order(settings) if settings.shuffle == "once" else None


def order_of_epoch(settings: Settings, order: Tensor | None) -> Tensor:
    """Return ``order``, or draw a new one where there is none; the same in all processes."""
    return parallel.from_first(_order(settings) if order is None else order)


def batches(settings: Settings, order: Tensor) -> Iterator[tuple[Tensor, Tensor, float]]:
    """Go once through the set to learn from, in this ``order``.

    Of several processes each gets its part. With each batch comes the weight of its loss, 1 for a
    process that is alone.
    """
    train, augment = settings.train, settings.augment
    for chosen in order.split(int(settings.batch_size)):
        own, weight = parallel.own_part(chosen)
        images = train.images[own]
        yield (augment(images) if augment else images), train.labels[own], weight


def _order(settings: Settings) -> Tensor:
    labels = settings.train.labels
    return torch.randperm(len(labels), device=labels.device)


def update(
    learner: nn.Module,
    images: Tensor,
    labels: Tensor,
    weight: float,
    optimizer: Optimizer,
    scheduler: LRScheduler | None,
) -> tuple[Tensor, Tensor, float]:
    """Learn from one batch; return loss and error before the update, and its learning rate.

    Loss and error are still on the device.
    """
    try:
        scores, loss = learner(images, labels)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            f"batch normalization cannot learn from a batch of {len(images)} at a layer of single "
            "units, and an epoch's last batch has so few: choose another batch_size"
        ) from error
    _check_loss(loss)
    wrong = (scores.argmax(dim=1) != labels).float().mean()
    if weight != 1:
        loss, wrong = loss * weight, wrong * weight
    rate = optimizer.param_groups[0]["lr"]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    return loss.detach(), wrong, rate


def _check_loss(loss: object) -> None:
    if not isinstance(loss, Tensor) or loss.ndim:
        shape = f" of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else ""
        raise TypeError(
            "criterion must return the batch's mean loss as a tensor of one number, got "
            f"{type(loss).__name__}{shape}; reduction='mean' makes it, and .item() spoils it"
        )
    if not loss.requires_grad:
        raise ValueError(
            "criterion returned a loss from which no gradient goes back to the weights; compute it "
            "from the scores by PyTorch's functions, without .detach() or .data"
        )
