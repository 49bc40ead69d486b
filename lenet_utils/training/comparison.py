"""Several seeds of two kinds of network: how far apart they are, and whether by chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Difference", "difference", "paired_difference", "student_t", "told_apart"]


class Difference(NamedTuple):
    """A difference of two means with its interval, in the units of what was compared."""

    mean: float
    """The first mean less the second."""
    low: float
    """Where the interval begins."""
    high: float
    """Where it ends."""

    @property
    def is_told_apart(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0

    def verdict(
        self,
        fewer: str = "fewer",
        more: str = "more",
        neither: str = "neither reliably more nor reliably fewer",
    ) -> str:
        """Return the word for the first beside the second; ``neither`` if they may be the same."""
        if not self.is_told_apart:
            return neither
        return fewer if self.high < 0 else more


def paired_difference(
    first: Iterable[float], second: Iterable[float], confidence: float = 0.95
) -> Difference:
    """Compare two kinds seed by seed: the mean of the differences, with Student's interval.

    What the members of a pair share, such as the order of the digits, cancels. The interval says
    what other seeds would give on the same test digits.

    Parameters
    ----------
    first, second
        A number for each seed, such as errors, in the same order of seeds.
    confidence
        How often such an interval covers the true difference, between 0 and 1.

    Source
    ------
    Student, The probable error of a mean, Biometrika 6 (1908), pp. 1-25.
    """
    a, b = _numbers("first", first), _numbers("second", second)
    if len(a) != len(b):
        raise ValueError(
            f"first and second must be pairs, got {len(a)} and {len(b)} numbers; "
            "leave out the seeds that only one of them has, or use difference"
        )
    d = a - b
    half = student_t(confidence, len(d) - 1) * d.std(ddof=1) / math.sqrt(len(d))
    return Difference(float(d.mean()), float(d.mean() - half), float(d.mean() + half))


def difference(
    first: Iterable[float], second: Iterable[float], confidence: float = 0.95
) -> Difference:
    """Compare two kinds whose seeds share nothing, with Welch's interval.

    Parameters
    ----------
    first, second
        A number for each seed, such as errors; there may be more of one than of the other.
    confidence
        How often such an interval covers the true difference, between 0 and 1, nearly.

    Source
    ------
    Welch, The generalization of 'Student's' problem when several different population variances
    are involved, Biometrika 34 (1947), pp. 28-35.
    """
    a, b = _numbers("first", first), _numbers("second", second)
    parts = [x.var(ddof=1) / len(x) for x in (a, b)]  # variances of the two means
    mean, variance = float(a.mean() - b.mean()), float(sum(parts))
    if variance == 0:
        return Difference(mean, mean, mean)
    freedom = variance**2 / sum(
        part**2 / (len(x) - 1) for part, x in zip(parts, (a, b), strict=True)
    )
    half = student_t(confidence, float(freedom)) * math.sqrt(variance)
    return Difference(mean, mean - half, mean + half)


def told_apart(
    pairs: Mapping[Any, tuple[Iterable[float], Iterable[float]]],
    compare: Callable[[Iterable[float], Iterable[float], float], Difference] = paired_difference,
    risk: float = 0.05,
) -> list[Any]:
    """Return the names of the comparisons that stand out of chance, by Holm's procedure.

    Of m comparisons each is asked first to leave out zero with an interval of ``1 - risk / m``.
    Those that do are told apart; the others, now fewer, are asked again with their own number,
    until none is added.

    Parameters
    ----------
    pairs
        By a name of its own, what each comparison compares: a number for each seed, and another.
    compare
        ``paired_difference``, or ``difference`` where the seeds share nothing.
    risk
        How often at most even one of them is told apart where there is no difference at all,
        between 0 and 1.

    Source
    ------
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6 (1979), pp. 65-70.
    """
    if not 0 < risk < 1:
        raise ValueError(f"risk must be between 0 and 1, such as 0.05, got {risk!r}")
    left = {name: (list(first), list(second)) for name, (first, second) in pairs.items()}
    found: list[Any] = []
    while left:
        confidence = 1 - risk / len(left)
        new = [n for n, pair in left.items() if compare(*pair, confidence).is_told_apart]
        if not new:
            break
        found += new
        left = {name: pair for name, pair in left.items() if name not in new}
    return found


def student_t(confidence: float, freedom: float) -> float:
    """Return the t that Student's distribution stays within, on both sides, so often.

    Parameters
    ----------
    confidence
        The share of the distribution between -t and t, between 0 and 1.
    freedom
        The degrees of freedom, 1 or more: for pairs one less than their number.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, such as 0.95, got {confidence!r}")
    if not 1 <= freedom < math.inf:
        raise ValueError(f"freedom must be 1 or more, got {freedom!r}; take two seeds or more")
    from scipy.special import stdtrit  # half a second, which most programs can do without

    return float(stdtrit(freedom, (1 + confidence) / 2))


def _numbers(name: str, values: Iterable[float]) -> NDArray[np.float64]:
    """Return a number for each seed; refuse what has no spread, or is no number."""
    numbers = np.asarray(list(values), dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) < 2:
        raise ValueError(f"{name} must be numbers of two seeds or more, got {numbers.tolist()}")
    if not np.isfinite(numbers).all():
        raise ValueError(
            f"{name} must be finite numbers, got {numbers.tolist()}; leave out missing seeds"
        )
    return numbers
