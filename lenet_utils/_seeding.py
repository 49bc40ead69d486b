"""A seed for what is inside a block, and the caller's own random state after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__: list[str] = []  # for the package and the experiments, not for readers


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed what draws at random inside the block; give the caller's state back after it."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
