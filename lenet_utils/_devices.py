"""Data and weights begin on the CPU, whatever device new tensors have by default."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

__all__: list[str] = []  # for the package itself, not for readers

P = ParamSpec("P")
R = TypeVar("R")


def on_cpu(function: Callable[P, R]) -> Callable[P, R]:
    """Make new tensors in ``function`` on the CPU, even after ``torch.set_default_device``."""

    @wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> R:
        with torch.device("cpu"):
            return function(*arguments, **options)

    return run


def usable_device(device: str | torch.device) -> torch.device:
    """Return ``device``; raises ValueError if nothing can be put there."""
    try:
        return torch.empty(0, device=device).device
    except (AssertionError, NotImplementedError, RuntimeError) as error:  # each backend its own
        raise ValueError(
            f"device {device!r} cannot be used here: {error}; None takes what there is"
        ) from error
