"""How a model does on a whole set of digits: its errors, counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from statistics import NormalDist
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .._checks import check_kind, check_labels, check_whole
from .._inputs import warn_if_unlike
from ..data.digits import Digits, class_names
from ..models.base import network_inside
from ..models.inside import device_of, evaluating
from ..models.outputs import check_no_penalties, check_scores

if TYPE_CHECKING:  # pandas is imported where a table is made: networks and training start without
    import pandas as pd

__all__ = ["Evaluation", "evaluate"]

BATCH = 200  # images; what a layer gives out for more does not fit into a processor's cache


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """How a model did on a set of digits; everything is counted over the whole set.

    As text it is "129 errors of 10,000 (1.29 %)".

    Attributes
    ----------
    scores
        ``(N, classes)`` float32, what the model gave out.
    labels
        ``(N,)`` int64, the truth.
    classes
        Their names, which the tables below have; None where they are called by their numbers.

    Raises
    ------
    FloatingPointError
        If a score is NaN, which no other can be compared with.
    """

    scores: Tensor
    labels: Tensor
    classes: Sequence[str] | None = None

    def __post_init__(self) -> None:
        check_kind("scores", self.scores, Tensor, "what a model gave out")
        shape = tuple(self.scores.shape)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"scores must be (N, classes), a column for each class, got {shape}")
        check_labels(self.labels, count=len(self.scores))
        classes = int(self.labels.max()) + 1  # at least: two are enough where two are told apart
        if shape[1] < classes:
            raise ValueError(f"scores must be (N, {classes}), a column for each class, got {shape}")
        unknown = int(self.scores.isnan().any(dim=1).sum())
        if unknown:
            raise FloatingPointError(
                f"the model answered {unknown} of {len(self.scores)} images with NaN. Most likely "
                "its training diverged: train it anew, with a tenth of the learning rate."
            )

    def __str__(self) -> str:
        errors = f"{self.errors:,} error{'' if self.errors == 1 else 's'}"
        return f"{errors} of {len(self.labels):,} ({self.error_rate:.2%})".replace("%", " %")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    @property
    def predictions(self) -> Tensor:
        """``(N,)`` int64, the class of the largest score; of equal ones the first."""
        return self.scores.argmax(dim=1)

    @property
    def mistakes(self) -> Tensor:
        """``(errors,)`` int64, the positions of the wrong answers."""
        return (self.predictions != self.labels).nonzero().squeeze(1)

    @property
    def errors(self) -> int:
        """Number of wrong answers."""
        return len(self.mistakes)

    @property
    def error_rate(self) -> float:
        """Share of wrong answers, 0 to 1."""
        return self.errors / len(self.labels)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return Wilson's confidence interval of the error rate, for digits drawn like these.

        It knows nothing of other seeds: train several to see their spread.

        Parameters
        ----------
        level
            Confidence, between 0 and 1.
        """
        if not isinstance(level, Real) or not 0 < level < 1:
            raise ValueError(f"level must be between 0 and 1, got {level!r}")
        z, n, p = NormalDist().inv_cdf((1 + level) / 2), len(self.labels), self.error_rate
        middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    def top_k_accuracy(self, k: int) -> float:
        """Return the share of digits whose true class is among the ``k`` largest scores.

        Of equal scores that of the smaller class comes first, as in ``predictions``.

        Raises
        ------
        ValueError
            If ``k`` is not from 1 to the number of classes.
        """
        check_whole("k", k)
        if k > self.scores.shape[1]:
            raise ValueError(f"k must be at most {self.scores.shape[1]}, got {k}")
        labels = self.labels[:, None]
        own, classes = self.scores.gather(1, labels), torch.arange(self.scores.shape[1])
        before = (self.scores > own) | ((self.scores == own) & (classes < labels))
        return (before.sum(dim=1) < k).double().mean().item()

    def rejected_share(self, wrong: float) -> float:
        """Return the share of digits to reject so that of the others at most ``wrong`` are wrong.

        Rejected are those whose two largest scores differ least (LeCun et al. 1998, preprint p.
        14), and of equal differences all. As in the papers the threshold is the best for these
        very digits, so that others may need more.

        Parameters
        ----------
        wrong
            Share of wrong answers among those that are accepted, 0 to 1: 0.005 in Fig. 10.

        Raises
        ------
        ValueError
            If ``wrong`` is not from 0 to 1, or there is one class alone.
        """
        if not isinstance(wrong, Real) or not 0 <= wrong <= 1:
            raise ValueError(f"wrong must be a share from 0 to 1, such as 0.005, got {wrong!r}")
        if self.scores.shape[1] < 2:
            raise ValueError("with one class there are no two scores to compare")
        first, second = self.scores.double().topk(2, dim=1).values.unbind(dim=1)
        gaps, order = (first - second).sort(descending=True, stable=True)
        errors = (self.predictions != self.labels)[order].cumsum(dim=0)
        accepted = torch.arange(1, len(order) + 1)
        # A threshold accepts all of equal differences, or none of them.
        last = torch.cat([gaps[1:] != gaps[:-1], torch.tensor([True])])
        good = last & (errors.double() <= wrong * accepted.double())
        return 1 - int((accepted * good).max()) / len(order)

    @property
    def confusion(self) -> pd.DataFrame:
        """Counts, a row for each true class and a column for each predicted one."""
        import pandas as pd

        classes = self.scores.shape[1]
        pairs = self.labels * classes + self.predictions
        counts = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        names = class_names(self.classes, classes)
        frame = pd.DataFrame(counts.numpy(), index=names, columns=names)
        return frame.rename_axis(index="true", columns="predicted")

    @property
    def per_class(self) -> pd.DataFrame:
        """A row for each class, with columns digits, errors, error_rate, precision, recall, f1."""
        import pandas as pd

        confusion = self.confusion.to_numpy()
        right, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
        names = class_names(self.classes, len(confusion))
        frame = pd.DataFrame({"digits": true, "errors": true - right}, index=names)
        frame["error_rate"] = frame["errors"] / frame["digits"]
        for name, of in {"precision": predicted, "recall": true}.items():
            frame[name] = right / pd.Series(of, names)  # NaN for a class never predicted, or absent
        frame["f1"] = 2 * right / pd.Series(true + predicted, names)
        return frame.rename_axis(index="class")


def evaluate(model: nn.Module, digits: Digits) -> Evaluation:
    """Run ``model`` over all of ``digits``, on the device it is on.

    Parameters
    ----------
    model
        Takes ``(N, C, H, W)`` images, gives a score for each class, ``(N, classes)``. It is left
        in the mode it was in. Of images that a network of this package is not for, an
        `InputWarning` tells.
    digits
        What it is to read.

    Returns
    -------
    Evaluation
        Errors, error rate with interval, top-k accuracy, confusion matrix, per-class figures and
        predictions.

    Raises
    ------
    FloatingPointError
        If the model gives out NaN.
    ValueError
        If it gives out the penalties of RBF units, of which the smallest is the answer, or has
        fewer scores than the labels need.

    Examples
    --------
    >>> model = LeNet5.from_pretrained("dist")
    >>> result = evaluate(model, load_mnist(for_=model).test[:1000])
    >>> print(result)
    9 errors of 1,000 (0.90 %)
    >>> result.mistakes[:3], result.top_k_accuracy(2)
    (tensor([247, 321, 449]), 0.997)
    """
    check_kind("model", model, nn.Module, "such as LeNet5()")
    hint = "load_mnist().test is one, and Digits(images, labels) makes one of tensors"
    check_kind("digits", digits, Digits, hint)
    check_no_penalties(model, digits.images)
    network = network_inside(model)
    if network is not None:
        warn_if_unlike(digits.images, network.trained_on, level=2)
    return scores_of(model, digits)


def scores_of(model: nn.Module, digits: Digits) -> Evaluation:
    """Do what `evaluate` does, without a look at what the images are like."""
    device, scores = device_of(model), []
    with evaluating(model):
        for batch in digits.images.split(BATCH):
            scores.append(model(batch.to(device)))
            if len(scores) == 1:  # to learn it now, and not after all of them
                check_scores(scores[0], digits.labels)
    return Evaluation(torch.cat(scores).cpu(), digits.labels.cpu(), digits.classes)
