"""The walk through a `Plan`: each image up through all layers, and down again, with an update.

Everything lies in flat rows of numbers: ``values`` has what all layers give out, ``gradients`` the
derivatives of the loss by these, ``weights`` all parameters. A layer is a row of a table, which
says where its own numbers begin; `layouts` says what a *link*, a *step* and a *cell* are. Equations
are those of LeCun et al. 1998.

On the way down ``learned`` changes by ``eta`` times ``rates`` times the derivatives: it is
``weights``, and ``inputs`` are ``values``. For second derivatives (``second``, Appendix C) weights
and inputs are given squared, and ``learned`` collects curvatures.

This module imports Numba, and is imported only where a compiled training begins.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import from_dtype, njit, types
from numba.core import config
from platformdirs import user_cache_dir

from . import kernels, layouts
from .kernels import (
    FREE,
    correlate,
    correlate_back,
    f4,
    f8,
    full,
    full_back,
    learn_kernel,
    learn_row,
    lose,
    squash,
    subsample,
    subsample_back,
    total,
    unsquash,
)
from .layouts import CONVOLUTION, FIVE, FULL, LAYER, LINK, MOVE, SQUASH, SUBSAMPLING, UNIT_BIAS

__all__: list[str] = []  # for `Plan`


@njit(**FREE)
def convolution(row, links, steps, values, weights):
    for m in range(row.maps):
        begin = row.out + m * row.between
        bias = weights[row.bias + m] if row.bias >= 0 else f4(0)
        values[begin : begin + row.span] = bias
    for i in range(row.first, row.last):  # the kernels that there are: Table I
        k = links[i]
        y = values[k.out :]
        correlate(y, values, k.begin, weights, k.weight, steps, k.step, k.fives, row.span)


@njit(**FREE)
def convolution_back(row, links, steps, gradients, weights, inputs, learned, rates, eta):
    span, bias = row.span, row.bias
    if row.down:
        gradients[row.begin : row.begin + row.below] = f4(0)
    if bias >= 0:
        for m in range(row.maps):
            g = total(gradients[row.out + m * row.between :], span)
            learned[bias + m] -= eta * rates[bias + m] * g
    for i in range(row.first, row.last):
        k = links[i]
        begin, w, step, fives = k.begin, k.weight, k.step, k.fives
        if row.down:
            around = gradients[k.out - FIVE + 1 :]
            correlate_back(gradients, begin, around, weights, w, steps, step, fives, span)
        g = gradients[k.out :]
        learn_kernel(learned, rates, w, eta, g, inputs, begin, steps, step, fives, span)


@njit(**FREE)
def subsampling(row, values, weights):
    rows, columns, pitch = row.rows, row.columns, row.pitch
    for m in range(row.maps):
        x, y = values[row.begin + m * row.between_below :], values[row.out + m * row.between :]
        coefficient, bias = weights[row.weight + m], weights[row.bias + m]
        subsample(y, x, coefficient, bias, rows, columns, pitch)


@njit(**FREE)
def subsampling_back(row, values, gradients, weights, learned, rates, eta, second):
    rows, columns, pitch = row.rows, row.columns, row.pitch
    for m in range(row.maps):
        own, bias, below = row.weight + m, row.bias + m, row.begin + m * row.between_below
        d, g, x = gradients[below:], gradients[row.out + m * row.between :], values[below:]
        learned[bias] -= eta * rates[bias] * total(g, row.span)
        slope = subsample_back(d, g, x, weights[own], rows, columns, pitch, second)
        learned[own] -= eta * rates[own] * slope


@njit(**FREE)
def full_layer(row, values, weights):
    y = values[row.out : row.out + row.maps]
    for u in range(row.maps):
        y[u] = weights[row.bias + u] if row.bias >= 0 else f4(0)
    full(y, values[row.begin :], weights[row.weight :], row.span)


@njit(**FREE)
def full_layer_back(row, gradients, weights, inputs, learned, rates, eta):
    g, x, bias = gradients[row.out : row.out + row.maps], inputs[row.begin :], row.bias
    if row.down:
        d = gradients[row.begin : row.begin + row.span]
        d[:] = f4(0)
        full_back(d, g, weights[row.weight :], row.span)
    for u in range(row.maps):
        w = row.weight + u * row.span
        learn_row(learned[w:], rates[w:], eta * g[u], x, row.span)
        if bias >= 0:
            learned[bias + u] -= eta * rates[bias + u] * g[u]


@njit(**FREE)
def rbf(row, values, weights):
    """The score is minus the penalty of eq. 7."""
    for u in range(row.maps):
        code, penalty = weights[row.weight + u * row.span :], f4(0)
        for i in range(row.span):
            away = values[row.begin + i] - code[i]
            penalty += away * away
        values[row.out + u] = -penalty


@njit(**FREE)
def rbf_back(row, values, gradients, weights, learned, rates, eta, label, second):
    """The second derivative of eq. 7, and of eq. 8, by an input is 2; so it is by a code."""
    x, d = values[row.begin :], gradients[row.begin :]
    d[: row.span] = f4(2) if second else f4(0)
    for u in range(row.maps):
        w = row.weight + u * row.span
        code, own, rate, g = weights[w:], learned[w:], rates[w:], f4(2) * gradients[row.out + u]
        if second and u == label:
            for i in range(row.span):
                own[i] -= eta * rate[i] * f4(2)
        elif not second:
            for i in range(row.span):
                slope = g * (x[i] - code[i])
                d[i] -= slope
                own[i] -= eta * rate[i] * slope


@njit(**FREE)
def forward(layers, links, steps, cells, values, weights):
    """Go up through all layers, from the image at the beginning of ``values``."""
    for number in range(len(layers)):
        row = layers[number]
        kind, span = row.kind, row.span
        if kind == CONVOLUTION:
            convolution(row, links, steps, values, weights)
        elif kind == SQUASH:
            for m in range(row.maps):
                y = values[row.out + m * row.between :]
                squash(y, span, row.amplitude, row.slope)
        elif kind == SUBSAMPLING:
            subsampling(row, values, weights)
        elif kind == FULL:
            full_layer(row, values, weights)
        elif kind == MOVE:
            for i in range(span):
                values[row.out + i] = values[cells[row.listed + i]]
        elif kind == UNIT_BIAS:
            for i in range(span):
                values[cells[row.listed + i]] += weights[row.bias + i]
        else:
            rbf(row, values, weights)


@njit(**FREE)
def backward(
    layers, links, steps, cells, values, gradients, weights,
    inputs, learned, rates, eta, label, second,
):  # fmt: skip
    """Go down again, and learn on the way; what goes down is computed before weights change."""
    for number in range(len(layers) - 1, -1, -1):
        row = layers[number]
        kind, span, bias = row.kind, row.span, row.bias
        if kind == CONVOLUTION:
            convolution_back(row, links, steps, gradients, weights, inputs, learned, rates, eta)
        elif kind == SQUASH:
            for m in range(row.maps):
                begin = row.out + m * row.between
                g, y = gradients[begin:], values[begin:]
                unsquash(g, y, span, row.amplitude, row.slope, second)
        elif kind == SUBSAMPLING:
            subsampling_back(row, values, gradients, weights, learned, rates, eta, second)
        elif kind == FULL:
            full_layer_back(row, gradients, weights, inputs, learned, rates, eta)
        elif kind == MOVE:
            for i in range(span):
                gradients[cells[row.listed + i]] = f4(0)
            for i in range(span):
                gradients[cells[row.listed + i]] += gradients[row.out + i]
        elif kind == UNIT_BIAS:
            for i in range(span):
                g = gradients[cells[row.listed + i]]
                learned[bias + i] -= eta * rates[bias + i] * g
        else:
            rbf_back(row, values, gradients, weights, learned, rates, eta, label, second)
        if not row.down:
            break


def _walk(
    layers, links, steps, cells, values, gradients, scores_at, classes,
    images, labels, order, weights, rates, etas, criterion, j, losses, wrong, curvature, second,
):  # fmt: skip
    """Learn from each image of ``order``; or, with ``second``, add its second derivatives up.

    ``losses`` and ``wrong`` are those before each update, ``etas`` the global rates.
    """
    squares, squared = values, weights
    if second:
        squares, squared = np.empty_like(values), weights * weights
    for t in range(len(order)):
        image, label = images[order[t]], labels[order[t]]
        values[: len(image)] = image
        forward(layers, links, steps, cells, values, weights)
        scores = values[scores_at : scores_at + classes]
        best = 0
        for i in range(classes):
            if scores[i] > scores[best]:
                best = i
        wrong[t] = f4(best != label)
        losses[t] = lose(criterion, j, scores, label, gradients[scores_at:], second)
        eta, learned = f4(etas[t]), weights
        if second:
            learned = curvature
            for i in range(len(values)):
                squares[i] = values[i] * values[i]
        backward(
            layers, links, steps, cells, values, gradients, squared,
            squares, learned, rates, eta, label, second,
        )  # fmt: skip


_ROW, _NUMBERS = types.Array(f4, 1, "C"), types.Array(types.int64, 1, "C")
SIGNATURE = (
    types.Array(from_dtype(LAYER), 1, "C"),
    types.Array(from_dtype(LINK), 1, "C"),
    *(_NUMBERS, _NUMBERS, _ROW, _ROW, types.int64, types.int64),
    types.Array(f4, 2, "C"),
    *(_NUMBERS, _NUMBERS, _ROW, _ROW, types.Array(f8, 1, "C"), types.int64, f8),
    *(_ROW, _ROW, _ROW, types.boolean),
)


def compiled(function: Callable[..., object], signature: tuple[types.Type, ...]) -> Any:
    """Compile ``function``, or load it from the user's cache folder, where it is kept for others.

    ``NUMBA_CACHE_DIR`` names another folder. A cache that cannot be written or read is none.
    """
    cached, named = None, config.CACHE_DIR
    # Numba 0.68 looks for changes in the module of ``function`` alone, and would else write into
    # the package, where that is writable.
    sources = "".join(map(inspect.getsource, (kernels, layouts)))
    folder = Path(named or user_cache_dir("lenet_utils"), f"{zlib.crc32(sources.encode()):08x}")
    try:
        config.CACHE_DIR = str(folder)
        cached = njit(cache=True, **FREE)(function)
        cached.compile(signature)
    except Exception:  # a full disk, no folder at all, a damaged file: each its own
        if cached is None or not cached.signatures:
            return njit(signature, **FREE)(function)
    finally:
        config.CACHE_DIR = named
    return cached  # where it was compiled and could not be written, too


@cache
def compiled_walk() -> Any:
    """Return the walk as machine code: what takes ten seconds the first time on a machine."""
    return compiled(_walk, SIGNATURE)
