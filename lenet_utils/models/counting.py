"""Counting a network: parameters, connections and multiply-accumulates, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from .._checks import check_kind
from .base import LeNet
from .inside import watched
from .layer_kinds import kind_of, known_parts

if TYPE_CHECKING:  # pandas is imported where a table is made: networks and training start without
    import pandas as pd

__all__ = ["summary"]


def summary(model: LeNet) -> pd.DataFrame:
    """Count what each layer of a network has and does for one image.

    A connection is one input, weighted or biased, of one unit, as the papers count them: 340,908 in
    LeNet-5 with the 840 of its RBF output (LeCun et al. 1998, preprint p. 7), 98,442 in LeNet-1
    (LeCun et al. 1990, p. 7), 64,660 in the network of 1989 (p. 546), whose windows on the padding
    count in full. Parameters are the trainable ones: the fixed codes of RBF units are none.
    Multiply-accumulates leave the biases out; a subsampling unit's four additions count as four,
    and an RBF unit's squared differences as one each. Batch normalisation adds parameters only.
    How many inputs a unit has is in its layer's row of ``layer_kinds.KINDS``.

    Parameters
    ----------
    model
        One of this package's networks.

    Returns
    -------
    DataFrame
        A row for each layer, a last row "total", and the columns input, output (shapes without the
        batch), parameters, connections, multiply_accumulates.

    Raises
    ------
    TypeError
        If ``model`` is something else, or has a layer without a row in that table.
    ValueError
        If a pooling has ``ceil_mode``, with which not all units have as many inputs.

    Examples
    --------
    >>> summary(LeNet5()).loc[["C3", "total"], ["parameters", "connections"]]
           parameters  connections
    layer
    C3           1516       151600
    total       60000       340908
    """
    import pandas as pd

    check_kind("model", model, LeNet, "such as LeNet5()")
    image = next(model.parameters()).new_zeros(1, model.channels, model.size, model.size)
    outputs = {part: out for part, (_, out) in watched(model, image, model.modules()).items()}
    rows, x = [], image
    for name, layer in model.named_children():
        work = [_work(part, outputs[part]) for part in known_parts(layer)]
        rows.append(
            {
                "layer": "output" if name == "output" else name.upper(),
                "input": _shape(x),
                "output": _shape(outputs[layer]),
                "parameters": sum(p.numel() for p in layer.parameters() if p.requires_grad),
                "connections": sum(connections for connections, _ in work),
                "multiply_accumulates": sum(products for _, products in work),
            }
        )
        x = outputs[layer]
    table = pd.DataFrame(rows).set_index("layer")
    counts = table[["parameters", "connections", "multiply_accumulates"]].sum()
    table.loc["total"] = [_shape(image), _shape(x), *counts]
    return table


def _shape(x: Tensor) -> str:
    return " x ".join(str(length) for length in x.shape[1:])  # "6 x 28 x 28"


def _work(layer: nn.Module, output: Tensor) -> tuple[int, int]:
    """Return connections and multiply-accumulates of one layer that gave ``(1, ...)`` out."""
    kind, units = kind_of(layer), output.numel()
    inputs = kind.inputs(layer)  # of a unit, for each map in turn
    products = units // len(inputs) * sum(inputs)
    biases = units if kind.biased and layer.bias is not None else 0
    return products + biases, products
