"""Strokes to pixels again: another hand's digit, drawn by another pen, in MNIST's form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

from .marks import Stroke, mark, resampled, with_lifts
from .strokes import COMPILED, Strokes, length, packed

__all__ = ["HAND", "PEN", "Hand", "Pen", "draw", "redrawn", "rewritten"]

SIDE, BOX = 28, 20  # of MNIST's images, and of what each digit fills
MIDDLE = (SIDE - 1) / 2
ROUGHNESS = 0.012  # of a digit's height: how far an angular one's points lie beside its line


class Hand(NamedTuple):
    """How others write.

    Attributes
    ----------
    marks, lifts, angular
        Shares of the digits: with the marks of another script, with the lifted pen's way as ink, of
        a few straight pieces.
    fewest, most
        Pieces of an angular digit.
    """

    marks: float = 0.6
    lifts: float = 0.6
    angular: float = 0.5
    fewest: int = 6
    most: int = 11


class Pen(NamedTuple):
    """How a digit is drawn.

    Attributes
    ----------
    stretched
        Share of the digits made as wide as high, or on the way there, as in forms and pens' paths.
    slant, turn, squeeze
        Largest shear and turn (radians); standard deviation of the width's logarithm.
    thinnest, thickest
        Width of the line, in pixels.
    softest
        Largest width of its edge, from 1, which is sharp.
    smallest
        Size, as a share of the 20x20 box; from there to all of it.
    """

    stretched: float = 0.45
    slant: float = 0.3
    turn: float = 0.12
    squeeze: float = 0.15
    thinnest: float = 1.5
    thickest: float = 4.5
    softest: float = 3.0
    smallest: float = 0.9


HAND, PEN = Hand(), Pen()


# --- Other hands ----------------------------------------------------------------------------------


def rewritten(strokes: Strokes, labels: NDArray[np.int64], hand: Hand, rng: Generator) -> Strokes:
    """Return the strokes of all digits as others would write them, by chance."""

    def written() -> Iterator[list[Stroke]]:
        for i, label in enumerate(labels):
            yield _rewritten(strokes[i], label, hand, rng) if strokes[i] else []

    return packed(written())


def _rewritten(strokes: list[Stroke], label: int, hand: Hand, rng: Generator) -> list[Stroke]:
    if rng.random() < hand.marks:
        strokes = mark(strokes, label, rng)
    if rng.random() < hand.lifts:
        strokes = with_lifts(strokes, label, rng)
    if rng.random() < hand.angular:
        strokes = _angular(strokes, rng.integers(hand.fewest, hand.most + 1), rng)
    return strokes


def _angular(strokes: list[Stroke], pieces: int, rng: Generator) -> list[Stroke]:
    """Return strokes of so many straight pieces in all, their ends not quite where they were."""
    lengths = [length(stroke) for stroke in strokes]
    off = ROUGHNESS * max(np.ptp(np.concatenate(strokes)[:, 1]), 6.0)
    rough = []
    for stroke, own in zip(strokes, lengths, strict=True):
        if own > 0.5:
            even = resampled(stroke, max(1, round(pieces * own / sum(lengths))))
            rough.append(even + rng.normal(0, off, even.shape).astype(np.float32))
    return rough or strokes


# --- Other pens -----------------------------------------------------------------------------------


def redrawn(
    strokes: Strokes, which: NDArray[np.int64], pen: Pen, rng: Generator
) -> NDArray[np.float32]:
    """Return ``(len(which), 28, 28)``, 0 to 1: those of the digits, each drawn by chance.

    A digit that has no strokes, such as a dot, comes out empty.
    """
    count = len(which)
    turn, slant = (rng.uniform(-limit, limit, count) for limit in (pen.turn, pen.slant))
    squeeze = np.exp(rng.normal(0, pen.squeeze, count))
    wholly = np.where(rng.random(count) < 0.6, 1, rng.random(count))
    stretch = np.where(rng.random(count) < pen.stretched, wholly, 0)
    size = BOX * rng.uniform(pen.smallest, 1, count)
    width = rng.uniform(pen.thinnest, pen.thickest, count)
    soft = rng.uniform(1, pen.softest, count)
    images = np.zeros((count, SIDE, SIDE), np.float32)
    drawn = np.stack([turn, slant, squeeze, stretch, size, width, soft], axis=1)
    _redraw(strokes.points, strokes.strokes, strokes.digits, which, drawn, images)
    return images


@njit(**COMPILED)
def _redraw(points, strokes, digits, which, drawn, images):
    for n in range(len(which)):
        begins = strokes[digits[which[n]] : digits[which[n] + 1] + 1]
        if len(begins) > 1:
            turn, slant, squeeze, stretch, size, width, soft = drawn[n]
            own = points[begins[0] : begins[-1]].copy()
            _move(own, turn, slant, squeeze)
            _fit(own, stretch, size - width)
            draw(own, begins - begins[0], width, soft, images[n])
            _centre(images[n])


@njit(**COMPILED)
def _move(points, turn, slant, squeeze):
    cosine, sine = math.cos(turn), math.sin(turn)
    for i in range(len(points)):
        x, y = points[i, 0] + slant * points[i, 1], points[i, 1]
        points[i, 0], points[i, 1] = squeeze * (cosine * x - sine * y), sine * x + cosine * y


@njit(**COMPILED)
def _fit(points, stretch, room):
    """Put the points in the middle and make their longer side ``room`` long.

    Before, the sides are made equal, or where ``stretch`` is below 1, less unequal.
    """
    left, right = points[:, 0].min(), points[:, 0].max()
    top, bottom = points[:, 1].min(), points[:, 1].max()
    across, down = max(right - left, 0.5), max(bottom - top, 0.5)
    wider = (down / across) ** stretch
    by = room / max(across * wider, down)
    points[:, 0] = (points[:, 0] - (left + right) / 2) * by * wider + MIDDLE
    points[:, 1] = (points[:, 1] - (top + bottom) / 2) * by + MIDDLE


@njit(**COMPILED)
def draw(points, begins, width, soft, image):
    """Draw strokes of this ``width``, edges ``soft`` pixels wide, into an image of zeros.

    Stroke i is ``points[begins[i]:begins[i + 1]]``. A pixel is as dark as its middle lies inside
    the line; with ``soft`` 1 that is nearly the share of it that the line covers.
    """
    rows, columns = image.shape
    reach = (width + soft) / 2
    for s in range(len(begins) - 1):
        last = begins[s + 1] - 1
        for i in range(begins[s], max(last, begins[s] + 1)):
            (x0, y0), (x1, y1) = points[i], points[min(i + 1, last)]
            dx, dy = x1 - x0, y1 - y0
            square = max(dx * dx + dy * dy, 1e-9)
            first_row, last_row = min(y0, y1) - reach, max(y0, y1) + reach
            first_column, last_column = min(x0, x1) - reach, max(x0, x1) + reach
            for y in range(max(0, math.ceil(first_row)), min(rows - 1, int(last_row)) + 1):
                for x in range(
                    max(0, math.ceil(first_column)), min(columns - 1, int(last_column)) + 1
                ):
                    along = min(max(((x - x0) * dx + (y - y0) * dy) / square, 0), 1)
                    far = math.hypot(x0 + along * dx - x, y0 + along * dy - y)
                    ink = min(max((width / 2 - far) / soft + 0.5, 0), 1)
                    image[y, x] = max(image[y, x], ink)


@njit(**COMPILED)
def _centre(image):
    """Move the image by whole pixels: its centre of mass to the middle, no ink over the edge."""
    rows, columns = image.sum(axis=1), image.sum(axis=0)
    mass, numbers = rows.sum(), np.arange(SIDE)
    inked_rows, inked_columns = np.flatnonzero(rows), np.flatnonzero(columns)
    if len(inked_rows) == 0:
        return
    down = round(MIDDLE - (rows * numbers).sum() / mass)
    right = round(MIDDLE - (columns * numbers).sum() / mass)
    down = min(max(down, -inked_rows[0]), SIDE - 1 - inked_rows[-1])
    right = min(max(right, -inked_columns[0]), SIDE - 1 - inked_columns[-1])
    old = image.copy()
    image[:] = 0
    for y in range(inked_rows[0], inked_rows[-1] + 1):
        for x in range(inked_columns[0], inked_columns[-1] + 1):
            image[y + down, x + right] = old[y, x]
