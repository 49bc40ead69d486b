"""The optimiser of the papers: stochastic diagonal Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import hessian, vmap
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
from .layer_kinds import kind_of, known_parts
from .losses import Criterion
from .schedules import PUBLISHED_RATES

__all__ = ["SDLM", "diagonal_curvature"]


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
    again what Lush does. Behind any other output it is the criterion's own. The rule of each layer
    is in its row of ``layer_kinds.KINDS``.

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

    def add(layer: nn.Module, own: dict[str, Tensor]) -> None:
        for name, p in layer.named_parameters():  # to what another layer that shares it has added
            curvature[names[id(p)]] += own[name] / len(images)

    seen = watched(model, images, model.modules())
    parts = set(known_parts(model))
    layers = [layer for layer in seen if layer in parts]  # in the order in which they ran
    h = None
    for place, layer in enumerate(layers):
        start = kind_of(layer).curvature_start
        if start is not None:  # what follows, the criterion too, is part of its rule
            h, own = start(layer, seen[layer][0], labels)
            add(layer, own)
            layers = layers[:place]
            break
    if h is None:
        h = _criterion_curvature(seen[model][1], labels, criterion)
    for layer in reversed(layers):
        rule = kind_of(layer).curvature
        if rule is None:
            raise TypeError(
                f"no rule is known for the curvature of {type(layer).__name__}: "
                "give its row in lenet_utils.layer_kinds.KINDS one, or take another layer"
            )
        h, own = rule(layer, seen[layer][0], h)
        add(layer, own)
    return curvature


def _criterion_curvature(scores: Tensor, labels: Tensor, criterion: Criterion) -> Tensor:
    """Return the second derivative of each image's own loss by each of its scores."""

    def loss(row: Tensor, label: Tensor) -> Tensor:
        return criterion(row[None], label[None])

    second: Tensor = vmap(hessian(loss))(scores, labels)
    return second.diagonal(dim1=1, dim2=2)
