"""Strokes of a pen that is wide for its digit are made narrower, as those of MNIST are."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

__all__ = ["may_be_wide", "thinned"]

SIDE = 80  # pixels: the digit's longer side, at which its strokes are measured
WIDE, USUAL = 0.16, 0.13  # widths, of the longer side: MNIST's are 0.13 at the median
ROUGH = 0.04  # of the ink: what may be narrower than the pen, such as a rough edge
DEEP = 0.35  # of the ink: less lies deep in narrower strokes, seen at 20 pixels; in wider, 0.43
FILLED = 1.4  # pen's radii: ink that is deeper was a loop, which the pen has filled


def may_be_wide(digit: np.ndarray) -> bool:
    """Tell quickly, from bytes of a digit of 20 pixels, whether its strokes may be too wide."""
    mask = np.pad(digit >= 128, 1)
    deep = ndimage.distance_transform_edt(mask) > 0.35 * WIDE * max(digit.shape)
    return bool(np.count_nonzero(deep) > DEEP * np.count_nonzero(mask))


def thinned(ink: np.ndarray) -> np.ndarray:
    """Return the ink of a digit, drawn with a narrower pen if its own was wide.

    The pen is the widest disc that goes through nearly all of the ink: opening the ink with it
    leaves the ink as it is. Its centre went where the depth below the ink's edge is the pen's
    radius, or more where strokes cross. So a narrower pen had drawn what lies around that depth,
    and nothing in the middle of a deep blob, which is a loop that the wide pen has filled.

    Parameters
    ----------
    ink
        ``(h, w)`` bytes: cut out, so that ink reaches all four borders.

    Returns
    -------
    ndarray
        ``ink`` itself, or a digit of about 80 pixels with strokes of 0.13 of its longer side.
    """
    radius = WIDE * SIDE / 2
    mask = _shrunk(ink)
    depth = ndimage.distance_transform_edt(mask)
    if not mask.any() or not _goes_through(radius, depth, mask):  # faint: lines too fine for this
        return ink
    too_wide = float(depth.max())
    while too_wide - radius > 0.5:
        middle = (radius + too_wide) / 2
        if _goes_through(middle, depth, mask):
            radius = middle
        else:
            too_wide = middle
    half = USUAL * SIDE / 2
    narrow = (depth - (radius - half) + 0.5).clip(0, 1)
    blobs, count = ndimage.label(depth > radius + half)
    if count:
        deepest = ndimage.maximum(depth, blobs, np.arange(1, count + 1))
        was_loop = np.concatenate([[False], deepest > FILLED * radius])[blobs]
        narrow = np.where(was_loop, (radius + half + 0.5 - depth).clip(0, 1), narrow)
    result: np.ndarray = np.round(narrow * 255).astype(np.uint8)
    return result


def _shrunk(ink: np.ndarray) -> np.ndarray:
    """Return where there is ink, the longer side being 80 pixels, and a margin of one."""
    factor = SIDE / max(ink.shape)
    height, width = (max(1, round(side * factor)) for side in ink.shape)
    small = Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR)
    return np.pad(np.asarray(small) >= 128, 1)


def _goes_through(radius: float, depth: np.ndarray, mask: np.ndarray) -> bool:
    """Tell whether a disc of this radius reaches nearly all of the ink from inside it."""
    centres = depth >= radius
    reached = ndimage.distance_transform_edt(~centres) < radius
    return bool((reached & mask).sum() >= (1 - ROUGH) * mask.sum())
