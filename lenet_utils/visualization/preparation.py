"""A figure of what `prepare_digit` saw on its way from a picture to a digit."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.figure import Figure

from .._checks import check_kind
from ..data.pictures import Steps
from .style import COLORS, WIDTH, new_figure

__all__ = ["preparation_steps"]

LEAST = 1 / 5_000  # of the picture: smaller components are noise, and would take the colours


def preparation_steps(steps: Steps) -> Figure:
    """Draw the picture, its paper, the ink on it, the components of that, and the digit.

    Parameters
    ----------
    steps
        What ``prepare_digit(picture, steps=True)`` returned.

    Returns
    -------
    Figure
        Six axes in two rows. Colours tell large components from each other; grey ones are small.

    Raises
    ------
    TypeError
        If ``steps`` is something else.

    Examples
    --------
    >>> picture = Image.new("L", (200, 300), "white")
    >>> picture.paste("black", (90, 50, 110, 250))
    >>> preparation_steps(prepare_digit(picture, steps=True)).savefig("steps.png")
    """
    check_kind("steps", steps, Steps, "prepare_digit(picture, steps=True) gives them")
    found = steps.found
    height, width = found.ink.shape
    fig, axes = new_figure(2, 3, figsize=(WIDTH, 2 * (WIDTH / 3 * min(1.2, height / width) + 0.3)))
    grey = {"cmap": "gray", "vmin": 0, "vmax": 255}
    ink = {"cmap": "Greys", "vmin": 0, "vmax": 1}
    shown = [
        ("picture", steps.picture, grey),
        ("paper", found.paper, grey),
        ("ink", found.ink, ink),
        ("components", *_colored(found.parts)),
        ("the digit's", found.digit, ink),
        ("digit", steps.digit.numpy() / 255, ink),
    ]
    for ax, (title, values, look) in zip(axes.flat, shown, strict=True):
        ax.imshow(values, **look)
        ax.set_title(title)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    return fig


def _colored(parts: np.ndarray) -> tuple[np.ndarray, dict[str, object]]:
    """Return the components as numbers of colours: 0 paper, 1 what is small, then the large."""
    areas = np.bincount(parts.ravel())
    large = areas > LEAST * parts.size
    large[0] = False
    numbers = np.ones(len(areas), dtype=np.int64)
    numbers[0] = 0
    names = [name for name in COLORS if name != "input"]
    numbers[large] = 2 + np.arange(large.sum()) % len(names)
    colors = ["white", COLORS["input"], *(COLORS[name] for name in names)]
    look: dict[str, object] = {
        "cmap": ListedColormap([to_rgba(color) for color in colors]),
        "vmin": 0,
        "vmax": len(colors) - 1,
        "interpolation": "nearest",
    }
    return numbers[parts], look
