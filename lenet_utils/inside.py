"""Running a model as in evaluation, and what its layers give out then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__: list[str] = []  # for the package itself, not for readers


def watched(
    model: nn.Module, images: Tensor, modules: Iterable[nn.Module]
) -> dict[nn.Module, tuple[Tensor, Tensor]]:
    """Run ``model`` once; return what each of ``modules`` was given and what it gave out.

    They are in the order in which they finish, so that a container comes after its parts.
    """
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    hooks = [
        module.register_forward_hook(lambda part, given, out: seen.update({part: (given[0], out)}))
        for module in modules
    ]
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
