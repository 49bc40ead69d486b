"""The compiled step: what the papers did one image at a time, without a word of Python between.

With one image for each update PyTorch spends its time on calling functions, not on numbers. Here
the layers of a model are written into a few tables, a `Plan`, and one function, which Numba
compiles, walks through them for many images. It is for models whose layers have a kernel, one
after the other; all others are PyTorch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook  # PyTorch 2.6 to 2.15 have it

from ..data.digits import Digits
from ..models.criteria import Criterion, DiscriminativeLoss, mean_penalty, squared_error
from ..models.layer_kinds import find_kind
from ..models.networks import MODELS
from .layouts import (
    EQ_8,
    EQ_9,
    FIVE,
    LAYER,
    LAYOUTS,
    LINE,
    LINK,
    MOVE,
    SQUARED,
    Cells,
    NoKernelError,
    in_rows,
    whole_lines,
)

__all__: list[str] = []  # readers meet it as fit(..., compiled=)

Numbers = NDArray[np.float32]
CONTAINERS = {nn.Sequential, *MODELS.values()}  # which do nothing but call their parts in a row


class Plan:
    """The tables of a model for `walk`, and its weights in one row.

    Raises
    ------
    NoKernelError
        If a layer has no kernel, or layers do not come one after the other.
    """

    def __init__(self, model: nn.Module, digits: Digits, criterion: Criterion) -> None:
        shape = tuple(digits.images.shape[1:])
        self.pixels = digits.images.detach().reshape(len(digits), -1).contiguous()
        self.labels = digits.labels.contiguous()
        self.criterion, self.j = _criterion(criterion)
        self.layers: list[tuple[float, ...]] = []
        self.links: list[tuple[int, ...]] = []
        self.steps: list[Cells] = [np.zeros(0, np.int64)]
        self.cells: list[Cells] = [np.zeros(0, np.int64)]
        self.constants: dict[int, float] = {}
        self.tensors: list[tuple[Tensor, Cells]] = []  # and where in the row their numbers lie
        self.size = self.weight_count = 0
        self.view = self.new_cells(math.prod(shape)).reshape(shape)
        self.needed = False  # whether a layer below wants these values on the way back
        self.ended = False
        for layer in _chain(model):
            kind = find_kind(layer)
            if kind is None or kind.name not in LAYOUTS or (self.ended and kind.name != "negation"):
                raise NoKernelError(type(layer).__name__)
            LAYOUTS[kind.name](self, layer)
        shared = len({id(tensor) for tensor, _ in self.tensors}) < len(self.tensors)
        if self.view.ndim != 1 or not self.layers or shared:
            raise NoKernelError("what is no chain of layers that ends in scores")
        self.scores = self.in_a_row()
        self.classes = self.view.size
        self.tables = (  # for the kernels
            np.array(self.layers, LAYER),
            np.array(self.links, LINK),
            np.concatenate(self.steps),
            np.concatenate(self.cells),
        )
        self.values, self.gradients = (_zeros(self.size + FIVE - 1) for _ in range(2))
        self.values[list(self.constants)] = list(self.constants.values())

    # --- Putting it together ----------------------------------------------------------------------

    def new_cells(self, count: int, before: int = 0) -> Cells:
        """Take so many cells for what a layer gives out, after some that stay 0."""
        begin = whole_lines(self.size + before)
        self.size = begin + count
        return np.arange(begin, self.size)

    def new_weights(self, tensor: Tensor | None) -> int:
        """Take room for weights; return its begin, or -1 where there are none."""
        if tensor is None:
            return -1
        return self.new_kernels(tensor, np.arange(tensor.numel()), tensor.numel())

    def new_kernels(self, tensor: Tensor, places: Cells, room: int) -> int:
        """Take room for kernels; the weights of each have these places in it, the rest stays 0."""
        begin, kernels = self.weight_count, tensor.numel() // len(places)
        self.tensors.append(
            (tensor, begin + np.add.outer(room * np.arange(kernels), places).reshape(-1))
        )
        self.weight_count += kernels * room
        return begin

    def new_steps(self, steps: Cells) -> int:
        """Put the steps of a kernel on their list; return where they begin there."""
        begin = sum(some.size for some in self.steps)
        self.steps.append(steps)
        return begin

    def add(self, kind: int, **columns: float) -> None:
        """Write a layer's row; what is not said is 0."""
        row = {"kind": kind, **columns}
        self.layers.append(tuple(row.get(name, 0) for name in LAYER.names or ()))

    def listed(self, cells: Cells) -> int:
        """Put ``cells`` on the list of cells; return where they begin there."""
        begin = sum(some.size for some in self.cells)
        self.cells.append(cells.reshape(-1))
        return begin

    def move(self, view: Cells) -> Cells:
        """Copy what lies in these cells into a row of new ones; return these, in the same shape."""
        new = self.new_cells(view.size).reshape(view.shape)
        down, listed = bool(self.tensors), self.listed(view)
        self.add(MOVE, out=int(new.flat[0]), down=down, span=view.size, listed=listed)
        self.needed = False
        return new

    def in_maps(self, *, alone: bool = False) -> tuple[int, int, int]:
        """See to it that the maps lie row by row; return their begin, map and row distances.

        With ``alone``, also that the values may be changed where they are.
        """
        whole = self.view.reshape(1, 1, -1) if self.view.ndim == 1 else self.view
        begin = int(whole.flat[0])
        _, rows, columns = whole.shape
        pitch = int(whole[0, 1, 0]) - begin if rows > 1 else columns
        between = int(whole[1, 0, 0]) - begin if len(whole) > 1 else rows * pitch
        regular = begin + in_rows(whole.shape, between, pitch)
        apart = pitch >= columns and between >= (rows - 1) * pitch + columns
        if apart and np.array_equal(whole, regular) and not (alone and self.needed):
            return begin, between, pitch
        self.view = self.move(self.view)
        return self.in_maps(alone=alone)

    def in_a_row(self) -> int:
        """See to it that all values lie in one row, in their order; return its begin."""
        begin = int(self.view.flat[0])
        if not np.array_equal(self.view.reshape(-1), np.arange(begin, begin + self.view.size)):
            self.view = self.move(self.view)
        return int(self.view.flat[0])

    # --- Running it -------------------------------------------------------------------------------

    def gathered(self, numbers: Callable[[Tensor], Tensor]) -> Numbers:
        """Return the row of weights, filled with the ``numbers`` of each tensor."""
        row = np.zeros(self.weight_count, np.float32)
        for tensor, places in self.tensors:
            if isinstance(tensor, nn.Parameter):
                row[places] = numbers(tensor).reshape(-1).numpy()
        return row

    def weights(self) -> Numbers:
        """Return the model's weights, and what is fixed, in one row."""
        row = np.zeros(self.weight_count, np.float32)
        for tensor, places in self.tensors:
            row[places] = tensor.detach().reshape(-1).numpy()
        return row

    def put_back(self, row: Numbers) -> None:
        """Give the model the weights in ``row``."""
        for tensor, places in self.tensors:
            if isinstance(tensor, nn.Parameter):
                tensor.data.copy_(torch.from_numpy(row[places]).reshape(tensor.shape))

    def learn(self, order: Tensor, rates: Numbers, etas: list[float]) -> tuple[Numbers, Numbers]:
        """Learn from each image of ``order``; return the losses, and 1 for each wrong answer.

        ``rates`` are the weights' own, which those in ``etas``, one for each image, multiply.
        """
        row = self.weights()
        told = self._walk(order, row, rates, etas, np.zeros(0, np.float32))
        self.put_back(row)
        return told

    def curvature(self) -> dict[int, Tensor]:
        """Return what `diagonal_curvature` does, by the ``id`` of the parameters."""
        sums, ones = np.zeros(self.weight_count, np.float32), np.ones(self.weight_count, np.float32)
        count = len(self.labels)
        etas = [-1 / count] * count  # added up, and not taken away
        self._walk(torch.arange(count, device="cpu"), self.weights(), ones, etas, sums)
        return {
            id(tensor): torch.from_numpy(sums[places]).reshape(tensor.shape)
            for tensor, places in self.tensors
        }

    def _walk(
        self, order: Tensor, row: Numbers, rates: Numbers, etas: list[float], curvature: Numbers
    ) -> tuple[Numbers, Numbers]:
        from .walk import compiled_walk  # which imports Numba

        losses, wrong = np.zeros((2, len(order)), np.float32)
        compiled_walk()(
            *self.tables, self.values, self.gradients, self.scores, self.classes,
            self.pixels.numpy(), self.labels.numpy(), order.numpy(), row, rates, np.array(etas),
            self.criterion, self.j, losses, wrong, curvature, curvature.size > 0,
        )  # fmt: skip
        return losses, wrong


def _zeros(count: int) -> Numbers:
    """Return zeros that begin with a line of the cache."""
    zeros = np.zeros(count + LINE, np.float32)
    begin = -zeros.ctypes.data // zeros.itemsize % LINE
    return zeros[begin : begin + count]


def _criterion(criterion: Criterion) -> tuple[int, float]:
    known: dict[Any, tuple[int, float]] = {
        squared_error: (SQUARED, 0.0),
        mean_penalty: (EQ_8, 0.0),
        F.cross_entropy: (EQ_9, math.inf),
    }
    if type(criterion) is DiscriminativeLoss and _is_plain(criterion):
        return EQ_9, criterion.j
    try:
        return known[criterion]
    except (KeyError, TypeError):
        raise NoKernelError(str(criterion)) from None


def _chain(module: nn.Module) -> Iterator[nn.Module]:
    """Give the layers that are called one after the other, each on what the one before it gave."""
    if not _is_plain(module):
        raise NoKernelError(f"the hooks of {type(module).__name__}")
    if type(module) not in CONTAINERS:
        yield module
        return
    for part in module:  # type: ignore[attr-defined]  # children() would give one used twice once
        yield from _chain(part)


def _is_plain(module: nn.Module) -> bool:
    """Return whether to call the module does what its class says, and nothing more."""
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return "forward" not in vars(module) and not any(hooks)


def plan_for(model: nn.Module, digits: Digits, criterion: Criterion) -> Plan | None:
    """Return the plan by which the kernels compute what PyTorch would; None where they would not.

    All must be in single precision on the CPU, and nothing may listen in or step between.
    """
    if not isinstance(model, nn.Module) or digits.images.ndim != 4:
        return None
    if torch.is_autocast_enabled("cpu") or _has_any_global_hook():
        return None
    try:
        plan = Plan(model, digits, criterion)
    except NoKernelError:
        return None
    tensors = [digits.images, *(tensor for tensor, _ in plan.tensors)]
    usual = all(t.dtype == torch.float32 and t.device.type == "cpu" for t in tensors)
    listened = any(t._backward_hooks or t._post_accumulate_grad_hooks for t in tensors)
    whole = {id(p) for p in model.parameters()} <= {id(t) for t in tensors}
    known = int(digits.labels.max()) < plan.classes
    return plan if usual and whole and known and not listened else None


def kernels_are_there() -> bool:
    """Return whether Numba can be imported; where it can, the kernels are compiled, or loaded."""
    try:
        from .walk import compiled_walk
    except ImportError:  # it is missing, or does not go with the NumPy that is there
        return False
    compiled_walk()
    return True
