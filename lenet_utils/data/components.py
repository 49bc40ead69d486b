"""Connected components of ink: which of them can be a digit, and which are a sheet of paper."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage

__all__ = [
    "SMALL_SIDE",
    "Part",
    "SeveralDigitsError",
    "check_single",
    "kept",
    "no_strokes",
    "sheet_of",
]

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
LEAST_FILLED = 0.85  # of a sheet, by the largest quadrilateral in it; of an ellipse, 0.64
LEAST_CONVEX = 0.93  # of the convex hull, by the sheet


class SeveralDigitsError(ValueError):
    """Raised where digits stand side by side."""


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
    found = _measured(parts, box, count)
    if count == 1:
        return found
    height, width = parts.shape
    possible = [part for part in found if not _is_printed(part, parts)]
    possible = [part for part in possible if not _is_around(part, possible, parts)]
    least = 0.02 * max(height, width)
    if not any(max(part.height, part.width) >= least for part in possible):
        if sum(_reach_across([part], parts.shape) for part in found) > 1:
            raise ValueError("found no digit: only lines across the picture")
        possible = found
    if not plain:
        possible = _inside(possible, parts)
    largest = max(possible, key=lambda part: part.area)
    side = max(largest.height, largest.width)
    if side < SMALLEST * max(height, width):
        raise ValueError("found no digit: only specks; crop the picture to the digit")
    limit = SPECK_AREA if plain else 0.03
    chosen = [largest]
    for part in sorted(possible, key=lambda part: part.area, reverse=True):
        is_speck = (
            part.area <= limit * largest.area or max(part.height, part.width) <= SPECK_SIDE * side
        )
        if part != largest and not is_speck and not _is_apart(part, chosen, side):
            chosen.append(part)
    return chosen


def _measured(parts: np.ndarray, box: tuple[slice, slice], count: int) -> list[Part]:
    """Return the area and the bounding box of each component in a box around all of them."""
    inside, top, left = parts[box], box[0].start, box[1].start
    if count == 1:  # the box is its own
        return [Part(1, int(np.count_nonzero(inside)), top, left, *inside.shape)]
    areas = np.bincount(inside.ravel(), minlength=count + 1)
    return [
        Part(label, int(areas[label]), top + rows.start, left + columns.start,
             rows.stop - rows.start, columns.stop - columns.start)
        for label, (rows, columns) in enumerate(ndimage.find_objects(inside), 1)
    ]  # fmt: skip


def check_single(parts: list[Part]) -> None:
    """Refuse parts of about one height side by side, with a gap between them."""
    tallest = max(part.height for part in parts)
    digits: list[list[Part]] = []
    end = -math.inf
    for part in sorted(parts, key=lambda part: part.left):  # pieces of a digit bridge its gaps
        if part.left - end > GAP * tallest:
            digits.append([])
        digits[-1].append(part)
        end = max(end, part.left + part.width)
    heights = [
        max(part.top + part.height for part in pieces) - min(part.top for part in pieces)
        for pieces in digits
    ]
    if sum(height > TALL * max(heights) for height in heights) > 1:
        raise SeveralDigitsError(
            "found no single digit: there are several side by side; cut the picture apart, "
            "one digit each"
        )


def _inside(possible: list[Part], parts: np.ndarray) -> list[Part]:
    """Leave out what reaches the border, such as a desk or a finger, if a digit is left.

    A digit that fills the picture reaches from one side to the opposite one, or its pieces do, some
    of them larger than those inside, and by the same pen.
    """
    shape = parts.shape
    at_border = [p for p in possible if _sides(p, shape) and not _reach_across([p], shape)]
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


def _thinned_out(parts: np.ndarray) -> tuple[np.ndarray, int]:
    """Return every so many-th pixel each way, with a margin, and how many."""
    step = max(1, min(parts.shape) // SMALL_SIDE)
    return np.pad(parts[::step, ::step], 1), step


def _widths(parts: np.ndarray) -> np.ndarray:
    """Return half of how wide each component is where it is widest, by its label."""
    small, step = _thinned_out(parts)
    depths = ndimage.distance_transform_edt(small > 0)
    labels = np.arange(int(parts.max()) + 1)
    widest: np.ndarray = step * np.asarray(ndimage.maximum(depths, small, labels))
    return widest


def no_strokes(chosen: list[Part], parts: np.ndarray) -> bool:
    """Tell whether any reaches across the picture, or is much too thick for a stroke."""
    if _reach_across(chosen, parts.shape):
        return True
    largest = max(chosen, key=lambda part: part.area)
    return _is_thick(parts, largest.label, largest.area)


def _is_thick(parts: np.ndarray, label: int, area: int) -> bool:
    """Tell whether a disc as wide as no stroke fits into a component."""
    radius = SHEET * max(parts.shape)
    if area < 3 * radius**2:  # quickly seen
        return False
    small, step = _thinned_out(parts)
    return bool(ndimage.distance_transform_edt(small == label).max() * step >= radius)


def _reach_across(parts: list[Part], shape: tuple[int, ...]) -> bool:
    """Tell whether any reaches from one side of the picture to the opposite one."""
    return any(part.height == shape[0] or part.width == shape[1] for part in parts)


def _sides(part: Part, shape: tuple[int, ...]) -> int:
    """Return how many of the picture's sides it reaches."""
    bottom, right = part.top + part.height, part.left + part.width
    return (part.top == 0) + (part.left == 0) + (bottom == shape[0]) + (right == shape[1])


def _is_apart(part: Part, digit: list[Part], side: int) -> bool:
    """Tell something low and thin that lies away from a digit's pieces: a blot, a binder's hole."""
    if part.height >= 0.5 * side or min(part.height, part.width) >= SMALL * side:
        return False
    return all(
        max(
            part.top - piece.top - piece.height,
            piece.top - part.top - part.height,
            part.left - piece.left - piece.width,
            piece.left - part.left - part.width,
        )
        > APART * side
        for piece in digit
    )


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
    if not _is_thick(parts, label, labels[label]):
        return None
    filled = ndimage.binary_fill_holes(_thinned_out(parts)[0] == label)
    if not _is_quadrilateral(filled):
        return None
    filled = ndimage.binary_fill_holes(parts == label)
    sheet: np.ndarray = ndimage.binary_erosion(filled, iterations=4)
    return sheet if sheet.any() else None


def _is_quadrilateral(mask: np.ndarray) -> bool:
    """Tell whether a mask is convex, and has four corners: paper seen aslant has, a digit not.

    Its outermost pixels in directions by fives of degrees are the corners of its convex hull.
    """
    outline = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    angles = np.deg2rad(np.arange(0, 360, 5))
    corners = outline[(outline @ np.stack([np.cos(angles), np.sin(angles)])).argmax(axis=0)]
    ways = corners - corners[:, None]  # from each corner to each other one
    twice = ways[..., 0, None] * ways[:, None, :, 1] - ways[..., 1, None] * ways[:, None, :, 0]
    quadrilateral = (twice.max(axis=2) - twice.min(axis=2)).max()  # the largest triangles aside
    hull = twice[0].diagonal(1).sum()  # from the first corner to each side
    area = 2 * np.count_nonzero(mask)
    return bool(quadrilateral > LEAST_FILLED * area and area > LEAST_CONVEX * hull)
