"""Figures made of tiles, for weights and outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from torch import Tensor

from .._checks import check_kind
from ..models.base import layer_label
from ..models.connections import ConnectionTable, connection_matrix
from ..models.digit_codes import CODE_SHAPE
from .style import COLORS, WIDTH, new_figure, tint

__all__ = ["connection_table", "feature_maps", "kernels"]

SIGNED = "RdBu_r"  # red above 0, blue below, white at 0
TILES = 8  # feature maps side by side
FRAME: dict[str, Any] = {"fill": False, "edgecolor": COLORS["input"], "linewidth": 0.5}
GAP = 0.1  # between tiles, of their distance
F6_ROWS, F6_COLUMNS = CODE_SHAPE  # F6 is taught to draw the codes
MOST_BARS = 20
MOST_MAPS = 24  # more kernels side by side could not be seen on a phone


def kernels(weight: Tensor) -> Figure:
    """Draw the kernels of a convolution: red above 0, blue below, nothing where there is none.

    Parameters
    ----------
    weight
        ``(out, in, k, k)``, at most 24 maps each way. An all-zero kernel is one that is not there,
        as in `SparseConv2d.dense_weight`.

    Returns
    -------
    Figure
        A row for each input map, a column for each output map, and a colour bar.

    Raises
    ------
    TypeError, ValueError
        If ``weight`` is not such a tensor.
    """
    check_kind("weight", weight, Tensor, "try layer.weight")
    if weight.ndim != 4 or 0 in weight.shape or max(weight.shape[:2]) > MOST_MAPS:
        raise ValueError(
            f"weight must be (out, in, k, k) with at most {MOST_MAPS} maps each way, "
            f"got {tuple(weight.shape)}; choose some, such as weight[:16, :16]"
        )
    weight = weight.detach().cpu()
    if not weight.any() or not weight.isfinite().all():
        raise ValueError("weight must be finite and not 0 everywhere: there is nothing to draw")
    columns, rows = weight.shape[:2]
    side, limit = WIDTH / max(columns, 6), weight.abs().max().item()
    fig, axes = new_figure(figsize=(WIDTH, rows * side + 1.1))
    for column, row in weight.flatten(2).any(dim=2).nonzero().tolist():
        image = _tile(axes[0, 0], weight[column, row], row, column, limit=limit)
    _frame_tiles(axes[0, 0], rows, columns)
    axes[0, 0].set(xlabel="Output map", ylabel="Input map")
    fig.colorbar(image, ax=axes, orientation="horizontal", aspect=40, fraction=0.05, shrink=0.6)
    return fig


def feature_maps(outputs: Mapping[str, Tensor]) -> Figure:
    """Draw what every layer gives out for one digit, each layer in a scale of its own around 0.

    Parameters
    ----------
    outputs
        ``layer_outputs(model, image)`` for one image: ``(1, maps, H, W)`` or ``(1, units)`` by
        name. One named "input" is drawn as ink.

    Returns
    -------
    Figure
        One axes for each layer: maps as tiles, 84 units as the paper's 12 rows of 7, up to 20
        units as bars, others as a strip. Red is above 0, blue below.

    Raises
    ------
    TypeError, ValueError
        If there is no output, or one is not a finite tensor for one image.
    """
    check_kind("outputs", outputs, Mapping, "layer_outputs(model, images[:1]) gives it")
    if not outputs:
        raise ValueError("outputs is empty: pass layer_outputs(model, images[:1])")
    layers = {name: _one_image(name, output) for name, output in outputs.items()}
    heights = [_height(x) for x in layers.values()]
    size = (WIDTH, sum(heights) + 0.32 * len(heights))
    fig, axes = new_figure(len(layers), 1, figsize=size, height_ratios=heights)
    for ax, (name, x) in zip(axes.flat, layers.items(), strict=True):
        _draw_layer(ax, name, x)
    return fig


def connection_table(
    table: ConnectionTable, in_maps: int, *, names: tuple[str, str] = ("S2", "C3")
) -> Figure:
    """Draw which input maps each output map reads, as in LeCun et al. 1998, Table I.

    Parameters
    ----------
    table
        For each output map, the input maps it reads, such as `C3_TABLE`.
    in_maps
        Number of input maps.
    names
        Of the layer that is read and the layer that reads.

    Returns
    -------
    Figure
        A row for each input map, a column for each output map, a cross where they are connected.

    Raises
    ------
    ValueError
        If the table does not fit ``in_maps``.
    """
    matrix = connection_matrix(table, in_maps).T  # (in, out)
    rows, columns = matrix.shape
    side = min(WIDTH / columns, 0.45)
    fig, axes = new_figure(figsize=(WIDTH, rows * side + 0.8))
    ax, color = axes[0, 0], COLORS["convolution"]
    for row, column in matrix.nonzero().tolist():
        ax.add_patch(Rectangle((column, row), 1, 1, facecolor=tint(color), linewidth=0))
    down, across = matrix.nonzero().T.add(0.5).numpy()
    ax.scatter(across, down, marker="x", s=40, color=color, linewidths=2.2)
    _frame_tiles(ax, rows, columns, gap=0)
    ax.hlines(range(rows + 1), 0, columns, color=COLORS["input"], lw=0.5, alpha=0.6)
    ax.vlines(range(columns + 1), 0, rows, color=COLORS["input"], lw=0.5, alpha=0.6)
    ax.set(xlabel=f"Map of {names[1]}", ylabel=f"Map of {names[0]}")
    return fig


def _tile(ax: Axes, image: Tensor, row: int, column: int, limit: float) -> AxesImage:
    """Draw a map or kernel in the unit square at ``row`` and ``column``, from -limit to limit."""
    side, limit = 1 - GAP, limit or 1.0
    ax.add_patch(Rectangle((column, row), side, side, **FRAME))
    extent = (column, column + side, row + side, row)
    return ax.imshow(image.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit, extent=extent)


def _frame_tiles(ax: Axes, rows: int, columns: int, gap: float = GAP) -> None:
    """Number the rows and columns of tiles, from 0 as the paper does."""
    middle = (1 - gap) / 2
    ax.set(xlim=(-gap, columns), ylim=(rows, -gap), aspect="equal")
    ax.set_xticks([column + middle for column in range(columns)], _numbers(columns))
    ax.set_yticks([row + middle for row in range(rows)], _numbers(rows))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(False)


def _numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def _one_image(name: str, output: Tensor) -> Tensor:
    """Return ``(maps, H, W)`` or ``(units,)`` for a layer's output for one image."""
    check_kind(f"outputs[{name!r}]", output, Tensor)
    if output.ndim not in (2, 4) or len(output) != 1 or 0 in output.shape:
        raise ValueError(
            f"outputs[{name!r}] must be (1, maps, H, W) or (1, units), the output for one image, "
            f"got {tuple(output.shape)}; pass layer_outputs(model, images[:1])"
        )
    x = output[0].detach().cpu().float()
    if not torch.isfinite(x).all():
        raise ValueError(f"outputs[{name!r}] must be finite, got NaN or infinity")
    return x.flatten() if x.ndim == 3 and x.shape[1:] == (1, 1) else x


def _height(x: Tensor) -> float:
    """Return how many inches high the axes of a layer should be."""
    if x.ndim == 3:
        return math.ceil(len(x) / TILES) * 0.94 * WIDTH / TILES  # less the labels of bars
    return 1.1 if len(x) == F6_ROWS * F6_COLUMNS else 0.8 if len(x) <= MOST_BARS else 0.3


def _draw_layer(ax: Axes, name: str, x: Tensor) -> None:
    limit = x.abs().max().item()
    shape = f"{len(x)}@{x.shape[1]}x{x.shape[2]}" if x.ndim == 3 else f"{len(x)} units"
    scale = "" if name == "input" else f", ±{limit:.2g}"
    ax.set_title(f"{layer_label(name)}: {shape}{scale}", loc="left", pad=3)
    ax.grid(False)
    if x.ndim == 1 and len(x) <= MOST_BARS:
        return _draw_bars(ax, x)
    if x.ndim == 3:
        for i, image in enumerate(x):
            tile = _tile(ax, image, i // TILES, i % TILES, limit)
            if name == "input":
                tile.set(cmap="Greys", clim=(x.min(), limit))
        ax.set(xlim=(-0.02, TILES), ylim=(math.ceil(len(x) / TILES), -0.02), aspect="equal")
        ax.set_axis_off()
    else:
        rows = F6_ROWS if len(x) == F6_ROWS * F6_COLUMNS else 1
        aspect: Literal["equal", "auto"] = "equal" if rows > 1 else "auto"
        ax.imshow(x.reshape(rows, -1).numpy(), cmap=SIGNED, vmin=-limit, vmax=limit, aspect=aspect)
        ax.spines[:].set(visible=True, linewidth=0.5)
        ax.set(xticks=[], yticks=[])
    ax.set_anchor("W")
    return None


def _draw_bars(ax: Axes, x: Tensor) -> None:
    """Draw the scores of the classes, the largest in full colour."""
    bars = ax.bar(range(len(x)), x.numpy(), color=COLORS["output"], alpha=0.45)
    bars[int(x.argmax())].set(alpha=1, edgecolor=COLORS["input"], linewidth=1.5)
    ax.axhline(0, color=COLORS["input"], linewidth=0.8)
    ax.set_xticks(range(len(x)))
