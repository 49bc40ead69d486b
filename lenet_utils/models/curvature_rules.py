"""How curvature goes back through a layer: LeCun et al. 1998, Appendix C (preprint pp. 41-42).

Each rule is called with the layer, its input and the second derivative of the loss by its output.
It gives that by its input, and those by its own parameters, summed over the images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, hessian, vmap

from .digit_codes import RBFOutput

__all__ = ["Curvatures", "averaged", "moved", "of_penalties", "squashed", "subsampled", "weighted"]

Curvatures = tuple[Tensor, dict[str, Tensor]]


def weighted(layer: nn.Module, x: Tensor, h: Tensor, given: Tensor | None = None) -> Curvatures:
    """Go back as a gradient does, with every weight and every input squared."""
    own = {name: p.detach() for name, p in layer.named_parameters()}
    squared = {name: p.square() for name, p in own.items()}
    given = x.square() if given is None else given
    to_input = _backward(lambda x: functional_call(layer, squared, (x,)), x)
    to_own = _backward(lambda own: functional_call(layer, own, (given,)), own)
    return to_input(h), to_own(h)


def subsampled(layer: nn.Module, x: Tensor, h: Tensor) -> Curvatures:
    """The coefficient weights the sum of its window, which is what is squared, as in Lush."""
    sums = F.avg_pool2d(x, 2, divisor_override=1)
    # An input whose windows sum to the squares of the sums of the windows of x.
    return weighted(layer, x, h, F.interpolate(sums.square() / 4, scale_factor=2))


def averaged(layer: Any, x: Tensor, h: Tensor) -> Curvatures:
    """An average weights its inputs alike; the way back has this weight once already."""
    ones = torch.ones_like(x)
    counts = F.avg_pool2d(
        *(ones, layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode), divisor_override=1
    )
    return _backward(layer, x)(h * layer(ones) / counts), {}


def squashed(layer: nn.Module, x: Tensor, h: Tensor) -> Curvatures:
    """Gauss-Newton: the square of the slope, without the second derivative's own term."""
    # A copy, for the layer may work in place.
    return _backward(lambda x: layer(x.clone()), x)(torch.ones_like(x)).square() * h, {}


def moved(layer: nn.Module, x: Tensor, h: Tensor) -> Curvatures:
    """Inputs pass as they are, or not at all."""
    return _backward(layer, x)(h), {}


def of_penalties(
    layer: RBFOutput,
    x: Tensor,
    labels: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Curvatures:
    """2 for each input: the second derivative of eq. 7, and what Lush takes.

    With the ``loss`` of one image by its penalties and label, the exact second derivatives.
    """
    if loss is not None:
        return _exactly(layer, x, labels, loss)
    own = {}
    if layer.codes.requires_grad:  # a code meets its own class only: eq. 8
        count = F.one_hot(labels, len(layer.codes)).to(x).sum(dim=0)
        own["codes"] = 2 * count[:, None].expand_as(layer.codes)
    return torch.full_like(x, 2.0), own


def _exactly(
    layer: RBFOutput, x: Tensor, labels: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
) -> Curvatures:
    """Of E(y), with y_i = sum_j (x_j - w_ij)^2: both derivatives by the chain rule."""
    away, penalties = x[:, None, :] - layer.codes.detach(), layer(x).detach()
    first = vmap(grad(loss))(penalties, labels)  # (N, classes)
    second = vmap(hessian(loss))(penalties, labels)  # (N, classes, classes)
    mixed = torch.einsum("nij,nik,nkj->nj", away, second, away)
    own = {}
    if layer.codes.requires_grad:
        direct = second.diagonal(dim1=1, dim2=2)[:, :, None] * away.square()
        own["codes"] = (2 * first[:, :, None] + 4 * direct).sum(dim=0)
    return 2 * first.sum(dim=1, keepdim=True) + 4 * mixed, own


def _backward(function: Callable[[Any], Tensor], x: Any) -> Callable[[Tensor], Any]:
    """Return what turns a derivative by the output of ``function`` into one by its input ``x``."""
    _, backward, *_ = torch.func.vjp(function, x)
    return lambda h: backward(h)[0]
