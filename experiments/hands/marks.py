"""What other hands do to a digit's strokes: marks of a script, and the lifted pen's way as ink."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

from .strokes import COMPILED, length

__all__ = ["mark", "resampled", "with_lifts"]

Stroke = NDArray[np.float32]

CORNER = 60.0  # degrees; a stroke is parted where it turns by more
IN_TWO = (1, 4, 5, 7)  # the digits that many write in two strokes


def mark(strokes: list[Stroke], label: int, rng: Generator) -> list[Stroke]:
    """Give a 1 a flag or a base or both, a 7 a bar, a 9 a hook, a 4 a short and low stem.

    Only where the digit has room for it: no bar for a 7 that is barred, no hook for a 9 that bends.
    """
    points = np.concatenate(strokes)
    top = points[:, 1].min()
    height = max(points[:, 1].max() - top, 6.0)
    if label == 1:
        which, narrow = rng.random(), np.ptp(points[:, 0]) < 0.75 * height
        flagged = _flagged(strokes, height, rng) if which < 0.8 and narrow else strokes
        return [*flagged, _base(points, height, rng)] if which > 0.5 else flagged
    if label == 7:
        return [*strokes, *_bar(points, top, height, rng)]
    if label == 4 and len(strokes) > 1:
        return _with_short_stem(strokes, top, height, rng)
    return _hooked(strokes, top, height, rng) if label == 9 else strokes


def _row(*points: tuple[float, float]) -> Stroke:
    return np.array(points, np.float32)


def _replaced(strokes: list[Stroke], place: int, new: Stroke) -> list[Stroke]:
    return [*strokes[:place], new, *strokes[place + 1 :]]


def _downwards(stroke: Stroke) -> Stroke:
    return stroke[::-1] if stroke[0, 1] > stroke[-1, 1] else stroke


def _flagged(strokes: list[Stroke], height: float, rng: Generator) -> list[Stroke]:
    place = max(range(len(strokes)), key=lambda i: length(strokes[i]))
    stem = _downwards(strokes[place])
    angle, far = math.radians(rng.uniform(10, 60)), height * rng.uniform(0.2, 0.7)
    (x, y), dx, dy = stem[0], far * math.cos(angle), far * math.sin(angle)
    flag = _row((x - dx, y + dy), (x - dx / 2, y + dy / 2 + rng.uniform(-0.04, 0.04) * height))
    return _replaced(strokes, place, np.concatenate([flag, stem]))


def _base(points: Stroke, height: float, rng: Generator) -> Stroke:
    x, y = points[points[:, 1].argmax()]
    wide, share = height * rng.uniform(0.25, 0.85), rng.uniform(0.3, 0.7)
    tilt = rng.uniform(-0.05, 0.05) * height
    return _row((x - share * wide, y + tilt), (x + (1 - share) * wide, y - tilt))


def _bar(points: Stroke, top: float, height: float, rng: Generator) -> Iterator[Stroke]:
    y = top + height * rng.uniform(0.42, 0.74)
    near = points[np.abs(points[:, 1] - y) < 0.06 * height, 0]
    if len(near) and np.ptp(near) < 0.3 * height:
        x, half = near.mean(), height * rng.uniform(0.2, 0.42)
        share, tilt = rng.uniform(0.8, 1.2), rng.uniform(-0.1, 0.06) * height
        yield _row((x - half * share, y - tilt), (x + half * (2 - share), y + tilt))


def _with_short_stem(
    strokes: list[Stroke], top: float, height: float, rng: Generator
) -> list[Stroke]:
    def to_the_right(i: int) -> float:
        return strokes[i][:, 0].mean() + 0.3 * strokes[i][:, 1].max()

    place = max(range(len(strokes)), key=to_the_right)
    rest = strokes[place][strokes[place][:, 1] > top + height * rng.uniform(0.15, 0.45)]
    whole = len(rest) > 6 and np.abs(np.diff(rest, axis=0)).max() < 2.5  # not cut in two
    return _replaced(strokes, place, rest) if whole else strokes


def _hooked(strokes: list[Stroke], top: float, height: float, rng: Generator) -> list[Stroke]:
    place = max(range(len(strokes)), key=lambda i: strokes[i][:, 1].max())
    stem = _downwards(strokes[place])
    x, y = stem[-1]
    if y < top + 0.85 * height or stem[:, 1].argmax() < len(stem) - 5:
        return strokes
    far, along = height * rng.uniform(0.25, 0.75), np.linspace(0.2, 1, 5)
    deep, rise = rng.uniform(0.05, 0.3), rng.uniform(-0.1, 0.35)
    bend = deep * np.sin(np.pi * np.minimum(1.3 * along, 1)) - rise * np.maximum(along - 0.55, 0)
    hook = np.stack([x - far * along, y + far * bend], axis=1)
    return _replaced(strokes, place, np.concatenate([stem, hook]).astype(np.float32))


def with_lifts(strokes: list[Stroke], label: int, rng: Generator) -> list[Stroke]:
    """Return a 1, 4, 5 or 7 in one stroke: the way of the lifted pen is ink, as in a pen's path."""
    if label not in IN_TWO:
        return strokes
    parts: list[Stroke] = []
    for stroke in strokes:
        parted = label in (4, 5) and rng.random() < 0.7
        parts += _parted_at_corner(stroke) if parted else [stroke]
    parts = [_as_written(part) for part in parts if length(part) > 1.5] or strokes
    if label == 7:
        parts.sort(key=lambda part: part[:, 1].min())  # the bar is last
    elif label == 4:
        parts.sort(key=lambda part: part[:, 0].min())  # the stem is last
    else:
        parts.sort(key=length, reverse=True)
    return [np.concatenate(parts)]


def _as_written(part: Stroke) -> Stroke:
    """Turn it so that it goes down, or to the right."""
    right, down = part[-1] - part[0]
    return part[::-1] if 0.6 * right + down < 0 else part


def _parted_at_corner(stroke: Stroke) -> list[Stroke]:
    far = 3  # pixels each way over which a turn is measured
    even = resampled(stroke, max(6, int(length(stroke))))
    steps = even[far:] - even[:-far]
    angles = np.degrees(np.arctan2(steps[:, 1], steps[:, 0]))
    turns = np.abs((angles[far:] - angles[:-far] + 180) % 360 - 180)
    if len(turns) < 3 or turns.max() <= CORNER:
        return [stroke]
    corner = turns.argmax() + far
    return [even[: corner + 1], even[corner:]]


@njit(**COMPILED)
def resampled(stroke, pieces):
    """Return ``pieces + 1`` points along the stroke, at equal distances."""
    way = np.zeros(len(stroke))
    for i in range(1, len(stroke)):
        way[i] = way[i - 1] + math.hypot(
            stroke[i, 0] - stroke[i - 1, 0], stroke[i, 1] - stroke[i - 1, 1]
        )
    at = np.linspace(0, way[-1], pieces + 1)
    points = np.empty((pieces + 1, 2), np.float32)
    points[:, 0] = np.interp(at, way, stroke[:, 0])
    points[:, 1] = np.interp(at, way, stroke[:, 1])
    return points
