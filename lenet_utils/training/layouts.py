"""How the layers of a model are laid out in the tables of a `Plan`: a function for each kind.

The maps of a layer lie in one flat row of numbers. In it a kernel's weight at (ky, kx) meets what
lies ``ky * pitch + kx`` behind the place of the unit, where ``pitch`` is the length of a map's row.
So a map is a sum of shifted copies of one row, in one long loop, whose results at the ends of the
rows are waste. Five weights that meet neighbours are a *five*, and are used together; the places
of the fives of a kernel are its *steps*. A kernel that moves by two pixels meets neighbours where
even and odd rows and columns are put apart first. A *link* is a kernel between two maps. Padding,
flattening and the like compute nothing: a *view* says in which *cell* of the row each of their
values lies, and they are copied only where a layer cannot read them there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..models.layer_kinds import kind_of

if TYPE_CHECKING:
    from .plan import Plan

__all__: list[str] = []  # for `Plan`

Cells = NDArray[np.int64]
FIVE = 5
LINE = 16  # numbers in a line of a processor's cache: vectors that begin with one are faster

# A layer: where what it is given and gives out begins, its weights and biases (-1 for none),
# whether a gradient is wanted below it, its maps, how far one lies from the next, how long one is.
ALL = "kind begin out weight bias down maps between span"
# And of some kinds: where its cells begin on the list; a convolution's links, and what lies below.
SOME = "listed first last below rows columns pitch between_below"
LAYER = np.dtype(
    [(name, np.int64) for name in f"{ALL} {SOME}".split()]
    + [(name, np.float64) for name in ("amplitude", "slope")]
)
LINK = np.dtype([(name, np.int64) for name in ("out", "begin", "weight", "step", "fives")])
MOVE, CONVOLUTION, SUBSAMPLING, UNIT_BIAS, SQUASH, FULL, RBF = range(7)
SQUARED, EQ_8, EQ_9 = range(3)


class NoKernelError(Exception):
    """A model or a criterion has parts for which there is no kernel."""


def _convolution(plan: Plan, layer: nn.Module) -> None:
    its = _geometry(layer)
    size, stride, table = its["window"], its["stride"], its["table"]
    _check_view(plan, layer, 3, its["inputs"])
    _, rows, columns = plan.view.shape
    if min(rows, columns) < size:
        raise NoKernelError(f"{layer} on {plan.view.shape}")
    if (rows, columns) == (size, size) and all(len(row) == its["inputs"] for row in table):
        plan.view = _dense(plan, its["kernels"], its["bias"])[:, None, None]
        return
    rows, columns = (rows - size) // stride + 1, (columns - size) // stride + 1
    if stride > 1:
        parts = _apart(plan.view, size, stride)
        begin = int(plan.move(parts).flat[0])
        distance, pitch = parts[0].size, parts.shape[-1]
    else:
        begin, distance, pitch = plan.in_maps()
    span, first, down = (rows - 1) * pitch + columns, len(plan.links), bool(plan.tensors)
    between = whole_lines(span + FIVE - 1)  # on the way back each map's gradient ends with zeros
    out = int(plan.new_cells(len(table) * between, before=FIVE - 1)[0])
    steps, places = _fives(size, stride, pitch, distance)
    room, step = FIVE * len(steps), plan.new_steps(steps)
    weight = plan.new_kernels(its["kernels"], places, room)
    pairs = [(o, m) for o, maps in enumerate(table) for m in maps]
    for number, (o, m) in enumerate(pairs):
        to, source = out + o * between, begin + m * distance
        plan.links.append((to, source, weight + number * room, step, len(steps)))
    plan.add(
        CONVOLUTION,
        begin=begin, out=out, weight=weight, bias=plan.new_weights(its["bias"]),
        down=down, maps=len(table), between=between, span=span,
        first=first, last=len(plan.links), below=its["inputs"] * distance,
    )  # fmt: skip
    plan.needed = False
    plan.view = out + in_rows((len(table), rows, columns), between, pitch)


def _geometry(layer: nn.Module) -> dict[str, Any]:
    page = kind_of(layer).page
    assert page is not None  # a convolution has one
    try:
        return page(layer)
    except ValueError as error:  # padding, dilation, groups, kernels that are not square
        raise NoKernelError(str(error)) from error


def _apart(view: Cells, size: int, stride: int) -> Cells:
    """Return ``(maps, stride * stride, rows, columns)``: each ``stride``-th row and column.

    As many as a kernel meets; behind the last it meets them with weights of 0, so any will do.
    """
    maps, *sides = view.shape
    counts = [(side - size) // stride + 1 + (size - 1) // stride for side in sides]
    ys, xs = (
        np.minimum(np.add.outer(np.arange(stride), stride * np.arange(count)), side - 1)
        for count, side in zip(counts, sides, strict=True)
    )
    parts = view[:, ys[:, None, :, None], xs[None, :, None, :]]
    return parts.reshape(maps, stride**2, *counts)


def _fives(size: int, stride: int, pitch: int, distance: int) -> tuple[Cells, Cells]:
    """Return where the fives of a kernel begin, and for each weight its place among theirs.

    The places that no weight has stay 0.
    """
    part, places = distance // stride**2, np.zeros((size, size), np.int64)
    steps: list[int] = []
    for ky in range(size):
        for kx in range(min(stride, size)):
            row = (ky % stride * stride + kx) * part + ky // stride * pitch
            for begin in range(0, len(range(kx, size, stride)), FIVE):
                some = places[ky, kx::stride][begin : begin + FIVE]
                some[:] = FIVE * len(steps) + np.arange(len(some))
                steps.append(row + begin)
    return np.array(steps), places.reshape(-1)


def whole_lines(count: int) -> int:
    """Return ``count``, or what is missing to a whole number of lines more."""
    return -(-count // LINE) * LINE


def in_rows(shape: tuple[int, ...], between: int, pitch: int) -> Cells:
    """Return where the values of maps lie: ``pitch`` from row to row, ``between`` maps."""
    maps, rows, columns = (np.arange(length) for length in shape)
    return between * maps[:, None, None] + pitch * rows[:, None] + columns


def _full(plan: Plan, layer: nn.Linear) -> None:
    _check_view(plan, layer, 1, layer.in_features)
    plan.view = _dense(plan, layer.weight, layer.bias)


def _dense(plan: Plan, weight: Tensor, bias: Tensor | None, kind: int = FULL) -> Cells:
    begin, inputs, units = plan.in_a_row(), plan.view.size, len(weight)
    out, down = plan.new_cells(units), bool(plan.tensors)
    plan.add(
        kind,
        begin=begin, out=out[0], weight=plan.new_weights(weight), bias=plan.new_weights(bias),
        down=down, maps=units, span=inputs,
    )  # fmt: skip
    plan.needed = False
    return out


def _subsampling(plan: Plan, layer: Any) -> None:
    _check_view(plan, layer, 3, layer.maps)
    maps, rows, columns = plan.view.shape
    if rows % 2 or columns % 2:
        raise NoKernelError(f"{layer} on {plan.view.shape}")
    begin, between, pitch = plan.in_maps()
    rows, columns, down = rows // 2, columns // 2, bool(plan.tensors)
    plan.view = plan.new_cells(maps * rows * columns).reshape(maps, rows, columns)
    plan.add(
        SUBSAMPLING,
        begin=begin, out=plan.view[0, 0, 0], down=down, maps=maps,
        weight=plan.new_weights(layer.coefficient), bias=plan.new_weights(layer.bias),
        between=rows * columns, span=rows * columns,
        rows=rows, columns=columns, pitch=pitch, between_below=between,
    )  # fmt: skip
    plan.needed = False


def _unit_bias(plan: Plan, layer: Any) -> None:
    if layer.bias.shape != plan.view.shape:
        raise NoKernelError(f"{layer} on {plan.view.shape}")
    plan.in_maps(alone=True)
    cells, down = plan.listed(plan.view), bool(plan.tensors)
    bias = plan.new_weights(layer.bias)
    plan.add(UNIT_BIAS, bias=bias, down=down, span=plan.view.size, listed=cells)


def _squash(plan: Plan, layer: Any) -> None:
    begin, between, pitch = plan.in_maps(alone=True)
    maps, rows, columns = (1, 1, *plan.view.shape)[-3:]
    span = (rows - 1) * pitch + columns
    if span == between:  # no gaps: one long row
        maps, span = 1, maps * span
    plan.add(
        SQUASH,
        out=begin, down=bool(plan.tensors), maps=maps, between=between, span=span,
        amplitude=layer.amplitude, slope=layer.slope,
    )  # fmt: skip
    plan.needed = True


def _pad(plan: Plan, layer: nn.ConstantPad2d) -> None:
    left, right, above, below = layer.padding
    if plan.view.ndim != 3 or min(layer.padding) < 0:
        raise NoKernelError(str(layer))
    sides = ((0, 0), (above, below), (left, right))
    plan.view = np.pad(plan.view, sides, constant_values=_constant(plan, layer.value))


def _constant(plan: Plan, value: float) -> int:
    cell = int(plan.new_cells(1)[0])
    plan.constants[cell] = value
    return cell


def _flatten(plan: Plan, layer: nn.Flatten) -> None:
    if (layer.start_dim, layer.end_dim) != (1, -1):
        raise NoKernelError(str(layer))
    plan.view = plan.view.reshape(-1)


def _twice(plan: Plan, layer: nn.Module) -> None:
    _check_view(plan, layer, 3, len(plan.view))
    plan.view = plan.view.repeat(2, axis=0)


def _rbf(plan: Plan, layer: Any) -> None:
    _check_view(plan, layer, 1, layer.codes.shape[1])
    plan.view = _dense(plan, layer.codes, None, RBF)
    plan.ended = True


def _negation(plan: Plan, layer: nn.Module) -> None:
    """Nothing is left to do: the kernel of RBF units gives out minus the penalties."""
    if not plan.ended or plan.layers[-1][0] != RBF:
        raise NoKernelError("Negation behind anything but RBF units")


def _check_view(plan: Plan, layer: nn.Module, dimensions: int, length: int) -> None:
    if plan.view.ndim != dimensions or len(plan.view) != length:
        raise NoKernelError(f"{layer} on {plan.view.shape}")


LAYOUTS: dict[str, Callable[[Plan, Any], None]] = {  # by their names in layer_kinds
    "convolution": _convolution,
    "full": _full,
    "unit bias": _unit_bias,
    "subsampling": _subsampling,
    "squash": _squash,
    "pad": _pad,
    "flatten": _flatten,
    "twice": _twice,
    "rbf": _rbf,
    "negation": _negation,
}
