"""Images with their labels, in memory: one set, or a data set in its three parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

from torch import Tensor

from .._checks import check_images, check_kind, check_labels

__all__ = ["Digits", "Splits", "class_names"]


@dataclass(frozen=True, eq=False, repr=False)
class Digits:
    """Images with their labels, in memory.

    Its parts are given by slices and the like. What wants pairs of one image and its label, as a
    ``DataLoader`` does, takes ``TensorDataset(digits.images, digits.labels)``.

    Attributes
    ----------
    images
        ``(N, C, H, W)`` float, float32 for models as PyTorch makes them; C is 1 for grey images.
    labels
        ``(N,)`` int64, each the number of its class, counted from 0.
    classes
        The names of all classes, such as letters; None where they are called by their numbers, of
        which there are as many as the labels need.

    Raises
    ------
    TypeError, ValueError
        If one has another type or shape, if their numbers differ, if there are none, if a pixel is
        not finite, a label is negative, or there is no name for it.

    Examples
    --------
    >>> signs = Digits(torch.zeros(3, 1, 28, 28), torch.tensor([0, 2, 2]), classes="abc")
    >>> len(signs[signs.labels == 2])
    2
    """

    images: Tensor
    labels: Tensor
    classes: Sequence[str] | None = None

    def __post_init__(self) -> None:
        check_images(self.images)
        if self.classes is not None:
            object.__setattr__(self, "classes", _names(self.classes))
        names = self.classes
        check_labels(
            self.labels, count=len(self.images), classes=None if names is None else len(names)
        )

    def __repr__(self) -> str:
        count, *shape = self.images.shape
        names = "" if self.classes is None else f" in {len(self.classes)} classes"
        return f"<Digits: {count:,} images of {'x'.join(map(str, shape))}{names}>"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | Tensor) -> Digits:
        """Select some, by a slice, a tensor of positions or a mask: ``digits[:64]``."""
        if not isinstance(index, (slice, Tensor)):
            positions = f"[{index}]" if isinstance(index, Integral) else "positions"
            raise TypeError(
                f"digits are selected by a slice or a tensor, got {type(index).__name__}; for a "
                "DataLoader there is torch.utils.data.TensorDataset(digits.images, digits.labels); "
                f"else write digits[torch.tensor({positions})]"
            )
        return Digits(self.images[index], self.labels[index], self.classes)


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

    @property
    def classes(self) -> Sequence[str] | None:
        """The names of the classes, "0" to "9" of digits, "T-shirt/top" and so on of "fashion"."""
        return self.train.classes


def class_names(classes: Sequence[str] | None, count: int) -> list[str] | list[int]:
    """Return what to call each of ``count`` classes: by its number, unless it has another name."""
    numbers = list(range(count))
    if classes is None or [*map(str, numbers)] == list(classes):
        return numbers
    return [*classes[:count], *map(str, numbers[len(classes) :])]


def _names(classes: object) -> tuple[str, ...]:
    check_kind("classes", classes, Sequence, "such as ('a', 'b', 'c')")
    names = tuple(classes)  # type: ignore[var-annotated, arg-type]
    for name in names:
        check_kind("each of classes", name, str, "tuple(map(str, classes)) names them by numbers")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"classes must have different names, at least one, got {names}")
    return names
