"""Telling ink from paper: where in a picture is the digit, and how much ink is at each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from .components import (
    SMALL_SIDE,
    Part,
    SeveralDigitsError,
    check_single,
    kept,
    no_strokes,
    sheet_of,
)

__all__ = ["Found", "all_ink", "find_digit"]

FAINTEST_SEEN = 16  # of 255: less a person would not see
FAINTEST_UNEVEN = 0.2  # of the paper's brightness: what remains of uneven light is no ink
BLANK = "found no digit: the picture is blank, or too faint to tell ink from paper"
FAINTEST = 0.1  # ink below this share of the darkest is paper, in a picture without noise
HALF = 0.35  # and in a photograph: shadows, printed lines and compression are fainter
NOISES = 5  # standard deviations of the paper that are no ink
SHADED = 0.65  # where a shadow nearly as dark as ink reaches across, or is wider than strokes
SKEWED = 0.5  # skewness of what differs from its surroundings: below, ink is the darker
EVEN = 7  # of 255: paper that differs by less is of one colour
WIDEST_STROKE = 0.25  # of the picture's shorter side


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
    sheet = sheet_of(found.parts)
    if sheet is not None:  # paper that lies on something: look again, at the paper alone
        inside = colours.copy()
        inside[~sheet] = np.median(colours[sheet], axis=0)
        rows, columns = _extent(sheet, 1), _extent(sheet, 0)
        try:
            return find_digit(inside[rows, columns])
        except SeveralDigitsError:
            raise
        except ValueError:  # nothing is written on it, so it was no paper
            pass
    return found


def _found(colours: np.ndarray) -> Found:
    plain, noise, paper, ink = _difference(colours)
    strongest = ink.max() if plain else _strongest(ink)
    if strongest < max(FAINTEST_SEEN, 0 if plain else 1.5 * NOISES * noise):
        raise ValueError(BLANK)
    least = FAINTEST * strongest if plain else max(HALF * strongest, NOISES * noise)
    parts, chosen = _parts_above(least, ink, plain)
    if not plain and no_strokes(chosen, parts):
        darker = _parts_above(SHADED * strongest, ink, plain)
        area, before = (sum(part.area for part in some) for some in (darker[1], chosen))
        if area < 0.5 * before and not no_strokes(darker[1], darker[0]):
            parts, chosen = darker
    check_single(chosen)
    ink /= strongest
    ink.clip(0, 1, out=ink)
    digit = np.zeros_like(ink)
    box = _around(chosen, 0 if plain else 1, ink.shape)
    is_chosen = np.zeros(parts[box].max() + 1, dtype=bool)
    is_chosen[[part.label for part in chosen]] = True
    mask = is_chosen.take(parts[box])
    if not plain:  # a stroke's edges are fainter than the limit
        mask = ndimage.binary_dilation(mask, np.ones((3, 3)))
    np.multiply(ink[box], mask, out=digit[box])
    return Found(paper, ink, parts, digit)


def _around(parts: list[Part], margin: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the box around components, with a margin."""
    top, left = (max(min(part[i] for part in parts) - margin, 0) for i in (2, 3))
    bottom = max(part.top + part.height for part in parts) + margin
    right = max(part.left + part.width for part in parts) + margin
    return slice(top, min(bottom, shape[0])), slice(left, min(right, shape[1]))


def _parts_above(least: float, ink: np.ndarray, plain: bool) -> tuple[np.ndarray, list[Part]]:
    """Return the connected components of what is at least so much ink, and those to keep."""
    mask = ink >= least
    box = _extent(mask, 1), _extent(mask, 0)
    parts = np.zeros(mask.shape, dtype=np.int32)
    count = ndimage.label(mask[box], np.ones((3, 3)), output=parts[box])
    return parts, kept(parts, box, count, plain)


def _difference(colours: np.ndarray) -> tuple[bool, float, np.ndarray, np.ndarray]:
    """Return whether paper is one exact colour; else its noise; its brightness; and the ink."""
    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    level = np.median(border, axis=0).astype(np.float32)
    plain = _is_exact(colours, level)
    if plain or _is_even(colours, level):
        ink = _along_axis(colours, level)
        if ink.max() < -ink.min():
            np.negative(ink, out=ink)
        paper = np.broadcast_to(level.mean(), ink.shape)
        if plain:
            return True, 0.0, paper, ink
    else:
        paper, ink = _uneven(colours.astype(np.float32))
    apart = 1
    if min(ink.shape) > 100:
        ink, apart = ndimage.gaussian_filter(ink, 0.8), 4
    differences = np.abs(ink[apart:] - ink[:-apart])
    noise = 1.05 * float(np.median(differences)) if differences.size else 0.0
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
    return bool(paper.mean() > 0.5 and (paper | ink).mean() > 0.65)


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
    apart = along - along.mean()
    if (apart**3).mean() < SKEWED * (apart**2).mean() ** 1.5:  # the rarer is the ink
        axis = -axis
    values = ndimage.median_filter(small @ axis, 3)
    paper = ndimage.grey_opening(values, (window, window))
    darkest = ndimage.maximum_filter(paper, 3)  # where a shadow has a sharp edge, its darker side
    light = small.mean(axis=-1)
    is_paper = (values - paper < 0.2 * np.quantile(values - paper, 0.995)).astype(np.float32)
    filled = ndimage.uniform_filter(light * is_paper, window) / np.maximum(
        ndimage.uniform_filter(is_paper, window), 1e-3
    )
    light = np.where(is_paper > 0, light, filled)
    light = ndimage.median_filter(light, 3).clip(16)
    shape = colours.shape[:2]
    large_paper, large_light = (_enlarged(a, shape, factor) for a in (darkest, light))
    ink = (colours @ axis - large_paper) * (np.median(light) / large_light)
    ink -= np.median(ink)
    if _strongest(ink) < FAINTEST_UNEVEN * np.median(light):
        raise ValueError(BLANK)
    return np.abs(large_paper), ink  # dark ink: the axis points to darkness


def _enlarged(values: np.ndarray, shape: tuple[int, ...], factor: int) -> np.ndarray:
    picture = Image.fromarray(values.astype(np.float32))
    box = (0, 0, shape[1] / factor, shape[0] / factor)
    box = (0, 0, min(box[2], picture.width), min(box[3], picture.height))
    return np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.BILINEAR, box=box))


def _strongest(ink: np.ndarray) -> float:
    return float(np.quantile(ink[:: max(1, len(ink) // 1000)], 0.9998))


def _extent(mask: np.ndarray, axis: int) -> slice:
    places = np.flatnonzero(mask.any(axis=axis))
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)
