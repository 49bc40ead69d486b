"""What the networks are made with: their common class, their start, and the parts of a layer."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, overload

import torch.nn.functional as F
from torch import Tensor, nn

from .checks import check_callable, check_share, kind_of
from .layer_kinds import Draw, find_kind
from .layers import ScaledTanh, SparseConv2d, Subsampling, uniform_by_fan_in_
from .losses import DiscriminativeLoss, squared_error
from .weights import load_weights

__all__ = ["LeNet", "PartForMaps", "Parts", "initialize_as_published", "initialize_like_lush"]

PartForMaps = Callable[[int], nn.Module]
WEIGHTS = Path(__file__).parent / "assets" / "weights"


def initialize_as_published(layer: nn.Module) -> None:
    """Start a layer anew: weights by fan-in, biases 0; pass it to ``model.apply``.

    Uniform in +/-2.4 / F_i (LeCun et al. 1998, preprint p. 41). Whether the rule held for biases
    is not said there; the authors' later code (Lush) sets them to 0. Which layers have something to
    start, and how, is in ``layer_kinds.KINDS``; those that are not there are left alone, and so are
    the codes of RBF units.
    """
    _start(layer, uniform_by_fan_in_)


def initialize_like_lush(layer: nn.Module) -> None:
    """Start a layer anew, weights from +/-1 / sqrt(F_i), biases 0; pass it to ``model.apply``.

    The start of the authors' later code (Lush, 2002). LeNet-5 with RBF units and `SDLM` does
    not learn from the published start, but does from this one: see the chapter "As published".
    """
    _start(layer, lambda weight, fan_in: nn.init.uniform_(weight, -(fan_in**-0.5), fan_in**-0.5))


def _start(layer: nn.Module, draw: Draw) -> None:
    kind = find_kind(layer)
    if kind is not None and kind.start is not None:
        kind.start(layer, draw)


class LeNet(nn.Sequential):
    """What the networks share: named layers in a row, a check of the images, and a criterion."""

    size: int  # height and width of the input images
    output: nn.Module  # the layer that gives the scores
    pretrained: ClassVar[Mapping[str, str]] = {}  # a name to the file of its weights

    @classmethod
    def from_pretrained(cls, name: str = "plain") -> LeNet:
        """Return a trained network, as published in all its parts, from weights in this package.

        Trained by the modern recipe of ``experiments/paper_table.py`` on all 60,000 training
        digits, with the first seed: not picked by its test errors. `read_metadata` of the file in
        ``lenet_utils/assets/weights`` tells recipe, versions and test errors.

        Parameters
        ----------
        name
            "plain": from the training digits alone. LeNet-1's are of 16x16 pixels, framed to 28x28,
            as in LeCun et al. 1998, preprint p. 13. "dist", for LeNet-5: from distorted digits,
            each time others.

        Raises
        ------
        ValueError
            If there are no such weights of this network.
        """
        if name not in cls.pretrained:
            known = ", ".join(map(repr, cls.pretrained)) or "none"
            raise ValueError(f"{cls.__name__} has no weights {name!r}; there are: {known}")
        model = cls()
        load_weights(model, WEIGHTS / cls.pretrained[name])
        return model.eval()

    def _initialize(self, initialize: Callable[[nn.Module], None] | None) -> None:
        """Let ``initialize`` set the weights; None leaves them as PyTorch drew them.

        Raises
        ------
        TypeError
            If it is something else.
        """
        check_callable("initialize", initialize, "pass a function of a layer, or None")
        if initialize is None:
            return

        def start(part: nn.Module) -> None:
            # A new SparseConv2d has its published start. Drawn once more, it would take random
            # numbers from the layers behind it, and every recorded run would begin elsewhere.
            if initialize is not initialize_as_published or not isinstance(part, SparseConv2d):
                initialize(part)

        self.apply(start)

    @property
    def criterion(self) -> Callable[[Tensor, Tensor], Tensor]:
        """What `fit` trains the network with by default; it follows from the output.

        Eq. 9 of LeCun et al. 1998 (`DiscriminativeLoss`) behind RBF units, `squared_error` behind
        squashed units as in 1989 and 1990, cross-entropy behind linear scores.
        """
        kinds = [find_kind(part) for part in self.output.modules()]
        if any(kind is not None and kind.output == "penalties" for kind in kinds):
            return DiscriminativeLoss()
        last = kinds[-1]
        squashed = last is not None and last.output == "squashed"
        return squared_error if squashed else F.cross_entropy

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, 10)`` scores for ``(N, 1, size, size)`` images.

        Raises
        ------
        TypeError
            If the images are no float tensor.
        ValueError
            If the images have another shape.
        """
        if not isinstance(images, Tensor) or not images.is_floating_point():
            raise TypeError(
                f"{type(self).__name__} expects a float tensor of images, got {kind_of(images)}; "
                "load_mnist gives them, and lenet_utils.scale makes them of bytes"
            )
        if images.ndim != 4 or images.shape[1:] != (1, self.size, self.size):
            raise ValueError(
                f"{type(self).__name__} expects images of shape (N, 1, {self.size}, {self.size}), "
                f"got {tuple(images.shape)}; load_mnist(size={self.size}) gives them"
            )
        scores: Tensor = super().forward(images)  # type: ignore[no-untyped-call]
        return scores

    @overload
    def __getitem__(self, idx: slice) -> nn.Sequential: ...

    @overload
    def __getitem__(self, idx: int) -> nn.Module: ...

    def __getitem__(self, idx: slice | int) -> nn.Module:
        """Return one layer, or a slice of them under their names, such as ``LeNet5()[:3]``.

        Raises
        ------
        IndexError
            If there is no such layer.
        """
        if isinstance(idx, slice):  # some of the layers are no LeNet
            return nn.Sequential(OrderedDict(list(self.named_children())[idx]))
        return super().__getitem__(idx)


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
