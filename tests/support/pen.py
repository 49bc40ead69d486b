"""The playground's pen once more, in NumPy: its bytes are compared with it, over some strokes."""

from collections.abc import Sequence

import numpy as np

__all__ = ["as_pairs", "ink_of", "some_strokes"]

SIDE, PEN = 280, 22  # pixels
Stroke = Sequence[tuple[float, float]]
Points = list[list[dict[str, float]]]  # the strokes as the page has them


def some_strokes(seed: int) -> Points:
    """Return one to three strokes anywhere, even dots and lines along the edge."""
    random = np.random.default_rng(seed)
    centre, reach = random.uniform(0, 280, 2), random.uniform(0, 200)
    return [
        [
            dict(zip("xy", (centre + random.uniform(-reach, reach, 2)).clip(0, 280), strict=True))
            for _ in range(random.integers(1, 9))
        ]
        for _ in range(random.integers(1, 4))
    ]


def as_pairs(strokes: Points) -> list[list[tuple[float, float]]]:
    return [[(point["x"], point["y"]) for point in stroke] for stroke in strokes]


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
