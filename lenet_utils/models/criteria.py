"""The criteria of the papers. All take scores, of which the largest is the answer.

The 1998 paper writes its criteria with the penalties y of the RBF units; a score is minus a
penalty, ``s = -y``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._checks import check_kind, check_labels, check_positive

__all__ = ["DiscriminativeLoss", "mean_penalty", "squared_error"]

Criterion = Callable[[Tensor, Tensor], Tensor]  # of scores and labels; returns the mean loss

RUBBISH = 1.0  # j: not given in the paper; see DiscriminativeLoss


def mean_penalty(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the mean penalty of the right classes: LeCun et al. 1998, eq. 8 (preprint p. 9).

    With fixed codes this is a squared error between F6 and the code of the right class. Nothing in
    it pushes the penalties of wrong classes up; with trainable codes it collapses (p. 9).

    Parameters
    ----------
    scores
        ``(N, 10)``, minus the penalties.
    labels
        ``(N,)`` int64.

    Examples
    --------
    >>> mean_penalty(torch.tensor([[-3.0, -0.5]]), torch.tensor([1]))
    tensor(0.5000)
    """
    _check(scores, labels)
    return -scores.gather(1, labels[:, None]).mean()


class DiscriminativeLoss(nn.Module):
    """Push the right class's penalty down and all others up: LeCun et al. 1998, eq. 9.

    ``E = mean( y_D + log( exp(-j) + sum_i exp(-y_i) ) )`` (preprint p. 9), which is the
    cross-entropy with one more class, "rubbish", whose score is always -j. It keeps penalties that
    are already large from being pushed up further.

    Parameters
    ----------
    j
        The rubbish class's constant penalty, above 0. The paper does not give its value; 1 is ours.
        ``math.inf`` gives the plain cross-entropy.

    Shape
    -----
    ``(N, 10)`` scores (minus the penalties) and ``(N,)`` int64 labels -> ``()``

    Examples
    --------
    >>> scores, labels = torch.tensor([[-3.0, -0.5]]), torch.tensor([1])
    >>> DiscriminativeLoss()(scores, labels), DiscriminativeLoss(math.inf)(scores, labels)
    (tensor(0.5239), tensor(0.0789))
    """

    def __init__(self, j: float = RUBBISH) -> None:
        super().__init__()
        if j != math.inf:
            check_positive("j", j)
        self.j = float(j)

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        _check(scores, labels)
        rubbish = scores.new_full((len(scores), 1), -self.j)
        return F.cross_entropy(torch.cat([scores, rubbish], dim=1), labels)  # eq. 9

    def extra_repr(self) -> str:
        return f"j={self.j:g}"


def squared_error(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over images of half the squared distance to the targets.

    The criterion of 1989 and 1990: the right class's output is taught +1, the other nine -1 (LeCun
    et al. 1990, p. 4). The papers say "mean squared error" without its factor; with one half, the
    second derivative with respect to an output is 1, as in the authors' later code (Lush).

    Parameters
    ----------
    scores
        ``(N, 10)``, usually squashed.
    labels
        ``(N,)`` int64.

    Examples
    --------
    >>> squared_error(torch.tensor([[-1.0, 0.0]]), torch.tensor([1]))  # 0 where 1 was wanted
    tensor(0.5000)
    """
    _check(scores, labels)
    right = torch.arange(scores.shape[1], device=scores.device) == labels[:, None]
    return 0.5 * (scores - torch.where(right, 1.0, -1.0)).square().sum(dim=1).mean()


def _check(scores: Tensor, labels: Tensor) -> None:
    check_kind("scores", scores, Tensor, "what a model gave out")
    if not scores.is_floating_point():
        raise TypeError(f"scores must be a float tensor, got {scores.dtype}")
    if scores.ndim != 2 or 0 in scores.shape:
        raise ValueError(f"scores must be a non-empty (N, classes), got {tuple(scores.shape)}")
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        check_labels(labels, len(scores))  # says what is wrong with them
    if labels.shape != scores.shape[:1]:
        shapes = f"{tuple(labels.shape)} labels for {tuple(scores.shape)} scores"
        raise ValueError(f"there must be one label for each row of scores, got {shapes}")
    if labels.is_cpu:  # a look at labels elsewhere would wait for the device at every step
        _check_range(labels, scores.shape[1])


def _check_range(labels: Tensor, classes: int) -> None:
    try:
        low, high = (extreme.item() for extreme in labels.aminmax())
    except RuntimeError:  # inside vmap, where there is no value to look at
        return
    if low < 0 or high >= classes:
        raise ValueError(f"labels must be from 0 to {classes - 1}, got {low} to {high}")
