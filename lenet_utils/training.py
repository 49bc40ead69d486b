"""Training: one loop for every model, criterion and device."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, ReduceLROnPlateau

from . import parallel
from .checkpoints import State, described, resume, save
from .checks import check_callable, check_kind, check_whole
from .data import Digits
from .evaluation import Evaluation, evaluate
from .history import History, Recorder
from .seeding import seeded
from .updates import Criterion, Learner, batches, criterion_of, keeping_rates, update

with warnings.catch_warnings():
    # Without ipywidgets tqdm warns that its bar in a notebook is plain text, which is all we want.
    warnings.simplefilter("ignore")
    from tqdm.auto import tqdm

LR, WEIGHT_DECAY = 0.01, 0.2  # of AdamW

__all__ = ["automatic_device", "fit", "one_cycle"]


def one_cycle(optimizer: Optimizer, steps: int) -> LRScheduler:
    """Raise the learning rate from 1/25 to the optimiser's own, then lower it to nearly 0.

    The default schedule of `fit`; another is any function of an optimiser and the number of steps.

    Parameters
    ----------
    optimizer
        Its learning rates become the peaks.
    steps
        Number of updates in all.

    Returns
    -------
    LRScheduler
        To be stepped after each update.

    Raises
    ------
    TypeError, ValueError
        If ``optimizer`` is something else, or ``steps`` is not positive.
    """
    check_kind("optimizer", optimizer, Optimizer, "such as torch.optim.SGD(...)")
    check_whole("steps", steps)
    peaks = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, peaks, total_steps=int(steps), pct_start=0.3, cycle_momentum=False)


def fit(
    model: nn.Module,
    train: Digits,
    validation: Digits | None = None,
    *,
    epochs: int,
    batch_size: int = 128,
    optimizer: Optimizer | None = None,
    schedule: Callable[[Optimizer, int], LRScheduler] | None = one_cycle,
    criterion: Criterion | None = None,
    augment: Callable[[Tensor], Tensor] | None = None,
    before_epoch: Callable[[], object] | None = None,
    patience: int | None = None,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> History:
    """Train ``model`` in place and return the history.

    The whole set is moved to the device once, and each epoch goes through it in a new order. With a
    validation set the model ends with the weights of the epoch of fewest validation errors (of
    equals, the one of lowest loss). Ctrl-C ends the training and returns what there is.

    The same seed gives the same weights, bit for bit, on the same machine, CPU, versions and number
    of threads. Elsewhere sums are taken in another order: the first losses differ in their last
    digits, and training enlarges that, so that error rates agree only within the spread of seeds.

    Where ``torchrun`` started several processes, and each called
    ``torch.distributed.init_process_group()``, they train one model together: ``batch_size`` images
    in all for each update, gradients averaged by ``DistributedDataParallel``, and the first
    process alone shows progress and writes. The weights are those of one process up to rounding,
    save that dropout and ``augment`` draw other numbers and batch normalisation sees each process's
    part of a batch.

    Parameters
    ----------
    model
        Takes ``(N, 1, H, W)`` images, gives ``(N, 10)`` scores, the largest for its answer.
    train, validation
        What to learn from, and what to judge each epoch by. Never the test set.
    epochs
        Passes over ``train``.
    batch_size
        Images for each update; an epoch's last batch may be smaller.
    optimizer
        Any but LBFGS, made with the parameters of ``model``; None for AdamW with learning rate
        0.01 and weight decay 0.2, chosen on the validation set for LeNet-5 in three epochs.
    schedule
        Called with the optimiser and the number of updates; None for a constant learning rate.
        When `fit` ends, the optimiser has the rates again with which it came.
    criterion
        Called with ``(N, 10)`` scores and ``(N,)`` labels, returns the mean loss; None for the
        model's own, ``model.criterion``, or cross-entropy where it has none.
    augment
        Called with each training batch of images, returns them changed, in the same shape.
    before_epoch
        Called before each epoch, as `SDLM` needs it to estimate the curvature anew.
    patience
        End after this many epochs without a better validation error; None for never.
    seed
        Of the order, of dropout and of ``augment``. The random state of the caller is left alone.
    checkpoint
        A file to write after each epoch, by custom ``*.safetensors``. Where it is there already,
        the training goes on from it, with the same settings only, and on the same machine to the
        same weights as if it had never stopped. What ``augment`` and ``before_epoch`` keep to
        themselves is not in it.
    device
        Where to train; None for an accelerator where there is one, else the CPU. The model stays
        there.
    progress
        Whether to show a progress bar with loss and error.

    Returns
    -------
    History
        Losses, errors, learning rates and seconds for each step and epoch.

    Raises
    ------
    TypeError
        If ``model`` is no module, ``train`` or ``validation`` no `Digits`, ``optimizer`` is LBFGS,
        or what ``schedule`` returns no scheduler that is stepped after each update.
    ValueError
        If a number is out of range, ``patience`` comes without a validation set, ``optimizer`` has
        no parameter of ``model``, or ``checkpoint`` is damaged or of another training.
    OSError
        If ``checkpoint`` cannot be read or written.
    FloatingPointError
        If the loss, a weight or a score is not finite. The model gets the best weights back, where
        an epoch with validation was completed.
    """
    _check_fit(model, train, validation, epochs, batch_size, optimizer, patience, seed)
    functions = {"schedule": schedule, "criterion": criterion, "augment": augment}
    for name, function in {**functions, "before_epoch": before_epoch}.items():
        check_callable(name, function, "pass the function itself, uncalled")
    device = _usable(device) if device is not None else automatic_device()
    # A quarter faster on a CPU, with the same numbers.
    model.to(device).to(memory_format=torch.channels_last)
    train, validation = _moved(train, device), validation and _moved(validation, device)
    optimizer = optimizer or torch.optim.AdamW(
        model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY, fused=True
    )
    judge = criterion_of(model, criterion)
    parts = {"model": model, "criterion": judge, "optimizer": optimizer, "schedule": schedule}
    sets = {"train": train, "validation": validation, "augment": augment, "seed": seed}
    numbers = {"epochs": epochs, "batch_size": batch_size, "patience": patience}
    settings = described(parts | sets | numbers) if checkpoint else {}
    steps = int(epochs) * math.ceil(len(train) / batch_size)
    whole = Learner(model, judge).to(device)
    learner = parallel.sharing_gradients(whole)
    number = parallel.process_number()
    bar = tqdm(total=steps, disable=number > 0 or not progress, unit="step")
    with bar, keeping_rates(optimizer), seeded(seed + number):
        scheduler = _scheduled(schedule, optimizer, steps)
        record = Recorder(whole, bar)
        state = State(whole, optimizer, scheduler, record)
        done = resume(checkpoint, settings, state) if checkpoint else 0
        try:
            for epoch in range(done + 1, epochs + 1):
                if patience and record.epochs_since_best >= patience:
                    break
                started = time.perf_counter()
                if before_epoch is not None:
                    before_epoch()
                model.train()
                for batch in batches(train, batch_size, augment):
                    rate = optimizer.param_groups[0]["lr"]
                    record.step(epoch, *update(learner, *batch, optimizer, scheduler), rate)
                record.collect()  # whether the training diverged, before it is judged
                result = _judged(model, validation) if validation else None
                record.epoch(epoch, result, judge, time.perf_counter() - started)
                if checkpoint:
                    save(checkpoint, settings, state)
        except KeyboardInterrupt:
            if parallel.process_count() > 1:
                raise  # what was learned is not the same everywhere: the checkpoint is what is left
            record.interrupted = True
        finally:
            record.restore_best()
    return record.history()


def _check_fit(
    model: nn.Module,
    train: Digits,
    validation: Digits | None,
    epochs: int,
    batch_size: int,
    optimizer: Optimizer | None,
    patience: int | None,
    seed: int,
) -> None:
    check_kind("model", model, nn.Module, "such as LeNet5()")
    check_kind("train", train, Digits, "load_mnist().train is one")
    if validation is not None:
        check_kind("validation", validation, Digits, "load_mnist().validation is one")
    check_whole("epochs", epochs)
    check_whole("batch_size", batch_size)
    check_whole("seed", seed, least=0)
    if seed >= 2**63:
        raise ValueError(f"seed must be below 2**63, got {seed}")
    if patience is not None:
        check_whole("patience", patience)
        if validation is None:
            raise ValueError("patience needs a validation set to judge by: pass validation=")
    if optimizer is not None:
        check_kind("optimizer", optimizer, Optimizer, "such as torch.optim.SGD(...)")
        if isinstance(optimizer, torch.optim.LBFGS):
            raise TypeError(
                "LBFGS takes the loss several times for each update, which fit does not; choose an "
                "optimizer that takes it once, such as torch.optim.SGD"
            )
        own = {id(parameter) for parameter in model.parameters()}
        if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
            raise ValueError(
                "the optimizer holds no parameter of this model; make it with model.parameters()"
            )


def _scheduled(
    schedule: Callable[[Optimizer, int], LRScheduler] | None, optimizer: Optimizer, steps: int
) -> LRScheduler | None:
    scheduler = schedule(optimizer, steps) if schedule else None
    by_loss = isinstance(scheduler, ReduceLROnPlateau)
    if schedule and (by_loss or not isinstance(scheduler, LRScheduler)):
        raise TypeError(
            "schedule must return a scheduler that is stepped after each update, such as one_cycle "
            f"does, got {type(scheduler).__name__}; None keeps the rate"
        )
    return scheduler


def automatic_device() -> torch.device:
    """Return the accelerator where there is one, else the CPU."""
    available = torch.accelerator.is_available()
    accelerator = torch.accelerator.current_accelerator() if available else None
    return accelerator or torch.device("cpu")


def _usable(device: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (AssertionError, NotImplementedError, RuntimeError) as error:  # each backend its own
        raise ValueError(
            f"device {device!r} cannot be used here: {error}; None takes what there is"
        ) from error


def _moved(digits: Digits, device: torch.device) -> Digits:
    return Digits(digits.images.to(device), digits.labels.to(device))


def _judged(model: nn.Module, validation: Digits) -> Evaluation:
    """Evaluate; all processes go by the first one's scores, so that they decide alike."""
    result = evaluate(model, validation)
    return Evaluation(parallel.from_first(result.scores), result.labels)
