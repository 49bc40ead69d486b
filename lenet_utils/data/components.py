"""Connected components of ink: which of them can be a digit, and which are a sheet of paper."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

__all__ = ["SMALL_SIDE", "Part", "kept", "reach_across", "sheet_of"]

SMALL_SIDE = 120  # pixels: at this size paper is looked at
SPECK_AREA, SPECK_SIDE = 0.008, 0.05  # of the largest component's, and what is no part of a digit
SMALLEST = 0.01  # of the picture's longer side: what is smaller is no digit in it
SHEET = 0.1  # of the longer side: the half-width of what is no stroke, but paper on a desk
TALL, GAP = 0.7, 0.1  # of the tallest part: a digit beside another, not a stroke of the same one
DIGIT = 0.15  # of the picture's shorter side: what may be the digit if all else is at the border
WIDER = 1.5  # times: what is so much wider is not by the same pen
SMALL, APART = (
    0.3,
    0.25,
)  # of the digit's side: what is so small and so far from it is no part of it
IN_HOLE = 0.3  # of the shorter side of what is around: more than the dot that some put in a zero
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
    possible = [part for part in possible if not _is_around(part, possible, parts)]
    least = 0.02 * max(height, width)
    if not any(max(part.height, part.width) >= least for part in possible):
        if sum(reach_across([part], parts.shape) for part in found) > 1:
            raise ValueError("found no digit: only lines across the picture")
        possible = found
    if not plain:
        possible = _inside(possible, parts)
    largest = max(possible, key=lambda part: part.area)
    side = max(largest.height, largest.width)
    if side < SMALLEST * max(height, width):
        raise ValueError("found no digit: only specks; crop the picture to the digit")
    limit = SPECK_AREA if plain else 0.03
    chosen = [
        part
        for part in possible
        if part.area > limit * largest.area
        and max(part.height, part.width) > SPECK_SIDE * side
        and not _is_apart(part, largest)
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


def _inside(possible: list[Part], parts: np.ndarray) -> list[Part]:
    """Leave out what reaches the border, such as a desk or a finger, if a digit is left.

    A digit that fills the picture reaches from one side to the opposite one, or its pieces do, some
    of them larger than those inside, and by the same pen.
    """
    shape = parts.shape
    at_border = [p for p in possible if _sides(p, shape) and not reach_across([p], shape)]
    inner = [part for part in possible if part not in at_border]
    size = max((max(part.height, part.width) for part in inner), default=0)
    least = max([DIGIT * min(shape), *(0.3 * min(p.height, p.width) for p in at_border)])
    if not at_border or size < least:
        return possible
    widths = _widths(parts)
    pen = max(widths[part.label] for part in inner)
    return inner + [
        part
        for part in at_border
        if max(part.height, part.width) > 2 * size and widths[part.label] < WIDER * pen
    ]


def _widths(parts: np.ndarray) -> np.ndarray:
    """Return half of how wide each component is where it is widest, by its label."""
    step = max(1, min(parts.shape) // SMALL_SIDE)
    small = np.pad(parts[::step, ::step], 1)
    depths = ndimage.distance_transform_edt(small > 0)
    labels = np.arange(int(parts.max()) + 1)
    widest: np.ndarray = step * np.asarray(ndimage.maximum(depths, small, labels))
    return widest


def reach_across(parts: list[Part], shape: tuple[int, ...]) -> bool:
    """Tell whether any reaches from one side of the picture to the opposite one."""
    return any(part.height == shape[0] or part.width == shape[1] for part in parts)


def _sides(part: Part, shape: tuple[int, ...]) -> int:
    """Return how many of the picture's sides it reaches."""
    bottom, right = part.top + part.height, part.left + part.width
    return (part.top == 0) + (part.left == 0) + (bottom == shape[0]) + (right == shape[1])


def _is_apart(part: Part, largest: Part) -> bool:
    """Tell something low and thin that lies away from the digit: a blot, or a binder's hole."""
    side = max(largest.height, largest.width)
    down = max(part.top - largest.top - largest.height, largest.top - part.top - part.height)
    across = max(part.left - largest.left - largest.width, largest.left - part.left - part.width)
    low = part.height < 0.5 * side and min(part.height, part.width) < SMALL * side
    return low and max(down, across) > APART * side


def _is_around(part: Part, others: list[Part], parts: np.ndarray) -> bool:
    """Tell the cell of a form, or a ring drawn around a digit: something large is in its hole."""
    least = IN_HOLE * min(part.height, part.width)
    top, left = part.top, part.left
    within = [
        other
        for other in others
        if max(other.height, other.width) >= least
        and top < other.top < other.top + other.height < top + part.height
        and left < other.left < other.left + other.width < left + part.width
    ]
    if not within:
        return False
    inside = parts[top : top + part.height, left : left + part.width]
    filled = ndimage.binary_fill_holes(inside == part.label)
    return any(filled[inside == other.label].all() for other in within)


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
    if ndimage.distance_transform_edt(thinned).max() * step < SHEET * max(parts.shape):
        return None
    filled = ndimage.binary_fill_holes(thinned)
    if filled.sum() < LEAST_FILLED * _smallest_rectangle(filled):
        return None
    filled = ndimage.binary_fill_holes(parts == label)
    sheet: np.ndarray = ndimage.binary_erosion(filled, iterations=4)
    return sheet if sheet.any() else None


def _smallest_rectangle(mask: np.ndarray) -> float:
    """Return the area of the smallest rectangle, turned by fives of degrees, around a mask."""
    outline = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    angles = np.deg2rad(np.arange(0, 90, 5))
    along = outline @ np.stack([np.cos(angles), np.sin(angles)])
    across = outline @ np.stack([-np.sin(angles), np.cos(angles)])
    return float(((np.ptp(along, axis=0) + 1) * (np.ptp(across, axis=0) + 1)).min())
