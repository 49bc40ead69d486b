"""Checks of arguments, shared so that the same mistake gets the same words everywhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from numbers import Integral, Real

import torch
from torch import Tensor, nn

__all__: list[str] = []  # for the package itself, not for readers

# PyTorch 2.15 stores floats of 8 and 4 bits, and computes little with them.
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_images(images: Tensor) -> None:
    """Refuse anything but a non-empty, finite float tensor of shape ``(N, C, H, W)``."""
    if not isinstance(images, Tensor):
        raise TypeError(
            f"images must be a float tensor, got {type(images).__name__}; torch.as_tensor makes a "
            "tensor, and lenet_utils.scale turns bytes into floats"
        )
    if not images.is_floating_point():
        raise TypeError(
            f"images must be a float tensor, got {images.dtype}; lenet_utils.scale turns (N, H, W) "
            "bytes into one, and pads it by the background"
        )
    if images.is_nested or images.layout != torch.strided:
        kind = "a nested tensor" if images.is_nested else f"{images.layout}"
        make = "torch.stack(images.unbind())" if images.is_nested else "images.to_dense()"
        raise TypeError(f"images must be a dense tensor, got {kind}; {make} makes one")
    if images.dtype not in FLOATS:
        raise TypeError(
            f"images must be of torch.float32, or of 16 or 64 bits, got {images.dtype}, with which "
            "PyTorch hardly computes; images.float() makes it of 8 bits, and floats of 4 bits, of "
            "which two share a byte, have to be unpacked before"
        )
    _check_has_values("images", images)
    colours_last = images.ndim == 4 and images.shape[3] in (1, 3, 4) and images.shape[1] > 4
    if images.ndim != 4 or 0 in images.shape or colours_last:
        hint = "images[:, None] makes one of (N, H, W)" if images.ndim == 3 else ""
        hint = "images.permute(0, 3, 1, 2) puts the channels first" if colours_last else hint
        raise ValueError(
            "images must be a non-empty (N, C, H, W), where C is 1 for grey and 3 for colours, got "
            f"{tuple(images.shape)}" + (f"; {hint}" if hint else "")
        )
    # Two numbers instead of a mask as large as the images: a NaN becomes both of them.
    if not all(torch.isfinite(extreme) for extreme in images.aminmax()):
        raise ValueError("images must be finite, got NaN or infinity; look for a division by zero")


def check_callable(name: str, value: object, hint: str) -> None:
    """Refuse a ``value`` of argument ``name`` that can be neither called nor, as None, left out.

    A class of modules can be called, but that makes a module, and no more than that.
    """
    if isinstance(value, type) and issubclass(value, nn.Module):
        raise TypeError(
            f"{name} must be something to call or None, got the class {value.__name__}; "
            f"make one of it: {value.__name__}()"
        )
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be something to call or None, got {value!r}; {hint}")


def check_finite(name: str, value: float) -> None:
    """Refuse a ``value`` of argument ``name`` that is not a finite number."""
    if not _is_number(value) or not -sys.float_info.max <= value <= sys.float_info.max:
        raise ValueError(f"{name} must be a finite number, got {value!r}")


def check_kind(name: str, value: object, kind: type, hint: str = "") -> None:
    """Refuse a ``value`` of argument ``name`` that is not a ``kind``; ``hint`` says what to do."""
    if not isinstance(value, kind):
        wanted = f"{name} must be of type {kind.__name__}"
        raise TypeError(f"{wanted}, got {type(value).__name__}" + (f"; {hint}" if hint else ""))


def check_labels(
    labels: Tensor, count: int, name: str = "labels", classes: int | None = None
) -> None:
    """Refuse anything but ``count`` int64 labels, or predictions by ``name``, from 0 up.

    Where it is known how many ``classes`` there are, none may be beyond the last.
    """
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        raise TypeError(
            f"{name} must be an int64 tensor, got {kind_of(labels)}; "
            f"try torch.as_tensor({name}).long()"
        )
    if labels.shape != (count,):
        one_hot = labels.ndim == 2 and labels.shape[1] > 1
        raise ValueError(
            f"{name} must have one entry for each of the {count} images, got shape "
            f"{tuple(labels.shape)}"
            + (f"; {name}.argmax(dim=1) of one-hot rows" if one_hot else "")
        )
    _check_has_values(name, labels)
    low, high = labels.min().item(), labels.max().item()
    if low < 0 or (classes is not None and high >= classes):
        wanted = "at least 0" if classes is None else f"from 0 to {classes - 1}"
        raise ValueError(f"{name} must be {wanted}, got {low} to {high}")


def check_one_of(name: str, value: object, known: Iterable[str]) -> None:
    """Refuse a ``value`` of argument ``name`` that is not one of ``known``."""
    if not isinstance(value, str) or value not in tuple(known):
        choices = ", ".join(repr(choice) for choice in known)
        raise ValueError(f"{name} must be one of {choices}, got {value!r}")


def check_positive(name: str, value: float) -> None:
    """Refuse a ``value`` of argument ``name`` that is not a finite number above zero."""
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}")


def check_share(name: str, value: float) -> None:
    """Refuse a ``value`` of argument ``name`` that is not a number from 0 to below 1."""
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value!r}")


def check_whole(name: str, value: int, least: int = 1) -> None:
    """Refuse a ``value`` of argument ``name`` that is not a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def kind_of(value: object) -> str:
    """Return what a message calls ``value``: a tensor by its numbers, anything else by its type."""
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__


def _check_has_values(name: str, tensor: Tensor) -> None:
    if tensor.is_meta:
        raise ValueError(
            f"{name} are on the device 'meta', where tensors have no values; make them on another, "
            "such as 'cpu'"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
