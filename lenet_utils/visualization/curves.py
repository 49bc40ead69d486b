"""Figures made of curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import nn

from .._checks import check_kind, check_positive
from ..training.history import History
from .style import COLORS, WIDTH, new_figure

__all__ = ["activation_curves", "gradient_norms", "learning_curves"]

DASHES = {"train": (2, 1.5), "validation": ""}
LINES = ("-", "--", "-.", ":")
LETTERS = 68  # that fit into a figure's width
MARKERS = ("o", "s", "^", "D", "v", "P")


def learning_curves(histories: History | Mapping[str, History | Sequence[History]]) -> Figure:
    """Draw loss and error after each epoch, of training (dashed) and validation (solid).

    Parameters
    ----------
    histories
        What `fit` returned; or several by name, each one history or those of several seeds, drawn
        as their mean in a band from the lowest to the highest.

    Returns
    -------
    Figure
        Two axes, loss and error.

    Raises
    ------
    TypeError, ValueError
        If there is no history, or one without a whole epoch.
    """
    import seaborn as sns  # here: it loads scipy.stats, which most figures need not wait for

    curves = _long_form(histories)
    several = not isinstance(histories, History)
    hue, sets = "name" if several else "set", curves["set"].unique()
    style: dict[str, Any] = {"hue": hue, "style": "set", "markersize": 4, "mew": 0}
    style |= {"dashes": {part: DASHES[part] for part in sets}, "markers": dict.fromkeys(sets, "o")}
    style["palette"] = sns.color_palette(n_colors=curves[hue].nunique())
    style["errorbar"] = ("pi", 100) if curves["seed"].any() else None
    fig, axes = new_figure(1, 2, figsize=(WIDTH, 3.2))
    for ax, quantity in zip(axes.flat, ("loss", "error"), strict=True):
        sns.lineplot(curves, x="epoch", y=quantity, ax=ax, **style)
        ax.set(title=quantity.capitalize(), ylabel="", xlabel="Epoch")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    axes[0, 1].yaxis.set_major_formatter(PercentFormatter(1))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    titles = (0, 1 + curves["name"].nunique()) if several else ()  # seaborn's own subtitles
    kept = [entry for i, entry in enumerate(zip(handles, labels, strict=True)) if i not in titles]
    for handle, _ in kept[-len(sets) :] if several else ():
        handle.set_color(COLORS["input"])  # black would vanish on a dark page
    for ax in axes.flat:
        ax.get_legend().remove()
    _legend_below(fig, *zip(*kept, strict=True))
    return fig


def activation_curves(activations: Mapping[str, nn.Module], limit: float = 4.0) -> Figure:
    """Draw activation functions and, by autograd, their derivatives.

    Parameters
    ----------
    activations
        By name, modules that work on each number by itself, such as ``nn.ReLU()``.
    limit
        The curves go from -limit to limit.

    Returns
    -------
    Figure
        Two axes: f(a) and f'(a).

    Raises
    ------
    TypeError, ValueError
        If there is no activation, or one is no module or changes the shape.
    """
    _check_named("activations", activations)
    check_positive("limit", limit)
    fig, axes = new_figure(1, 2, figsize=(WIDTH, 3.0))
    for i, (name, activation) in enumerate(activations.items()):
        hint = "make one, as in nn.ReLU()"
        check_kind(f"activations[{name!r}]", activation, nn.Module, hint)
        for ax, y in zip(axes.flat, _value_and_slope(name, activation, limit), strict=True):
            a = torch.linspace(-limit, limit, len(y)).numpy()
            ax.plot(a, y, label=name, linestyle=LINES[i % len(LINES)])
    for ax, title in zip(axes.flat, ("f(a)", "f'(a)"), strict=True):
        ax.set(title=title, xlabel="a")
    _legend_below(fig, *axes[0, 0].get_legend_handles_labels())
    return fig


def gradient_norms(norms: pd.DataFrame) -> Figure:
    """Draw the norm of each layer's gradient on a logarithmic scale.

    Parameters
    ----------
    norms
        A row for each layer, in their order, and a column for each variant, such as
        ``pd.DataFrame({"tanh": layer_gradient_norms(model, digits), ...})``. NaN, for a layer
        without parameters, is left out; 0 falls off the lower edge.

    Returns
    -------
    Figure
        One axes, a line for each variant.

    Raises
    ------
    TypeError, ValueError
        If ``norms`` is not such a frame, or has no positive number.
    """
    check_kind("norms", norms, pd.DataFrame, "put each variant's norms in a column of one")
    low, high = norms.min().min(), norms.max().max()
    if not (low >= 0 and 0 < high < math.inf):
        raise ValueError(
            f"norms must be finite, at least 0 and some positive, got {low} to {high}; "
            "look for a diverged model or negative numbers"
        )
    fig, axes = new_figure(figsize=(WIDTH, 3.3))
    for i, (name, column) in enumerate(norms.items()):
        column = column.dropna()
        marker, line = MARKERS[i % len(MARKERS)], LINES[i % len(LINES)]
        places = [norms.index.get_loc(layer) for layer in column.index]
        axes[0, 0].plot(places, column, label=str(name), marker=marker, linestyle=line)
    axes[0, 0].set_yscale("log", nonpositive="clip")
    axes[0, 0].set_xticks(range(len(norms)), norms.index)
    axes[0, 0].set(ylabel="Norm of the gradient", xlabel="Layer")
    _legend_below(fig, *axes[0, 0].get_legend_handles_labels())
    return fig


def _value_and_slope(name: str, activation: nn.Module, limit: float) -> list[np.ndarray]:
    a = torch.linspace(-limit, limit, 401, requires_grad=True)
    with torch.enable_grad():
        y = activation(a)
        if y.shape != a.shape:
            raise ValueError(
                f"activations[{name!r}] must keep the shape, got {tuple(y.shape)} from "
                f"{tuple(a.shape)}; pass one that works on each number by itself"
            )
        (slope,) = torch.autograd.grad(y.sum(), a)
    return [y.detach().numpy(), slope.numpy()]


def _long_form(histories: History | Mapping[str, History | Sequence[History]]) -> pd.DataFrame:
    """Return a row for each name, seed, epoch and set (train, validation), with loss and error."""
    if isinstance(histories, History):
        histories = {"": histories}
    _check_named("histories", histories)
    parts = []
    for name, given in histories.items():
        runs = given if isinstance(given, Sequence) else [given]
        for seed, run in enumerate(runs):
            check_kind(f"histories[{name!r}]", run, History, "fit(...) gives one")
            for part in DASHES:
                columns = {f"{part}_loss": "loss", f"{part}_error": "error"}
                rows = run.epochs[["epoch", *columns]].rename(columns=columns)
                parts.append(rows.assign(name=str(name), seed=seed, set=part))
        if not any(len(run.epochs) for run in runs):
            raise ValueError(f"{name or 'the history'} has no whole epoch to draw: train for one")
    curves = pd.concat(parts, ignore_index=True)
    curves[["loss", "error"]] = curves[["loss", "error"]].astype(float)
    return curves.dropna()


def _check_named(name: str, things: object) -> None:
    check_kind(name, things, Mapping, "give each a name, as in {'this': ...}")
    if not things:
        raise ValueError(f"{name} is empty: give at least one by name")


def _legend_below(fig: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    letters = sum(map(len, labels)) + 7 * len(labels)  # with the line before each
    columns = math.ceil(len(labels) / math.ceil(letters / LETTERS))
    fig.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.2)
