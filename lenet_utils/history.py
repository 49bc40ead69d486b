"""What happened during a training, step by step and epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from .evaluation import Evaluation

__all__ = ["History", "Recorder"]

REPORT_EVERY = 50  # steps between looks at the loss; each look waits for the device
STEP_COLUMNS = ["epoch", "step", "loss", "error", "learning_rate"]
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
        validation set), learning_rate (of the last step), seconds.
    best_epoch
        The epoch whose weights the model has now; None if none was completed.
    interrupted
        Whether Ctrl-C ended it.
    """

    steps: pd.DataFrame
    epochs: pd.DataFrame
    best_epoch: int | None
    interrupted: bool


class Recorder:
    """Collects what `fit` returns, and the best weights so far."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.interrupted = False
        self.best_epoch: int | None = None
        self._best = (math.inf, math.inf)  # errors and loss on the validation set
        self._best_weights: dict[str, Tensor] = {}
        self._pending: list[tuple[int, float, Tensor]] = []  # the tensor is still on the device
        self._steps: list[dict[str, float]] = []
        self._epochs: list[dict[str, float | None]] = []

    def step(self, epoch: int, loss: Tensor, error: Tensor, rate: float, bar: tqdm) -> None:
        self._pending.append((epoch, rate, torch.stack([loss, error])))
        bar.update()
        if len(self._pending) == REPORT_EVERY:
            self._collect()
            recent = pd.DataFrame(self._steps[-REPORT_EVERY:]).mean()
            bar.set_postfix_str(f"epoch {epoch}, loss {recent.loss:.4f}, error {recent.error:.2%}")

    def epoch(
        self,
        epoch: int,
        result: Evaluation | None,
        criterion: Callable[[Tensor, Tensor], Tensor],
        seconds: float,
    ) -> None:
        self._collect()
        own = pd.DataFrame([step for step in self._steps if step["epoch"] == epoch])
        loss = criterion(result.scores, result.labels).item() if result else None
        self._epochs.append(
            {
                "epoch": epoch,
                "train_loss": own["loss"].mean(),
                "train_error": own["error"].mean(),
                "validation_loss": loss,
                "validation_error": result.error_rate if result else None,
                "learning_rate": own["learning_rate"].iloc[-1],
                "seconds": seconds,
            }
        )
        if result is None:
            self.best_epoch = epoch
        elif (result.errors, loss) < self._best:
            self._best, self.best_epoch = (result.errors, loss), epoch
            self._best_weights = {k: v.clone() for k, v in self.model.state_dict().items()}

    def restore_best(self) -> None:
        if self._best_weights:
            self.model.load_state_dict(self._best_weights)

    def history(self) -> History:
        self._collect()
        return History(
            steps=pd.DataFrame(self._steps, columns=STEP_COLUMNS),
            epochs=pd.DataFrame(self._epochs, columns=EPOCH_COLUMNS),
            best_epoch=self.best_epoch,
            interrupted=self.interrupted,
        )

    def _collect(self) -> None:
        """Fetch the pending losses from the device and stop at the first that is not finite."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        pairs = torch.stack([pair for _, _, pair in pending]).tolist()
        for (epoch, rate, _), (loss, error) in zip(pending, pairs, strict=True):
            step = len(self._steps) + 1
            values = (epoch, step, loss, error, rate)
            self._steps.append(dict(zip(STEP_COLUMNS, values, strict=True)))
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the loss is {loss} at epoch {epoch}, step {step}, learning rate {rate:.3g}. "
                    "Most likely the learning rate is too high for this network: try a tenth. If "
                    "it is not finite from the first step on, look at the criterion and augment."
                )
