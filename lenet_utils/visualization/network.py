"""A drawing of a network, made from the network, in the manner of the 1998 paper's Fig. 2."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

from .._checks import check_kind
from ..models.base import LeNet, layer_label
from ..models.inside import layer_outputs
from ..models.layer_kinds import LayerKind, kind_of, known_parts
from .style import COLORS, WIDTH, full_figure, tint

__all__ = ["architecture"]

# All lengths are inches; the axes fill the figure, so that a unit is an inch.
HEIGHT = 2.6
MIDDLE = 1.3  # of all layers, from the bottom
MARGIN = 0.08
STACK = (0.26, 0.42)  # from the last map of a large stack to its front map, right and down
MAPS_OF_FULL_STACK = 8  # with fewer the stack is less deep
BAR_WIDTH = 0.13
LONGEST_BAR = 1.5
LEAST_SLOTS = (0.62, 0.44)  # room for the labels of narrow stacks and bars
LEAST_GAP = 0.05
LEAST_SCALE = 0.001  # of a network too long to draw well
INK = "#222222"  # on light tiles
BELOW = (0.32, 0.08)  # where the connections' names stand, by turns, to keep them apart


@dataclass
class _Drawn:
    """A layer with its place in the drawing."""

    label: str
    kind: str  # of COLORS
    connection: str
    window: tuple[int, int] | None  # height and width of what one unit sees, None for all
    shape: tuple[int, ...]  # (maps, H, W) or (units,)
    scale: float = 0.0  # inches per pixel
    left: float = 0.0
    most_units: int = 1

    @property
    def flat(self) -> bool:
        return len(self.shape) == 1

    @property
    def side(self) -> tuple[float, float]:
        """Width and height of one map, or of the bar."""
        if self.flat:
            return BAR_WIDTH, max(0.3, LONGEST_BAR * self.shape[0] / self.most_units)
        return self.shape[2] * self.scale, self.shape[1] * self.scale

    @property
    def depth(self) -> tuple[float, float]:
        """How far the front map stands from the last, to the right and down."""
        share = 0.0 if self.flat else min(1.0, (self.shape[0] - 1) / MAPS_OF_FULL_STACK)
        return STACK[0] * share, STACK[1] * share

    @property
    def width(self) -> float:
        return self.side[0] + self.depth[0]

    @property
    def front(self) -> tuple[float, float]:
        """Lower left corner of the front map."""
        return self.left + self.depth[0], MIDDLE - (self.side[1] + self.depth[1]) / 2


def architecture(model: LeNet) -> Figure:
    """Draw a network as stacks of feature maps, to scale, in the manner of Fig. 2 of the paper.

    Squares are feature maps, all in one scale; bars are layers of single units, their length in
    proportion to the units. Between layers: what one unit sees of the layer before.

    Parameters
    ----------
    model
        One of this package's networks; it is left as it is.

    Returns
    -------
    Figure
        One axes: above each layer its name and "maps@height x width", below its connections.

    Raises
    ------
    TypeError
        If ``model`` is something else, or a layer has no row in ``layer_kinds.KINDS``.

    Examples
    --------
    >>> architecture(LeNet1()).savefig("lenet1.svg")
    """
    layers = _layers(model)
    _place(layers)
    fig, ax = full_figure(WIDTH, HEIGHT)
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    for i, layer in enumerate(layers):
        _draw_layer(ax, layer)
        if i:
            _draw_connection(ax, layers[i - 1], layer, i)
    return fig


def _layers(model: LeNet) -> list[_Drawn]:
    """Return the input and the model's layers, not yet placed."""
    check_kind("model", model, LeNet, "such as LeNet5()")
    maps = (model.channels, model.size, model.size)
    image = torch.zeros(1, *maps, device=next(model.parameters()).device)
    outputs = layer_outputs(model, image)
    layers = [_Drawn("input", "input", "", None, maps)]
    for name, layer in model.named_children():
        kind, window = _kind(name, layer)
        shape = tuple(outputs[name].shape[1:])
        shape = shape[:1] if shape[1:] == (1, 1) else shape
        color = "output" if name == "output" else str(kind.family)
        layers.append(_Drawn(layer_label(name), color, kind.connection, window, shape))
    return layers


def _kind(name: str, layer: nn.Module) -> tuple[LayerKind, tuple[int, int] | None]:
    """Return what kind of layer is drawn for a named one, and the window of one of its units."""
    for part in known_parts(layer):
        kind = kind_of(part)
        if kind.family is not None:
            return kind, kind.window(part)
    raise TypeError(f"nothing in layer {name} has a family in layer_kinds.KINDS to draw: {layer}")


def _place(layers: list[_Drawn]) -> None:
    """Choose the largest scale at which everything fits side by side, and set every place."""
    most_units = max(layer.shape[0] for layer in layers if layer.flat)
    scale = 1.05 / max(layer.shape[1] for layer in layers if not layer.flat)
    for layer in layers:
        layer.most_units = most_units
    while True:
        for layer in layers:
            layer.scale = scale
        slots = [max(layer.width, LEAST_SLOTS[layer.flat]) for layer in layers]
        gap = (WIDTH - 2 * MARGIN - sum(slots)) / (len(layers) - 1)
        if gap > LEAST_GAP or scale < LEAST_SCALE:
            break
        scale *= 0.98
    left = MARGIN
    for layer, slot in zip(layers, slots, strict=True):
        layer.left = left + (slot - layer.width) / 2
        left += slot + gap


def _draw_layer(ax: Axes, layer: _Drawn) -> None:
    (width, height), (x, y) = layer.side, layer.front
    maps = 1 if layer.flat else layer.shape[0]
    right, down = layer.depth
    for i in range(maps - 1, -1, -1):  # from the back, at the upper left
        back = i / max(1, maps - 1)
        corner = (x - right * back, y + down * back)
        ax.add_patch(_tile(corner, width, height, layer.kind))
    if layer.kind == "input":
        points = 62 * width  # for inches
        middle = (x + 0.5 * width, y + 0.47 * height)
        ax.text(*middle, "7", ha="center", va="center", color=INK, alpha=0.5, fontsize=points)
    sizes = "x".join(str(length) for length in layer.shape[1:])
    grey = layer.label == "input" and layer.shape[0] == 1
    size = f"{layer.shape[0]}@{sizes}" if sizes and not grey else sizes
    center, top = layer.left + layer.width / 2, y + height + down
    ax.text(
        center, top + 0.05, size or str(layer.shape[0]), ha="center", va="bottom", fontsize=9.25
    )
    ax.text(center, top + 0.21, layer.label, ha="center", va="bottom", fontweight="bold")


def _draw_connection(ax: Axes, source: _Drawn, target: _Drawn, turn: int) -> None:
    """Draw what one unit of ``target`` sees of ``source``, and name the kind of connection."""
    (x, y), (width, height) = source.front, source.side
    starts = [(x + width, y + height), (x + width, y)]
    (left, bottom), (_, tall) = target.front, target.side
    ends = [(left, bottom + tall), (left, bottom)]
    if target.window:
        corner, (wide, high) = _window(source, target.window, turn)
        ax.add_patch(Rectangle(corner, wide, high, fill=False, edgecolor=INK, linewidth=1.1))
        unit, size = _window(target, (1, 1), turn)
        ax.add_patch(Rectangle(unit, *size, facecolor=INK, edgecolor=INK, linewidth=0.5))
        starts = [(corner[0] + wide, corner[1] + high), (corner[0] + wide, corner[1])]
        ends = 2 * [(unit[0], unit[1] + size[1] / 2)]
    for start, end in zip(starts, ends, strict=True):
        ax.plot(*zip(start, end, strict=True), color=COLORS["input"], linewidth=0.8)
    center = (x + width + target.left) / 2
    ax.text(center, BELOW[turn % 2], target.connection, ha="center", va="bottom", fontsize=9.25)


def _window(
    layer: _Drawn, pixels: tuple[int, int], turn: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return corner and size of a window on the front map: high and low by turns."""
    (x, y), (width, height) = layer.front, layer.side
    if layer.flat:
        return (x, y + height * (0.75 if turn % 2 else 0.25)), (width, 0.03)
    high, wide = (length * layer.scale for length in pixels)
    low = y + (0.85 if turn % 2 else 0.15) * (height - high)
    return (x + 0.6 * (width - wide), low), (wide, high)


def _tile(corner: tuple[float, float], width: float, height: float, kind: str) -> Rectangle:
    """Return a rectangle in a light tint of its kind's colour, the same on any page."""
    color = COLORS[kind]
    return Rectangle(
        corner, width, height, facecolor=tint(color), edgecolor=color, linewidth=0.9, zorder=1
    )
