"""Learning rates over a training: one cycle, and the published steps."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from .._checks import check_kind, check_whole

__all__ = ["PUBLISHED_RATES", "one_cycle", "published_schedule"]

# The global learning rate of each of the 20 passes: LeCun et al. 1998, preprint p. 10.
PUBLISHED_RATES = (
    *([0.0005] * 2),
    *([0.0002] * 3),
    *([0.0001] * 3),
    *([0.00005] * 4),
    *([0.00001] * 8),
)
FEWEST = 4  # updates of a cycle; of fewer, PyTorch's OneCycleLR begins beyond its peak


def one_cycle(optimizer: Optimizer, steps: int) -> LRScheduler:
    """Raise the learning rate from 1/25 to the optimiser's own, then lower it to nearly 0.

    The default schedule of `fit`; another is any function of an optimiser and the number of steps.
    The peak comes after three tenths of the updates: with ten it is the third, the first has 1/25
    and the last 4 millionths of it. Fewer than four leave no room to rise. They only fall: one
    update has the whole rate, two the whole and the half, three the whole, 3/4 and 1/4.

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

    Examples
    --------
    >>> optimizer = torch.optim.SGD(LeNet5().parameters(), lr=0.1)
    >>> schedule = one_cycle(optimizer, steps=10)
    >>> round(optimizer.param_groups[0]["lr"], 6)  # 1/25 of its own
    0.004
    """
    check_kind("optimizer", optimizer, Optimizer, "such as torch.optim.SGD(...)")
    check_whole("steps", steps)
    if steps < FEWEST:
        return LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)
    peaks = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, peaks, total_steps=int(steps), pct_start=0.3, cycle_momentum=False)


def published_schedule(optimizer: Optimizer, steps: int) -> LambdaLR:
    """Give each twentieth of the training its published global rate, for `fit`.

    Parameters
    ----------
    optimizer
        Its own rate counts as that of the first two passes; the later ones are lower in proportion.
    steps
        Number of updates in all.

    Returns
    -------
    LambdaLR
        To be stepped after each update.

    Examples
    --------
    >>> optimizer = SDLM(LeNet5().parameters())
    >>> schedule = published_schedule(optimizer, steps=20)
    >>> optimizer.param_groups[0]["lr"]
    0.0005
    """
    check_kind("optimizer", optimizer, Optimizer, "such as SDLM(model.parameters())")
    check_whole("steps", steps)
    passes, first = len(PUBLISHED_RATES), PUBLISHED_RATES[0]

    def share(step: int) -> float:
        return PUBLISHED_RATES[min(step * passes // steps, passes - 1)] / first

    return LambdaLR(optimizer, share)
