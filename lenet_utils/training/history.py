"""What happened during a training, step by step and epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import Tensor
from tqdm import tqdm

from .._devices import on_cpu
from .evaluation import Evaluation
from .parallel import mean_of_all, process_count
from .step import Learner

if TYPE_CHECKING:  # pandas is imported where a table is made: networks and training start without
    import pandas as pd

__all__ = ["History"]

REPORT_EVERY = 50  # steps between looks at the loss; each look waits for the device
STEP_COLUMNS = ["epoch", "step", "loss", "error", "learning_rate"]
BEST = "weights."  # before the names of the best weights in a checkpoint
EPOCH_COLUMNS = [
    "epoch",
    *("train_loss", "train_error", "validation_loss", "validation_error"),
    *("learning_rate", "seconds"),
]


@dataclass(frozen=True, eq=False)
class History:
    """What happened during `fit`.

    Attributes
    ----------
    steps
        A row for each update: epoch, step (both from 1), loss and error (share of wrong answers on
        that batch, before the update), learning_rate.
    epochs
        A row for each whole epoch: epoch, train_loss and train_error (means over the epoch's
        batches, while the weights moved), validation_loss, validation_error (None without a
        validation set), learning_rate (of the last step), seconds (None for
        an epoch from before the training went on from a checkpoint, which holds no times, so that
        the same training writes the same bytes).
    best_epoch
        The epoch whose weights the model has now; None if it has those of no whole epoch.
    interrupted
        Whether Ctrl-C ended it.

    Examples
    --------
    >>> model, mnist = LeNet1(), load_mnist(size=28)
    >>> history = fit(model, mnist.train[:500], mnist.validation, epochs=2, progress=False)
    >>> history.epochs[["epoch", "validation_error"]].shape, history.best_epoch in (1, 2)
    ((2, 2), True)
    """

    steps: pd.DataFrame
    epochs: pd.DataFrame
    best_epoch: int | None
    interrupted: bool


class Recorder:
    """Collects what `fit` returns, shows it on the progress bar, and keeps the best weights."""

    def __init__(self, learner: Learner, bar: tqdm) -> None:  # type: ignore[type-arg]
        self.learner, self.bar = learner, bar
        self.interrupted = self.failed = False
        self.best_epoch: int | None = None
        self._best = (math.inf, math.inf)  # errors and loss on the validation set
        self._best_weights: dict[str, Tensor] = {}
        self._pending: list[tuple[int, float, Tensor]] = []  # the tensor is still on the device
        self._steps: list[dict[str, Any]] = []
        self._epochs: list[dict[str, Any]] = []
        self._started = math.nan

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Whatever ends the training in this block, leave the model at its best, and the history.

        Ctrl-C is no error. What diverged takes the history with it, as ``error.history``.
        """
        try:
            try:
                yield
            except KeyboardInterrupt:
                if process_count() > 1:
                    raise  # what was learned is not the same everywhere: the checkpoint is left
                self.interrupted = True
                self.collect()
        except FloatingPointError as error:
            self.failed = True
            error.history = self.history()  # type: ignore[attr-defined]
            raise
        finally:
            if self._best_weights:
                self.learner.load_state_dict(self._best_weights)

    def begin(self) -> None:
        """Take the time at which an epoch begins."""
        self._started = time.perf_counter()

    def step(self, epoch: int, loss: Tensor, error: Tensor, rate: float) -> None:
        """Take in one update, without waiting for the device."""
        self._pending.append((epoch, rate, torch.stack([loss, error])))
        self.bar.update()
        if len(self._pending) == REPORT_EVERY:
            self.collect()

    def collect(self) -> None:
        """Fetch the pending losses from the device and stop at the first that is not finite."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        pairs = mean_of_all(torch.stack([pair for _, _, pair in pending])).tolist()
        self._take_in([(epoch, rate) for epoch, rate, _ in pending], pairs)

    def steps_of(
        self, epoch: int, losses: list[float], errors: list[float], rates: list[float]
    ) -> None:
        """Take in many updates at once, of which nothing is on a device; stop as `collect` does."""
        self.bar.update(len(losses))
        pairs = list(zip(losses, errors, strict=True))
        self._take_in([(epoch, rate) for rate in rates], pairs)

    def _take_in(
        self, known: Sequence[tuple[int, float]], pairs: Sequence[Sequence[float]]
    ) -> None:
        for (epoch, rate), (loss, error) in zip(known, pairs, strict=True):
            step = len(self._steps) + 1
            values = (epoch, step, loss, error, rate)
            self._steps.append(dict(zip(STEP_COLUMNS, values, strict=True)))
            if not math.isfinite(loss):
                _stop(f"the loss is {loss}", epoch, step, rate)
        loss, error = map(fmean, zip(*pairs, strict=True))
        self.bar.set_postfix_str(f"epoch {epoch}, loss {loss:.4f}, error {error:.2%}")

    def epoch(self, epoch: int, result: Evaluation | None) -> None:
        """Take in the end of an epoch, with its validation where there is one."""
        import pandas as pd

        loss = self._loss(result) if result else None
        self._check_last_update(epoch, loss)
        own = pd.DataFrame([step for step in self._steps if step["epoch"] == epoch])
        self._epochs.append(
            {
                "epoch": epoch,
                "train_loss": own["loss"].mean(),
                "train_error": own["error"].mean(),
                "validation_loss": loss,
                "validation_error": result.error_rate if result else None,
                "learning_rate": own["learning_rate"].iloc[-1],
                "seconds": time.perf_counter() - self._started,
            }
        )
        if result is None:
            self.best_epoch = epoch
        elif loss is not None and (result.errors, loss) < self._best:
            self._best, self.best_epoch = (result.errors, loss), epoch
            self._best_weights = {k: v.clone() for k, v in self.learner.state_dict().items()}

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The row of each update taken in."""
        return self._steps

    @property
    def steps_done(self) -> int:
        """Number of updates taken in, of whole epochs."""
        return len(self._steps)

    @property
    def epochs_done(self) -> int:
        """Number of whole epochs taken in."""
        return len(self._epochs)

    @property
    def last_epoch(self) -> dict[str, Any]:
        """The row of the last whole epoch, a copy."""
        return dict(self._epochs[-1])

    @property
    def epochs_since_best(self) -> int:
        """Number of epochs since the best one."""
        return self.epochs_done - (self.best_epoch or 0)

    @on_cpu
    def state_dict(self) -> dict[str, Tensor]:
        """Return what was taken in up to the end of an epoch, as tensors for a checkpoint."""
        steps = [list(step.values()) for step in self._steps]
        untimed = [{**row, "seconds": None} for row in self._epochs]  # no two runs take the same
        epochs = [[math.nan if v is None else v for v in row.values()] for row in untimed]
        return {
            "steps": torch.tensor(steps, dtype=torch.float64),
            "epochs": torch.tensor(epochs, dtype=torch.float64),
            "best": torch.tensor([self.best_epoch, *self._best], dtype=torch.float64),
            **{BEST + name: value for name, value in self._best_weights.items()},
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state_dict` returned."""
        self._steps = [_row(STEP_COLUMNS, values) for values in state["steps"].tolist()]
        self._epochs = [_row(EPOCH_COLUMNS, values) for values in state["epochs"].tolist()]
        best_epoch, errors, loss = state["best"].tolist()
        self.best_epoch, self._best = int(best_epoch), (errors, loss)
        self._best_weights = {
            name.removeprefix(BEST): value for name, value in state.items() if name.startswith(BEST)
        }
        self.bar.update(self.steps_done)

    def history(self) -> History:
        """Return what was taken in."""
        import pandas as pd

        # Without validation, a model stopped within an epoch has no whole epoch's weights.
        lost = (self.interrupted or self.failed) and not self._best_weights
        return History(
            steps=pd.DataFrame(self._steps, columns=STEP_COLUMNS),
            epochs=pd.DataFrame(self._epochs, columns=EPOCH_COLUMNS),
            best_epoch=None if lost else self.best_epoch,
            interrupted=self.interrupted,
        )

    def _check_last_update(self, epoch: int, loss: float | None) -> None:
        """Stop if an epoch's last update, which no training loss shows, broke the model."""
        finite = all(torch.isfinite(p).all() for p in self.learner.parameters())
        if not finite or (loss is not None and not math.isfinite(loss)):
            what = "a weight is not finite" if not finite else f"the validation loss is {loss}"
            last = self._steps[-1]
            _stop(what, epoch, last["step"], last["learning_rate"])

    def _loss(self, result: Evaluation) -> float:
        device = next(self.learner.parameters()).device  # where a criterion's own weights are
        with torch.no_grad():
            scores, labels = result.scores.to(device), result.labels.to(device)
            return self.learner.criterion(scores, labels).item()


def _row(columns: list[str], values: list[float]) -> dict[str, float | None]:
    """Return a row from numbers alone: NaN stands for what a training without validation lacks."""
    row: dict[str, float | None] = {}
    for name, value in zip(columns, values, strict=True):
        whole = name in ("epoch", "step")
        row[name] = int(value) if whole else None if math.isnan(value) else value
    return row


def _stop(what: str, epoch: int, step: float, rate: float) -> NoReturn:
    raise FloatingPointError(
        f"{what} at epoch {epoch}, step {step}, learning rate {rate:.3g}. Most likely the learning "
        "rate is too high for this network: try a tenth. If it happens at the first step, look at "
        "the criterion and augment."
    )
