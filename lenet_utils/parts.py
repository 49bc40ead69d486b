"""What the networks are made with: their common class, their start, and the parts of a layer."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from .layers import ScaledTanh, Subsampling, uniform_by_fan_in_
from .losses import DiscriminativeLoss, squared_error
from .rbf import RBFOutput

__all__ = ["LeNet", "PartForMaps", "Parts", "initialize_as_published"]

PartForMaps = Callable[[int], nn.Module]


def initialize_as_published(layer: nn.Module) -> None:
    """Draw a layer's weights by fan-in and set its biases to 0; pass it to ``model.apply``.

    Uniform in +/-2.4 / F_i (LeCun et al. 1998, preprint p. 41). Whether the rule held for biases
    is not said there; the authors' later code (Lush) sets them to 0.
    """
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        uniform_by_fan_in_(layer.weight, fan_in=layer.weight[0].numel())
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


class LeNet(nn.Sequential):
    """What the networks share: named layers in a row, a check of the images, and a criterion."""

    size: int  # height and width of the input images

    @property
    def criterion(self) -> Callable[[Tensor, Tensor], Tensor]:
        """What `fit` trains the network with by default; it follows from the output.

        Eq. 9 of LeCun et al. 1998 (`DiscriminativeLoss`) behind RBF units, `squared_error` behind
        squashed units as in 1989 and 1990, cross-entropy behind linear scores.
        """
        parts = list(self.output.modules())
        if any(isinstance(part, RBFOutput) for part in parts):
            return DiscriminativeLoss()
        return squared_error if isinstance(parts[-1], ScaledTanh) else F.cross_entropy

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, 10)`` scores for ``(N, 1, size, size)`` images.

        Raises
        ------
        ValueError
            If the images have another shape.
        """
        if images.ndim != 4 or images.shape[1:] != (1, self.size, self.size):
            raise ValueError(
                f"{type(self).__name__} expects images of shape (N, 1, {self.size}, {self.size}), "
                f"got {tuple(images.shape)}; load_mnist(size={self.size}) gives them"
            )
        return super().forward(images)


class Parts:
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
            if isinstance(part, nn.Module) or not (missing or callable(part)):
                raise TypeError(
                    f"{name} must be something that makes a layer when called with the number of "
                    f"maps, such as nn.BatchNorm2d or lambda maps: nn.MaxPool2d(2), got {part!r}"
                )
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {dropout!r}")
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
        return published if given is None else given

    def _squash(self) -> nn.Module:
        return copy.deepcopy(self._activation)  # each layer its own, in case it has parameters

    def _drop(self, wanted: bool) -> list[nn.Module]:
        return [nn.Dropout(self._dropout)] if wanted and self._dropout else []
