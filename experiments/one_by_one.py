"""Learning from one image at a time, as the papers did, fast enough to repeat.

With one image for each update, PyTorch spends its time on calling functions, not on numbers: about
5 ms a step for LeNet-5, 100 minutes for the published twenty passes. The same arithmetic written
out in NumPy takes a tenth. It works on the parameters of a model of `lenet_utils`, in place, and
tests/experiments/test_one_by_one.py checks it against autograd and `SDLM`, step for step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor, nn

from lenet_utils import Digits, DiscriminativeLoss, mean_penalty, squared_error
from lenet_utils.models import kind_of
from lenet_utils.models.layer_kinds import find_kind

__all__ = ["train_one_by_one"]

Array = np.ndarray


def train_one_by_one(
    model: nn.Sequential,
    digits: Digits,
    criterion: Callable[[Tensor, Tensor], Tensor],
    rates: Mapping[str, Tensor],
) -> float:
    """Go once through ``digits``, in their order, with one update for each image; in place.

    ``rates`` holds every parameter's own learning rates, by name and in its shape: for SDLM,
    ``eta / (mu + curvature)``. Returns the share of wrong answers, each given before its update.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    leaves = [leaf for leaf in model.modules() if not list(leaf.children())]
    steps = [_step(leaf, {n: rates[names[id(p)]] for n, p in leaf.named_parameters()})
             for leaf in leaves]  # fmt: skip
    first = next((step for step in steps if step.rates), None)
    if first is not None:
        first.below = False
    slope = _score_gradient(criterion)
    wrong = 0
    for x, label in zip(digits.images.numpy(), digits.labels.tolist(), strict=True):
        for step in steps:
            x = step.forward(x)
        wrong += int(x.argmax()) != label
        gradient = slope(x, label)
        for step in reversed(steps):
            gradient = step.backward(gradient)
            if not step.below:
                break
    for step in steps:
        step.finish()
    return wrong / len(digits)


def _step(leaf: nn.Module, rates: Mapping[str, Tensor]) -> _Step:
    """Return the NumPy twin of one layer."""
    kind = find_kind(leaf)
    if kind is None or kind.name not in _TWINS:
        raise TypeError(f"{type(leaf).__name__} has no twin in one_by_one.py")
    return _TWINS[kind.name](leaf, {name: rate.numpy() for name, rate in rates.items()})


def _score_gradient(criterion: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Array, int], Array]:
    """Return the derivative of one image's loss by its scores."""
    if criterion is squared_error:
        targets = 2 * np.eye(10, dtype=np.float32) - 1
        return lambda scores, label: scores - targets[label]
    right = np.eye(10, dtype=np.float32)
    if criterion is mean_penalty:
        return lambda _, label: -right[label]  # eq. 8
    if isinstance(criterion, DiscriminativeLoss):

        def eq_9(scores: Array, label: int) -> Array:
            top = max(float(scores.max()), -criterion.j)
            shares = np.exp(scores - top)
            return shares / (shares.sum() + np.exp(-criterion.j - top)) - right[label]

        return eq_9
    raise TypeError(f"{criterion!r} has no twin in one_by_one.py")


class _Step:
    """One layer: ``forward`` keeps what ``backward`` needs; ``backward`` learns on its way."""

    below = True  # whether a layer below can learn; not from the first that has weights

    def __init__(self, layer: nn.Module, rates: Mapping[str, Array]) -> None:
        self.layer, self.rates = layer, rates

    def forward(self, x: Array) -> Array:
        raise NotImplementedError

    def backward(self, gradient: Array) -> Array | None:
        raise NotImplementedError

    def finish(self) -> None:
        """Write back what was not learned in place."""


class _Convolution(_Step):
    """A convolution as one matrix product with the patches under the square kernel."""

    def __init__(self, layer: nn.Module, rates: Mapping[str, Array]) -> None:
        super().__init__(layer, rates)
        its = kind_of(layer).page(layer)
        self.size, self.stride = its["window"], its["stride"]
        self.maps, inputs, pairs = len(its["table"]), its["inputs"], enumerate(its["table"])
        # Where each kernel stands among all pairs: one that does not exist is 0 and has the rate 0.
        self.where = [row * inputs + column for row, maps in pairs for column in maps]
        self.blocks = (self.maps * inputs, self.size**2)
        weight = layer.weight.detach().numpy()
        self.weight, self.rate = self.dense(weight), self.dense(self.rates["weight"])
        self.bias = None if layer.bias is None else layer.bias.detach().numpy()[:, None]
        self.change = np.empty_like(self.weight)  # kept: new memory for each step costs more
        self.places: Array | None = None

    def dense(self, kernels: Array) -> Array:
        """Return a matrix with a row for each map."""
        dense = np.zeros(self.blocks, np.float32)
        dense[self.where] = kernels.reshape(-1, self.size**2)
        return dense.reshape(self.maps, -1)

    def forward(self, x: Array) -> Array:
        if self.places is None:
            self.places = self.patch_positions(x.shape)
            self.shape = x.shape
        self.patches = x.reshape(-1).take(self.places)  # (maps in * size**2, positions)
        a = self.weight @ self.patches
        if self.bias is not None:
            a += self.bias
        return a.reshape(-1, self.height, self.width)

    def backward(self, gradient: Array) -> Array | None:
        g = gradient.reshape(len(self.weight), -1)
        down = self.weight.T @ g if self.below else None  # with the weights that forward used
        # At a single position the product is an outer one, for which a broadcast is faster.
        product = np.multiply if g.shape[1] == 1 else np.matmul
        product(g, self.patches.T, out=self.change)
        self.change *= self.rate
        self.weight -= self.change
        if self.bias is not None:
            self.bias -= self.rates["bias"][:, None] * g.sum(1, keepdims=True)
        return None if down is None else self.fold(down)

    def finish(self) -> None:
        own = self.layer.weight.detach().numpy()
        own[:] = self.weight.reshape(self.blocks)[self.where].reshape(own.shape)

    def fold(self, down: Array) -> Array:
        """Add each patch's gradient to the pixels it was cut from."""
        pixels = int(np.prod(self.shape))
        sums = np.bincount(self.places.reshape(-1), down.reshape(-1), minlength=pixels)
        return sums.astype(np.float32).reshape(self.shape)

    def patch_positions(self, shape: tuple[int, int, int]) -> Array:
        maps, rows, columns = shape
        self.height = (rows - self.size) // self.stride + 1
        self.width = (columns - self.size) // self.stride + 1
        grid = np.arange(maps * rows * columns).reshape(shape)
        windows = np.lib.stride_tricks.sliding_window_view(grid, (self.size, self.size), (1, 2))
        windows = windows[:, :: self.stride, :: self.stride]
        return windows.transpose(0, 3, 4, 1, 2).reshape(maps * self.size**2, -1).copy()


class _Full(_Step):
    def __init__(self, layer: nn.Module, rates: Mapping[str, Array]) -> None:
        super().__init__(layer, rates)
        self.weight, self.bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        self.change = np.empty_like(self.weight)

    def forward(self, x: Array) -> Array:
        self.x = x
        return self.weight @ x + self.bias

    def backward(self, gradient: Array) -> Array:
        down = gradient @ self.weight
        np.multiply.outer(gradient, self.x, out=self.change)
        self.change *= self.rates["weight"]
        self.weight -= self.change
        self.bias -= self.rates["bias"] * gradient
        return down


class _UnitBias(_Step):
    def forward(self, x: Array) -> Array:
        return x + self.layer.bias.detach().numpy()

    def backward(self, gradient: Array) -> Array:
        bias = self.layer.bias.detach().numpy()
        bias -= self.rates["bias"] * gradient
        return gradient


class _Subsampling(_Step):
    def __init__(self, layer: nn.Module, rates: Mapping[str, Array]) -> None:
        super().__init__(layer, rates)
        self.coefficient = layer.coefficient.detach().numpy()
        self.bias = layer.bias.detach().numpy()

    def forward(self, x: Array) -> Array:
        rows = x[:, ::2] + x[:, 1::2]
        self.sums = rows[:, :, ::2] + rows[:, :, 1::2]
        return self.coefficient * self.sums + self.bias

    def backward(self, gradient: Array) -> Array:
        down = (self.coefficient * gradient).repeat(2, axis=1).repeat(2, axis=2)
        total = (gradient * self.sums).sum((1, 2), keepdims=True)
        self.coefficient -= self.rates["coefficient"] * total
        self.bias -= self.rates["bias"] * gradient.sum((1, 2), keepdims=True)
        return down


class _Squash(_Step):
    def forward(self, x: Array) -> Array:
        amplitude, slope = np.float32(self.layer.amplitude), np.float32(self.layer.slope)
        self.tanh = np.tanh(slope * x)
        return amplitude * self.tanh  # eq. 6

    def backward(self, gradient: Array) -> Array:
        steepest = np.float32(self.layer.amplitude * self.layer.slope)
        return gradient * (steepest - steepest * self.tanh * self.tanh)


class _Pad(_Step):
    def forward(self, x: Array) -> Array:
        self.width = self.layer.padding[0]
        sides = ((0, 0), (self.width, self.width), (self.width, self.width))
        return np.pad(x, sides, constant_values=self.layer.value)

    def backward(self, gradient: Array) -> Array:
        return gradient[:, self.width : -self.width, self.width : -self.width]


class _Flatten(_Step):
    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.reshape(-1)

    def backward(self, gradient: Array) -> Array:
        return gradient.reshape(self.shape)


class _Twice(_Step):
    def forward(self, x: Array) -> Array:
        return x.repeat(2, axis=0)

    def backward(self, gradient: Array) -> Array:
        return gradient[::2] + gradient[1::2]


class _RBF(_Step):
    def forward(self, x: Array) -> Array:
        self.difference = x - self.layer.codes.numpy()
        return (self.difference * self.difference).sum(1)  # eq. 7

    def backward(self, gradient: Array) -> Array:
        return 2 * gradient @ self.difference


class _Negation(_Step):
    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, gradient: Array) -> Array:
        return -gradient


_TWINS: dict[str, type[_Step]] = {  # by the names in lenet_utils.models.layer_kinds
    "convolution": _Convolution,
    "full": _Full,
    "unit bias": _UnitBias,
    "subsampling": _Subsampling,
    "squash": _Squash,
    "pad": _Pad,
    "flatten": _Flatten,
    "twice": _Twice,
    "rbf": _RBF,
    "negation": _Negation,
}
