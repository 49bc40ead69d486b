"""Looking inside a model that runs as in evaluation: what its layers are given and give out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .._checks import check_kind
from .base import LeNet

__all__ = ["device_of", "evaluating", "layer_outputs", "watched"]


def layer_outputs(model: LeNet, images: Tensor) -> dict[str, Tensor]:
    """Return what every named layer gives out, after its activation.

    Parameters
    ----------
    model
        One of this package's networks. It is run as in evaluation, and left in the mode it was in.
    images
        ``(N, 1, size, size)`` float32, on the model's device.

    Returns
    -------
    dict
        The layer's name to its output: for LeNet-5 ``c1`` ``(N, 6, 28, 28)`` to ``output``
        ``(N, 10)``.

    Raises
    ------
    TypeError
        If ``model`` is not one of this package's networks.
    ValueError
        If the images have another shape.

    Examples
    --------
    >>> outputs = layer_outputs(LeNet5(), torch.zeros(1, 1, 32, 32))
    >>> outputs["c1"].shape, outputs["f6"].shape
    (torch.Size([1, 6, 28, 28]), torch.Size([1, 84]))
    """
    check_kind("model", model, LeNet, "such as LeNet5()")
    seen = watched(model, images, model.children())
    return {name: seen[layer][1] for name, layer in model.named_children()}


def watched(
    model: nn.Module, images: Tensor, modules: Iterable[nn.Module]
) -> dict[nn.Module, tuple[Tensor, Tensor]]:
    """Run ``model`` once; return what each of ``modules`` was given and what it gave out.

    They are in the order in which they finish, so that a container comes after its parts. Both are
    copies, for the next layer may work in place, as ``nn.ReLU(inplace=True)`` does.
    """
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    given: dict[nn.Module, Tensor] = {}
    hooks = []
    for module in modules:
        hooks.append(
            module.register_forward_pre_hook(lambda part, x: given.update({part: x[0].clone()}))
        )
        hooks.append(
            module.register_forward_hook(
                lambda part, _, out: seen.update({part: (given[part], out.clone())})
            )
        )
    try:
        with evaluating(model):
            model(images.to(device_of(model)))
    finally:
        for hook in hooks:
            hook.remove()
    return seen


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Hold ``model`` in evaluation mode, without gradients, inside the block."""
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def device_of(model: nn.Module) -> torch.device:
    """Return where ``model`` is; a model without parameters is on the CPU."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))
