"""The optimiser of the papers: stochastic diagonal Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, hessian, vmap
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from .checks import (
    check_callable,
    check_images,
    check_kind,
    check_labels,
    check_positive,
)
from .data import Digits
from .inside import device_of, evaluating, watched
from .layers import ScaledTanh, SparseConv2d, Subsampling, Twice, UnitBias
from .losses import Criterion
from .rbf import Negation, RBFOutput
from .schedules import PUBLISHED_RATES

__all__ = ["SDLM", "diagonal_curvature"]

_WEIGHTED = (nn.Linear, nn.Conv2d, SparseConv2d, Subsampling, UnitBias)
_MOVED = (
    nn.Flatten,
    nn.MaxPool2d,
    nn.ConstantPad2d,
    nn.Dropout,
    Twice,
)  # inputs pass as they are, or not
_SQUASHED = (ScaledTanh, nn.Tanh, nn.Sigmoid, nn.ReLU, nn.SiLU, nn.Identity, Negation)


class SDLM(Optimizer):
    """Stochastic diagonal Levenberg-Marquardt, one learning rate for each parameter.

    ``w_k <- w_k - lr / (mu + h_kk) * dE/dw_k`` (LeCun et al. 1998, eq. 21 and Appendix C, preprint
    pp. 41-42), where h_kk estimates the second derivative; see `diagonal_curvature`. Call
    `estimate_curvature` before the first step and again before each pass over the training set. In
    the paper a step learns from one image.

    Parameters
    ----------
    params
        As for any optimiser: ``model.parameters()``.
    lr
        The global rate, eta; see `published_schedule`.
    mu
        Keeps the step finite where the curvature is small.

    Raises
    ------
    ValueError
        If ``lr`` or ``mu`` is not positive.
    """

    def __init__(self, params: ParamsT, lr: float = PUBLISHED_RATES[0], mu: float = 0.02) -> None:
        check_positive("lr", lr)
        check_positive("mu", mu)
        super().__init__(params, {"lr": lr, "mu": mu})

    def estimate_curvature(self, model: nn.Module, digits: Digits, criterion: Criterion) -> None:
        """Average the curvature over ``digits``; the paper takes 500 training images.

        Raises
        ------
        TypeError, ValueError
            If ``digits`` is something else, or a layer of ``model`` has no known rule.
        """
        check_kind("digits", digits, Digits, "such as load_mnist().train[:500]")
        curvature = diagonal_curvature(model, digits.images, digits.labels, criterion)
        of = {id(p): curvature[name] for name, p in model.named_parameters()}
        for group in self.param_groups:
            for p in group["params"]:
                if id(p) not in of:
                    raise ValueError("the optimizer holds a parameter that the model does not have")
                self.state[p]["curvature"] = of[id(p)]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Raises
        ------
        RuntimeError
            If there is no curvature yet.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if not self.state[p]:
                    raise RuntimeError("call estimate_curvature() before the first step")
                damped = group["mu"] + self.state[p]["curvature"]
                p.addcdiv_(p.grad, damped, value=-group["lr"])  # eq. 21
        return loss


def diagonal_curvature(
    model: nn.Module, images: Tensor, labels: Tensor, criterion: Criterion
) -> dict[str, Tensor]:
    """Estimate the second derivative of the loss by each parameter, averaged over the images.

    LeCun et al. 1998, Appendix C (preprint pp. 41-42): second derivatives are propagated back
    through the layers as first ones are, with every weight and every input squared, and squashing
    functions count by the square of their slope (the Gauss-Newton approximation, never negative).
    For a shared weight the connections are summed and their cross terms dropped. The coefficient of
    a subsampling map weights the *sum* of its window, which therefore is what is squared, as in the
    authors' later code (Lush).

    Behind RBF units the start is 2 for each of their inputs: the second derivative of eq. 7, and
    again what Lush does. Behind any other output it is the criterion's own.

    Parameters
    ----------
    model
        A sequence, possibly nested, of layers with a known rule. It is run as in evaluation.
    images, labels
        ``(N, 1, H, W)`` and ``(N,)``.
    criterion
        Called with ``(N, 10)`` scores and labels, returns the mean loss.

    Returns
    -------
    dict
        Each parameter's name to its curvature, in the parameter's shape.

    Raises
    ------
    TypeError, ValueError
        If an argument is something else, or a layer has no known rule.
    """
    check_kind("model", model, nn.Module, "such as LeNet5()")
    check_images(images)
    check_labels(labels, count=len(images))
    check_callable("criterion", criterion, "such as torch.nn.functional.cross_entropy")
    device = device_of(model)
    with evaluating(model):  # all of it: dropout would throw curvatures away, too
        return _curvature(model, images.to(device), labels.to(device), criterion)


def _curvature(
    model: nn.Module, images: Tensor, labels: Tensor, criterion: Criterion
) -> dict[str, Tensor]:
    names = {id(p): name for name, p in model.named_parameters()}
    curvature = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    seen = watched(model, images, model.modules())
    scores = seen[model][1]
    leaves = [module for module in seen if not list(module.children())]
    rbf = next((leaf for leaf in leaves if isinstance(leaf, RBFOutput)), None)
    if rbf is not None:
        h = torch.full_like(seen[rbf][0], 2.0)
        if rbf.codes.requires_grad:  # a code meets its own class only: eq. 8
            share = F.one_hot(labels, len(rbf.codes)).float().mean(dim=0)
            curvature[names[id(rbf.codes)]] += 2 * share[:, None]
        leaves = leaves[: leaves.index(rbf)]
    else:
        h = _criterion_curvature(scores, labels, criterion)
    for leaf in reversed(leaves):
        h, own = _propagate(leaf, seen[leaf][0], h)
        for name, p in leaf.named_parameters():
            curvature[names[id(p)]] += own[name] / len(images)
    return curvature


def _criterion_curvature(scores: Tensor, labels: Tensor, criterion: Criterion) -> Tensor:
    """Return the second derivative of each image's own loss by each of its scores."""

    def loss(row: Tensor, label: Tensor) -> Tensor:
        return criterion(row[None], label[None])

    second: Tensor = vmap(hessian(loss))(scores, labels)
    return second.diagonal(dim1=1, dim2=2)


def _propagate(leaf: nn.Module, x: Tensor, h: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Take the curvature ``h`` of a layer's outputs back to its inputs and its parameters."""
    if isinstance(leaf, _WEIGHTED):
        own = {name: p.detach() for name, p in leaf.named_parameters()}
        squared = {name: p.square() for name, p in own.items()}
        to_input = _backward(lambda x: functional_call(leaf, squared, (x,)), x)
        given = _sums_squared(x) if isinstance(leaf, Subsampling) else x.square()
        to_own = _backward(lambda own: functional_call(leaf, own, (given,)), own)
        return to_input(h), to_own(h)
    if isinstance(leaf, _SQUASHED):
        return _backward(leaf, x)(torch.ones_like(x)).square() * h, {}
    if isinstance(leaf, (*_MOVED, nn.AvgPool2d)):
        # An average weights each of its n inputs by 1 / n; its backward has this once already.
        area = _area(leaf) if isinstance(leaf, nn.AvgPool2d) else 1
        return _backward(leaf, x)(h) / area, {}
    raise TypeError(f"no rule is known for the curvature of {type(leaf).__name__}")


def _backward(function: Callable[[Any], Tensor], x: Any) -> Callable[[Tensor], Any]:
    """Return what turns a derivative by the output of ``function`` into one by its input ``x``."""
    _, backward, *_ = torch.func.vjp(function, x)
    return lambda h: backward(h)[0]


def _area(pooling: nn.AvgPool2d) -> int:
    size = pooling.kernel_size
    return size**2 if isinstance(size, int) else size[0] * size[1]


def _sums_squared(x: Tensor) -> Tensor:
    """Return an input whose windows sum to the squares of the sums of ``x``'s windows."""
    sums = F.avg_pool2d(x, 2, divisor_override=1)
    return F.interpolate(sums.square() / 4, scale_factor=2)
