"""Telling ink from paper: where in a picture is the digit, and how much ink is at each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

__all__ = ["Found", "all_ink", "find_digit"]

FAINTEST_SEEN = 16  # of 255: less a person would not see
FAINTEST_UNEVEN = 0.2  # of the paper's brightness: what remains of uneven light is no ink
BLANK = "found no digit: the picture is blank, or too faint to tell ink from paper"
FAINTEST = 0.1  # ink below this share of the darkest is paper, in a picture without noise
HALF = 0.35  # and in a photograph: shadows, printed lines and compression are fainter
NOISES = 5  # standard deviations of the paper that are no ink
EVEN = 7  # of 255: paper that differs by less is of one colour
SMALL_SIDE = 120  # pixels: at this size paper is looked at
WIDEST_STROKE = 0.25  # of the picture's shorter side
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


@dataclass(frozen=True, eq=False)
class Found:
    """What was seen on the way from a picture to its digit.

    Attributes
    ----------
    paper
        ``(h, w)`` how bright the paper is along the colour that tells ink from it.
    ink
        ``(h, w)`` how much ink is at each pixel, 0 to 1, paper taken away.
    parts
        ``(h, w)`` the connected components, numbered from 1; 0 is paper.
    digit
        ``(h, w)`` the ink of those that can be a digit.
    """

    paper: np.ndarray
    ink: np.ndarray
    parts: np.ndarray
    digit: np.ndarray


def all_ink(grey: np.ndarray) -> np.ndarray:
    """Return how much ink is at each pixel, 0 to 1, whichever of paper and ink is the darker."""
    grey = grey.astype(np.float32)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = np.median(border)
    ink = paper - grey if paper - grey.min() >= grey.max() - paper else grey - paper
    strongest = ink.max()
    if strongest < FAINTEST_SEEN:
        raise ValueError("found nothing: the picture is blank, or too faint to tell from paper")
    return np.where(ink < FAINTEST * strongest, 0, ink / strongest)


def find_digit(colours: np.ndarray) -> Found:
    """Return where the ink of the digit is.

    Paper is what lies around the ink: one colour where the picture's border is of one, otherwise
    estimated place by place, so that light may fall unevenly. Ink is what differs from it in the
    direction, among red, green and blue, in which the strongest differences lie.

    Parameters
    ----------
    colours
        ``(h, w, 3)`` bytes, or ``(h, w)`` of a grey picture.

    Raises
    ------
    ValueError
        If there is no ink, only specks, or more than one digit.
    """
    if colours.ndim == 2:
        colours = colours[..., None]
    found = _found(colours)
    sheet = _sheet(found.parts)
    if sheet is not None:  # paper that lies on something: look again, at the paper alone
        inside = colours.copy()
        inside[~sheet] = np.median(colours[sheet], axis=0)
        rows, columns = _extent(sheet, 1), _extent(sheet, 0)
        try:
            return find_digit(inside[rows, columns])
        except ValueError:  # nothing is written on it, so it was no paper
            pass
    return found


def _found(colours: np.ndarray) -> Found:
    plain, noise, paper, ink = _difference(colours)
    strongest = ink.max() if plain else _strongest(ink)
    if strongest < max(FAINTEST_SEEN, 0 if plain else 1.5 * NOISES * noise):
        raise ValueError(BLANK)
    least = FAINTEST * strongest if plain else max(HALF * strongest, NOISES * noise)
    mask = ink >= least
    box = _extent(mask, 1), _extent(mask, 0)
    parts = np.zeros(mask.shape, dtype=np.int32)
    count = ndimage.label(mask[box], np.ones((3, 3)), output=parts[box])
    kept = _kept(parts, box, count, plain)
    ink = (ink / strongest).clip(0, 1)
    mask = np.zeros(count + 1, dtype=bool)
    mask[[part.label for part in kept]] = True
    mask = mask[parts]
    if not plain:  # a stroke's edges are fainter than the limit
        mask = ndimage.binary_dilation(mask, np.ones((3, 3)))
    return Found(paper, ink, parts, np.where(mask, ink, 0))


def _difference(colours: np.ndarray) -> tuple[bool, float, np.ndarray, np.ndarray]:
    """Return whether paper is one exact colour; else its noise; its brightness; and the ink."""
    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    level = np.median(border, axis=0).astype(np.float32)
    plain = _is_exact(colours, level)
    if plain or _is_even(colours, level):
        ink = _along_axis(colours, level)
        if ink.max() < -ink.min():
            ink = -ink
        paper = np.broadcast_to(level.mean(), ink.shape)
        if plain:
            return True, 0.0, paper, ink
    else:
        paper, ink = _uneven(colours.astype(np.float32))
    apart = 1
    if min(ink.shape) > 100:
        ink, apart = ndimage.gaussian_filter(ink, 0.8), 4
    noise = 1.05 * float(np.median(np.abs(ink[apart:] - ink[:-apart]), axis=None))
    return False, noise, paper, ink


def _is_exact(colours: np.ndarray, level: np.ndarray) -> bool:
    """Tell paper drawn on a screen from a photograph's, with noise or compression."""
    band = np.ascontiguousarray(colours[..., -1])
    value = int(level[-1])
    exact = int(np.count_nonzero(band == value))
    near = (
        int(np.count_nonzero((band >= max(value - 3, 0)) & (band <= min(value + 3, 255)))) - exact
    )
    return bool(exact > max(0.1 * band.size, 5 * near))


def _is_even(colours: np.ndarray, level: np.ndarray) -> bool:
    """Tell whether the border has one colour, but for ink that reaches it."""
    small = (_small(colours.astype(np.float32))[0] - level).mean(axis=-1)
    low, high = np.quantile(small, (0.005, 0.995))
    if min(-low, high) > max(0.3 * max(-low, high), EVEN):  # lighter and darker: light and shadow
        return False
    small = np.abs(small)
    edge = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    paper, ink = edge < EVEN, edge > 0.75 * np.quantile(small, 0.99)
    return bool(paper.mean() > 0.5 and (paper | ink).mean() > 0.75)


def _along_axis(colours: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return how much each pixel differs from paper, in the direction of the strongest ones."""
    difference: np.ndarray = colours - level
    if colours.shape[-1] == 1:
        along: np.ndarray = difference[..., 0]
    else:
        along = difference @ _axis(difference)
    return along


def _small(picture: np.ndarray) -> tuple[np.ndarray, int]:
    """Average blocks, so that the shorter side is about `SMALL_SIDE`."""
    height, width = picture.shape[:2]
    factor = max(1, min(height, width) // SMALL_SIDE)
    height, width = height // factor, width // factor
    blocks = picture[: height * factor, : width * factor]
    return blocks.reshape(height, factor, width, factor, -1).mean(axis=(1, 3)), factor


def _axis(difference: np.ndarray) -> np.ndarray:
    """Return the direction among red, green and blue in which the strongest differences lie."""
    if difference.shape[-1] == 1:
        return np.ones(1, dtype=np.float32)
    rows = difference.reshape(-1, 3)
    size = np.abs(rows).sum(axis=1)
    rows = rows[size >= max(size.max() / 2, np.quantile(size, 0.995))]
    _, _, directions = np.linalg.svd(rows[:: max(1, len(rows) // 5000)], full_matrices=False)
    axis: np.ndarray = directions[0] * np.sign(directions[0].sum() or 1)
    if np.ptp(axis) < 0.01:
        return np.full(3, 1 / 3, dtype=np.float32)
    scaled: np.ndarray = (axis / max(abs(axis.sum()), 1.2)).astype(np.float32)
    return scaled


def _uneven(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimate paper place by place: what is left without all that is narrower than a window."""
    small, factor = _small(colours)
    window = max(5, int(WIDEST_STROKE * min(small.shape[:2])) | 1)
    local = small - ndimage.uniform_filter(small, (window, window, 1))
    axis = _axis(local)
    along = local @ axis
    if ((along - along.mean()) ** 3).sum() < 0:  # the rarer is the ink
        axis = -axis
    values = ndimage.median_filter(small @ axis, 3)
    paper = ndimage.grey_opening(values, (window, window))
    light = small.mean(axis=-1)
    is_paper = (values - paper < 0.2 * np.quantile(values - paper, 0.995)).astype(np.float32)
    filled = ndimage.uniform_filter(light * is_paper, window) / np.maximum(
        ndimage.uniform_filter(is_paper, window), 1e-3
    )
    light = np.where(is_paper > 0, light, filled)
    light = ndimage.median_filter(light, 3).clip(16)
    shape = colours.shape[:2]
    large_paper, large_light = (_enlarged(a, shape, factor) for a in (paper, light))
    ink = (colours @ axis - large_paper) * (np.median(light) / large_light)
    ink -= np.median(ink)
    if _strongest(ink) < FAINTEST_UNEVEN * np.median(light):
        raise ValueError(BLANK)
    return large_paper, ink


def _enlarged(values: np.ndarray, shape: tuple[int, ...], factor: int) -> np.ndarray:
    picture = Image.fromarray(values.astype(np.float32))
    box = (0, 0, shape[1] / factor, shape[0] / factor)
    box = (0, 0, min(box[2], picture.width), min(box[3], picture.height))
    return np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.BILINEAR, box=box))


def _strongest(ink: np.ndarray) -> float:
    return float(np.quantile(ink[:: max(1, len(ink) // 1000)], 0.9998))


def _kept(parts: np.ndarray, box: tuple[slice, slice], count: int, plain: bool) -> list[Part]:
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
    kept = [
        part
        for part in possible
        if part.area > limit * largest.area and max(part.height, part.width) > SPECK_SIDE * side
    ]
    _check_single(kept)
    return kept


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


def _sheet(parts: np.ndarray) -> np.ndarray | None:
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


def _extent(mask: np.ndarray, axis: int) -> slice:
    places = np.flatnonzero(mask.any(axis=axis))
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)
