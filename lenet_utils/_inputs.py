"""What images a network has learned from, and a look at whether others are like them."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["InputForm", "InputWarning"]

# Background and full ink: LeCun et al. 1998, preprint p. 7; 1989, p. 542, and 1990, p. 3.
FIXED_SCALINGS = {"1998": (-0.1, 1.175), "signed": (-1.0, 1.0), "unit": (0.0, 1.0)}
LOOKED_AT = 1_000  # images; enough to know a whole set by
CLEARLY = 0.75  # of the way from the darkest to the lightest: a light border, not noise
NEAR = 0.04  # of that way, by which a background may be off; 0 in place of -0.1 is 0.08


class InputWarning(UserWarning):
    """The images are not what the network is for: inverted, framed or scaled in another way.

    ``warnings.filterwarnings("ignore", category=InputWarning)`` silences it.
    """


class InputForm(NamedTuple):
    """What a network's images are like, in the order in which `scale` takes it.

    Attributes
    ----------
    background, ink
        The pixel values of background and full ink.
    size
        Height and width of the images.
    digit
        Side to which the 28x28 digits in them were brought before they were framed: 28, or 16.
    channels
        1 for grey images, 3 for colours.
    """

    background: float
    ink: float
    size: int
    digit: int
    channels: int = 1

    @property
    def as_loaded(self) -> str:
        """Return how `load_mnist` is asked for such images, as code."""
        if self.channels > 1:
            return "load_mnist(for_=model)"
        digit = ", digit=16" if self.digit == 16 != self.size else ""
        known = [name for name, pair in FIXED_SCALINGS.items() if pair == self[:2]]
        scaling = f', scaling="{known[0]}"' if known and known[0] != "1998" else ""
        return f"load_mnist(size={self.size}{digit}{scaling})"


def warn_if_unlike(images: Tensor, form: InputForm | None, level: int) -> bool:
    """Warn, as from ``level`` callers up, of images unlike ``form``; return whether they are.

    Where no ``form`` is known, only paper and ink the other way round are noticed: a lighter value
    at the border as well as in most of the image.
    """
    some = images[:: max(1, len(images) // LOOKED_AT)].detach().float()
    low, high = some.aminmax()
    edges = (some[..., :1, :], some[..., -1:, :], some[..., :1], some[..., -1:])
    border = torch.cat([edge.flatten() for edge in edges]).median()
    unlike = None
    if min(border - low, some.median() - low) > CLEARLY * (high - low):
        unlike = (
            "the images seem to have light paper and dark ink (their border is "
            f"{border:.3g}, their smallest value {low:.3g}): LeNets are taught that ink is the "
            f"larger value; give them {low + high:.4g} - images"
        )
    elif form is not None:
        near = NEAR * abs(form.ink - form.background)
        frame = (form.size - form.digit) // 2
        inked = (some - border).abs() > near
        inked[..., frame : some.shape[-2] - frame, frame : some.shape[-1] - frame] = False
        if abs(border - form.background) > near:
            unlike = (
                f"these weights have learned from images with a background of {form.background:g}, "
                f"and that of these is {border:.3g}; {form.as_loaded} gives their like"
            )
        elif form.digit == 16 < form.size and inked.any():
            unlike = (
                f"these weights have learned from digits of {form.digit}x{form.digit} pixels in "
                f"{form.size}x{form.size}, and these reach further out; {form.as_loaded} gives "
                "their like"
            )
    if unlike:
        warnings.warn(unlike, InputWarning, stacklevel=level + 1)
    return unlike is not None
