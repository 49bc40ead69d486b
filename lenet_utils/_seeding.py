"""A seed for what is inside a block, and the caller's own random state after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

__all__: list[str] = []  # for the package and the experiments, not for readers

Access = tuple[Callable[[], Tensor], Callable[[Tensor], object]]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed what draws at random inside the block; give the caller's state back after it."""
    with random_state_kept():
        torch.manual_seed(seed)
        yield


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Give the caller's random state back after the block, that of all devices."""
    before = random_states()
    try:
        yield
    finally:
        restore_random_states(before)


def random_states() -> dict[str, Tensor]:
    """Return the random state of each device by its name: "cpu", "cuda.0", ..."""
    return {name: get() for name, (get, _) in _devices().items()}


def restore_random_states(states: Mapping[str, Tensor]) -> None:
    """Set those of ``states`` whose devices are there; they may be from where there were more."""
    for name, (_, put) in _devices().items():
        if name in states:
            put(states[name])


def _devices() -> dict[str, Access]:
    """Return what gets and what sets the random state of each device.

    torch.random.fork_rng of PyTorch 2.15 has a kind of device to be named, and cannot do "mps".
    """
    devices: dict[str, Access] = {"cpu": (torch.get_rng_state, torch.set_rng_state)}
    kind = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if kind is None:
        return devices
    module = torch.get_device_module(kind)
    for index in range(torch.accelerator.device_count()):
        where = () if kind.type == "mps" else (index,)  # of which there is one, without a number
        get = partial(module.get_rng_state, *where)
        devices[f"{kind.type}.{index}"] = (get, partial(_put, module, where))
    return devices


def _put(module: object, where: tuple[int, ...], state: Tensor) -> None:
    module.set_rng_state(state, *where)  # type: ignore[attr-defined]
