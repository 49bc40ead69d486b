"""The curvature of the loss, weight by weight: LeCun et al. 1998, Appendix C."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import hessian, vmap

from .._checks import check_callable, check_images, check_kind, check_labels
from ..models.criteria import Criterion
from ..models.inside import device_of, evaluating
from ..models.layer_kinds import kind_of, known_parts
from ..models.outputs import check_scores

__all__ = ["diagonal_curvature"]


def diagonal_curvature(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    criterion: Criterion,
    *,
    exact_start: bool = False,
) -> dict[str, Tensor]:
    """Estimate the second derivative of the loss by each parameter, averaged over the images.

    LeCun et al. 1998, Appendix C (preprint pp. 41-42): second derivatives are propagated back
    through the layers as first ones are, with every weight and every input squared, and squashing
    functions count by the square of their slope (the Gauss-Newton approximation, never negative).
    For a shared weight the connections are summed and their cross terms dropped. The coefficient of
    a subsampling map weights the *sum* of its window, which therefore is what is squared, as in the
    authors' later code (Lush).

    Behind RBF units the start is 2 for each of their inputs, whatever the criterion: the second
    derivative of eq. 7 and so of eq. 8, and again what Lush does. All published runs of the book
    began so. For eq. 9 it is too large where the competing classes matter: ``exact_start`` takes
    the criterion's own second derivatives, which may be negative. Behind any other output it is
    always the criterion's own. The rule of each layer is in its row of ``layer_kinds.KINDS``.

    Parameters
    ----------
    model
        Layers with a known rule that run one after the other, each on what the one before gave; a
        layer may run more than once. It is run as in evaluation.
    images, labels
        ``(N, C, H, W)`` and ``(N,)``.
    criterion
        Called with ``(N, classes)`` scores and labels, returns the mean loss.
    exact_start
        Whether to begin with the second derivatives of ``criterion`` behind RBF units, too.

    Returns
    -------
    dict
        Each parameter's name to its curvature, in the parameter's shape.

    Raises
    ------
    TypeError, ValueError
        If an argument is something else, a layer has no known rule, or between two layers there is
        what is no layer, such as a sum, a functional activation or a branch.
    """
    check_kind("model", model, nn.Module, "such as LeNet5()")
    check_images(images)
    check_labels(labels, count=len(images))
    check_callable("criterion", criterion, "such as torch.nn.functional.cross_entropy")
    device = device_of(model)
    with evaluating(model):  # all of it: dropout would throw curvatures away, too
        images, labels = images.to(device), labels.to(device)
        return _curvature(model, images, labels, criterion, exact_start)


class _Call(NamedTuple):
    """One run of a layer: what it was given and gave, and a copy of the former from before."""

    layer: nn.Module
    given: Tensor
    before: Tensor  # the layer itself, or the next, may work in place
    out: Tensor


def _curvature(
    model: nn.Module, images: Tensor, labels: Tensor, criterion: Criterion, exact_start: bool
) -> dict[str, Tensor]:
    names = {id(p): name for name, p in model.named_parameters()}
    curvature = {name: torch.zeros_like(p) for name, p in model.named_parameters()}

    def add(layer: nn.Module, own: dict[str, Tensor]) -> None:
        for name, p in layer.named_parameters():  # to what another layer that shares it has added
            curvature[names[id(p)]] += own[name] / len(images)

    scores, calls = _calls(model, images)
    check_scores(scores, labels)
    h = None
    for place, (layer, _, x, _) in enumerate(calls):
        start = kind_of(layer).curvature_start
        if start is not None:  # what follows is part of its rule
            rest = [call.layer for call in calls[place + 1 :]]
            _check_chain(images, calls if exact_start else calls[: place + 1], scores)
            h, own = start(layer, x, labels, _loss(rest, criterion) if exact_start else None)
            add(layer, own)
            calls = calls[:place]
            break
    if h is None:
        _check_chain(images, calls, scores)
        h = _criterion_curvature(scores, labels, criterion)
    for layer, _, x, _ in reversed(calls):
        rule = kind_of(layer).curvature
        if rule is None:
            raise TypeError(
                f"no rule is known for the curvature of {type(layer).__name__}: "
                "give its row in lenet_utils.models.KINDS one, or take another layer"
            )
        h, own = rule(layer, x, h)
        add(layer, own)
    return curvature


def _calls(model: nn.Module, images: Tensor) -> tuple[Tensor, list[_Call]]:
    """Run ``model``; return its scores and the runs of its layers, in their order."""
    calls: list[_Call] = []
    before: list[Tensor] = []  # of the layers that run now: one, for none is inside another
    hooks = []
    for part in set(known_parts(model)):
        hooks.append(part.register_forward_pre_hook(lambda _, x: before.append(x[0].clone())))
        hooks.append(
            part.register_forward_hook(
                lambda part, x, out: calls.append(_Call(part, x[0], before.pop(), out))
            )
        )
    try:
        return model(images), calls
    finally:
        for hook in hooks:
            hook.remove()


def _check_chain(images: Tensor, calls: list[_Call], scores: Tensor) -> None:
    """Refuse layers of which one is given anything but what the one before it gave.

    ``scores`` must be what the last one gave, unless it is one from which the way back begins.
    """
    x, behind = images, "the images"
    for layer, given, _, out in calls:
        if given is not x:
            _refuse(f"{behind} and {type(layer).__name__}")
        x, behind = out, type(layer).__name__
    if x is not scores and not (calls and kind_of(calls[-1].layer).curvature_start):
        _refuse(f"{behind} and the scores")


def _refuse(where: str) -> None:
    raise ValueError(
        f"between {where} there is what is no layer, and curvature would go back past it: write "
        "functional calls as layers, such as nn.ReLU() and nn.Flatten(); sums and branches have no "
        "rule"
    )


def _loss(rest: list[nn.Module], criterion: Criterion) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of one image by what the layers of ``rest`` are given."""

    def loss(x: Tensor, label: Tensor) -> Tensor:
        x = x[None]
        for layer in rest:
            x = layer(x)
        return criterion(x, label[None])

    return loss


def _criterion_curvature(scores: Tensor, labels: Tensor, criterion: Criterion) -> Tensor:
    """Return the second derivative of each image's own loss by each of its scores."""

    second: Tensor = vmap(hessian(_loss([], criterion)))(scores, labels)
    return second.diagonal(dim1=1, dim2=2)
