"""Counting a network: parameters, connections and multiply-accumulates, layer by layer."""

from __future__ import annotations

import pandas as pd
from torch import Tensor, nn

from .checks import check_kind
from .inside import watched
from .layers import SparseConv2d, Subsampling, UnitBias
from .models import LeNet
from .rbf import RBFOutput

__all__ = ["layer_outputs", "summary"]

# The layers whose biases are connections; those of batch normalisation are not.
_BIASED = (nn.Conv2d, nn.Linear, SparseConv2d, Subsampling, UnitBias)


def summary(model: LeNet) -> pd.DataFrame:
    """Count what each layer of a network has and does for one image.

    A connection is one input, weighted or biased, of one unit, as the papers count them: 340,908 in
    LeNet-5 with the 840 of its RBF output (LeCun et al. 1998, preprint p. 7), 98,442 in LeNet-1
    (LeCun et al. 1990, p. 7), 64,660 in the network of 1989 (p. 546), whose windows on the padding
    count in full. Parameters are the trainable ones: the fixed codes of RBF units are none.
    Multiply-accumulates leave the biases out; a subsampling unit's four additions count as four,
    and an RBF unit's squared differences as one each. Batch normalisation adds parameters only.

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
        If ``model`` is something else.
    """
    check_kind("model", model, LeNet, "such as LeNet5()")
    image = next(model.parameters()).new_zeros(1, 1, model.size, model.size)
    outputs = {part: out for part, (_, out) in watched(model, image, model.modules()).items()}
    rows, x = [], image
    for name, layer in model.named_children():
        work = [_work(part, outputs[part]) for part in layer.modules()]
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


def layer_outputs(model: LeNet, images: Tensor) -> dict[str, Tensor]:
    """Return what every named layer gives out, after its activation.

    Parameters
    ----------
    model
        One of this package's networks. It is run as in evaluation, and left in the mode it was in.
    images
        ``(N, 1, size, size)`` float32, on the model's device.

    Returns
    -------
    dict
        The layer's name to its output: for LeNet-5 ``c1`` ``(N, 6, 28, 28)`` to ``output``
        ``(N, 10)``.

    Raises
    ------
    TypeError
        If ``model`` is not one of this package's networks.
    ValueError
        If the images have another shape.
    """
    check_kind("model", model, LeNet, "such as LeNet5()")
    seen = watched(model, images, model.children())
    return {name: seen[layer][1] for name, layer in model.named_children()}


def _shape(x: Tensor) -> str:
    return " x ".join(str(length) for length in x.shape[1:])  # "6 x 28 x 28"


def _work(part: nn.Module, output: Tensor) -> tuple[int, int]:
    """Return connections and multiply-accumulates of one module that gave ``(1, ...)`` out."""
    units = output.numel()
    products = _weighted_inputs(part, units)
    biases = units if isinstance(part, _BIASED) and part.bias is not None else 0
    return products + biases, products


def _weighted_inputs(part: nn.Module, units: int) -> int:
    """Return how many inputs all the ``units`` of one module weight or add."""
    if isinstance(part, SparseConv2d):
        return units // part.out_maps * part.weight.numel()  # every kernel at every position
    if isinstance(part, (nn.Conv2d, nn.Linear)):
        return units * part.weight[0].numel()
    if isinstance(part, RBFOutput):
        return part.codes.numel()  # each unit compares each input with its code
    if isinstance(part, (Subsampling, nn.AvgPool2d, nn.MaxPool2d)):
        return units * 4  # windows are 2x2 in all of these networks
    return 0  # containers, activations, dropout, padding and the like connect nothing new
