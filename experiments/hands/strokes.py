"""From pixels to strokes: thin a digit to its middle lines, then follow these as a pen might.

Points are (x, y) in pixels of the image, y downwards, and a pixel's middle has whole numbers. The
strokes of a digit are a list of arrays of shape (points, 2), float32. Compiled functions get such
arrays only, never lists of them: those Numba 0.68 spoils.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from numpy.typing import NDArray

__all__ = ["COMPILED", "Strokes", "length", "packed", "strokes_of", "thin"]

COMPILED = {"cache": True, "nogil": True}
FINER = 2  # a digit is enlarged as many times first, for a line two pixels wide has no middle one
INK = 110  # of 255, from which on a pixel of the enlarged digit is ink
JUMP = 4.2  # pixels of the enlarged digit over which a line goes straight on across another
STRAIGHT = 0.75  # cosine, from which on that is straight on
GAP = 2.6  # pixels of the digit; ends as near as this are one stroke


@dataclass(frozen=True)
class Strokes:
    """The strokes of many digits in one row of points.

    Attributes
    ----------
    points
        ``(P, 2)`` float32, of all strokes of all digits.
    strokes
        ``(S + 1,)``: where each stroke begins among the points, and the end.
    digits
        ``(N + 1,)``: where each digit's strokes begin among the strokes, and the end.
    """

    points: NDArray[np.float32]
    strokes: NDArray[np.int64]
    digits: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.digits) - 1

    def __getitem__(self, digit: int) -> list[NDArray[np.float32]]:
        begins = self.strokes[self.digits[digit] : self.digits[digit + 1] + 1]
        return [self.points[a:b] for a, b in pairwise(begins)]


def packed(digits: Iterable[list[NDArray[np.float32]]]) -> Strokes:
    """Return the strokes of many digits in one."""
    points, counts, per_digit = [np.zeros((0, 2), np.float32)], [0], [0]
    for digit in digits:
        points += digit
        counts += [len(stroke) for stroke in digit]
        per_digit.append(len(digit))
    return Strokes(np.concatenate(points), np.cumsum(counts), np.cumsum(per_digit))


def strokes_of(pixels: NDArray[np.uint8]) -> Strokes:
    """Return the strokes of ``(N, 28, 28)`` bytes, 255 for ink."""
    return packed(_joined(followed(thin(bitmap))) for bitmap in _enlarged(pixels))


def followed(skeleton: NDArray[np.bool_]) -> list[NDArray[np.float32]]:
    """Return the strokes in a skeleton of an enlarged digit, in the digit's own pixels."""
    path, begins = _follow(skeleton)
    points = ((path[:, ::-1] + 0.5) / FINER - 0.5).astype(np.float32)
    return [_smooth(points[a:b]) for a, b in pairwise(begins)]


def _enlarged(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.bool_]]:
    for some in torch.from_numpy(pixels).split(1_000):
        large = F.interpolate(some[:, None].float(), scale_factor=FINER, mode="bicubic")
        yield from (large[:, 0] > INK).numpy()


def _smooth(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make the steps between pixels even."""
    if len(points) > 4:
        for _ in range(2):
            points[1:-1] = (points[:-2] + 2 * points[1:-1] + points[2:]) / 4
    return points


def _joined(strokes: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Return the strokes, those with ends no further apart than ``GAP`` made one."""
    for i, j in permutations(range(len(strokes)), 2):
        for first in (strokes[i], strokes[i][::-1]):
            for second in (strokes[j], strokes[j][::-1]):
                if math.dist(first[-1], second[0]) <= GAP:
                    rest = [stroke for k, stroke in enumerate(strokes) if k not in (i, j)]
                    return _joined([*rest, np.concatenate([first, second])])
    return strokes


@njit(**COMPILED)
def thin(ink):
    """Return the skeleton of a bitmap: Zhang and Suen 1984, Communications of the ACM 27, p. 236.

    Lines one pixel wide, connected as the ink is. What touches the border counts as ink before
    paper.
    """
    rows, columns = ink.shape
    kept = np.zeros((rows + 2, columns + 2), np.bool_)
    kept[1:-1, 1:-1] = ink
    doomed = np.zeros_like(kept)
    ring = np.zeros(9, np.bool_)  # the neighbours from the upper one on, clockwise, and it again
    changed = True
    while changed:
        changed = False
        for second in (False, True):
            for y in range(1, rows + 1):
                for x in range(1, columns + 1):
                    doomed[y, x] = kept[y, x] and _removable(kept, y, x, ring, second)
            for y in range(1, rows + 1):
                for x in range(1, columns + 1):
                    if doomed[y, x]:
                        kept[y, x] = False
                        changed = True
    return kept[1:-1, 1:-1].copy()


@njit(**COMPILED)
def _removable(kept, y, x, ring, second):
    ring[0], ring[1], ring[2] = kept[y - 1, x], kept[y - 1, x + 1], kept[y, x + 1]
    ring[3], ring[4], ring[5] = kept[y + 1, x + 1], kept[y + 1, x], kept[y + 1, x - 1]
    ring[6], ring[7], ring[8] = kept[y, x - 1], kept[y - 1, x - 1], kept[y - 1, x]
    inked = entries = 0
    for i in range(8):
        inked += ring[i]
        entries += ring[i + 1] and not ring[i]
    up, right, down, left = ring[0], ring[2], ring[4], ring[6]
    if second:
        free = not (up and right and left) and not (up and down and left)
    else:
        free = not (up and right and down) and not (right and down and left)
    return 2 <= inked <= 6 and entries == 1 and free


@njit(**COMPILED)
def _follow(skeleton):
    """Return the pixels (y, x) of all strokes in a row, and where each stroke begins and ends.

    A stroke begins at a line's free end, the topmost before others, goes on as straight as it can,
    also across another line, and ends where nothing is left. Crumbs are left out.
    """
    left, crowd = skeleton.copy(), _neighbours(skeleton)
    path = np.zeros((2 * skeleton.sum() + 2, 2), np.int64)  # each pixel once, and loops' ends
    begins = np.zeros(skeleton.sum() + 1, np.int64)
    strokes = begin = 0
    while True:
        y, x = _start(left, crowd)
        if y < 0:
            return path[:begin].copy(), begins[: strokes + 1].copy()
        end = begin
        while y >= 0:
            path[end] = y, x
            left[y, x] = False
            if end > begin:
                _clear_beside(left, crowd, path[end], path[end - 1])
            end += 1
            y, x = _next(left, path[begin:end])
        if end - begin > 8 and np.abs(path[begin] - path[end - 1]).max() <= 3:  # close the loop
            path[end] = path[begin]
            end += 1
        if end - begin >= 4 or (strokes == 0 and not left.any()):
            begin = end
            strokes += 1
            begins[strokes] = end


@njit(**COMPILED)
def _neighbours(skeleton):
    rows, columns = skeleton.shape
    count = np.zeros(skeleton.shape, np.int64)
    for y in range(rows):
        for x in range(columns):
            around = skeleton[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
            count[y, x] = around.sum() - skeleton[y, x]
    return count


@njit(**COMPILED)
def _start(left, crowd):
    """Return the pixel to begin with; (-1, -1) where none is left."""
    rows, columns = left.shape
    best, lowest = (-1, -1), math.inf
    now = _neighbours(left)
    for y in range(rows):
        for x in range(columns):
            if left[y, x]:
                kind = 0 if crowd[y, x] == 1 else 1 if now[y, x] <= 1 else 2
                rank = 1_000 * kind + y + 0.2 * x
                if rank < lowest:
                    best, lowest = (y, x), rank
    return best


@njit(**COMPILED)
def _next(left, path):
    """Return the pixel to go on to; (-1, -1) where the stroke ends."""
    rows, columns = left.shape
    y, x = path[-1]
    dy, dx = y - path[max(len(path) - 5, 0), 0], x - path[max(len(path) - 5, 0), 1]
    come = math.hypot(dy, dx)
    best, highest = (-1, -1), -math.inf
    for b in range(max(y - 4, 0), min(y + 5, rows)):
        for a in range(max(x - 4, 0), min(x + 5, columns)):
            if not left[b, a]:
                continue
            far = math.hypot(b - y, a - x)
            cosine = ((b - y) * dy + (a - x) * dx) / (far * come) if come else 0.0
            if far > JUMP or (far > 1.5 and (cosine < STRAIGHT or len(path) < 3)):
                continue
            if cosine - far > highest:
                best, highest = (b, a), cosine - far
    return best


@njit(**COMPILED)
def _clear_beside(left, crowd, here, before):
    """Take away what lies beside the way at crossings, where lines are more than a pixel wide."""
    rows, columns = left.shape
    (y, x), (v, u) = here, before
    for b in range(max(y - 1, v - 1, 0), min(y + 2, v + 2, rows)):
        for a in range(max(x - 1, u - 1, 0), min(x + 2, u + 2, columns)):
            if crowd[b, a] >= 3:
                left[b, a] = False


@njit(**COMPILED)
def length(stroke):
    """Return a stroke's length in pixels."""
    total = 0.0
    for i in range(1, len(stroke)):
        total += math.hypot(stroke[i, 0] - stroke[i - 1, 0], stroke[i, 1] - stroke[i - 1, 1])
    return total
