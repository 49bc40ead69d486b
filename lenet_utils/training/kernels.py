"""The kernels of the compiled step: the sums that the kinds of layers are made of.

Their arguments are rows of numbers, or the rest of one from where something begins; where the sums
are short, to make a slice takes longer than a sum, and whole rows come with the places at which
something begins. Equations are those of LeCun et al. 1998. The module imports Numba: `walk` alone
imports it.
"""

from __future__ import annotations

import math

from numba import float32 as f4
from numba import float64 as f8
from numba import njit

from .layouts import EQ_8, FIVE, SQUARED

__all__: list[str] = []  # for `walk`

# Sums may be taken in any order. "nnan" and "ninf" are left out: NaN must come out as NaN.
FREE = {
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
    "error_model": "numpy",
    "nogil": True,
}


@njit(**FREE)
def correlate(y, x, begin, w, weight, steps, step, fives, n):
    """Add to ``y`` what a kernel gives with ``x`` from ``begin`` on."""
    for five in range(fives):
        k, x0 = weight + FIVE * five, x[begin + steps[step + five] :]
        w0, w1, w2, w3, w4 = w[k], w[k + 1], w[k + 2], w[k + 3], w[k + 4]
        for p in range(n):
            y[p] += w0 * x0[p] + w1 * x0[p + 1] + w2 * x0[p + 2] + w3 * x0[p + 3] + w4 * x0[p + 4]


@njit(**FREE)
def correlate_back(d, begin, g, w, weight, steps, step, fives, n):
    """Add to ``d`` from ``begin`` on what each gets back; there are four zeros around ``g``."""
    for five in range(fives):
        k, to = weight + FIVE * five, d[begin + steps[step + five] :]
        w0, w1, w2, w3, w4 = w[k + 4], w[k + 3], w[k + 2], w[k + 1], w[k]
        for p in range(n + FIVE - 1):
            to[p] += w0 * g[p] + w1 * g[p + 1] + w2 * g[p + 2] + w3 * g[p + 3] + w4 * g[p + 4]


@njit(**FREE)
def learn_kernel(w, rates, weight, eta, g, x, begin, steps, step, fives, n):
    """Take from each weight its rate times the slope of the loss: eq. 21."""
    for five in range(fives):
        k, met = weight + FIVE * five, x[begin + steps[step + five] :]
        s0 = s1 = s2 = s3 = s4 = f4(0)
        for p in range(n):
            s0 += g[p] * met[p]
            s1 += g[p] * met[p + 1]
            s2 += g[p] * met[p + 2]
            s3 += g[p] * met[p + 3]
            s4 += g[p] * met[p + 4]
        w[k] -= eta * rates[k] * s0
        w[k + 1] -= eta * rates[k + 1] * s1
        w[k + 2] -= eta * rates[k + 2] * s2
        w[k + 3] -= eta * rates[k + 3] * s3
        w[k + 4] -= eta * rates[k + 4] * s4


@njit(**FREE)
def squash(x, n, amplitude, slope):
    """``A tanh(S a)``, eq. 6, in place.

    A quarter of S a is at most 2.375, where six terms of Lambert's continued fraction for tanh are
    enough; twice, tanh 2u = 2 tanh u / (1 + tanh^2 u). Single precision would cost four bits.
    """
    for i in range(n):
        u = slope / 4 * f8(x[i])
        u = 2.375 if u > 2.375 else u  # from here on it is 1 in single precision; NaN stays NaN
        u = -2.375 if u < -2.375 else u
        s = u * u
        over = u * (10_395 + s * (1_260 + s * 21))
        under = 10_395 + s * (4_725 + s * (210 + s))
        over, under = 2 * over * under, under * under + over * over
        over, under = 2 * over * under, under * under + over * over
        x[i] = f4(amplitude * over / under)


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
        above, below, given = x[2 * r * pitch :], x[(2 * r + 1) * pitch :], g[r * columns :]
        da, db = d[2 * r * pitch :], d[(2 * r + 1) * pitch :]
        for c in range(columns):
            s = above[2 * c] + above[2 * c + 1] + below[2 * c] + below[2 * c + 1]
            own += given[c] * (s * s if second else s)  # the sum is what is squared, as in Lush
        for c in range(columns):  # apart from the sums it takes a third less time
            da[2 * c] = da[2 * c + 1] = coefficient * given[c]
        for c in range(2 * columns):
            db[c] = da[c]
    return own


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
