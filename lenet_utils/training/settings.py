"""All that decides a training but its first weights: checked and described here."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import CodeType

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from .._checks import check_callable, check_kind, check_one_of, check_whole
from ..data.digits import Digits
from ..models.criteria import Criterion

__all__: list[str] = []  # readers meet them as the arguments of `fit`

LR, WEIGHT_DECAY = 0.01, 0.2  # of AdamW, chosen on the validation set for LeNet-5 in three epochs
MAKE = "load_mnist().train is one, and Digits(images, labels) makes one of tensors"
SHUFFLES = ("each epoch", "once")
COUNTED = ("running_mean", "running_var", "num_batches_tracked")  # by batch normalisation


@dataclass(frozen=True)
class Settings:
    """Those arguments of `fit` in which a training that goes on must be the one that was begun.

    `fit` says what they mean. In a checkpoint they have the same names.
    """

    model: nn.Module
    train: Digits
    validation: Digits | None
    epochs: int
    batch_size: int
    shuffle: str
    optimizer: Optimizer
    schedule: Callable[[Optimizer, int], LRScheduler] | None
    criterion: Criterion
    augment: Callable[[Tensor], Tensor] | None
    patience: int | None
    seed: int

    def __post_init__(self) -> None:
        check_kind("train", self.train, Digits, MAKE)
        for name in ("schedule", "criterion", "augment"):
            check_callable(name, getattr(self, name), "pass the function itself, uncalled")
        for name in ("epochs", "batch_size"):
            check_whole(name, getattr(self, name))
        check_one_of("shuffle", self.shuffle, SHUFFLES)
        check_whole("seed", self.seed, least=0)
        if self.seed >= 2**63:
            raise ValueError(f"seed must be below 2**63, got {self.seed}")
        self._check_validation()
        self._check_optimizer()
        self._check_types()

    def _check_validation(self) -> None:
        if self.patience is not None:
            check_whole("patience", self.patience)
        if self.validation is None:
            if self.patience is not None:
                raise ValueError("patience needs a validation set to go by: pass validation=")
            return
        check_kind("validation", self.validation, Digits, MAKE)
        kinds = [(tuple(d.images.shape[1:]), d.images.dtype) for d in (self.train, self.validation)]
        if kinds[0] != kinds[1]:
            shapes = "{} of {} to learn from and {} of {} to evaluate by".format(*sum(kinds, ()))
            raise ValueError(f"train and validation must hold images of one kind, got {shapes}")

    def _check_optimizer(self) -> None:
        check_kind("optimizer", self.optimizer, Optimizer, "such as torch.optim.SGD(...)")
        if isinstance(self.optimizer, torch.optim.LBFGS):
            raise TypeError(
                "LBFGS takes the loss several times for each update, which fit does not; choose an "
                "optimizer that takes it once, such as torch.optim.SGD"
            )
        own = {id(parameter) for parameter in self.model.parameters()}
        learning = [p for group in self.optimizer.param_groups for p in group["params"]]
        if not any(id(p) in own for p in learning):
            raise ValueError(
                "the optimizer holds no parameter of this model; make it with model.parameters()"
            )
        if not any(p.requires_grad for p in learning):
            raise ValueError(
                "all parameters that the optimizer holds are frozen, so that nothing would be "
                "learned; model.requires_grad_(True) undoes it"
            )

    def _check_types(self) -> None:
        """Refuse weights that cannot be multiplied with the images, or that take no gradient."""
        parameters, wanted = list(self.model.parameters()), self.train.images.dtype
        if any(p.is_inference() for p in parameters):
            raise ValueError(
                "model was made under torch.inference_mode(), and cannot learn; make it outside"
            )
        # Some of a model's numbers may well be of another type, but not all of them.
        found = sorted({str(p.dtype) for p in parameters})
        if str(wanted) not in found:
            raise ValueError(
                f"model has weights of {', '.join(found)}, and the images are of {wanted}; "
                f"model.to({wanted}) makes them alike"
            )

    def on(self, device: torch.device) -> Settings:
        """Move the model there, in place, and both sets."""
        self.model.to(device)
        validation = self.validation and _moved(self.validation, device)
        return replace(self, train=_moved(self.train, device), validation=validation)

    def described(self) -> dict[str, str]:
        """Describe each in words that are the same in the process that goes on with the training.

        To be called before the schedule is made and the first update, for both change what an
        optimiser says of itself.
        """
        return {name: _describe(value) for name, value in vars(self).items()}


def default_optimizer(model: nn.Module) -> Optimizer:
    """Return what `fit` takes where it is given no optimiser."""
    parameters = list(model.parameters())
    if not parameters:
        raise ValueError(f"{type(model).__name__} has no parameters: there is nothing to learn")
    return torch.optim.AdamW(parameters, lr=LR, weight_decay=WEIGHT_DECAY, fused=True)


def _moved(digits: Digits, device: torch.device) -> Digits:
    return Digits(digits.images.to(device), digits.labels.to(device))


def _describe(value: object) -> str:
    if isinstance(value, Digits):
        sums = [_checksum(tensor) for tensor in (value.images, value.labels)]
        return f"images of shape {tuple(value.images.shape)} with the checksums {sums}"
    if isinstance(value, nn.Module):
        # What is fixed, such as a connection table or codes, is in buffers; so is what batch
        # normalisation has counted, which is not.
        fixed = [b for name, b in value.named_buffers() if not name.endswith(COUNTED)]
        sums = [_checksum(buffer) for buffer in fixed]
        return f"{value}\nwhose buffers have the checksums {sums}"
    if isinstance(value, partial):
        given = [*map(_describe, value.args)]
        given += [f"{name}={_describe(given)}" for name, given in value.keywords.items()]
        return f"{_describe(value.func)}({', '.join(given)})"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)} with the checksum {_checksum(value)}"
    if callable(value):  # a printed function has an address
        return _describe_callable(value)
    return str(value)


def _describe_callable(value: Callable[..., object]) -> str:
    """Name what can be imported by its name; of all else say what decides about its results.

    Two lambdas have one name: their code tells them apart, and the numbers, texts and tensors that
    it holds. Not checked are functions that it holds, what it reads from the module around it, and
    lists and their like, which may change while a training runs.
    """
    name = getattr(value, "__qualname__", None)
    code: CodeType | None = getattr(value, "__code__", None)
    if name is None:  # an object with __call__
        held: list[object] = list(vars(value).values()) if hasattr(value, "__dict__") else []
        name = type(value).__qualname__
    elif "<" in name and code is not None:
        cells, usual = getattr(value, "__closure__", None), getattr(value, "__defaults__", None)
        held = [*(cell.cell_contents for cell in cells or ()), *(usual or ())]
        name = f"{name} with the code {_sum_of_code(code)}"
    else:
        held = []
    known = ", ".join(_describe_held(value) for value in held)
    return f"{name} and {known}" if known else name


def _describe_held(value: object) -> str:
    if value is None or isinstance(value, (bool, int, float, str, bytes, Tensor, Digits)):
        return _describe(value)
    return type(value).__name__


def _sum_of_code(code: CodeType) -> int:
    """Return a checksum that is the same in another process, of the same Python."""
    inner = [_sum_of_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return zlib.crc32(code.co_code + repr((inner, code.co_names, code.co_varnames)).encode())


def _checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.cpu().contiguous().numpy().data)
