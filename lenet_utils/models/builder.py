"""Putting the chosen parts behind a convolution, a subsampling or a full layer."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import nn

from .._checks import check_share
from .layer_kinds import find_kind
from .layers import ScaledTanh, Subsampling

__all__ = ["Builder", "PartForMaps"]

PartForMaps = Callable[[int], nn.Module]


class Builder:
    """Puts the chosen parts behind a convolution, a subsampling or a full layer."""

    def __init__(
        self,
        activation: nn.Module | None,
        pooling: PartForMaps = Subsampling,
        normalization: PartForMaps | None = None,
        dropout: float = 0.0,
    ) -> None:
        if activation is not None and not isinstance(activation, nn.Module):
            raise TypeError(f"activation must be a module such as nn.ReLU(), got {activation!r}")
        for name, part in (("pooling", pooling), ("normalization", normalization)):
            missing = part is None and name == "normalization"  # the only one that may be
            # PyTorch's own would take the number of maps for the side of their windows.
            is_plain = isinstance(part, type) and part.__module__ == nn.MaxPool2d.__module__
            if isinstance(part, nn.Module) or is_plain or not (missing or callable(part)):
                raise TypeError(
                    f"{name} must be something that makes a layer when called with the number of "
                    f"maps, such as nn.BatchNorm2d or lambda maps: nn.MaxPool2d(2), got {part!r}"
                )
        check_share("dropout", dropout)
        self._activation = ScaledTanh() if activation is None else activation
        self._pooling = pooling
        self._normalization = normalization
        self._dropout = dropout

    def convolution(self, layer: nn.Module, maps: int, last: bool = False) -> nn.Sequential:
        normalization = [self._normalization(maps)] if self._normalization else []
        return nn.Sequential(layer, *normalization, self._squash(), *self._drop(last))

    def subsampling(self, maps: int, last: bool = False) -> nn.Sequential:
        layer = self._pooling(maps)
        squash = [self._squash()] if isinstance(layer, Subsampling) else []
        return nn.Sequential(layer, *squash, *self._drop(last))

    def full(self, *layers: nn.Module, drop: bool = True) -> nn.Sequential:
        return nn.Sequential(*layers, self._squash(), *self._drop(drop))

    def output(self, given: nn.Module | None, published: nn.Module) -> nn.Module:
        if given is not None and not isinstance(given, nn.Module):
            raise TypeError(f"output must be a module such as nn.Linear(84, 10), got {given!r}")
        kind = None if given is None else find_kind(given)
        if kind is not None and kind.output == "penalties":
            raise ValueError(
                f"{type(given).__name__} gives penalties, the smallest for its answer, and a "
                "network answers by the largest score; pass nn.Sequential(RBFOutput(), Negation())"
            )
        return published if given is None else given

    def _squash(self) -> nn.Module:
        return copy.deepcopy(self._activation)  # each layer its own, in case it has parameters

    def _drop(self, wanted: bool) -> list[nn.Module]:
        return [nn.Dropout(self._dropout)] if wanted and self._dropout else []
