"""The curvature of the loss, weight by weight: LeCun et al. 1998, Appendix C."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import hessian, vmap

from .._checks import check_callable, check_images, check_kind, check_labels
from ..models.criteria import Criterion
from ..models.inside import device_of, evaluating, watched
from ..models.layer_kinds import kind_of, known_parts

__all__ = ["diagonal_curvature"]


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
                "give its row in lenet_utils.models.KINDS one, or take another layer"
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
