"""Several processes that train one model together, each on its part of every batch.

``torchrun`` starts them; in a process that is alone everything here does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

__all__: list[str] = []  # for `fit` and the command line, not for readers


@contextmanager
def joined_processes() -> Iterator[None]:
    """Join the processes that ``torchrun`` started, if it did, for as long as the block runs."""
    if not dist.is_available() or not dist.is_torchelastic_launched():
        yield
        return
    if torch.accelerator.is_available():
        own, devices = int(os.environ["LOCAL_RANK"]), torch.accelerator.device_count()
        if own >= devices:
            raise ValueError(
                f"there are {devices} accelerators here for {os.environ['LOCAL_WORLD_SIZE']} "
                f"processes: try torchrun --nproc-per-node {devices}"
            )
        torch.accelerator.set_device_index(own)
    dist.init_process_group()  # gloo between CPUs, nccl between GPUs
    try:
        yield
    except RuntimeError as error:
        if not _is_of_another(error):
            raise
        raise ChildProcessError(
            f"one of the processes that train together failed: {error}"
        ) from error
    finally:
        dist.destroy_process_group()


def _is_of_another(error: RuntimeError) -> bool:
    """Return whether gloo or nccl raised it, which they do when another process is gone."""
    words = str(error).lower()
    told = any(word in words for word in ("gloo", "nccl", "connection closed", "connection reset"))
    return told or isinstance(error, dist.DistError)


def process_count() -> int:
    """Return how many processes train together, 1 for a process that is alone."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def process_number() -> int:
    """Return which of them this one is, from 0; only number 0 prints and writes."""
    return dist.get_rank() if process_count() > 1 else 0


def sharing_gradients(module: nn.Module) -> nn.Module:
    """Return ``module`` such that its gradients become the mean of those of all processes."""
    return DistributedDataParallel(module) if process_count() > 1 else module


def own_part(chosen: Tensor) -> tuple[Tensor, float]:
    """Return this process's part of a batch, and the weight that its mean loss must get.

    The weights make the mean of the processes' gradients the gradient of the whole batch's mean.
    """
    count = process_count()
    own = chosen[process_number() :: count]
    if not len(own):  # fewer images than processes: this one computes along, and counts for nothing
        return chosen[:1], 0.0
    return own, len(own) * count / len(chosen)


def from_first(tensor: Tensor) -> Tensor:
    """Return what ``tensor`` is in the first process, so that all decide by the same numbers."""
    if process_count() > 1:
        dist.broadcast(tensor, src=0)
    return tensor


def bytes_from_first(content: bytes | None) -> bytes | None:
    """Return what ``content`` is in the first process, the only one that reads files."""
    if process_count() == 1:
        return content
    own = None if content is None else torch.tensor(bytearray(content), dtype=torch.uint8)
    length = int(from_first(torch.tensor(-1 if own is None else len(own))))
    if length < 0:
        return None
    if own is None:
        own = torch.empty(length, dtype=torch.uint8)
    return from_first(own).numpy().tobytes()


def mean_of_all(tensor: Tensor) -> Tensor:
    """Return the mean of ``tensor`` over the processes."""
    if process_count() > 1:
        dist.all_reduce(tensor)
        tensor /= process_count()
    return tensor
