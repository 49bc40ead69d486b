"""What is no digit, as strokes, for the class "rubbish": made from MNIST's digits and from chance.

Nothing here knows a letter. Points and lines are drawn by lot, and a few of the signs that come out
are letters all the same; a few are digits, and are taught as rubbish.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .marks import Stroke, resampled
from .strokes import Strokes, packed

__all__ = ["KINDS", "rubbish"]

LYING = tuple(range(1, 10))  # what is no digit when it lies on its side: a 0 is one
MIRRORED = (3, 4, 6, 7, 9)  # 0, 1 and 8 stay what they are, a 2 is nearly a 5
OVERTURNED = (3, 4, 7)  # a 6 is a 9, and 0, 1, 2, 5, 8 stay what they are
LATTICE = np.stack(np.meshgrid([0, 50, 100], [0, 50, 100]), axis=-1).reshape(-1, 2)


def rubbish(count: int, strokes: Strokes, labels: NDArray[np.int64], rng: Generator) -> Strokes:
    """Return the strokes of ``count`` things that are no digits, of all ``KINDS`` alike.

    ``strokes`` and ``labels`` are those of digits, of which some are made.
    """
    kinds = [KINDS[kind] for kind in rng.choice([*KINDS], count)]
    return packed(kind(strokes, labels, rng) for kind in kinds)


# --- By lot ---------------------------------------------------------------------------------------


def scribble(strokes: Strokes, labels: NDArray[np.int64], rng: Generator) -> list[Stroke]:
    """Return a line to and fro between 5 to 12 points, with corners or without."""
    points = rng.uniform(0, 100, (rng.integers(5, 13), 2))
    return [points.astype(np.float32) if rng.random() < 0.5 else _rounded(points)]


def heap(strokes: Strokes, labels: NDArray[np.int64], rng: Generator) -> list[Stroke]:
    """Return 3 to 6 lines that lie anyhow."""
    return [_line(*rng.uniform(0, 100, (2, 2)), rng) for _ in range(rng.integers(3, 7))]


def sign(strokes: Strokes, labels: NDArray[np.int64], rng: Generator) -> list[Stroke]:
    """Return 3 to 6 lines between points of a lattice of three by three, each from a line before.

    So lines stand, lie, slant, meet and cross, as in the signs of any script.
    """
    lattice = LATTICE * rng.uniform(0.4, 1.1, 2) + rng.normal(0, 4, LATTICE.shape)
    met, lines = [int(rng.integers(9))], {}
    count = rng.integers(3, 7)
    while len(lines) < count:
        start, end = int(rng.choice(met)), int(rng.integers(9))
        if start != end:
            lines[min(start, end), max(start, end)] = _line(lattice[start], lattice[end], rng)
            met.append(end)
    return [*lines.values()]


def _line(start: NDArray[np.float64], end: NDArray[np.float64], rng: Generator) -> Stroke:
    """Return a line, one in three of them bent."""
    bend = rng.uniform(-0.6, 0.6) if rng.random() < 1 / 3 else 0
    along = np.linspace(0, 1, 9)[:, None]
    across = np.array([start[1] - end[1], end[0] - start[0]])
    points = start + along * (end - start) + bend * np.sin(np.pi * along) * across
    return points.astype(np.float32)


def _rounded(points: NDArray[np.float64]) -> Stroke:
    """Cut the corners, three times (Chaikin 1974)."""
    for _ in range(3):
        near, far = 0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]
        points = np.stack([near, far], axis=1).reshape(-1, 2)
    return points.astype(np.float32)


# --- From digits ----------------------------------------------------------------------------------


def turned(strokes: Strokes, labels: NDArray[np.int64], rng: Generator) -> list[Stroke]:
    """Return a digit on its side, in a mirror or upside down, where that is no digit."""
    which, turn = [
        (LYING, ((0, 1), (-1, 0))),
        (LYING, ((0, -1), (1, 0))),
        (MIRRORED, ((-1, 0), (0, 1))),
        (OVERTURNED, ((-1, 0), (0, -1))),
    ][rng.integers(4)]
    matrix = np.array(turn, np.float32)
    return [stroke @ matrix for stroke in _digit(strokes, labels, which, rng)]


def crossed_out(strokes: Strokes, labels: NDArray[np.int64], rng: Generator) -> list[Stroke]:
    """Return a digit with a zigzag over it, or with two to four lines; not a 1, itself a line."""
    digit = _digit(strokes, labels, (0, *range(2, 10)), rng)
    if rng.random() < 0.5:
        points = rng.uniform(0, 1, (rng.integers(4, 8), 2))
        points[:, 0] = np.where(
            np.arange(len(points)) % 2, 1 - 0.2 * points[:, 0], 0.2 * points[:, 0]
        )
        lines = [points]
    else:
        lines = [_across(rng) for _ in range(rng.integers(2, 5))]
    corner, size = _frame(digit)
    return [*digit, *((corner + size * line).astype(np.float32) for line in lines)]


def upon_each_other(strokes: Strokes, labels: NDArray[np.int64], rng: Generator) -> list[Stroke]:
    """Return two digits, of which one has moved and none is a 1, in the same place."""
    below, above = (_digit(strokes, labels, (0, *range(2, 10)), rng) for _ in range(2))
    size = _frame(below)[1]
    by = (rng.choice([-1, 1], 2) * rng.uniform(0.25, 0.6, 2) * size).astype(np.float32)
    return [*below, *(stroke + by for stroke in above)]


def pieces(strokes: Strokes, labels: NDArray[np.int64], rng: Generator) -> list[Stroke]:
    """Return three pieces of digits' strokes, each turned anyhow, near one another."""
    found = []
    for _ in range(3):
        digit = _digit(strokes, labels, range(10), rng)
        stroke = max(digit, key=len)
        even = resampled(stroke, 20)
        start = rng.integers(0, 8)
        piece = even[start : start + rng.integers(8, 14)]
        angle = rng.uniform(0, 2 * np.pi)
        matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        found.append(
            ((piece - piece.mean(axis=0)) @ matrix + rng.uniform(0, 14, 2)).astype(np.float32)
        )
    return found


def _digit(
    strokes: Strokes, labels: NDArray[np.int64], which: Sequence[int], rng: Generator
) -> list[Stroke]:
    while True:
        place = int(rng.integers(len(labels)))
        if labels[place] in which and strokes[place]:
            return strokes[place]


def _frame(digit: list[Stroke]) -> tuple[Stroke, Stroke]:
    points = np.concatenate(digit)
    return points.min(axis=0), np.maximum(np.ptp(points, axis=0), 4)


def _across(rng: Generator) -> NDArray[np.float64]:
    """Return a line from one side of the unit square to the other."""
    ends = np.array([[-0.1, rng.uniform(0, 1)], [1.1, rng.uniform(0, 1)]])
    return ends if rng.random() < 0.5 else ends[:, ::-1]


KINDS = {
    kind.__name__: kind
    for kind in (scribble, heap, sign, turned, crossed_out, upon_each_other, pieces)
}
