"""The look that all figures share."""

from __future__ import annotations

import os
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from .._files import ASSETS

__all__ = ["COLORS", "use_style"]


def recolored(colors: dict[str, str], changes: str) -> dict[str, str]:
    """Return ``colors`` with ``changes`` such as ``"convolution=#004488,full=#117733"``.

    Raises `ValueError` for a change without "=", for a name that is not among ``colors`` and for
    what is no colour.
    """
    new = {}
    for change in filter(None, changes.split(",")):
        name, equals, color = change.partition("=")
        if not equals:
            raise ValueError(f"name=colour wanted, such as full=#117733, got {change!r}")
        if name not in colors:
            raise ValueError(f"no colour is called {name!r}; there are {', '.join(colors)}")
        to_rgb(color)
        new[name] = color
    return colors | new


# Okabe and Ito's, safe for colour-blind readers and at least 3:1 on a white or a dark page. A fork
# of the book changes them by `figure_colors` in its _config.yml, which sets LENET_COLORS.
COLORS: dict[str, str] = recolored(
    {
        "input": "#7a7a7a",
        "convolution": "#0072b2",
        "subsampling": "#d55e00",
        "full": "#009e73",
        "output": "#cc79a7",
    },
    os.environ.get("LENET_COLORS", ""),
)

STYLE = ASSETS / "lenet.mplstyle"
WIDTH = 5.4  # inches, of every figure: its text is still readable 360 pixels wide


def use_style() -> None:
    """Set matplotlib to the book's style, which reads on white pages and on dark ones."""
    plt.style.use(STYLE)
    names = ("convolution", "subsampling", "full", "output", "input")
    lines = [*(COLORS[name] for name in names), "#ad7a00"]
    plt.rcParams["axes.prop_cycle"] = cycler(color=lines)


def new_figure(rows: int = 1, columns: int = 1, **settings: Any) -> tuple[Figure, np.ndarray]:
    """Make a figure that pyplot forgets at once, and its ``(rows, columns)`` array of axes.

    A notebook would show an open figure at the end of the cell, and again as the cell's value.
    """
    settings = {"layout": "constrained"} | settings
    fig, axes = plt.subplots(rows, columns, squeeze=False, **settings)
    plt.close(fig)
    return fig, axes


def full_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Make a figure of ``width`` and ``height`` inches that is all one axes, without frame."""
    fig, axes = new_figure(figsize=(width, height), layout="none")
    axes[0, 0].set_position((0, 0, 1, 1))
    axes[0, 0].set_axis_off()
    return fig, axes[0, 0]


def tint(color: str) -> tuple[float, ...]:
    """Return a light tint of ``color``: for tiles that are the same on a white and a dark page."""
    return tuple(0.3 * channel + 0.7 for channel in to_rgb(color))
