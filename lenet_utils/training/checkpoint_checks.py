"""What a checkpoint may hold: nothing but what the training at hand would have written.

PyTorch takes in nearly anything: moments of another shape, which its fused steps then read and
write beyond their end, or as whole numbers; a negative decay; a record of more epochs than there
are. So all is looked at before the first of it is loaded.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .._devices import on_cpu
from ..models.weights import check_finite_like, check_like
from .history import BEST, EPOCH_COLUMNS, STEP_COLUMNS
from .sdlm import SDLM
from .settings import Settings

__all__: list[str] = []  # for checkpoints alone

# What PyTorch's optimisers and ours call what is never negative.
NEVER_NEGATIVE = {
    *("step", "exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum", "acc_delta", "exp_inf"),
    *("step_size", "row_var", "col_var", "variance", "curvature"),
}

SHARES = ("betas", "momentum", "alpha", "rho")  # of what was: at most 1


@on_cpu
def check_record(
    record: Mapping[str, Tensor], learner: Mapping[str, Tensor], settings: Settings
) -> None:
    """Refuse a record that is not one of whole epochs of this training.

    Raises
    ------
    ValueError
        Which says what cannot be; so do the functions below.
    """
    rows = record.get("epochs", torch.empty(0))
    count = len(rows) if rows.ndim else 0
    if not 1 <= count <= settings.epochs:
        raise ValueError(f"it has {count} epochs, of {settings.epochs} to train")
    each = math.ceil(len(settings.train) / settings.batch_size)
    sizes = {"steps": (count * each, len(STEP_COLUMNS)), "epochs": (count, len(EPOCH_COLUMNS))}
    wanted = {name: torch.full(size, math.nan).double() for name, size in sizes.items()}
    wanted["best"] = torch.full((3,), math.nan).double()
    if settings.validation is not None:
        wanted |= {BEST + name: value for name, value in learner.items()}
    check_like(record, wanted)
    check_finite_like(record, wanted)
    _check_steps(record["steps"], count, each)
    _check_epochs(rows, settings.validation is not None)
    _check_best(record["best"].tolist(), count, settings)


def _check_steps(steps: Tensor, count: int, each: int) -> None:
    epoch, number, _, error, _ = steps.T
    counted = torch.equal(epoch, torch.arange(1, count + 1).repeat_interleave(each).double())
    counted = counted and torch.equal(number, torch.arange(1, count * each + 1).double())
    # Several processes' weighted means may be a rounding above 1.
    if not counted or not steps.isfinite().all() or error.min() < 0 or error.max() > 1.001:
        raise ValueError("its steps are not numbered one after the other, or have odd numbers")


def _check_epochs(epochs: Tensor, validated: bool) -> None:
    own = epochs[:, : len(EPOCH_COLUMNS) - 1]  # the last, seconds, is kept in old files only
    judged = own[:, 3:5]
    fits = judged.isfinite().all() if validated else judged.isnan().all()
    others = own[:, [0, 1, 2, 5]].isfinite().all()
    counted = torch.equal(own[:, 0], torch.arange(1, len(epochs) + 1).double())
    if not (fits and others and counted):
        raise ValueError("its epochs are not numbered one after the other, or have odd numbers")


def _check_best(best: list[float], count: int, settings: Settings) -> None:
    epoch, errors, loss = best
    known = epoch in range(1, count + 1)  # as a float that is whole is
    if settings.validation is None:
        fits = epoch == count and errors == loss == math.inf
    else:
        fits = errors in range(len(settings.validation) + 1) and math.isfinite(loss)
    if not (known and fits):
        raise ValueError(f"its best epoch {best} is not one of {count}")


def check_optimizer(
    optimizer: Optimizer, state: Mapping[int, Mapping[str, object]], groups: object
) -> None:
    """Refuse a state that ``optimizer`` would not have, whatever it has learned."""
    own = json.loads(json.dumps(optimizer.state_dict()["param_groups"]))
    _check_alike("the optimizer's settings", groups, own)
    wanted = _after_a_step(optimizer)
    for index, values in state.items():
        where = f"optimizer.{index}"
        if wanted is None:
            _check_any_state(where, index, values, optimizer)
            continue
        expected = wanted.get(index, {})
        numbers = {name: v for name, v in values.items() if not isinstance(v, Tensor)}
        own_numbers = {name: v for name, v in expected.items() if not isinstance(v, Tensor)}
        check_like(_tensors(where, values), _tensors(where, expected))
        check_finite_like(_tensors(where, values), _tensors(where, expected))
        _check_alike(where, numbers, own_numbers)
        _check_signs(where, values)


def _after_a_step(optimizer: Optimizer) -> dict[int, dict[str, object]] | None:
    """Return the state of ``optimizer`` after a step without gradient, which a copy of it does.

    None where it does none by itself, as some that are not PyTorch's.
    """
    if isinstance(optimizer, SDLM):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        return {index: {"curvature": p.detach()} for index, p in enumerate(parameters)}
    try:
        twin = copy.deepcopy(optimizer)
        for p in (p for group in twin.param_groups for p in group["params"]):
            # Frozen now, it may have learned before: some give weights free one after the other.
            p.requires_grad_(True)
            p.grad = torch.zeros_like(p)
        twin.step()
    except Exception:  # whatever another's class raises, where it needs more than gradients
        return None
    of_each: dict[int, dict[str, object]] = twin.state_dict()["state"]
    return of_each


def _check_any_state(
    where: str, index: int, values: Mapping[str, object], optimizer: Optimizer
) -> None:
    """Look at what an optimiser keeps of which nothing is known: no NaN, and no odd place."""
    count = sum(len(group["params"]) for group in optimizer.param_groups)
    odd = [name for name, t in _tensors(where, values).items() if not t.isfinite().all()]
    if not 0 <= index < count or odd:
        raise ValueError(f"{odd[0] if odd else where} is not of this optimizer, or not finite")


def _check_signs(where: str, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if name in NEVER_NEGATIVE and isinstance(value, Tensor) and value.min() < 0:
            raise ValueError(f"{where}.{name} is negative")


def _check_alike(name: str, there: object, here: Any) -> None:
    """Refuse a value read from JSON that is not of the kind and range of the one ``here``."""
    if isinstance(here, dict) and isinstance(there, dict) and here.keys() == there.keys():
        for key, value in here.items():
            _check_alike(f"{name}: {key}", there[key], value)
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for position, value in enumerate(here):
            _check_alike(name, there[position], value)
    elif not _in_range(name, there, here) and (there != here or type(there) is not type(here)):
        raise ValueError(f"{name} cannot be {repr(there)[:40]} where {repr(here)[:40]} is usual")


def _in_range(name: str, there: object, here: object) -> bool:
    """Whether both are numbers, which a schedule may change, of one sign, and shares below 1."""
    for value in (there, here):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
    low = 0.0 if here >= 0 else -1e300  # type: ignore[operator]
    high = 1.0 if name.endswith(SHARES) else 1e300
    return bool(low <= there <= high)  # type: ignore[operator]


def check_random(random: Mapping[str, Tensor]) -> None:
    """Refuse what is no random state of PyTorch's, by trying it on a generator of no one's."""
    if "cpu" not in random:
        raise ValueError("random.cpu is missing")
    for name, state in random.items():
        if state.dtype != torch.uint8 or state.ndim != 1:
            raise ValueError(f"random.{name} is no random state")
    torch.Generator().set_state(random["cpu"])


def _tensors(where: str, values: Mapping[str, object]) -> dict[str, Tensor]:
    return {f"{where}.{name}": v for name, v in values.items() if isinstance(v, Tensor)}
