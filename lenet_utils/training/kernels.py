# mypy: ignore-errors
# Numba has types of its own, and finds most of them by itself.
"""The kernels of the compiled step: what each kind of layer does to one image, forwards and back.

Everything lies in flat rows of numbers: ``values`` has what all layers give out, ``gradients`` the
derivatives of the loss by these, ``weights`` all parameters. A layer is a row of ``layers``, which
says where its own numbers begin; `layouts` writes these rows, and says what a *link*, a *tap* and
a *cell* are. Equations are those of LeCun et al. 1998.

This module imports Numba, and is imported only where a compiled training begins.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import float32 as f4
from numba import float64 as f8
from numba import int64 as i8
from numba import njit, types
from numba.core import config
from platformdirs import user_cache_dir

from .layouts import (
    BELOW,
    BETWEEN,
    BETWEEN_BELOW,
    BIAS,
    COLUMNS,
    CONVOLUTION,
    DOWN,
    EQ_8,
    FIRST,
    FULL,
    IN,
    KIND,
    LAST,
    LISTED,
    MAPS,
    MOVE,
    OUT,
    PITCH_BELOW,
    ROWS,
    SPAN,
    SPAN_BELOW,
    SQUARED,
    SQUASH,
    SUBSAMPLING,
    TAPS,
    UNIT_BIAS,
    WEIGHT,
)

__all__: list[str] = []  # for `Plan`

# Sums may be taken in any order. "nnan" and "ninf" are left out: NaN must come out as NaN.
FREE = {
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
    "error_model": "numpy",
    "nogil": True,
}


@njit(**FREE)
def correlate(out, x, w, taps, groups, n):
    """Add to ``out[p]`` the sum over k of ``w[k] * x[p + taps[k]]``."""
    for k in range(0, TAPS * groups, TAPS):
        w0, w1, w2, w3, w4 = w[k], w[k + 1], w[k + 2], w[k + 3], w[k + 4]
        x0, x1, x2 = x[taps[k] :], x[taps[k + 1] :], x[taps[k + 2] :]
        x3, x4 = x[taps[k + 3] :], x[taps[k + 4] :]
        for p in range(n):
            out[p] += w0 * x0[p] + w1 * x1[p] + w2 * x2[p] + w3 * x3[p] + w4 * x4[p]


@njit(**FREE)
def spread(d, g, w, taps, groups, n):
    """Add ``w[k] * g[p]`` to ``d[p + taps[k]]``."""
    for k in range(TAPS * groups):
        to, wk = d[taps[k] :], w[k]
        for p in range(n):
            to[p] += wk * g[p]


@njit(**FREE)
def learn_taps(w, rates, eta, g, x, taps, groups, n):
    """Take from ``w[k]`` its rate times the sum over p of ``g[p] * x[p + taps[k]]``: eq. 21."""
    for k in range(0, TAPS * groups, TAPS):
        x0, x1, x2 = x[taps[k] :], x[taps[k + 1] :], x[taps[k + 2] :]
        x3, x4 = x[taps[k + 3] :], x[taps[k + 4] :]
        s0 = s1 = s2 = s3 = s4 = f4(0)
        for p in range(n):
            s0 += g[p] * x0[p]
            s1 += g[p] * x1[p]
            s2 += g[p] * x2[p]
            s3 += g[p] * x3[p]
            s4 += g[p] * x4[p]
        w[k] -= eta * rates[k] * s0
        w[k + 1] -= eta * rates[k + 1] * s1
        w[k + 2] -= eta * rates[k + 2] * s2
        w[k + 3] -= eta * rates[k + 3] * s3
        w[k + 4] -= eta * rates[k + 4] * s4


@njit(**FREE)
def squash(x, n, amplitude, slope):
    """``A tanh(S a)``, eq. 6, in place: A (1 - e) / (1 + e), where e = exp(-2 S |a|).

    A sixteenth of the exponent is at most 1.2, and seven terms of its series are enough there. In
    single precision the four squarings would cost four bits.
    """
    for i in range(n):
        a = f8(x[i])
        t = slope * abs(a)
        t = 9.5 if t > 9.5 else t  # from here on it is 1 in single precision; NaN stays NaN
        t *= -0.125
        e = 1 + t * (
            1 + t / 2 * (1 + t / 3 * (1 + t / 4 * (1 + t / 5 * (1 + t / 6 * (1 + t / 7)))))
        )
        e *= e
        e *= e
        e *= e
        e *= e
        y = amplitude * (1 - e) / (1 + e)
        x[i] = f4(y if a > 0 else -y)


@njit(**FREE)
def unsquash(g, y, n, amplitude, slope, second):
    """Multiply ``g`` by the slope of the squashing function, told from what it gave out, ``y``."""
    steepest, bend = f4(amplitude * slope), f4(slope / amplitude)
    for i in range(n):
        s = steepest - bend * y[i] * y[i]
        g[i] *= s * s if second else s  # Gauss-Newton: Appendix C


@njit(**FREE)
def total(g, n):
    """Return the sum."""
    s = f4(0)
    for i in range(n):
        s += g[i]
    return s


@njit(**FREE)
def full(y, x, w, n):
    """Add to each ``y[u]`` the sum over i of ``w[u, i] * x[i]``, four units at a time."""
    units = len(y)
    u = 0
    while u + 4 <= units:
        w0, w1, w2, w3 = w[u * n :], w[(u + 1) * n :], w[(u + 2) * n :], w[(u + 3) * n :]
        s0 = s1 = s2 = s3 = f4(0)
        for i in range(n):
            s0 += w0[i] * x[i]
            s1 += w1[i] * x[i]
            s2 += w2[i] * x[i]
            s3 += w3[i] * x[i]
        y[u] += s0
        y[u + 1] += s1
        y[u + 2] += s2
        y[u + 3] += s3
        u += 4
    for v in range(u, units):
        row = w[v * n :]
        s = f4(0)
        for i in range(n):
            s += row[i] * x[i]
        y[v] += s


@njit(**FREE)
def full_back(d, g, w, n):
    """Add to each ``d[i]`` the sum over u of ``w[u, i] * g[u]``, four units at a time."""
    units = len(g)
    u = 0
    while u + 4 <= units:
        w0, w1, w2, w3 = w[u * n :], w[(u + 1) * n :], w[(u + 2) * n :], w[(u + 3) * n :]
        g0, g1, g2, g3 = g[u], g[u + 1], g[u + 2], g[u + 3]
        for i in range(n):
            d[i] += g0 * w0[i] + g1 * w1[i] + g2 * w2[i] + g3 * w3[i]
        u += 4
    for v in range(u, units):
        row, gv = w[v * n :], g[v]
        for i in range(n):
            d[i] += gv * row[i]


@njit(**FREE)
def learn_row(w, rates, step, x, n):
    """Take from ``w[i]`` its rate times ``step * x[i]``: eq. 21."""
    for i in range(n):
        w[i] -= rates[i] * (step * x[i])


@njit(**FREE)
def subsample(y, x, coefficient, bias, rows, columns, pitch):
    """Write the sum of each 2x2 window, times the coefficient, plus the bias."""
    for r in range(rows):
        above, below, out = x[2 * r * pitch :], x[(2 * r + 1) * pitch :], y[r * columns :]
        for c in range(columns):
            s = above[2 * c] + above[2 * c + 1] + below[2 * c] + below[2 * c + 1]
            out[c] = coefficient * s + bias


@njit(**FREE)
def subsample_back(d, g, x, coefficient, rows, columns, pitch, second):
    """Give each input its window's gradient times the coefficient; return the coefficient's own."""
    own = f4(0)
    for r in range(rows):
        above, below, go = x[2 * r * pitch :], x[(2 * r + 1) * pitch :], g[r * columns :]
        da, db = d[2 * r * pitch :], d[(2 * r + 1) * pitch :]
        for c in range(columns):
            s = above[2 * c] + above[2 * c + 1] + below[2 * c] + below[2 * c + 1]
            v = coefficient * go[c]
            own += go[c] * (s * s if second else s)  # the sum is what is squared, as in Lush
            da[2 * c] = v
            da[2 * c + 1] = v
            db[2 * c] = v
            db[2 * c + 1] = v
    return own


@njit(**FREE)
def forward(layers, links, taps, cells, shapes, values, weights):
    """Go up through all layers, from the image at the beginning of ``values``."""
    for number in range(len(layers)):
        row = layers[number]
        kind, at, out = row[KIND], row[IN], row[OUT]
        maps, between, span = row[MAPS], row[BETWEEN], row[SPAN]
        if kind == CONVOLUTION:
            for m in range(maps):
                begin = out + m * between
                values[begin : begin + span] = weights[row[BIAS] + m] if row[BIAS] >= 0 else f4(0)
            for i in range(row[FIRST], row[LAST]):  # the existing kernels: Table I
                to, source, w, tap, groups, _ = links[i]
                correlate(values[to:], values[source:], weights[w:], taps[0, tap:], groups, span)
        elif kind == SQUASH:
            for m in range(maps):
                squash(values[out + m * between :], span, shapes[number, 0], shapes[number, 1])
        elif kind == SUBSAMPLING:
            rows, columns, pitch = row[ROWS], row[COLUMNS], row[PITCH_BELOW]
            for m in range(maps):
                x, y = values[at + m * row[BETWEEN_BELOW] :], values[out + m * between :]
                coefficient, bias = weights[row[WEIGHT] + m], weights[row[BIAS] + m]
                subsample(y, x, coefficient, bias, rows, columns, pitch)
        elif kind == FULL:
            y = values[out : out + maps]
            for u in range(maps):
                y[u] = weights[row[BIAS] + u] if row[BIAS] >= 0 else f4(0)
            full(y, values[at:], weights[row[WEIGHT] :], span)
        elif kind == MOVE:
            for i in range(span):
                values[out + i] = values[cells[row[LISTED] + i]]
        elif kind == UNIT_BIAS:
            for i in range(span):
                values[cells[row[LISTED] + i]] += weights[row[BIAS] + i]
        else:  # RBF: the score is minus the penalty of eq. 7
            for u in range(maps):
                code = weights[row[WEIGHT] + u * span :]
                s = f4(0)
                for i in range(span):
                    away = values[at + i] - code[i]
                    s += away * away
                values[out + u] = -s


@njit(**FREE)
def backward(
    layers, links, taps, cells, shapes, values, gradients, weights,
    inputs, learned, rates, eta, label, second,
):  # fmt: skip
    """Go down again, and learn on the way: eq. 21.

    With ``second`` it takes second derivatives down, as Appendix C does: ``weights`` and ``inputs``
    are given squared then, and ``learned`` collects curvatures. Else ``inputs`` are ``values``, and
    ``learned`` are ``weights``: what goes down is computed before the weights change.
    """
    for number in range(len(layers) - 1, -1, -1):
        row = layers[number]
        kind, at, out = row[KIND], row[IN], row[OUT]
        maps, between, span = row[MAPS], row[BETWEEN], row[SPAN]
        own, bias = row[WEIGHT], row[BIAS]
        if kind == CONVOLUTION:
            if row[DOWN]:
                gradients[at : at + row[BELOW]] = f4(0)
            for m in range(maps):
                if bias >= 0:
                    g = total(gradients[out + m * between :], span)
                    learned[bias + m] -= eta * rates[bias + m] * g
            for i in range(row[FIRST], row[LAST]):
                to, source, w, tap, groups, reach = links[i]
                if row[DOWN] and reach:  # there are zeros around each map's gradient
                    g, d = gradients[to - reach :], gradients[source:]
                    correlate(d, g, weights[w:], taps[1, tap:], groups, row[SPAN_BELOW])
                elif row[DOWN]:
                    d, g = gradients[source:], gradients[to:]
                    spread(d, g, weights[w:], taps[0, tap:], groups, span)
                x = inputs[source:]
                learn_taps(
                    learned[w:], rates[w:], eta, gradients[to:], x, taps[0, tap:], groups, span
                )
        elif kind == SQUASH:
            for m in range(maps):
                g, y = gradients[out + m * between :], values[out + m * between :]
                unsquash(g, y, span, shapes[number, 0], shapes[number, 1], second)
        elif kind == SUBSAMPLING:
            rows, columns, pitch = row[ROWS], row[COLUMNS], row[PITCH_BELOW]
            for m in range(maps):
                d, x = (
                    gradients[at + m * row[BETWEEN_BELOW] :],
                    values[at + m * row[BETWEEN_BELOW] :],
                )
                g = gradients[out + m * between :]
                learned[bias + m] -= eta * rates[bias + m] * total(g, span)
                s = subsample_back(d, g, x, weights[own + m], rows, columns, pitch, second)
                learned[own + m] -= eta * rates[own + m] * s
        elif kind == FULL:
            g, x = gradients[out : out + maps], inputs[at:]
            if row[DOWN]:
                d = gradients[at : at + span]
                d[:] = f4(0)
                full_back(d, g, weights[own:], span)
            for u in range(maps):
                w = own + u * span
                learn_row(learned[w:], rates[w:], eta * g[u], x, span)
                if bias >= 0:
                    learned[bias + u] -= eta * rates[bias + u] * g[u]
        elif kind == MOVE:
            for i in range(span):
                gradients[cells[row[LISTED] + i]] = f4(0)
            for i in range(span):
                gradients[cells[row[LISTED] + i]] += gradients[out + i]
        elif kind == UNIT_BIAS:
            for i in range(span):
                learned[bias + i] -= eta * rates[bias + i] * gradients[cells[row[LISTED] + i]]
        elif second:  # RBF: the second derivative of eq. 7, and of eq. 8, is 2
            for i in range(span):
                gradients[at + i] = f4(2)
                w = own + label * span + i
                learned[w] -= eta * rates[w] * f4(2)
        else:
            for i in range(span):
                x, d = values[at + i], f4(0)
                for u in range(maps):
                    w = own + u * span + i
                    slope = f4(2) * gradients[out + u] * (x - weights[w])
                    d -= slope
                    learned[w] -= eta * rates[w] * slope
                gradients[at + i] = d
        if not row[DOWN]:
            break


@njit(**FREE)
def lose(criterion, j, scores, label, g, second):
    """Return an image's loss; write its first derivatives by the scores, or the second, to ``g``.

    Sums of ten numbers are taken in double precision.
    """
    loss = 0.0
    if criterion == SQUARED:  # to targets of +1 and -1
        for i in range(len(scores)):
            away = f8(scores[i]) - (1.0 if i == label else -1.0)
            loss += 0.5 * away * away
            g[i] = f4(1.0 if second else away)
    elif criterion == EQ_8:
        loss = -f8(scores[label])
        for i in range(len(scores)):
            g[i] = f4(-1.0 if i == label and not second else 0.0)
    else:  # eq. 9; for an infinite j the cross-entropy
        top = -j
        for i in range(len(scores)):
            top = top if scores[i] < top else f8(scores[i])
        rest = math.exp(-j - top)
        for i in range(len(scores)):
            rest += math.exp(f8(scores[i]) - top)
        loss = top + math.log(rest) - f8(scores[label])
        for i in range(len(scores)):
            share = math.exp(f8(scores[i]) - top) / rest
            g[i] = f4(share * (1 - share) if second else share - (1.0 if i == label else 0.0))
    return loss


def _walk(
    layers, links, taps, cells, shapes, values, gradients, scores_at, classes,
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
        forward(layers, links, taps, cells, shapes, values, weights)
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
            layers, links, taps, cells, shapes, values, gradients, squared,
            squares, learned, rates, eta, label, second,
        )  # fmt: skip


_ROW, _TABLE = types.Array(f4, 1, "C"), types.Array(i8, 2, "C")
_WHOLE, _DOUBLE = types.Array(i8, 1, "C"), types.Array(f8, 1, "C")
SIGNATURE = (
    *(_TABLE, _TABLE, _TABLE, _WHOLE, types.Array(f8, 2, "C"), _ROW, _ROW, i8, i8),
    *(types.Array(f4, 2, "C"), _WHOLE, _WHOLE, _ROW, _ROW, _DOUBLE, i8, f8),
    *(_ROW, _ROW, _ROW, types.boolean),
)


def compiled(function: Callable[..., object], signature: tuple[types.Type, ...]) -> Any:
    """Compile ``function``, or load it from the user's cache folder, where it is kept for others.

    ``NUMBA_CACHE_DIR`` names another folder. A cache that cannot be written or read is none.
    """
    cached, named = None, config.CACHE_DIR
    try:
        # Numba 0.68 would else write into the package, where that is writable.
        config.CACHE_DIR = named or user_cache_dir("lenet_utils")
        cached = njit(cache=True, **FREE)(function)
        cached.compile(signature)
    except Exception:  # a full disk, no folder at all, a damaged file: each its own
        if cached is None or not cached.signatures:
            return njit(signature, **FREE)(function)
    finally:
        config.CACHE_DIR = named
    return cached  # where it was compiled and could not be written, too


walk = compiled(_walk, SIGNATURE)
