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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from .._files import check_writable, only_writer
from .._seeding import random_states, restore_random_states
from ..models.weights import check_finite_like, check_like, read_file, unpack, write_tensors
from . import parallel
from .checkpoint_checks import check_optimizer, check_random, check_record
from .history import Recorder
from .settings import Settings
from .step import arrange_state

__all__: list[str] = []  # readers meet them as fit(..., checkpoint=)

# What checkpoints from before `fit` had these settings do not say of themselves.
SINCE = {"shuffle": "each epoch"}
PathLike = str | os.PathLike[str]
T = TypeVar("T")


@dataclass
class State:
    """What changes while `fit` runs, the random state apart, which is PyTorch's own."""

    learner: nn.Module  # the model and its criterion
    optimizer: Optimizer
    scheduler: LRScheduler | None
    record: Recorder


class Checkpoint:
    """The file that keeps a training; without a path nothing is kept, and nothing taken up.

    Raises
    ------
    TypeError, ValueError
        If ``path`` names no file.
    OSError
        If it could not be written.
    """

    def __init__(self, path: PathLike | None, settings: Settings) -> None:
        self.path, self.settings = path, settings
        if path is None:
            return
        if parallel.process_number() == 0:
            check_writable(path)  # now, and not after an epoch that would be lost
        self.described = settings.described()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other training write the file while the block runs.

        Raises
        ------
        OSError
            If another one does already.
        """
        if self.path is None or parallel.process_number():
            yield
            return
        with only_writer(self.path):
            yield

    def save(self, state: State) -> None:
        """Write the state after an epoch; the file is the old one, or the whole new one.

        Of several processes the first writes.

        Raises
        ------
        OSError
            If the file cannot be written.
        TypeError
            If the optimiser keeps more than tensors and numbers.
        """
        if self.path is None or parallel.process_number():
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
        tensors |= _named("random", random_states())
        notes = {"numbers": _to_json(numbers), "groups": _to_json(optimizer["param_groups"])}
        write_tensors(tensors, self.path, {**self.described, **notes})

    def resume(self, state: State) -> None:
        """Put into ``state`` what is in the file, where there is one.

        Of several processes the first reads, and tells the others.

        Raises
        ------
        OSError
            If the file cannot be opened.
        ValueError
            If it is no checkpoint, is damaged, or belongs to a training with other settings.
        """
        if self.path is None:
            return
        content = None
        if parallel.process_number() == 0 and os.path.lexists(self.path):
            content = read_file(self.path)
        content = parallel.bytes_from_first(content)
        if content is None:
            return
        tensors, notes = unpack(content, self.path)
        _check(self.path, notes, self.described)
        try:
            saved = _checked(state, tensors, notes, self.settings)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"{self.path} is damaged: {error}; delete it to begin anew") from error
        _take_in(state, tensors, saved)


def _check(path: PathLike, notes: Mapping[str, str], settings: Mapping[str, str]) -> None:
    """Refuse a file that holds something else, or belongs to another training."""
    notes = {**SINCE, **notes}
    if notes.keys() != settings.keys() | {"numbers", "groups"}:
        raise ValueError(f"{path} is no checkpoint; name another file, or delete it")
    for name, here in settings.items():
        lines = zip_longest(notes[name].splitlines(), here.splitlines(), fillvalue="nothing")
        for there, now in lines:
            if there != now:
                raise ValueError(
                    f"{path} belongs to another training: its {name} has {there.strip()!r}, now it "
                    f"is {now.strip()!r}; train as it was begun, or delete the file to begin anew"
                )


def _checked(
    state: State, tensors: Mapping[str, Tensor], notes: Mapping[str, str], settings: Settings
) -> dict[str, Any]:
    """Return the optimiser's state after all in the file was found to be of this training."""
    groups = ("learner", "record", "optimizer", "random")
    for name in tensors:
        if name.partition(".")[0] not in groups:
            raise ValueError(f"{name} is nothing that a checkpoint holds")
    own = state.learner.state_dict()
    check_like(_below("learner", tensors), own)
    check_finite_like(_below("learner", tensors), own)
    check_record(_below("record", tensors), own, settings)
    check_random(_below("random", tensors))
    saved = _optimizer_state(tensors, notes)
    check_optimizer(state.optimizer, saved["state"], saved["param_groups"])
    return saved


def _optimizer_state(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> dict[str, Any]:
    numbers = json.loads(notes["numbers"])
    if not isinstance(numbers, dict):
        raise ValueError("its numbers have no names")
    of_parameter: dict[int, dict[str, object]] = defaultdict(dict)
    for place, value in {**_below("optimizer", tensors), **_below("optimizer", numbers)}.items():
        index, _, name = place.partition(".")
        of_parameter[int(index)][name] = value
    return {"state": of_parameter, "param_groups": json.loads(notes["groups"])}


def _take_in(state: State, tensors: Mapping[str, Tensor], saved: dict[str, Any]) -> None:
    state.learner.load_state_dict(_below("learner", tensors))
    state.record.load_state_dict(_below("record", tensors))
    if state.scheduler is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch misses the updates between these steps
            for _ in range(state.record.steps_done):
                state.scheduler.step()
    state.optimizer.load_state_dict(saved)
    arrange_state(state.optimizer)  # in the file all is in the usual order
    _restore_random_states(_below("random", tensors))


def _restore_random_states(states: Mapping[str, Tensor]) -> None:
    if parallel.process_number():
        # These are the first process's; the others go on with numbers that are new to all.
        torch.manual_seed(zlib.crc32(states["cpu"].numpy().data) + parallel.process_number())
        return
    restore_random_states(states)


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
