"""Connected components of ink: which of them can be a digit, and which are a sheet of paper."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

__all__ = ["SMALL_SIDE", "Part", "kept", "sheet_of"]

SMALL_SIDE = 120  # pixels: at this size paper is looked at
SPECK_AREA, SPECK_SIDE = 0.008, 0.05  # of the largest component's, and what is no part of a digit
SMALLEST = 0.01  # of the picture's longer side: what is smaller is no digit in it
SHEET = 0.1  # of the longer side: the half-width of what is no stroke, but paper on a desk
TALL, GAP = 0.7, 0.2  # of the tallest part: a digit beside another, not a stroke of the same one
LEAST_FILLED = 0.85  # of the rectangle around a sheet; of the one around an ellipse, 0.785


class Part(NamedTuple):
    """A connected component of ink."""

    label: int
    area: int
    top: int
    left: int
    height: int
    width: int


def kept(parts: np.ndarray, box: tuple[slice, slice], count: int, plain: bool) -> list[Part]:
    """Return the components that can be a digit: no rules, frames, specks or edges of the paper."""
    areas = np.bincount(parts[box].ravel(), minlength=count + 1)
    top, left = box[0].start, box[1].start
    found = [
        Part(label, int(areas[label]), top + rows.start, left + columns.start,
             rows.stop - rows.start, columns.stop - columns.start)
        for label, (rows, columns) in enumerate(ndimage.find_objects(parts[box]), 1)
    ]  # fmt: skip
    if count == 1:
        return found
    height, width = parts.shape
    possible = [part for part in found if not _is_printed(part, parts)]
    least = 0.02 * max(height, width)
    if not any(max(part.height, part.width) >= least for part in possible):
        possible = found
    largest = max(possible, key=lambda part: part.area)
    side = max(largest.height, largest.width)
    if not plain and not _at_border(largest, parts.shape):
        possible = [part for part in possible if not _at_border(part, parts.shape)]
    if side < SMALLEST * max(height, width):
        raise ValueError("found no digit: only specks; crop the picture to the digit")
    limit = SPECK_AREA if plain else 0.03
    chosen = [
        part
        for part in possible
        if part.area > limit * largest.area and max(part.height, part.width) > SPECK_SIDE * side
    ]
    _check_single(chosen)
    return chosen


def _check_single(parts: list[Part]) -> None:
    """Refuse parts of about one height side by side, with a gap between them."""
    tallest = max(part.height for part in parts)
    tall = sorted((p for p in parts if p.height > TALL * tallest), key=lambda part: part.left)
    for i, right in enumerate(tall[1:], 1):
        gap = right.left - max(part.left + part.width for part in tall[:i])
        if gap > GAP * tallest:
            raise ValueError(
                "found no single digit: there are several side by side; cut the picture apart, "
                "one digit each"
            )


def _at_border(part: Part, shape: tuple[int, ...]) -> bool:
    return (
        part.top == 0
        or part.left == 0
        or part.top + part.height == shape[0]
        or part.left + part.width == shape[1]
    )


def _is_printed(part: Part, parts: np.ndarray) -> bool:
    """Tell what reaches along the border, or is a frame around the picture, or a line across."""
    height, width = parts.shape
    inside = parts[part.top : part.top + part.height, part.left : part.left + part.width]
    touching = [
        (part.top == 0, inside[0], width),
        (part.top + part.height == height, inside[-1], width),
        (part.left == 0, inside[:, 0], height),
        (part.left + part.width == width, inside[:, -1], height),
    ]
    along = sum(bool(on) and (line == part.label).sum() > 0.6 * side for on, line, side in touching)
    long = part.height > 0.7 * height or part.width > 0.7 * width
    thin = min(part.height, part.width) < 0.05 * max(height, width)
    hollow = part.area < 0.15 * part.height * part.width
    framing = part.height > 0.7 * height and part.width > 0.7 * width and hollow
    return bool(along) or framing or (long and thin)


def sheet_of(parts: np.ndarray) -> np.ndarray | None:
    """Return the pixels of a component that is much too thick for a stroke, without its edge."""
    if np.count_nonzero(parts) < 0.15 * parts.size:
        return None
    labels = np.bincount(parts.ravel())
    label = int(labels[1:].argmax()) + 1
    if labels[label] < 0.15 * parts.size:
        return None
    step = max(1, min(parts.shape) // SMALL_SIDE)
    thinned = np.pad(parts[::step, ::step] == label, 1)
    filled = ndimage.binary_fill_holes(thinned)
    if filled.sum() < LEAST_FILLED * _smallest_rectangle(filled):
        return None
    if ndimage.distance_transform_edt(thinned).max() * step < SHEET * max(parts.shape):
        return None
    filled = ndimage.binary_fill_holes(parts == label)
    sheet: np.ndarray = ndimage.binary_erosion(filled, iterations=4)
    return sheet if sheet.any() else None


def _smallest_rectangle(mask: np.ndarray) -> float:
    """Return the area of the smallest rectangle, turned by whole tens of degrees, around a mask."""
    outline = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    angles = np.deg2rad(np.arange(0, 90, 10))
    along = outline @ np.stack([np.cos(angles), np.sin(angles)])
    across = outline @ np.stack([-np.sin(angles), np.cos(angles)])
    return float(((np.ptp(along, axis=0) + 1) * (np.ptp(across, axis=0) + 1)).min())
