"""What a network sees in each pass through the training digits, one step of help after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from paper.recipes import MILDLY
from torch import Tensor

from lenet_utils import Digits, distort
from lenet_utils._seeding import seeded

from .redrawing import HAND, PEN, Hand, Pen, redrawn, rewritten
from .strokes import Strokes, strokes_of

__all__ = ["BACKGROUND", "INK", "STEPS", "Passes", "widened", "write_anew"]

STEPS = ("plain", "distorted", "widths", "hands")
BACKGROUND, INK = -0.1, 1.175
PAD = 2  # from MNIST's 28x28 to 32x32
SHARE = 0.5  # of the digits, redrawn in each pass of the last step
WRITINGS = 4  # of each digit; how a writing is drawn is new in each pass
TOGETHER = 250  # digits that are distorted at once: more are slower


@dataclass
class Passes:
    """Makes the images of each pass, from a step's name and the number of the pass.

    Attributes
    ----------
    digits
        MNIST's, of 32x32 pixels from -0.1 to 1.175.
    writings
        The strokes of all of them, several times, each as another hand would write it; only the
        step "hands" needs them.
    pen
        What draws them.
    share
        Of the digits, drawn anew in each pass of the step "hands".
    rubbish
        The strokes of what is no digit, for ``rubbish_images`` alone.
    """

    digits: Digits
    writings: Sequence[Strokes] = ()
    pen: Pen = PEN
    share: float = SHARE
    rubbish: Strokes | None = None

    def images(self, step: str, seed: int, number: int) -> Tensor:
        """Return the images of a pass, in the order of the digits.

        "plain": as they are. "distorted": each mildly, anew. "widths": before that its strokes are
        made wider or narrower. "hands": and half of all, by chance, are redrawn instead.
        """
        if step == "plain":
            return self.digits.images
        with seeded(1_000 * seed + number):
            anew = torch.rand(len(self.digits)) < (self.share if step == "hands" else 0)
            images = torch.empty_like(self.digits.images)
            rest = torch.nonzero(~anew).flatten()
            for some in rest.split(TOGETHER) if len(rest) else ():
                old = self.digits.images[some]
                images[some] = distort(widened(old) if step != "distorted" else old, **MILDLY)
        if step == "hands":
            images[anew] = self._redrawn(anew, seed, number)
        return images

    def _redrawn(self, anew: Tensor, seed: int, number: int) -> Tensor:
        which = anew.nonzero().flatten().numpy()
        writing = self.writings[number % len(self.writings)]
        return drawn(writing, which, self.pen, np.random.default_rng([seed, number]))

    def rubbish_images(self, count: int, seed: int, number: int) -> Tensor:
        """Return ``count`` images of rubbish, each drawn by chance."""
        rng = np.random.default_rng([seed, number, count])
        return drawn(self.rubbish, rng.integers(len(self.rubbish), size=count), self.pen, rng)


def drawn(strokes: Strokes, which: NDArray[np.int64], pen: Pen, rng: np.random.Generator) -> Tensor:
    """Return ``(len(which), 1, 32, 32)``, as LeNet-5 takes it: these drawn by chance."""
    images = torch.from_numpy(redrawn(strokes, which, pen, rng))
    images.mul_(INK - BACKGROUND).add_(BACKGROUND)
    return F.pad(images, (PAD, PAD, PAD, PAD), value=BACKGROUND).unsqueeze(1)


def widened(images: Tensor) -> Tensor:
    """Return ``(N, 1, H, W)`` with strokes up to a pixel wider or narrower on each side, by chance.

    Between an image and its grey dilation, or erosion, by 3x3 pixels.
    """
    by = images.new_empty(len(images), 1, 1, 1).uniform_(-0.7, 1.0)
    largest = F.max_pool2d(images, 3, 1, 1)
    smallest = -F.max_pool2d(-images, 3, 1, 1)
    return torch.where(by > 0, images.lerp(largest, by), images.lerp(smallest, -by))


def write_anew(digits: Digits, hand: Hand = HAND, times: int = WRITINGS) -> list[Strokes]:
    """Return the strokes of all digits, as many times, each time as another hand's."""
    inner = digits.images[:, 0, PAD:-PAD, PAD:-PAD]
    pixels = ((inner - BACKGROUND) / (INK - BACKGROUND) * 255).round().to(torch.uint8).numpy()
    strokes, labels = strokes_of(pixels), digits.labels.numpy()
    return [rewritten(strokes, labels, hand, np.random.default_rng(k)) for k in range(times)]
