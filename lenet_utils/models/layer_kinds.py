"""What a layer is: one table, read by all that draw, count, start, train or write layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor, nn

from .curvature_rules import (
    Curvatures,
    averaged,
    moved,
    of_penalties,
    squashed,
    subsampled,
    weighted,
)
from .digit_codes import Negation, RBFOutput
from .layers import ScaledTanh, SparseConv2d, Subsampling, Twice, UnitBias

__all__ = ["KINDS", "LayerKind", "find_kind", "kind_of", "known_parts"]

Draw = Callable[[Tensor, int], object]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LayerKind:
    """What there is to know about one class of layers: a row of ``KINDS``.

    The functions are called with the layer itself, so that its own geometry decides.

    Attributes
    ----------
    name
        By which the network's other programs, the page's and the experiments', know it.
    family
        Whose colour it is drawn in: "convolution", "subsampling" or "full". None for what only
        prepares or follows such a layer, as padding and squashing do.
    connection
        What the drawing calls the way to the layer before.
    window
        Height and width of what one unit sees of the layer before; None for all of it.
    inputs
        How many inputs a unit weights or adds: one number, or one for each map in turn.
    biased
        Whether its ``bias``, where that is not None, is a connection of each unit.
    curvature
        How second derivatives go back through it: one of ``curvature_rules``, or None where no rule
        is known.
    curvature_start
        For a layer from which `diagonal_curvature` begins instead of from the criterion: the same,
        called with the layer, its input, the labels and None, or, for an exact start, the loss of
        one image by what the layer gives and its label.
    start
        Sets the weights of a new training; called with the layer and with what draws weights, in
        place, by their fan-in. None where there is nothing to set.
    output
        What it gives as the last layer: scores, values squashed to be taught +1 and -1,
        penalties, of which the smallest is the answer, or probabilities, from 0 to 1.
    page
        Its numbers and tensors for the network in the browser; None for a layer that is not there.
    """

    name: str
    family: Literal["convolution", "subsampling", "full"] | None = None
    connection: str = ""
    window: Callable[[Any], tuple[int, int] | None] = lambda layer: None
    inputs: Callable[[Any], tuple[int, ...]] = lambda layer: (0,)
    biased: bool = False
    curvature: Callable[[Any, Tensor, Tensor], Curvatures] | None = None
    curvature_start: Callable[[Any, Tensor, Tensor, Loss | None], Curvatures] | None = None
    start: Callable[[Any, Draw], object] | None = None
    output: Literal["scores", "squashed", "penalties", "probabilities"] = "scores"
    page: Callable[[Any], dict[str, Any]] | None = None


def find_kind(layer: nn.Module) -> LayerKind | None:
    """Return a layer's row, or None; a subclass computes something else and has its own."""
    return KINDS.get(type(layer))


def kind_of(layer: nn.Module) -> LayerKind:
    """Return a layer's row; raises TypeError for a class that has none."""
    kind = find_kind(layer)
    if kind is None:
        name = type(layer).__name__
        raise TypeError(
            f"{name} is no kind of layer that is known here: add a row for it, "
            f"lenet_utils.models.KINDS[{name}] = LayerKind(...), or use one that has a row"
        )
    return kind


def known_parts(model: nn.Module) -> Iterator[nn.Module]:
    """Give the layers that a model is made of, in order; raises TypeError for one without a row.

    A module with a row counts as one layer, whatever it is made of itself.
    """
    parts = list(model.children())
    if find_kind(model) is None and parts:
        for part in parts:
            yield from known_parts(part)
    else:
        kind_of(model)
        yield model


# --- Geometry -------------------------------------------------------------------------------------


def _pair(size: int | tuple[int, ...]) -> tuple[int, int]:
    rows, columns = (size, size) if isinstance(size, int) else size
    return rows, columns


def _window(layer: Any) -> tuple[int, int]:
    spread = _pair(getattr(layer, "dilation", 1))
    rows, columns = (s * (k - 1) + 1 for s, k in zip(spread, _pair(layer.kernel_size), strict=True))
    return rows, columns


def _inputs_of_pooling(layer: Any) -> tuple[int, ...]:
    if layer.ceil_mode:
        raise ValueError(
            "with ceil_mode=True the last windows are smaller and their inputs are not counted; "
            f"pass ceil_mode=False, got {layer}"
        )
    return (math.prod(_pair(layer.kernel_size)),)


# --- The start of a training ----------------------------------------------------------------------


def _start_by_fan_in(layer: nn.Conv2d | nn.Linear, draw: Draw) -> None:
    draw(layer.weight, layer.weight[0].numel())
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _start_anew(layer: Any, draw: Draw) -> None:
    layer.reset_parameters()  # nothing in it is drawn


# --- The page -------------------------------------------------------------------------------------

_PLAIN = {"padding": (0, 0), "dilation": (1, 1), "groups": 1}


def _dense(layer: nn.Conv2d) -> dict[str, Any]:
    given = {name: getattr(layer, name) for name in _PLAIN}
    if given != _PLAIN:
        raise ValueError(f"convolutions must have {_PLAIN}, got {given}; nn.ConstantPad2d pads")
    everything = layer.out_channels * (tuple(range(layer.in_channels)),)
    return _convolution(layer, layer.in_channels, everything)


def _sparse(layer: SparseConv2d) -> dict[str, Any]:
    return _convolution(layer, layer.in_maps, layer.table)


def _convolution(
    layer: nn.Conv2d | SparseConv2d, inputs: int, table: tuple[tuple[int, ...], ...]
) -> dict[str, Any]:
    (window, columns), (stride, along) = _pair(layer.kernel_size), _pair(layer.stride)
    if window != columns or stride != along:
        raise ValueError(f"kernels must be square, and move as far down as along, got {layer}")
    return {
        "inputs": inputs,
        "window": window,
        "stride": stride,
        "table": table,
        "kernels": layer.weight,
        "bias": layer.bias,
    }


# --- The table ------------------------------------------------------------------------------------

_ELEMENTWISE = LayerKind("elementwise", curvature=squashed)
_MOVING = LayerKind("moving", curvature=moved)
_NORMALIZING = LayerKind("normalizing", start=_start_anew)  # its scale and shift connect nothing
_POOLING = LayerKind(
    "pooling",
    family="subsampling",
    connection="subsampling",
    window=_window,
    inputs=_inputs_of_pooling,
)
_CONVOLUTION = LayerKind(
    "convolution",
    family="convolution",
    connection="convolutions",
    window=_window,
    inputs=lambda layer: (layer.weight[0].numel(),),
    biased=True,
    curvature=weighted,
    start=_start_by_fan_in,
    page=_dense,
)

KINDS: dict[type[nn.Module], LayerKind] = {
    nn.Conv2d: _CONVOLUTION,
    SparseConv2d: replace(
        _CONVOLUTION,
        inputs=lambda layer: tuple(len(row) * layer.kernel_size**2 for row in layer.table),
        start=SparseConv2d.reset_parameters,
        page=_sparse,
    ),
    Subsampling: replace(
        _POOLING,
        name="subsampling",
        window=lambda layer: (2, 2),
        inputs=lambda layer: (4,),
        biased=True,
        curvature=subsampled,
        start=_start_anew,
        page=lambda layer: {
            "window": 2,
            "stride": 2,
            "coefficient": layer.coefficient,
            "bias": layer.bias,
        },
    ),
    nn.Linear: LayerKind(
        "full",
        family="full",
        connection="full connection",
        inputs=lambda layer: (layer.in_features,),
        biased=True,
        curvature=weighted,
        start=_start_by_fan_in,
        page=lambda layer: {"weight": layer.weight, "bias": layer.bias},
    ),
    RBFOutput: LayerKind(
        "rbf",
        family="full",
        connection="RBF units",
        inputs=lambda layer: (layer.codes.shape[1],),
        curvature_start=of_penalties,
        output="penalties",
        page=lambda layer: {"codes": layer.codes},
    ),
    UnitBias: LayerKind("unit bias", biased=True, curvature=weighted, start=_start_anew),
    ScaledTanh: LayerKind(
        "squash",
        curvature=squashed,
        output="squashed",
        page=lambda layer: {"amplitude": layer.amplitude, "slope": layer.slope},
    ),
    # On the page a layer's values lie in a row anyway, and its answer may be the smallest.
    Negation: LayerKind("negation", curvature=squashed, page=lambda layer: {}),
    nn.Flatten: LayerKind("flatten", curvature=moved, page=lambda layer: {}),
    Twice: replace(_MOVING, name="twice"),
    nn.ConstantPad2d: replace(_MOVING, name="pad"),
    nn.ZeroPad2d: _MOVING,
    nn.Dropout: _MOVING,  # which as in evaluation does nothing
    nn.Dropout2d: _MOVING,
    nn.AvgPool2d: replace(_POOLING, curvature=averaged),
    nn.MaxPool2d: replace(_POOLING, curvature=moved),
    nn.BatchNorm1d: _NORMALIZING,
    nn.BatchNorm2d: _NORMALIZING,
    nn.PReLU: LayerKind("elementwise", start=_start_anew),  # no rule for its slope's curvature
    nn.Softmax: LayerKind("softmax", output="probabilities"),
    nn.LogSoftmax: LayerKind("softmax"),
    **dict.fromkeys(
        (
            *(nn.CELU, nn.ELU, nn.GELU, nn.Hardswish, nn.Identity, nn.LeakyReLU, nn.LogSigmoid),
            *(nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Softplus, nn.Tanhshrink),
        ),
        _ELEMENTWISE,
    ),
    **dict.fromkeys((nn.Hardtanh, nn.Softsign, nn.Tanh), replace(_ELEMENTWISE, output="squashed")),
    **dict.fromkeys((nn.Hardsigmoid, nn.Sigmoid), replace(_ELEMENTWISE, output="probabilities")),
}
