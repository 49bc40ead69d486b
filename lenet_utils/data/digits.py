"""Images with their labels, in memory: one set, or a data set in its three parts."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

from torch import Tensor

from .._checks import (
    check_images,
    check_labels,
)

__all__ = ["Digits", "Splits"]


@dataclass(frozen=True, eq=False)
class Digits:
    """Images with their labels, in memory.

    Attributes
    ----------
    images
        ``(N, 1, H, W)`` float, float32 for models as PyTorch makes them.
    labels
        ``(N,)`` int64, each 0 to 9.

    Raises
    ------
    TypeError, ValueError
        If either has another type or shape, if their numbers differ, if there are none, if a pixel
        is not finite or a label is not 0 to 9.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        check_images(self.images)
        check_labels(self.labels, count=len(self.images))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | Tensor) -> Digits:
        """Select some, by a slice, a tensor of positions or a mask: ``digits[:64]``."""
        if not isinstance(index, (slice, Tensor)):
            positions = f"[{index}]" if isinstance(index, Integral) else "positions"
            raise TypeError(
                f"digits are selected by a slice or a tensor, got {type(index).__name__}; "
                f"write digits[torch.tensor({positions})]"
            )
        return Digits(self.images[index], self.labels[index])


@dataclass(frozen=True, eq=False)
class Splits:
    """A data set in its three parts.

    Attributes
    ----------
    train, validation, test
        Each `Digits`, scaled alike; ``validation`` is None where none were held out.
    background, ink
        The pixel values that background and full ink got.
    """

    train: Digits
    validation: Digits | None
    test: Digits
    background: float
    ink: float
