"""Training: one loop for every model, criterion and device."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from .._checks import check_callable, check_kind
from .._devices import usable_device
from .._inputs import warn_if_unlike
from .._seeding import seeded
from ..data.digits import Digits
from ..models.base import network_inside
from ..models.criteria import Criterion
from ..models.outputs import criterion_for
from . import parallel
from .checkpoints import Checkpoint, State
from .compiled import compiled_epoch
from .evaluation import Evaluation, scores_of
from .history import History, Recorder
from .schedules import one_cycle
from .settings import Settings, default_optimizer
from .signs import Watch
from .step import (
    Learner,
    batches,
    channels_last,
    keeping_rates,
    order_for_all,
    order_of_epoch,
    try_out,
    update,
)

with warnings.catch_warnings():
    # Without ipywidgets tqdm warns that its bar in a notebook is plain text, which is all we want.
    warnings.simplefilter("ignore")
    from tqdm.auto import tqdm

__all__ = ["automatic_device", "fit"]


def fit(
    model: nn.Module,
    train: Digits,
    validation: Digits | None = None,
    *,
    epochs: int,
    batch_size: int = 128,
    shuffle: str = "each epoch",
    optimizer: Optimizer | None = None,
    schedule: Callable[[Optimizer, int], LRScheduler] | None = one_cycle,
    criterion: Criterion | None = None,
    augment: Callable[[Tensor], Tensor] | None = None,
    before_epoch: Callable[[], object] | None = None,
    after_epoch: Callable[[dict[str, Any]], object] | None = None,
    patience: int | None = None,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
    compiled: bool = True,
) -> History:
    """Train ``model`` in place and return the history.

    The whole set is moved to the device once, and each epoch goes through all of it. With a
    validation set the model ends with the weights of the epoch of fewest validation errors (of
    equals, the one of lowest loss). Ctrl-C ends the training and returns what there is. Where an
    epoch ends with one answer for nearly all images, a loss above that of the beginning, or a rate
    that fell a thousandfold in the first of several epochs, a `TrainingWarning` says so, once.

    From the same start, the same seed gives the same weights, bit for bit, on the same machine,
    CPU, versions and number of threads. The start is drawn when the model is made, so call
    ``torch.manual_seed(0)`` before ``LeNet5()``. A second `fit` with the same seed goes through the
    images in the same order as the first; give it another seed for another order. Elsewhere sums
    are taken in another order: the first losses differ in their last digits, and training enlarges
    that, so that error rates agree only within the spread of seeds.

    Where ``torchrun`` started several processes, and each called
    ``torch.distributed.init_process_group()``, they train one model together: ``batch_size`` images
    in all for each update, gradients averaged by ``DistributedDataParallel``, and the first
    process alone shows progress and writes. The weights are those of one process up to rounding,
    save that dropout and ``augment`` draw other numbers and batch normalisation sees each process's
    part of a batch.

    Parameters
    ----------
    model
        Takes ``(N, C, H, W)`` images, gives ``(N, classes)`` scores, the largest for its answer.
    train, validation
        What to learn from, and what to evaluate each epoch by. Never the test set.
    epochs
        Passes over ``train``.
    batch_size
        Images for each update; an epoch's last batch may be smaller.
    shuffle
        "each epoch" goes through the images in a new order each time, "once" in one random order
        all along, as in the paper (LeCun et al. 1998, preprint p. 10).
    optimizer
        Any but LBFGS, made with the parameters of ``model``; None for AdamW with learning rate
        0.01 and weight decay 0.2, chosen on the validation set for LeNet-5 in three epochs. Weights
        that were trained before are spoiled by that rate: take a tenth of it, or less.
    schedule
        Called with the optimiser and the number of updates; None for a constant learning rate.
        When `fit` ends, the optimiser has the rates again with which it came.
    criterion
        Called with ``(N, classes)`` scores and labels, returns the mean loss; None for the
        model's own, ``model.criterion``, also where another module wraps it. A model that has
        none is run once to see its last layer: eq. 9 behind RBF units, `squared_error` behind
        ``nn.Tanh`` and its like, else cross-entropy.
    augment
        Called with each training batch of images, returns them changed, in the same shape.
    before_epoch
        Called before each epoch, as `SDLM` needs it to estimate the curvature anew.
    after_epoch
        Called after each epoch with its row of ``History.epochs``, a dict; a true value ends the
        training. Where that goes on from a checkpoint, it is called with the last row there, too.
    patience
        End after this many epochs without a better validation error; None for never.
    seed
        Of the order of the images, of dropout and of ``augment``; not of the first weights, which
        the model brings. The random state of the caller is left alone.
    checkpoint
        A file to write after each epoch, by custom ``*.safetensors``. Where it is there already,
        the training goes on from it, with the same settings only, and on the same machine to the
        same weights as if it had never stopped. Functions are told apart by their names, and those
        without one by their code. What ``augment`` and ``before_epoch`` keep to themselves is not
        in it.
    device
        Where to train; None for an accelerator where there is one, else the CPU. The model stays
        there, its weights in the order of memory (``memory_format``) in which they came.
    progress
        Whether to show a progress bar with loss and error.
    compiled
        Whether single images (``batch_size=1``) may be learned from by compiled code, many times as
        fast, and the same up to rounding: with `SDLM` or plain ``torch.optim.SGD``, layers and
        criteria of the papers, in single precision on a CPU, without ``augment``. The progress bar
        says so. It needs Numba (``pip install numba``), and leaves no gradients in the parameters.

    Returns
    -------
    History
        Losses, errors, learning rates and seconds for each step and epoch.

    Raises
    ------
    TypeError
        If ``optimizer`` is LBFGS, what ``schedule`` returns is no scheduler that is stepped after
        each update, or ``criterion`` cannot be called with scores and labels, or returns no tensor
        of one number.
    ValueError
        If images and weights are of different types, sizes of the two sets differ, ``optimizer``
        has no parameter of ``model`` or only frozen ones, gradients are off, ``model`` has fewer
        scores than there are classes, or penalties or probabilities with which the criterion does
        not go, or ``checkpoint`` is damaged or of another training.
    OSError
        If ``checkpoint`` cannot be read or written, or another training writes it.
    FloatingPointError
        If the loss, a weight or a score is not finite. The model gets the best weights back, where
        an epoch with validation was completed; ``error.history`` is what happened until then.
    """
    _check_call(model, before_epoch, after_epoch)
    settings = Settings(
        model,
        train,
        validation,
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        optimizer=default_optimizer(model) if optimizer is None else optimizer,
        schedule=schedule,
        criterion=F.cross_entropy if criterion is None else criterion,  # until it is known
        augment=augment,
        patience=patience,
        seed=seed,
    )
    settings = replace(settings, criterion=criterion_for(model, criterion, train.images))
    network = network_inside(model)
    if network is not None and warn_if_unlike(train.images, network.trained_on, level=2):
        network.trained_on = None  # for from now on it learns from something else
    file = Checkpoint(checkpoint, settings)
    settings = settings.on(usable_device(device) if device is not None else automatic_device())
    try_out(settings)
    with file.held(), _begun(settings, progress) as (state, learner):
        order = order_for_all(settings)
        file.resume(state)  # and with it the random state
        watch = Watch(settings)
        for epoch in _epochs_left(settings, state.record, after_epoch):
            if before_epoch is not None:
                before_epoch()
            model.train()
            now = order_of_epoch(settings, order)
            if not (compiled and compiled_epoch(settings, now, state, epoch)):
                for batch in batches(settings, now):
                    loss, error, rate = update(learner, *batch, state.optimizer, state.scheduler)
                    state.record.step(epoch, loss, error, rate)
            state.record.collect()  # did it diverge? Then there is nothing to evaluate
            result = _evaluated(settings)
            state.record.epoch(epoch, result)
            file.save(state)
            watch.look(state.record.steps, epoch, result, level=2)
    return state.record.history()


def _check_call(model: object, before_epoch: object, after_epoch: object) -> None:
    """Refuse what `Settings` does not see."""
    check_kind("model", model, nn.Module, "such as LeNet5()")
    for name, function in {"before_epoch": before_epoch, "after_epoch": after_epoch}.items():
        check_callable(name, function, "pass the function itself, uncalled")
    if not torch.is_grad_enabled():  # as it is under inference_mode, too
        raise ValueError(
            "fit learns by gradients, which torch.no_grad() or torch.inference_mode() forbid here; "
            "call it outside of that block"
        )


@contextmanager
def _begun(settings: Settings, progress: bool) -> Iterator[tuple[State, nn.Module]]:
    """Give all that changes while a training runs, and the learner as all processes share it.

    After the block model, optimiser and random state are as the caller may expect them.
    """
    model, optimizer = settings.model, settings.optimizer
    learner = Learner(model, settings.criterion).to(settings.train.labels.device)
    steps = int(settings.epochs) * math.ceil(len(settings.train) / settings.batch_size)
    number = parallel.process_number()
    bar = tqdm(total=steps, disable=number > 0 or not progress, unit="step")
    record = Recorder(learner, bar)
    with (
        bar,
        channels_last(model, optimizer),
        keeping_rates(optimizer),
        seeded(settings.seed + number),
    ):
        shared = parallel.sharing_gradients(learner)
        state = State(learner, optimizer, _scheduled(settings, steps), record)
        with record.ending():
            yield state, shared


def _epochs_left(
    settings: Settings, record: Recorder, after_epoch: Callable[[dict[str, Any]], object] | None
) -> Iterator[int]:
    """Name the epochs to come, until patience or ``after_epoch`` end the training.

    Where a training goes on, ``after_epoch`` is asked about the last one once more: what it had
    ended stays ended, and what it did not get to see before a power cut it sees now.
    """
    while True:
        asked = after_epoch is not None and record.epochs_done > 0
        ended = bool(asked and after_epoch and after_epoch(record.last_epoch))
        # All processes must end together.
        ended = bool(parallel.from_first(torch.tensor(ended, device="cpu")))
        patience_used = settings.patience and record.epochs_since_best >= settings.patience
        if ended or patience_used or record.epochs_done >= settings.epochs:
            return
        record.begin()
        yield record.epochs_done + 1


def _scheduled(settings: Settings, steps: int) -> LRScheduler | None:
    schedule = settings.schedule
    scheduler = schedule(settings.optimizer, steps) if schedule else None
    by_loss = isinstance(scheduler, ReduceLROnPlateau)
    if schedule and (by_loss or not isinstance(scheduler, LRScheduler)):
        raise TypeError(
            "schedule must return a scheduler that is stepped after each update, such as one_cycle "
            f"does, got {type(scheduler).__name__}; None keeps the rate"
        )
    return scheduler


def _evaluated(settings: Settings) -> Evaluation | None:
    """Evaluate; all processes go by the first one's scores, so that they decide alike."""
    if settings.validation is None:
        return None
    result = scores_of(settings.model, settings.validation)
    return Evaluation(parallel.from_first(result.scores), result.labels)


def automatic_device() -> torch.device:
    """Return the accelerator where there is one, else the CPU."""
    available = torch.accelerator.is_available()
    accelerator = torch.accelerator.current_accelerator() if available else None
    return accelerator or torch.device("cpu")
