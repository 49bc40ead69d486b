"""MNIST and its relatives as whole tensors, ready to train on.

Origin
    MNIST was made by LeCun, Cortes and Burges from NIST's Special Databases 1 and 3 (LeCun et al.
    1998, preprint pp. 9-10). The four files travel inside this package, gzipped again; unpacked
    they are the original bytes, which is checked by sha256 at every load.
Licence
    There is no single authoritative statement. It is commonly given as CC BY-SA 3.0, the copyright
    being held by Yann LeCun and Corinna Cortes; other copies say otherwise.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import platformdirs
import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import (
    check_finite,
    check_images,
    check_kind,
    check_labels,
    check_one_of,
    check_whole,
)
from .sources import DATASETS, read_pixels

__all__ = ["DATASETS", "SCALINGS", "Digits", "Splits", "load_mnist", "scale"]

SCALINGS = ("1998", "signed", "standard", "unit")
SMALL, BOX = 16, 20  # sides of the images of 1989, and of the box each of MNIST's digits fills

VALIDATION_SEED = 1998  # the split is part of the data: the same for everyone, at every run


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
        Each `Digits`, scaled alike.
    background, ink
        The pixel values that background and full ink got.
    """

    train: Digits
    validation: Digits
    test: Digits
    background: float
    ink: float


def load_mnist(
    name: str = "mnist",
    *,
    size: int = 32,
    scaling: str = "1998",
    validation: int = 5_000,
    cache: str | os.PathLike[str] | None = None,
) -> Splits:
    """Load a data set as training, validation and test tensors.

    MNIST itself needs no network: it is unpacked once from this package into ``cache``, or each
    time where the cache cannot be written. The others are downloaded and checked by torchvision at
    first use.

    Parameters
    ----------
    name
        "mnist", "fashion", "kmnist" or "qmnist". QMNIST's test set has 60,000 digits: MNIST's
        10,000, then the 50,000 that Yadav and Bottou (2019) reconstructed.
    size
        Height and width of the images: 28, more, or 16. Larger images are padded all round *with
        the background value*. Those of 16 are for the network of 1989: each digit's own 20x20 box
        shrunk, see `scale`; what is larger, such as the clothes of "fashion", is refused.
    scaling
        "1998": background -0.1, ink 1.175 (LeCun et al. 1998, preprint p. 7). "signed": -1 and 1,
        as in LeCun et al. 1989 (p. 542) and 1990 (p. 3). "unit": 0 and 1. "standard": mean 0 and
        standard deviation 1 over the 28x28 training images.
    validation
        How many of the training images are held out, drawn by a fixed seed.
    cache
        Folder for unpacked and downloaded files; by default the user's cache folder.

    Returns
    -------
    Splits
        For MNIST 55,000 training, 5,000 validation and 10,000 test images of shape
        ``(N, 1, size, size)``.

    Raises
    ------
    ValueError
        If an argument is not one of those above, or ``size`` is 16 and some ink is not within a
        20x20 box.
    OSError
        If a file is damaged or missing, or cannot be downloaded.
    """
    check_one_of("name", name, DATASETS)
    check_one_of("scaling", scaling, SCALINGS)
    if size != SMALL:
        check_whole("size, if it is not 16,", size, least=28)
    check_whole("validation", validation)
    cache = Path(cache) if cache is not None else platformdirs.user_cache_path("lenet_utils")
    train_pixels, train_labels, test_pixels, test_labels = read_pixels(name, cache)
    if validation >= len(train_pixels):
        raise ValueError(
            f"validation must leave some of the {len(train_pixels)} images to train on, "
            f"got {validation}"
        )
    background, ink = _values(scaling, train_pixels)
    order = torch.randperm(
        len(train_pixels), generator=torch.Generator().manual_seed(VALIDATION_SEED)
    )
    held_out, kept = order[:validation].sort().values, order[validation:].sort().values
    learning, judging = train_pixels[kept], train_pixels[held_out]
    del train_pixels  # 47 MB less while the numbers are made

    def digits(pixels: Tensor, labels: Tensor) -> Digits:
        return Digits(scale(pixels, background, ink, size), labels)

    return Splits(
        train=digits(learning, train_labels[kept]),
        validation=digits(judging, train_labels[held_out]),
        test=digits(test_pixels, test_labels),
        background=background,
        ink=ink,
    )


def scale(pixels: Tensor, background: float, ink: float, size: int = 32) -> Tensor:
    """Turn bytes into network input: 0 becomes ``background``, 255 becomes ``ink``.

    Parameters
    ----------
    pixels
        ``(N, H, W)`` uint8, 0 for background and 255 for full ink.
    background, ink
        The values they get; -0.1 and 1.175 in LeCun et al. 1998, preprint p. 7.
    size
        Height and width wanted. The images are centred and padded with ``background``. Where they
        are 28x28 and 16 is wanted, the 20x20 box around each one's ink, which MNIST's digits all
        fit into, is shrunk by area interpolation (bilinear with anti-aliasing). How the papers
        shrank theirs is not said.

    Returns
    -------
    Tensor
        ``(N, 1, size, size)`` float32.

    Raises
    ------
    TypeError, ValueError
        If ``pixels`` is not such a tensor, is empty or larger than ``size``, if ``background`` or
        ``ink`` is not finite, or if the ink of an image to shrink does not fit into 20x20.
    """
    check_kind("pixels", pixels, Tensor, "torch.from_numpy makes one of an array")
    check_whole("size", size)
    check_finite("background", background)
    check_finite("ink", ink)
    if 0 in pixels.shape:
        raise ValueError(f"pixels must not be empty, got {tuple(pixels.shape)}")
    if pixels.dtype != torch.uint8 or pixels.ndim != 3:
        raise TypeError(
            f"pixels must be uint8 of shape (N, H, W), got {pixels.dtype} {tuple(pixels.shape)}"
        )
    if size == SMALL and pixels.shape[1:] == (28, 28):
        small = _shrink(pixels)
        return small.mul_((ink - background) / 255).add_(background)
    rows, columns = size - pixels.shape[1], size - pixels.shape[2]
    if rows < 0 or columns < 0:
        raise ValueError(
            f"size must be at least {max(pixels.shape[1:])} for these images, got {size}"
        )
    # Left and top get the smaller half when the padding is odd.
    margins = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    padded = F.pad(pixels, margins).unsqueeze(1)  # (N, 1, size, size), the background still 0
    return padded.float().mul_((ink - background) / 255).add_(background)


def _shrink(pixels: Tensor) -> Tensor:
    """Return ``(N, 1, 16, 16)`` float32, still 0 to 255, of ``(N, 28, 28)`` bytes."""
    rows, columns = _box(pixels.amax(dim=2) > 0), _box(pixels.amax(dim=1) > 0)
    images = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    boxes = pixels[images, rows[:, :, None], columns[:, None, :]].unsqueeze(1).float()
    return F.interpolate(boxes, (SMALL, SMALL), mode="bilinear", antialias=True)


def _box(inked: Tensor) -> Tensor:
    """Return ``(N, 20)``: which lines to keep of those marked in ``(N, 28)``, the ink centred."""
    lines = inked.shape[1]
    first = inked.byte().argmax(dim=1)
    last = lines - 1 - inked.flip(1).byte().argmax(dim=1)
    extent = int(((last + 1 - first) * inked.any(dim=1)).max())  # without ink, 0
    if extent > BOX:
        raise ValueError(
            f"size={SMALL} shrinks the {BOX}x{BOX} box around the ink, but the ink of an image is "
            f"{extent} pixels high or wide; use size=28 or more"
        )
    start = ((first + last + 1 - BOX) // 2).clamp(0, lines - BOX)
    return start[:, None] + torch.arange(BOX, device=inked.device)


def _values(scaling: str, train_pixels: Tensor) -> tuple[float, float]:
    """Return what background and full ink become under ``scaling``."""
    if scaling == "1998":
        return -0.1, 1.175
    if scaling == "signed":
        return -1.0, 1.0
    if scaling == "unit":
        return 0.0, 1.0
    counts = torch.bincount(train_pixels.flatten(), minlength=256).double()
    levels = torch.arange(256).double() / 255
    exact_mean = (counts * levels).sum() / counts.sum()
    variance = (counts * (levels - exact_mean) ** 2).sum() / counts.sum()
    # Four digits give MNIST the constants everybody uses: 0.1307 and 0.3081.
    mean, deviation = round(exact_mean.item(), 4), round(variance.sqrt().item(), 4)
    return -mean / deviation, (1 - mean) / deviation
