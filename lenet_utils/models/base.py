"""What the networks are made with: their common class, their start, and the parts of a layer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import ClassVar, overload

import torch.nn.functional as F
from torch import Tensor, nn

from .._checks import check_callable, kind_of
from .._devices import on_cpu
from .._files import ASSETS
from .._inputs import FIXED_SCALINGS, InputForm
from .criteria import DiscriminativeLoss, squared_error
from .initialization import initialize_as_published, start_like_pytorch
from .layer_kinds import LayerKind, find_kind
from .layers import SparseConv2d
from .weights import load_weights

__all__ = ["LeNet", "layer_label"]

WRAPPED = {"module", "_orig_mod"}  # the child of DataParallel's like, and of torch.compile's
WEIGHTS = ASSETS / "weights"


class LeNet(nn.Sequential):
    """What the networks share: named layers in a row, a check of the images, and a criterion."""

    size: int  # height and width of the input images
    channels: int = 1  # of the input images: 3 for colours
    scaling: ClassVar[str] = "1998"  # of their pixels: one of `load_mnist`'s
    output: nn.Module  # the layer that gives the scores
    pretrained: ClassVar[Mapping[str, str]] = {}  # a name to the file of its weights
    pretrained_digit: ClassVar[int] = 28  # side of the digits that those have learned from
    trained_on: InputForm | None = None  # what the weights have learned from, where it is known

    @classmethod
    @on_cpu
    def from_pretrained(cls, name: str = "plain") -> LeNet:
        """Return a trained network, as published in all its parts, from weights in this package.

        Trained by the modern recipe of ``experiments/paper_table.py`` on all 60,000 training
        digits of MNIST, with the first seed: not picked by its test errors. `read_metadata` of the
        file in ``lenet_utils/assets/weights`` tells recipe, versions and test errors.

        To go on with the training, give `fit` a lower rate than its own, which is for new networks:
        ``optimizer=torch.optim.AdamW(model.parameters(), lr=1e-3)`` or less. A pass over the plain
        digits took "dist" from 53 test errors to 76 with 0.01, to 56 with 0.001 and to 57 with
        0.0001 (one seed each).

        Parameters
        ----------
        name
            "plain": from the training digits alone. LeNet-1's are of 16x16 pixels, framed to 28x28,
            as in LeCun et al. 1998, preprint p. 13. "dist", for LeNet-5: from distorted digits,
            each time others. "hands", for LeNet-5: "dist" went on to learn from digits drawn anew
            as other people might write them, and from rubbish, the class of eq. 9
            (``experiments/other_hands.py``). It reads digits of other sets with fewer errors,
            MNIST's with more, and doubts more of what is no digit.

        Raises
        ------
        ValueError
            If there are no such weights of this network.

        Examples
        --------
        >>> model = LeNet1.from_pretrained()
        >>> print(evaluate(model, load_mnist(for_=model).test))
        119 errors of 10,000 (1.19 %)
        """
        if not isinstance(name, str) or name not in cls.pretrained:
            known = ", ".join(map(repr, cls.pretrained)) or "none"
            raise ValueError(f"{cls.__name__} has no weights {name!r}; there are: {known}")
        model = cls().float()
        load_weights(model, WEIGHTS / cls.pretrained[name])
        model.trained_on = cls.pretrained_input()
        return model.eval()

    @classmethod
    def pretrained_input(cls) -> InputForm:
        """Return what the images of the trained weights in this package were like."""
        return InputForm(*FIXED_SCALINGS[cls.scaling], cls.size, cls.pretrained_digit)

    @property
    def input(self) -> InputForm:
        """The form of its images, which ``load_mnist(for_=model)`` gives.

        Where the weights are trained ones of this package, or of a file that ``train`` wrote, it is
        what they have learned from; else the model's size and scaling, with MNIST's own digits.
        """
        sides = (self.size, min(self.size, 28))
        plain = InputForm(*FIXED_SCALINGS[self.scaling], *sides, self.channels)
        return self.trained_on or plain

    @property
    def background(self) -> float:
        """Return the pixel value that paper has in its images, ``input.background``."""
        return self.input.background

    @property
    def ink(self) -> float:
        """Return the pixel value that full ink has in its images, ``input.ink``."""
        return self.input.ink

    def _initialize(self, initialize: Callable[[nn.Module], None] | None) -> None:
        """Let ``initialize`` set the weights; for None they are as PyTorch draws them.

        Raises
        ------
        TypeError
            If it is something else.
        """
        check_callable("initialize", initialize, "pass a function of a layer, or None")
        if initialize is None:
            for part in self.modules():
                if isinstance(part, SparseConv2d):  # all others PyTorch has started by itself
                    start_like_pytorch(part)
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

        Raises
        ------
        ValueError
            If the output gives probabilities, as ``nn.Softmax`` and ``nn.Sigmoid`` do.
        """
        kinds = [find_kind(part) for part in self.output.modules()]
        if any(kind is not None and kind.output == "penalties" for kind in kinds):
            return DiscriminativeLoss()
        return criterion_behind(kinds[-1])

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, classes)`` scores for ``(N, channels, size, size)`` images.

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
        wanted = (self.channels, self.size, self.size)
        if images.ndim != 4 or images.shape[1:] != wanted:
            raise ValueError(
                f"{type(self).__name__} expects images of shape (N, {', '.join(map(str, wanted))}),"
                f" got {tuple(images.shape)}; {self._remedy(images)}"
            )
        scores: Tensor = super().forward(images)  # type: ignore[no-untyped-call]
        return scores

    def _remedy(self, images: Tensor) -> str:
        """Say what to do with ``images`` of another shape."""
        remedies = []
        if images.ndim != 4 or images.shape[2:] != (self.size, self.size):
            remedies.append(
                f"load_mnist(size={self.size}) gives digits, and lenet_utils.scale(bytes, "
                f"background, ink, size={self.size}) pads images of your own by their background"
            )
        channels = images.shape[1] if images.ndim == 4 else self.channels
        if channels != self.channels == 1:
            remedies.append(
                "images.mean(dim=1, keepdim=True) makes colours grey, and "
                f"LeNet5(channels={channels}) takes them as they are"
            )
        elif channels != self.channels:
            remedies.append(f"images.repeat(1, {self.channels}, 1, 1) makes colours of grey")
        return "; ".join(remedies)

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


def unwrapped(model: nn.Module) -> nn.Module:
    """Return what ``model`` wraps, or itself.

    Wrappers are a sequence of one, ``nn.DataParallel`` and its like, and what ``torch.compile``
    gives.
    """
    while not isinstance(model, LeNet):
        parts = dict(model.named_children())
        # To ask for the classes would import what few need, and takes seconds.
        if len(parts) != 1 or not (isinstance(model, nn.Sequential) or parts.keys() <= WRAPPED):
            break
        (model,) = parts.values()
    return model


def network_inside(model: nn.Module) -> LeNet | None:
    """Return the network of this package that ``model`` is, or that it wraps, or None."""
    inner = unwrapped(model)
    return inner if isinstance(inner, LeNet) else None


def criterion_behind(last: LayerKind | None) -> Callable[[Tensor, Tensor], Tensor]:
    """Return what goes with a last layer of this kind; raises ValueError for probabilities."""
    if last is not None and last.output == "probabilities":
        raise ValueError(
            "the network ends in values from 0 to 1, which its criterion would have to know: leave "
            "that last layer out, for cross-entropy takes plain scores, or pass a criterion"
        )
    return squared_error if last is not None and last.output == "squashed" else F.cross_entropy


def layer_label(name: str) -> str:
    """Return a layer's name as the papers write it: "C1" for ``c1``, but "output"."""
    return name if name in ("input", "output") else name.upper()
