"""Signs that a training goes nowhere, told after an epoch and not at the end."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from . import parallel
from .evaluation import Evaluation, scores_of
from .settings import Settings

__all__ = ["TrainingWarning"]

LOOKED_AT = 200  # training images, where there is no validation set
FEW = 20  # images or updates from which nothing can be told
ONE_ANSWER = 0.95  # of the images, that get the same answer
ABOVE = 1.05  # times the loss with which it began
FALLEN = 1 / 1000  # of the learning rate


class TrainingWarning(UserWarning):
    """After an epoch of `fit` it seems that nothing, or the wrong thing, is learned.

    ``warnings.filterwarnings("ignore", category=TrainingWarning)`` silences it.
    """


class Watch:
    """Looks at a training after each epoch, and warns once."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.warned = settings, parallel.process_number() > 0

    def look(
        self, steps: Sequence[Mapping[str, Any]], epoch: int, result: Evaluation | None, level: int
    ) -> None:
        """Warn as from ``level`` callers up, if the updates or the answers give reason to."""
        if self.warned:
            return
        sign = _of_rates(steps, epoch, self.settings.epochs) or _of_losses(steps, epoch)
        sign = sign or self._of_answers(epoch, result)
        if sign:
            self.warned = True
            warnings.warn(sign, TrainingWarning, stacklevel=level + 1)

    def _of_answers(self, epoch: int, result: Evaluation | None) -> str | None:
        result = result or scores_of(self.settings.model, self.settings.train[:LOOKED_AT])
        count, answers = len(result.labels), result.predictions.bincount()
        most, right = int(answers.max()), int(result.labels.bincount().max())
        if count < FEW or most < ONE_ANSWER * count or right > most / 2:
            return None
        return (
            f"after epoch {epoch} the network answers {int(answers.argmax())} to {most:,} of "
            f"{count:,} images, so that it has hardly learned anything yet: if it stays so, try a "
            "tenth of the learning rate or ten times as much, or optimizer=None and schedule "
            "left out, which are fit's own"
        )


def _of_rates(steps: Sequence[Mapping[str, Any]], epoch: int, epochs: int) -> str | None:
    first, last = steps[0]["learning_rate"], steps[-1]["learning_rate"]
    highest = max(step["learning_rate"] for step in steps)
    if epoch != 1 or epochs == 1 or len(steps) < 2 or last >= FALLEN * highest:
        return None
    return (
        f"within the first of {epochs} epochs the learning rate went from {first:.3g} to "
        f"{last:.3g}: fit steps a schedule after each update, {len(steps):,} an epoch, and this "
        "one seems to be meant for epochs; count updates in it"
    )


def _of_losses(steps: Sequence[Mapping[str, Any]], epoch: int) -> str | None:
    if len(steps) < FEW:
        return None
    losses = [step["loss"] for step in steps]
    some = max(len(losses) // 20, 5)
    first, last = fmean(losses[:5]), fmean(losses[-some:])
    if last - first <= (ABOVE - 1) * abs(first):
        return None
    return (
        f"after epoch {epoch} the loss is {last:.4g}, above {first:.4g}, with which it began: most "
        "likely the learning rate is too high; try a tenth"
    )
