"""The playground's pen once more, in NumPy: what its bytes are compared with."""

from collections.abc import Sequence

import numpy as np

__all__ = ["PEN", "SIDE", "ink_of"]

SIDE, PEN = 280, 22  # pixels
Stroke = Sequence[tuple[float, float]]


def ink_of(strokes: Sequence[Stroke]) -> np.ndarray:
    """Return a sheet of ``SIDE`` x ``SIDE`` bytes with ``strokes`` of (x, y), in pixels.

    A pixel's ink is 255 times what a ramp, one pixel wide, has left where the pixel's centre lies:
    1 half a pixel inside the edge of the nearest line, 0 half a pixel outside.
    """
    sheet = np.zeros((SIDE, SIDE))
    for stroke in strokes:
        for start, end in zip(stroke, [*stroke[1:], stroke[-1]], strict=True):
            ramp = np.clip(PEN / 2 + 0.5 - distances(np.array(start), np.array(end)), 0, 1)
            sheet = np.maximum(sheet, np.floor(255 * ramp + 0.5))
    return sheet.astype(np.uint8)


def distances(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return how far each pixel's centre is from the line between two points, ``(SIDE, SIDE)``."""
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    x, y = columns - start[0], rows - start[1]
    across, along = end - start
    square = across**2 + along**2
    beside = np.abs(y * across - x * along) / np.sqrt(square or 1)
    from_start, from_end = np.sqrt(x**2 + y**2), np.sqrt((x - across) ** 2 + (y - along) ** 2)
    progress = x * across + y * along
    return np.where(progress <= 0, from_start, np.where(progress < square, beside, from_end))
