"""How a training starts: the rules for first weights, each of which ``model.apply`` takes."""

from __future__ import annotations

from torch import nn

from .layer_kinds import Draw, find_kind
from .layers import SparseConv2d, uniform_by_fan_in_

__all__ = ["initialize_as_published", "initialize_like_lush"]


def initialize_as_published(layer: nn.Module) -> None:
    """Start a layer anew: weights by fan-in, biases 0; pass it to ```model.apply```.

    Uniform in +/-2.4 / F_i (LeCun et al. 1998, preprint p. 41). Whether the rule held for biases
    is not said there; the authors' later code (Lush) sets them to 0. Which layers have something to
    start, and how, is in ``layer_kinds.KINDS``; those that are not there are left alone, and so are
    the codes of RBF units.
    """
    _start(layer, uniform_by_fan_in_)


def initialize_like_lush(layer: nn.Module) -> None:
    """Start a layer anew, weights from +/-1 / sqrt(F_i), biases 0; pass it to ```model.apply```.

    The start of the authors' later code (Lush, 2002). The chapter "As published" tells why our
    reconstruction of 1998's training, LeNet-5 with RBF units and `SDLM`, takes it in place of the
    published one.
    """
    _start(layer, lambda weight, fan_in: nn.init.uniform_(weight, -(fan_in**-0.5), fan_in**-0.5))


def start_like_pytorch(layer: SparseConv2d) -> None:
    """Start as PyTorch 2.15 starts its convolutions: weights and biases from +/-1 / sqrt(F_i)."""
    limits = [len(row) ** -0.5 / layer.kernel_size for row in layer.table]
    weights = layer.weight.detach().split([len(row) for row in layer.table])
    for kernels, limit in zip(weights, limits, strict=True):
        kernels.uniform_(-limit, limit)
    if layer.bias is not None:
        for bias, limit in zip(layer.bias.detach().split(1), limits, strict=True):
            bias.uniform_(-limit, limit)


def _start(layer: nn.Module, draw: Draw) -> None:
    kind = find_kind(layer)
    if kind is not None and kind.start is not None:
        kind.start(layer, draw)
