"""The networks of the papers: published by default, popular variants by passing other parts.

Every network is a sequence of named layers, in the papers' names, so a chapter can walk through it
with ``for name, layer in model.named_children()``. Until the papers' own outputs are added, both
networks end in a plain linear layer whose ten scores go to cross-entropy; the published body in
front of it is complete.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

from .layers import (
    C3_TABLE,
    H3_TABLE,
    ConnectionTable,
    ScaledTanh,
    SparseConv2d,
    Subsampling,
    uniform_by_fan_in_,
)

__all__ = ["MODELS", "LeNet", "LeNet1", "LeNet5", "initialize_as_published"]

PartForMaps = Callable[[int], nn.Module]


def initialize_as_published(layer: nn.Module) -> None:
    """Draw a layer's weights by fan-in and set its biases to 0; pass it to ``model.apply``.

    Uniform in +/-2.4 / F_i (LeCun et al. 1998, preprint p. 41). Whether the rule held for biases
    is not said there; the authors' later code (Lush) sets them to 0.
    """
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        uniform_by_fan_in_(layer.weight, fan_in=layer.weight[0].numel())
        nn.init.zeros_(layer.bias)


class LeNet(nn.Sequential):
    """What the networks share: named layers in a row, and a check of the images."""

    size: int  # height and width of the input images

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


class LeNet5(LeNet):
    """LeNet-5: LeCun et al. 1998, Fig. 2 and preprint pp. 7-8.

    The body has the paper's 60,000 trainable parameters. In the paper it ends in ten Euclidean RBF
    units; here, for now, in a linear layer with 850 parameters more.

    Parameters
    ----------
    activation
        Follows C1, S2, C3, S4, C5 and F6. After C5 and F6 the popular ``nn.ReLU()`` works as well.
    connections
        Which maps of S2 each map of C3 reads; None for all, as most popular versions have it.
    pooling
        Called with the number of maps, makes S2 and S4. After `Subsampling` comes the activation,
        as in the paper; after another part, such as ``lambda maps: nn.AvgPool2d(2)``, none.
    normalization
        Called with the number of maps, makes a layer between each convolution and its activation,
        such as ``nn.BatchNorm2d``; None for none.
    dropout
        Share of the outputs of C5 and F6 dropped in training.
    initialize
        Applied to each layer; None keeps PyTorch's own initialisation, but not for `SparseConv2d`.

    Shape
    -----
    ``(N, 1, 32, 32)`` -> ``(N, 10)``

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong kind, or ``dropout`` is not at least 0 and below 1.
    """

    size = 32

    def __init__(
        self,
        activation: nn.Module | None = None,
        connections: ConnectionTable | None = C3_TABLE,
        pooling: PartForMaps = Subsampling,
        normalization: PartForMaps | None = None,
        dropout: float = 0.0,
        initialize: Callable[[nn.Module], None] | None = initialize_as_published,
    ) -> None:
        parts = _Parts(activation, pooling, normalization, dropout)
        c3 = nn.Conv2d(6, 16, 5) if connections is None else SparseConv2d(connections, in_maps=6)
        super().__init__(
            OrderedDict(
                c1=parts.convolution(nn.Conv2d(1, 6, 5), maps=6),  # (N, 6, 28, 28)
                s2=parts.subsampling(maps=6),  # (N, 6, 14, 14)
                c3=parts.convolution(c3, maps=16),  # (N, 16, 10, 10)
                s4=parts.subsampling(maps=16),  # (N, 16, 5, 5)
                c5=parts.convolution(nn.Conv2d(16, 120, 5), maps=120, last=True),  # (N, 120, 1, 1)
                f6=parts.full(nn.Flatten(), nn.Linear(120, 84)),  # (N, 84)
                output=nn.Linear(84, 10),  # (N, 10)
            )
        )
        if initialize is not None:
            self.apply(initialize)


class LeNet1(LeNet):
    """LeNet-1: LeCun et al. 1990, pp. 5-7; named in LeCun et al. 1998, preprint p. 13.

    2,578 parameters and 98,442 connections, both the paper's. Its images were 16x16, centred in
    28x28. In the paper the ten output units were squashed too and trained to +1 and -1; here, for
    now, they are linear scores.

    Parameters
    ----------
    activation
        Follows H1, H2, H3 and H4.
    connections
        Which maps of H2 each map of H3 reads; None for all.
    pooling, normalization, initialize
        As for `LeNet5`.
    dropout
        Share of the outputs of H4 dropped in training.

    Shape
    -----
    ``(N, 1, 28, 28)`` -> ``(N, 10)``

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong kind, or ``dropout`` is not at least 0 and below 1.
    """

    size = 28

    def __init__(
        self,
        activation: nn.Module | None = None,
        connections: ConnectionTable | None = H3_TABLE,
        pooling: PartForMaps = Subsampling,
        normalization: PartForMaps | None = None,
        dropout: float = 0.0,
        initialize: Callable[[nn.Module], None] | None = initialize_as_published,
    ) -> None:
        parts = _Parts(activation, pooling, normalization, dropout)
        h3 = nn.Conv2d(4, 12, 5) if connections is None else SparseConv2d(connections, in_maps=4)
        super().__init__(
            OrderedDict(
                h1=parts.convolution(nn.Conv2d(1, 4, 5), maps=4),  # (N, 4, 24, 24)
                h2=parts.subsampling(maps=4),  # (N, 4, 12, 12)
                h3=parts.convolution(h3, maps=12),  # (N, 12, 8, 8)
                h4=parts.subsampling(maps=12, last=True),  # (N, 12, 4, 4)
                output=nn.Sequential(nn.Flatten(), nn.Linear(192, 10)),  # (N, 10)
            )
        )
        if initialize is not None:
            self.apply(initialize)


MODELS: dict[str, type[LeNet]] = {"lenet1": LeNet1, "lenet5": LeNet5}


class _Parts:
    """Puts the chosen parts behind a convolution, a subsampling or a full layer."""

    def __init__(
        self,
        activation: nn.Module | None,
        pooling: PartForMaps,
        normalization: PartForMaps | None,
        dropout: float,
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

    def full(self, *layers: nn.Module) -> nn.Sequential:
        return nn.Sequential(*layers, self._squash(), *self._drop(True))

    def _squash(self) -> nn.Module:
        return copy.deepcopy(self._activation)  # each layer its own, in case it has parameters

    def _drop(self, wanted: bool) -> list[nn.Module]:
        return [nn.Dropout(self._dropout)] if wanted and self._dropout else []
