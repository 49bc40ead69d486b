"""Digits as a pen's path, before they are pictures: what was lost of them, and drawing them.

Origin
    E. Alpaydin and F. Alimoglu, "Pen-Based Recognition of Handwritten Digits", UCI Machine Learning
    Repository, https://doi.org/10.24432/C5MG6K: 44 people wrote on a pressure-sensitive tablet
    with a cordless pen. What is kept of each digit are eight points of the pen's way.
Licence
    CC BY 4.0. Both of UCI's files are here, as one table of KEEL's, in KEEL's order, which does not
    tell the writers of one file from those of the other.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .._checks import check_finite, check_kind, check_positive
from .._devices import on_cpu
from .._files import ASSETS
from .scaling import BOX, FIELD, centred

__all__ = ["draw_paths", "lifted_ways", "pen_paths", "recovered_aspect"]

POINTS = 8
WIDTH = 2.5  # pixels, about that of MNIST's strokes
ASPECTS = np.exp(np.linspace(np.log(0.08), np.log(2.0), 60))  # tried: 5.5 % from one to the next
SHARP, STRAIGHT = 55.0, 30.0  # degrees: a turn of the pen, and none
AT_ONCE = 1_000  # paths drawn at a time: 25 MB


@on_cpu
def pen_paths() -> tuple[Tensor, Tensor]:
    """Return the 10,992 paths of the UCI pen digits, and what they show.

    Each path has eight points, at equal distances along the way that the pen went, in the order in
    which it went. The way of the lifted pen, from the end of a stroke to the beginning of the next,
    is part of it like any other. Afterwards both axes were stretched to 0..100 by themselves, so a
    1 is as wide as it is high.

    Returns
    -------
    tuple
        ``(10992, 8, 2)`` float32, each x to the right and y *upwards* from 0 to 100; and
        ``(10992,)`` int64.
    """
    with np.load(ASSETS / "digits" / "pen.npz") as file:
        return torch.from_numpy(file["paths"]).float(), torch.from_numpy(file["labels"]).long()


def recovered_aspect(paths: Tensor) -> Tensor:
    """Return by what x is to be multiplied to have each path's own width again.

    The points were laid at equal distances before the axes were stretched. So the right factor is
    the one that makes the steps from point to point alike: of sixty from 0.08 to 2, the one with
    the least mean distance of the steps from their median, in units of it. No label is looked at.

    Parameters
    ----------
    paths
        ``(N, 8, 2)`` float, as `pen_paths` gives them.

    Returns
    -------
    Tensor
        ``(N,)`` float32. Steps are chords, and a bent way is longer than its chord: hence no factor
        makes all alike, and the best is an estimate.
    """
    steps = np.diff(_as_array(paths), axis=1)  # (N, 7, 2)
    spread = []
    for aspect in ASPECTS:
        lengths = np.hypot(aspect * steps[..., 0], steps[..., 1])  # (N, 7)
        median = np.median(lengths, axis=1, keepdims=True)
        spread.append((np.abs(lengths - median) / np.maximum(median, 1e-9)).mean(axis=1))
    return torch.from_numpy(ASPECTS[np.argmin(spread, axis=0)]).float()


def lifted_ways(paths: Tensor) -> Tensor:
    """Guess which steps of each path the pen went above the tablet.

    A rule, by the shape alone and without labels. Steps are the way of a lifted pen if

    - they are one to three in a straight line (turns below 30 degrees), upwards or to the left,
    - at least two steps come before, and one to three after, these in a straight line too,
    - the pen turns sharply (by more than 55 degrees) before and after,
    - what comes after goes to the right or down: the bar of a 7, the top of a 5, the stem of a 4,
      the base of a 1.

    It was found by looking at digits that LeNet-5 misread, among these very paths.

    Parameters
    ----------
    paths
        ``(N, 8, 2)`` float, y upwards, with their own aspect: angles are measured.

    Returns
    -------
    Tensor
        ``(N, 7)`` bool.
    """
    points = _as_array(paths)
    steps = np.diff(points, axis=1)
    angles = np.degrees(np.arctan2(steps[..., 1], steps[..., 0]))
    turns = np.abs((np.diff(angles, axis=1) + 180) % 360 - 180)  # (N, 6)
    height = np.ptp(points[..., 1], axis=1)
    lifted = np.zeros(steps.shape[:2], dtype=bool)
    last = POINTS - 2  # of the steps
    for first in range(2, last):
        for end in range(first, min(first + 3, last)):
            if last - end > 3:
                continue
            inner = np.r_[first:end, end + 1 : last]
            found = (turns[:, first - 1] > SHARP) & (turns[:, end] > SHARP)
            found &= (turns[:, inner] < STRAIGHT).all(axis=1)
            way = points[:, end + 1] - points[:, first]
            found &= (way[:, 1] > -0.1 * height) & (way[:, 1] - way[:, 0] > 0.1 * height)
            stroke = points[:, -1] - points[:, end + 1]
            right = stroke[:, 0] > np.abs(stroke[:, 1])
            down = -stroke[:, 1] > 0.8 * np.abs(stroke[:, 0])
            lifted[found & (right | down), first : end + 1] = True
    return torch.from_numpy(lifted)


def draw_paths(paths: Tensor, lifted: Tensor | None = None, width: float = WIDTH) -> Tensor:
    """Draw paths as digits of MNIST's form: the longer side is 20 pixels, the ink in the middle.

    Parameters
    ----------
    paths
        ``(N, P, 2)`` float of any unit, x to the right and y upwards.
    lifted
        ``(N, P - 1)`` bool: steps that leave no ink; None where there are none.
    width
        Pixels of the pen's round tip.

    Returns
    -------
    Tensor
        ``(N, 28, 28)`` uint8, 0 for background and 255 for full ink: what `scale` takes.

    Raises
    ------
    TypeError, ValueError
        If ``paths`` or ``lifted`` is another tensor, a path leaves no ink, or the width is not
        between 0 and 20 pixels.

    Examples
    --------
    >>> one = torch.tensor([[[0.0, 100.0], [0.0, 0.0]]])
    >>> draw_paths(one, width=2.0)[0].count_nonzero(dim=0).max()
    tensor(20)
    """
    points = _as_array(paths, None)
    inked = np.ones((len(points), points.shape[1] - 1), dtype=bool)
    if lifted is not None:
        check_kind("lifted", lifted, Tensor, "lifted_ways(paths) makes one")
        if lifted.dtype != torch.bool or lifted.shape != inked.shape:
            raise ValueError(
                f"lifted must be bool of shape {inked.shape}, one for each step of each path, got "
                f"{lifted.dtype} {tuple(lifted.shape)}"
            )
        inked = ~lifted.cpu().numpy()
    if not inked.any(axis=1).all():
        raise ValueError("lifted must leave each path a step with ink, got one without; unmark it")
    check_positive("width", width)
    if width >= BOX:
        raise ValueError(f"width must be below {BOX} pixels, the digit's size, got {width}")
    parts = [
        _drawn(points[i : i + AT_ONCE], inked[i : i + AT_ONCE], width)
        for i in range(0, len(points), AT_ONCE)
    ]
    return centred(torch.from_numpy(np.concatenate(parts)))


def _drawn(points: np.ndarray, inked: np.ndarray, width: float) -> np.ndarray:
    """Return ``(N, 28, 28)`` uint8, the box in the middle: pixels by their distance to the way."""
    ends = np.stack([points[:, :-1], points[:, 1:]], axis=2)  # (N, steps, 2 ends, x and y)
    low = np.where(inked[..., None, None], ends, np.inf).min(axis=(1, 2))
    high = np.where(inked[..., None, None], ends, -np.inf).max(axis=(1, 2))
    # A path of one point alone stays a dot.
    factor = (BOX - width) / np.maximum((high - low).max(axis=1), 1e-9)
    middle = (low + high) / 2
    placed = (ends - middle[:, None, None]) * factor[:, None, None, None]
    placed[..., 1] *= -1  # rows are counted downwards
    placed = (placed + (FIELD - 1) / 2).astype(np.float32)
    row, column = np.mgrid[:FIELD, :FIELD].astype(np.float32)
    nearest = np.full((len(points), FIELD, FIELD), np.inf, dtype=np.float32)
    for step in range(inked.shape[1]):
        (x, y), (to_x, to_y) = placed[:, step].transpose(1, 2, 0)[..., None, None]
        along_x, along_y = to_x - x, to_y - y
        squared = np.maximum(along_x**2 + along_y**2, 1e-12)
        part = np.clip(((column - x) * along_x + (row - y) * along_y) / squared, 0, 1)
        distance = np.hypot(column - x - part * along_x, row - y - part * along_y)
        distance[~inked[:, step]] = np.inf
        np.minimum(nearest, distance, out=nearest)
    ink: np.ndarray = np.round(255 * np.clip(width / 2 + 0.5 - nearest, 0, 1)).astype(np.uint8)
    return ink


def _as_array(paths: object, count: int | None = POINTS) -> np.ndarray:
    check_kind("paths", paths, Tensor, "pen_paths() gives some")
    assert isinstance(paths, Tensor)
    shape = tuple(paths.shape)
    if paths.ndim != 3 or shape[2] != 2 or shape[1] < 2 or count not in (None, shape[1]):
        raise ValueError(
            f"paths must have shape (N, {count or 'points'}, 2), x and y of each point, got {shape}"
        )
    if not paths.is_floating_point() or not len(paths):
        raise TypeError(f"paths must be floats, at least one path, got {paths.dtype} {shape}")
    check_finite("the largest of paths", paths.abs().max().item())
    return paths.detach().cpu().double().numpy()
