"""Strokes of a pen that is wide for its digit are made narrower, as those of MNIST are."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

__all__ = ["thinned"]

SIDE = 80  # pixels: the digit's longer side, at which its strokes are measured
WIDE, USUAL = 0.16, 0.13  # widths, of the longer side: MNIST's are 0.13 at the median
ROUGH = 0.04  # of the ink: what may be narrower than the pen, such as a rough edge
FILLED = 1.4  # pen's radii: ink that is deeper was a loop, which the pen has filled


def thinned(ink: np.ndarray) -> np.ndarray:
    """Return the ink of a digit, drawn with a narrower pen if its own was wide.

    The pen is the widest disc that goes through nearly all of the ink: opening the ink with it
    leaves the ink as it is. Its centre went where the depth below the ink's edge is the pen's
    radius, or more where strokes cross. So a narrower pen had drawn what lies around that depth,
    and nothing in the middle of a deep blob, which is a loop that the wide pen has filled.

    Parameters
    ----------
    ink
        ``(h, w)``, 0 to 1: cut out, so that ink reaches all four borders.

    Returns
    -------
    ndarray
        ``ink`` itself, or a digit of about 80 pixels with strokes of 0.13 of its longer side.
    """
    factor = SIDE / max(ink.shape)
    height, width = (max(1, round(side * factor)) for side in ink.shape)
    picture = Image.fromarray(np.round(ink * 255).astype(np.uint8))
    mask = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)) >= 128
    mask = np.pad(mask, 1)
    depth = ndimage.distance_transform_edt(mask)
    widest = WIDE * SIDE / 2
    deep = np.count_nonzero(depth > 0.7 * widest) > 0.2 * np.count_nonzero(mask)  # 0.3 of a bar
    if not deep or not _goes_through(widest, depth, mask):  # the former is quickly seen
        return ink
    radius, too_wide = widest, float(depth.max())
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
    return np.asarray(narrow)


def _goes_through(radius: float, depth: np.ndarray, mask: np.ndarray) -> bool:
    """Tell whether a disc of this radius reaches nearly all of the ink from inside it."""
    centres = depth >= radius
    reached = ndimage.distance_transform_edt(~centres) < radius
    return bool((reached & mask).sum() >= (1 - ROUGH) * mask.sum())
