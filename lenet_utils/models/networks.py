"""The networks of the papers: published by default, popular variants by passing other parts.

Every network is a sequence of named layers, in the papers' names, so a chapter can walk through it
with ``for name, layer in model.named_children()``. All answer by the largest of ten scores.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import ClassVar

from torch import nn

from .._checks import check_whole
from .base import LeNet
from .builder import Builder, PartForMaps
from .connections import C3_TABLE, H2_TABLE, H3_TABLE, LENET4_TABLE, ConnectionTable
from .digit_codes import Negation, RBFOutput
from .initialization import initialize_as_published
from .layers import ScaledTanh, SparseConv2d, Subsampling, Twice, UnitBias

__all__ = ["MODELS", "LeNet1", "LeNet4", "LeNet5", "LeNet1989"]


class LeNet5(LeNet):
    """LeNet-5: LeCun et al. 1998, Fig. 2 and preprint pp. 7-8.

    60,000 trainable parameters and 340,908 connections, both the paper's.

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
    output
        Turns F6's 84 values into scores; None for the paper's ten RBF units, whose penalties
        become scores by a minus sign. ``nn.Linear(84, 10)`` makes the popular softmax version,
        with 850 parameters more, and ``nn.Linear(84, 26)`` one for letters.
    channels
        Of the images: 1 for grey ones, as in the paper, 3 for colours.
    initialize
        Applied to each layer; None for PyTorch's own initialisation, which for `SparseConv2d` is
        that of a convolution, by the fan-in of each map.

    Shape
    -----
    ``(N, channels, 32, 32)`` -> ``(N, 10)``, or as many scores as ``output`` gives

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong kind, ``dropout`` is not at least 0 and below 1, or ``channels``
        no whole number above 0.

    Examples
    --------
    >>> popular = LeNet5(nn.ReLU(), None, lambda maps: nn.MaxPool2d(2), output=nn.Linear(84, 10))
    >>> [sum(p.numel() for p in model.parameters()) for model in (LeNet5(), popular)]
    [60000, 61706]
    """

    size = 32
    pretrained: ClassVar = {
        "plain": "lenet5.safetensors",
        "dist": "lenet5-dist.safetensors",
        "hands": "lenet5-hands.safetensors",
    }

    def __init__(
        self,
        activation: nn.Module | None = None,
        connections: ConnectionTable | None = C3_TABLE,
        pooling: PartForMaps = Subsampling,
        normalization: PartForMaps | None = None,
        dropout: float = 0.0,
        output: nn.Module | None = None,
        initialize: Callable[[nn.Module], None] | None = initialize_as_published,
        channels: int = 1,
    ) -> None:
        check_whole("channels", channels)
        build = Builder(activation, pooling, normalization, dropout)
        c3 = nn.Conv2d(6, 16, 5) if connections is None else SparseConv2d(connections, in_maps=6)
        rbf = nn.Sequential(RBFOutput(), Negation())
        super().__init__(
            OrderedDict(
                c1=build.convolution(nn.Conv2d(channels, 6, 5), maps=6),  # (N, 6, 28, 28)
                s2=build.subsampling(maps=6),  # (N, 6, 14, 14)
                c3=build.convolution(c3, maps=16),  # (N, 16, 10, 10)
                s4=build.subsampling(maps=16),  # (N, 16, 5, 5)
                c5=build.convolution(nn.Conv2d(16, 120, 5), maps=120, last=True),  # (N, 120, 1, 1)
                f6=build.full(nn.Flatten(), nn.Linear(120, 84)),  # (N, 84)
                output=build.output(output, rbf),  # (N, 10)
            )
        )
        self.channels = channels
        self._initialize(initialize)


class LeNet4(LeNet):
    """LeNet-4, a reconstruction: LeCun et al. 1998, preprint p. 13.

    The paper gives four maps, eight subsampling maps "connected in pairs" to them, sixteen maps,
    sixteen subsampling maps, 120 units and ten; about 260,000 connections and 17,000 parameters. A
    120-unit layer that reads all sixteen 5x5 maps alone has 48,120 parameters, so description and
    count cannot both hold. This network follows the description and meets the connections (259,806)
    with `LENET4_TABLE`; it has 50,673 parameters. Input size, table and output units are ours.

    Parameters
    ----------
    activation
        Follows every layer but the output.
    connections
        Which maps of S2 each map of C3 reads.
    output
        Turns F5's 120 values into ten scores; None for ten squashed units.
    initialize
        As for `LeNet5`.

    Shape
    -----
    ``(N, 1, 32, 32)`` -> ``(N, 10)``

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong kind.
    """

    size = 32

    def __init__(
        self,
        activation: nn.Module | None = None,
        connections: ConnectionTable = LENET4_TABLE,
        output: nn.Module | None = None,
        initialize: Callable[[nn.Module], None] | None = initialize_as_published,
    ) -> None:
        build = Builder(activation)
        c3 = SparseConv2d(connections, in_maps=8)
        units = nn.Sequential(nn.Linear(120, 10), ScaledTanh())
        super().__init__(
            OrderedDict(
                c1=build.convolution(nn.Conv2d(1, 4, 5), maps=4),  # (N, 4, 28, 28)
                s2=nn.Sequential(Twice(), *build.subsampling(maps=8)),  # (N, 8, 14, 14)
                c3=build.convolution(c3, maps=16),  # (N, 16, 10, 10)
                s4=build.subsampling(maps=16),  # (N, 16, 5, 5)
                f5=build.full(nn.Flatten(), nn.Linear(400, 120)),  # (N, 120)
                output=build.output(output, units),  # (N, 10)
            )
        )
        self._initialize(initialize)


class LeNet1(LeNet):
    """LeNet-1: LeCun et al. 1990, pp. 5-7; named in LeCun et al. 1998, preprint p. 13.

    2,578 parameters and 98,442 connections, both the paper's. Its images were 16x16, centred in
    28x28. The ten output units are squashed too, and trained to +1 and -1.

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
    output
        Turns H4's 192 values into ten scores; None for the paper's squashed units.
        ``nn.Linear(192, 10)`` makes the softmax version.

    Shape
    -----
    ``(N, 1, 28, 28)`` -> ``(N, 10)``

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong kind, or ``dropout`` is not at least 0 and below 1.

    Examples
    --------
    >>> int(summary(LeNet1()).loc["total", "connections"])
    98442
    """

    size = 28
    pretrained: ClassVar = {"plain": "lenet1.safetensors"}
    pretrained_digit: ClassVar = 16

    def __init__(
        self,
        activation: nn.Module | None = None,
        connections: ConnectionTable | None = H3_TABLE,
        pooling: PartForMaps = Subsampling,
        normalization: PartForMaps | None = None,
        dropout: float = 0.0,
        output: nn.Module | None = None,
        initialize: Callable[[nn.Module], None] | None = initialize_as_published,
    ) -> None:
        build = Builder(activation, pooling, normalization, dropout)
        h3 = nn.Conv2d(4, 12, 5) if connections is None else SparseConv2d(connections, in_maps=4)
        units = nn.Sequential(nn.Linear(192, 10), ScaledTanh())
        super().__init__(
            OrderedDict(
                h1=build.convolution(nn.Conv2d(1, 4, 5), maps=4),  # (N, 4, 24, 24)
                h2=build.subsampling(maps=4),  # (N, 4, 12, 12)
                h3=build.convolution(h3, maps=12),  # (N, 12, 8, 8)
                h4=build.subsampling(maps=12, last=True),  # (N, 12, 4, 4)
                output=nn.Sequential(nn.Flatten(), build.output(output, units)),  # (N, 10)
            )
        )
        self._initialize(initialize)


class LeNet1989(LeNet):
    """The network of LeCun et al. 1989, pp. 544-546: before there was a "LeNet", or pooling.

    9,760 parameters, 64,660 connections and 1,256 units (the 256 pixels counted), all the paper's.
    Kernels move by two pixels, and every unit has a bias of its own. Pixels beyond the image count
    as -1. Ten squashed units are trained to +1 and -1, values that are first stated in 1990.

    Parameters
    ----------
    activation
        Follows every layer but the output. The paper says "scaled hyperbolic tangent" without its
        constants.
    connections
        Which eight maps of H1 each map of H2 reads: unpublished, see `H2_TABLE`.
    dropout
        Share of the outputs of H2 dropped in training.
    output
        Turns H3's 30 values into ten scores; None for the paper's squashed units.
    initialize
        As for `LeNet5`.

    Shape
    -----
    ``(N, 1, 16, 16)`` -> ``(N, 10)``

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong kind, or ``dropout`` is not at least 0 and below 1.
    """

    size = 16
    scaling = "signed"  # the padding is -1, which must mean paper

    def __init__(
        self,
        activation: nn.Module | None = None,
        connections: ConnectionTable = H2_TABLE,
        dropout: float = 0.0,
        output: nn.Module | None = None,
        initialize: Callable[[nn.Module], None] | None = initialize_as_published,
    ) -> None:
        build = Builder(activation, dropout=dropout)
        shared = nn.Conv2d(1, 12, 5, stride=2, bias=False)
        h2 = SparseConv2d(connections, in_maps=12, stride=2, bias=False)
        units = nn.Sequential(nn.Linear(30, 10), ScaledTanh())
        super().__init__(
            OrderedDict(
                h1=build.full(nn.ConstantPad2d(2, -1.0), shared, UnitBias(12, 8, 8), drop=False),
                h2=build.full(nn.ConstantPad2d(2, -1.0), h2, UnitBias(12, 4, 4)),  # (N, 12, 4, 4)
                h3=build.full(nn.Flatten(), nn.Linear(192, 30), drop=False),  # (N, 30)
                output=build.output(output, units),  # (N, 10)
            )
        )
        self._initialize(initialize)


MODELS: dict[str, type[LeNet]] = {
    "lenet1989": LeNet1989,
    "lenet1": LeNet1,
    "lenet4": LeNet4,
    "lenet5": LeNet5,
}
