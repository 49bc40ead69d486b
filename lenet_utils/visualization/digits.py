"""Figures of digits: in rows, with what a network answers, and which it takes for which."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from .._checks import check_kind, check_labels, check_whole
from ..data.digits import Digits, class_names
from ..training.evaluation import Evaluation
from .style import COLORS, WIDTH, full_figure, new_figure

__all__ = ["confusion_matrix", "digit_grid"]

WRONG = "#d55e00"  # of mistakes; not one of COLORS, which a fork may change for its layers
LEAST_COLUMNS = 4  # fewer digits are not drawn larger
LABEL = 0.2  # inches, for the label over a digit
LONG_LABEL = 0.3  # the same in two lines, where classes have longer names than these letters
LETTERS = 3
MOST_COUNTS = 14  # classes, whose counts can still be read in a confusion matrix
MARGIN = 0.04  # around an image, of its side


def digit_grid(
    digits: Digits,
    predictions: Tensor | None = None,
    *,
    columns: int = 8,
    mistakes_only: bool = False,
    limit: int = 64,
) -> Figure:
    """Draw digits as ink on paper, with their labels; a wrong answer as "true→predicted", framed.

    Where ``digits.classes`` has names, these are the labels. Colours are drawn as their mean.

    Parameters
    ----------
    digits
        ``(N, C, H, W)`` images with ``(N,)`` labels.
    predictions
        ``(N,)`` int64, such as ``evaluate(model, digits).predictions``.
    columns
        Digits in a row.
    mistakes_only
        Whether to leave out what was predicted right.
    limit
        How many to draw at most, from the first on.

    Returns
    -------
    Figure
        One axes with all digits, row by row.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or ``mistakes_only`` comes without predictions.

    Examples
    --------
    >>> few = load_mnist().test[:16]
    >>> answers = evaluate(LeNet5.from_pretrained(), few).predictions
    >>> digit_grid(few, answers).savefig("digits.png")
    """
    check_kind("digits", digits, Digits, "load_mnist() gives them")
    check_whole("columns", columns)
    check_whole("limit", limit)
    if predictions is None and mistakes_only:
        raise ValueError("mistakes_only needs predictions, got None: try evaluate(...).predictions")
    answers = digits.labels if predictions is None else predictions
    check_labels(answers, len(digits), name="predictions")
    answers, labels = answers.cpu(), digits.labels.cpu()
    chosen = (answers != labels).nonzero()[:, 0] if mistakes_only else torch.arange(len(labels))
    chosen = chosen[:limit]
    if not len(chosen):
        return _message("No mistakes.")
    return _draw_digits(digits[chosen], answers[chosen], min(columns, len(chosen)))


def confusion_matrix(evaluation: Evaluation) -> Figure:
    """Draw how often each class was taken for each; colour is for the mistakes alone.

    Parameters
    ----------
    evaluation
        What `evaluate` returned.

    Returns
    -------
    Figure
        One axes: a row for each true class, a column for each predicted one.

    Raises
    ------
    TypeError
        If ``evaluation`` is something else.
    """
    import seaborn as sns  # here: it loads scipy.stats, which most figures need not wait for

    check_kind("evaluation", evaluation, Evaluation, "evaluate(model, digits) gives one")
    counts = evaluation.confusion
    mistakes = counts.to_numpy() * ~np.eye(len(counts), dtype=bool)
    fig, axes = new_figure(figsize=(WIDTH, WIDTH))
    ax, most = axes[0, 0], max(1, mistakes.max())
    look = {"cmap": "YlOrBr", "vmin": 0, "vmax": 1.2 * most, "cbar": False, "square": True}
    readable = len(counts) <= MOST_COUNTS
    sns.heatmap(counts, mask=mistakes == 0, annot=readable, fmt="d", ax=ax, **look)
    for place, count in enumerate(np.diag(counts) if readable else ()):
        ax.text(place + 0.5, place + 0.5, count, ha="center", va="center", fontsize=9.25)
    ax.set(xlabel="Predicted", ylabel="True")
    ax.tick_params(length=0, labelrotation=0)
    if max(len(str(name)) for name in counts) > LETTERS:
        ax.tick_params("x", labelrotation=90)
    ax.grid(False)
    lines = range(len(counts) + 1)
    ax.hlines(lines, 0, len(counts), color=COLORS["input"], lw=0.4, alpha=0.5)
    ax.vlines(lines, 0, len(counts), color=COLORS["input"], lw=0.4, alpha=0.5)
    return fig


def _draw_digits(digits: Digits, answers: Tensor, columns: int) -> Figure:
    rows, side = math.ceil(len(digits) / columns), WIDTH / max(columns, LEAST_COLUMNS)
    names = class_names(digits.classes, 1 + int(max(digits.labels.max(), answers.max())))
    long = max(len(str(name)) for name in names) > LETTERS
    pitch = 1 + (LONG_LABEL if long else LABEL) / side  # from row to row, in images
    fig, ax = full_figure(side * columns, side * pitch * rows)
    images = digits.images.mean(dim=1).cpu().numpy()
    shades = {"cmap": "Greys", "vmin": images.min(), "vmax": images.max()}
    answered = zip(images, digits.labels.tolist(), answers.tolist(), strict=True)
    for i, (image, label, answer) in enumerate(answered):
        left, top = i % columns + MARGIN, i // columns * pitch + pitch - 1
        right, bottom = left + 1 - 2 * MARGIN, top + 1 - 2 * MARGIN
        wrong = answer != label
        color = WRONG if wrong else COLORS["input"]
        ax.imshow(image, extent=(left, right, bottom, top), **shades)
        frame: dict[str, Any] = {"edgecolor": color, "linewidth": 2 if wrong else 0.5}
        ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, **frame))
        arrow = f"{chr(10) if long else ''}→{names[answer]}" if wrong else ""
        title = f"{names[label]}{arrow}"
        look: dict[str, Any] = {"color": WRONG, "fontweight": "bold"} if wrong else {}
        look |= {"fontsize": 7} if long else {}
        ax.text((left + right) / 2, top - 0.03, title, ha="center", va="bottom", **look)
    ax.set(xlim=(0, columns), ylim=(rows * pitch, 0))
    return fig


def _message(text: str) -> Figure:
    fig, ax = full_figure(WIDTH, 0.6)
    ax.text(0.5, 0.5, text, ha="center", va="center")
    return fig
