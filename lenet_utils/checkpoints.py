"""Checkpoints: all that `fit` needs to go on where it was stopped, in one safetensors file.

Tensors are kept as they are. Numbers that are no tensors, and a description of the training, are
text in the file's header. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import warnings
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from . import parallel
from .data import Digits
from .files import check_writable
from .history import Recorder
from .weights import opening, write_tensors

__all__: list[str] = []  # readers meet them as fit(..., checkpoint=)

COUNTED = ("running_mean", "running_var", "num_batches_tracked")
PathLike = str | os.PathLike[str]
T = TypeVar("T")


@dataclass
class State:
    """What changes while `fit` runs, the random state apart, which is PyTorch's own."""

    learner: nn.Module  # the model and its criterion
    optimizer: Optimizer
    scheduler: LRScheduler | None
    record: Recorder


def described(settings: Mapping[str, object]) -> dict[str, str]:
    """Describe a training in words that are the same in the process that goes on with it.

    To be called before the first update, which changes what the optimiser says of itself.
    """
    return {name: _describe(value) for name, value in settings.items()}


def save(path: PathLike, settings: Mapping[str, str], state: State) -> None:
    """Write the state after an epoch; the file is the old one, or the whole new one.

    Of several processes the first writes. ``settings`` are those of `described`.

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError
        If the optimiser keeps more than tensors and numbers.
    """
    if parallel.process_number():
        return
    optimizer = state.optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, object] = {}
    for index, values in optimizer["state"].items():
        for name, value in values.items():
            place = f"optimizer.{index}.{name}"
            if isinstance(value, Tensor):
                tensors[place] = value
            else:
                numbers[place] = value
    tensors |= _named("learner", state.learner.state_dict())
    tensors |= _named("record", state.record.state_dict())
    tensors |= _named("random", _random_states())
    notes = {"numbers": _to_json(numbers), "groups": _to_json(optimizer["param_groups"])}
    write_tensors(tensors, path, {**settings, **notes})


def resume(path: PathLike, settings: Mapping[str, str], state: State) -> int:
    """Put into ``state`` what is in the file, and return its epochs; 0 where there is no file yet.

    Of several processes the first reads, and tells the others.

    Raises
    ------
    OSError
        If the file cannot be opened or, where there is none, could not be written.
    ValueError
        If it is no checkpoint, is damaged, or belongs to a training with other settings.
    """
    content = None
    if parallel.process_number() == 0:
        if os.path.lexists(path):
            with opening(path):
                content = Path(path).read_bytes()
        else:
            check_writable(path)  # now, and not after an epoch that would be lost
    content = parallel.bytes_from_first(content)
    if content is None:
        return 0
    with opening(path):
        tensors = safetensors.torch.load(content)
    notes = _notes(content)
    _check(path, notes, settings)
    try:
        _take_in(state, tensors, notes)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}; delete it to begin anew") from error
    return state.record.epochs_done


def _check(path: PathLike, notes: Mapping[str, str], settings: Mapping[str, str]) -> None:
    """Refuse a file that holds something else, or belongs to another training."""
    if not settings.keys() | {"numbers", "groups"} <= notes.keys():
        raise ValueError(f"{path} is no checkpoint; name another file, or delete it")
    for name, here in settings.items():
        lines = zip_longest(notes[name].splitlines(), here.splitlines(), fillvalue="nothing")
        for there, now in lines:
            if there != now:
                raise ValueError(
                    f"{path} belongs to another training: its {name} has {there.strip()!r}, now it "
                    f"is {now.strip()!r}; train as it was begun, or delete the file to begin anew"
                )


def _take_in(state: State, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
    state.learner.load_state_dict(_below("learner", tensors))
    state.record.load_state_dict(_below("record", tensors))
    if state.scheduler is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch misses the updates between these steps
            for _ in range(state.record.steps_done):
                state.scheduler.step()
    numbers = _below("optimizer", json.loads(notes["numbers"]))
    of_parameter: dict[int, dict[str, object]] = defaultdict(dict)
    for place, value in {**_below("optimizer", tensors), **numbers}.items():
        index, _, name = place.partition(".")
        of_parameter[int(index)][name] = value
    saved = {"state": of_parameter, "param_groups": json.loads(notes["groups"])}
    _restore_optimizer(state.optimizer, saved)
    _restore_random_states(_below("random", tensors))


def _restore_optimizer(optimizer: Optimizer, saved: dict[str, Any]) -> None:
    optimizer.load_state_dict(saved)
    for p, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == p.shape:
                # In the parameter's own order of memory, which a fused optimiser relies on.
                values[name] = torch.empty_like(p, dtype=value.dtype).copy_(value)


def _random_states() -> dict[str, Tensor]:
    devices = {f"cuda.{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())}
    return {"cpu": torch.get_rng_state(), **devices}


def _restore_random_states(states: Mapping[str, Tensor]) -> None:
    if parallel.process_number():
        # These are the first process's; the others go on with numbers that are new to all.
        torch.manual_seed(zlib.crc32(states["cpu"].numpy().data) + parallel.process_number())
        return
    torch.set_rng_state(states["cpu"])
    for i in range(torch.cuda.device_count()):
        if f"cuda.{i}" in states:  # it may have been begun where there were fewer
            torch.cuda.set_rng_state(states[f"cuda.{i}"], i)


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
    if callable(value):  # a printed function has an address
        return getattr(value, "__qualname__", type(value).__qualname__)
    return str(value)


def _checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.cpu().contiguous().numpy().data)


def _named(group: str, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{group}.{name}": value for name, value in values.items()}


def _below(group: str, values: Mapping[str, T]) -> dict[str, T]:
    start = f"{group}."
    return {name.removeprefix(start): v for name, v in values.items() if name.startswith(start)}


def _to_json(values: object) -> str:
    try:
        return json.dumps(values)
    except TypeError as error:
        raise TypeError(
            f"a checkpoint keeps an optimizer's tensors and numbers, this one has more: {error}"
        ) from error


def _notes(content: bytes) -> dict[str, str]:
    """Return the notes of a safetensors file read whole; its header is JSON after its length."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]).get("__metadata__") or {}
