"""The training loops that speed.py compares: the usual tutorial's, changed step by step."""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchvision import datasets, transforms

from lenet_utils import Digits, LeNet1, Splits, one_cycle

__all__ = [
    "LOOPS",
    "Loop",
    "evaluate_like_tutorials",
    "network",
    "softmax_lenet1",
    "train",
    "train_with_lightning",
    "tutorial_digits",
]

MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's pixels, as tutorials have them


@dataclass(frozen=True)
class Loop:
    """The loop of a usual tutorial, and what may be changed in it."""

    workers: int = 0  # processes that fetch digits
    one_tensor: bool = False  # the whole set, instead of digits fetched one by one
    fused: bool = False  # Adam in one pass over the weights
    channels_last: bool = False
    batch_size: int = 100
    one_cycle: bool = False  # instead of a constant learning rate
    compiled: bool = False
    bfloat16: bool = False  # where PyTorch's autocast thinks it safe


TENSOR = Loop(one_tensor=True)
FUSED = replace(TENSOR, fused=True)
LAST = replace(FUSED, channels_last=True)

LOOPS = {
    "tutorial": Loop(),
    "two workers": Loop(workers=2),
    "one tensor": TENSOR,
    "fused Adam": FUSED,
    "channels_last": LAST,
    # Each of these is a change of the one above, not of the one before.
    "batches of 256, one cycle": replace(LAST, batch_size=256, one_cycle=True),
    "torch.compile": replace(LAST, compiled=True),
    "bfloat16": replace(LAST, bfloat16=True),
}


def network() -> nn.Sequential:
    """Build the dense LeNet-5 of tutorials: ReLU, maximum pooling, linear scores."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def tutorial_digits(folder: Path, train: bool, count: int) -> Subset:
    """Return MNIST as tutorials read it: every digit is transformed each time it is fetched."""
    steps = [transforms.Pad(2), transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)]
    digits = datasets.MNIST(folder, train=train, transform=transforms.Compose(steps))
    return Subset(digits, range(count))


def train(
    loop: Loop, digits: Digits | Subset, epochs: int, seed: int = 0
) -> Iterator[nn.Sequential]:
    """Train a new network; give it out before the first epoch, compiled, and after each."""
    torch.manual_seed(seed)
    model = network()
    if loop.channels_last:
        model.to(memory_format=torch.channels_last)
    learner = torch.compile(model) if loop.compiled else model
    rate = 0.01 if loop.one_cycle else 0.001
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=loop.fused)
    batches = _batches(loop, digits)
    scheduler = None
    if loop.one_cycle:
        scheduler = one_cycle(optimizer, epochs * math.ceil(len(digits) / loop.batch_size))

    def loss_of(images: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=loop.bfloat16):
            return F.cross_entropy(learner(images), labels)

    if loop.compiled:  # it is, when it is called first
        loss_of(*next(iter(batches()))).backward()
    yield model
    for _ in range(epochs):
        total = 0.0
        for images, labels in batches():
            loss = loss_of(images, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
            total += loss.item()
        yield model


def _batches(
    loop: Loop, digits: Digits | Subset
) -> Callable[[], Iterable[tuple[Tensor, Tensor] | list[Tensor]]]:
    if not loop.one_tensor:
        loader = DataLoader(digits, loop.batch_size, shuffle=True, num_workers=loop.workers)
        return lambda: loader

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for chosen in torch.randperm(len(digits)).split(loop.batch_size):
            yield digits.images[chosen], digits.labels[chosen]

    return batches


@torch.no_grad()
def evaluate_like_tutorials(model: nn.Module, digits: Subset) -> int:
    """Count the errors in batches of 100 from a DataLoader."""
    model.eval()
    errors = 0
    for images, labels in DataLoader(digits, 100):
        errors += (model(images).argmax(dim=1) != labels).sum().item()
    return errors


# --- Lightning ------------------------------------------------------------------------------------


def softmax_lenet1() -> LeNet1:
    """Build a LeNet-1 that ends in ten linear scores."""
    return LeNet1(output=nn.Linear(192, 10))


def train_with_lightning(digits: Splits, epochs: int, batch_size: int) -> nn.Module:
    """Train a LeNet-1 for some epochs, with a validation after each."""
    import lightning

    # It sets this for the whole program, and then every step of Adam looks for GPUs anew.
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers")
    warnings.filterwarnings("ignore", message=".*LeafSpec")

    class Learner(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = softmax_lenet1()

        def training_step(self, batch: list[Tensor], index: int) -> Tensor:
            images, labels = batch
            return F.cross_entropy(self.network(images), labels)

        def validation_step(self, batch: list[Tensor], index: int) -> None:
            images, labels = batch
            right = (self.network(images).argmax(dim=1) == labels).float().mean()
            self.log("validation_accuracy", right)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=0.01, weight_decay=0.2)

    learner = Learner()
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", enable_model_summary=False, **quiet
    )
    learning, judging = (
        TensorDataset(part.images, part.labels) for part in (digits.train, digits.validation)
    )
    loaders = DataLoader(learning, batch_size, shuffle=True), DataLoader(judging, batch_size)
    trainer.fit(learner, *loaders)
    return learner.network
