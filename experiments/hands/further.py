"""How the shipped network goes on: with digits drawn anew, and rubbish in a class of its own."""

from __future__ import annotations

from dataclasses import replace

import torch
from recording import fit_whole
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import CosineAnnealingLR

from lenet_utils import Digits, LeNet5
from lenet_utils.training import MODERN, modern_recipe

from .passes import Passes

__all__ = ["PART", "RUBBISH", "WithRubbish", "averaged", "trained_further"]

FURTHER = replace(MODERN[LeNet5], decay=0.05, factor=0.2)
RUBBISH = 12_000  # images of a pass, beside those of all digits
J = 20.0  # the penalty of the class "rubbish"
PART = 0.95  # of what the network has learned then, in the average


def trained_further(
    passes: Passes, seed: int, epochs: int, rate: float, count: int = RUBBISH
) -> LeNet5:
    """Train the shipped network on, with ``count`` images of rubbish in each pass; average."""
    torch.manual_seed(seed)
    model, before = (LeNet5.from_pretrained("dist") for _ in range(2))
    digits = passes.digits
    images = torch.cat([digits.images, torch.zeros(count, *digits.images.shape[1:])])
    seen = Digits(images, torch.cat([digits.labels, torch.full((count,), 10)]))
    numbers = iter(range(epochs))

    def prepare() -> None:
        number = next(numbers)
        seen.images[: len(digits)] = passes.images("hands", seed, number)
        seen.images[len(digits) :] = passes.rubbish_images(count, seed, number)

    recipe = {
        **modern_recipe(model, replace(FURTHER, rate=rate)),
        "criterion": cross_entropy,
        "seed": seed,
        "device": "cpu",
        "shuffle": "each epoch",
        "schedule": CosineAnnealingLR,
        "before_epoch": prepare,
    }
    fit_whole(WithRubbish(model), seen, epochs=epochs, progress=False, **recipe)
    return averaged(model, before)


class WithRubbish(nn.Module):
    """A network with an eleventh score, always -J: the class "rubbish" of eq. 9.

    With it, the cross-entropy of digits is eq. 9, and that of rubbish is ``log(exp(-j) + sum
    exp(-y)) + j``, which is low where all penalties are large.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        scores = self.model(images)
        rubbish = scores.new_full((len(scores), 1), -J)
        return FURTHER.factor * torch.cat([scores, rubbish], dim=1)  # factor as in `modern_recipe`


def averaged(model: LeNet5, before: LeNet5, part: float = PART) -> LeNet5:
    """Return a network whose weights are ``part`` those of ``model``, the rest ``before``'s.

    It makes sense for networks that have a history in common: between these the errors are low all
    along the way (Wortsman et al. 2022, Robust fine-tuning of zero-shot models).
    """
    mixed = LeNet5()
    with torch.no_grad():
        for new, one, other in zip(
            mixed.parameters(), model.parameters(), before.parameters(), strict=True
        ):
            new.copy_(other.lerp(one, part))
    return mixed.eval()
