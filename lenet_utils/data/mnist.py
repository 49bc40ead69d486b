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
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

from .._checks import check_one_of, check_whole
from .._devices import on_cpu
from .._inputs import FIXED_SCALINGS, InputForm
from .digits import Digits, Splits
from .idx import CLASSES, DATASETS, read_pixels
from .scaling import FIELD, SMALL, form_for, scale

__all__ = ["SCALINGS", "load_mnist"]

SCALINGS = ("1998", "signed", "standard", "unit")

VALIDATION_SEED = 1998  # the split is part of the data: the same for everyone, at every run


@on_cpu
def load_mnist(
    name: str = "mnist",
    *,
    size: int | None = None,
    digit: int | None = None,
    scaling: str | None = None,
    for_: object = None,
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
        "mnist", "emnist", "fashion", "kmnist" or "qmnist". EMNIST's digits (Cohen et al. 2017) are
        240,000 to learn from and 40,000 to test, from the same archive of NIST's as MNIST's, and
        their download is 560 MB. QMNIST's test set has 60,000 digits: MNIST's 10,000, then the
        50,000 that Yadav and Bottou (2019) reconstructed.
    size
        Height and width of the images: 28, more, or 16; by default 32. Larger images are padded all
        round *with the background value*. Those of 16 are for the network of 1989: each digit's own
        20x20 box shrunk, see `scale`; what is larger, such as the clothes of "fashion", is refused.
    digit
        16 shrinks that box and then pads to ``size``: LeNet-1's digits were of 16x16, centred in
        28x28 (LeCun et al. 1998, preprint p. 13). 28 leaves the digits as they are; None does so
        too, save where ``size`` is 16.
    scaling
        By default "1998": background -0.1, ink 1.175 (LeCun et al. 1998, preprint p. 7). "signed":
        -1 and 1, as in LeCun et al. 1989 (p. 542) and 1990 (p. 3). "unit": 0 and 1. "standard":
        mean 0 and standard deviation 1 over the 28x28 training images.
    for_
        A network, or what else has an ``input`` as `LeNet` does: the images are made as it wants
        them, in place of ``size``, ``digit`` and ``scaling``.
    validation
        How many of the training images are held out, drawn by a fixed seed; 0 for none.
    cache
        Folder for unpacked and downloaded files; by default the user's cache folder.

    Returns
    -------
    Splits
        For MNIST 55,000 training, 5,000 validation and 10,000 test images of shape
        ``(N, 1, size, size)``. ``Splits.classes`` has the names of what they show.

    Raises
    ------
    TypeError
        If ``for_`` does not say what its images are like.
    ValueError
        If an argument is not one of those above, or digits are to be shrunk and some ink is not
        within a 20x20 box.
    OSError
        If a file is damaged or missing, or cannot be downloaded.

    Examples
    --------
    >>> mnist = load_mnist(for_=LeNet5())
    >>> len(mnist.train), len(mnist.validation), mnist.test.images.shape
    (55000, 5000, torch.Size([10000, 1, 32, 32]))
    """
    check_one_of("name", name, DATASETS)
    form = form_for(for_, size, digit, scaling)
    scaling = scaling or "1998"
    check_one_of("scaling", scaling, SCALINGS)
    size = 32 if size is None else size
    if size != SMALL:
        check_whole("size, if it is not 16,", size, least=16 if digit == SMALL else 28)
    if digit not in (None, SMALL, FIELD):
        raise ValueError(f"digit must be {SMALL} or {FIELD}, got {digit!r}")
    check_whole("validation", validation, least=0)
    cache = Path(cache) if cache is not None else platformdirs.user_cache_path("lenet_utils")
    train_pixels, train_labels, test_pixels, test_labels = read_pixels(name, cache)
    if validation >= len(train_pixels):
        raise ValueError(
            f"validation must leave some of the {len(train_pixels)} images to train on, "
            f"got {validation}"
        )
    form = form or InputForm(*_values(scaling, train_pixels), size, digit or min(size, FIELD))
    order = torch.randperm(
        len(train_pixels), generator=torch.Generator().manual_seed(VALIDATION_SEED)
    )
    held_out, kept = order[:validation].sort().values, order[validation:].sort().values
    learning, judging = train_pixels[kept], train_pixels[held_out]
    del train_pixels  # 47 MB less while the numbers are made

    def digits(pixels: Tensor, labels: Tensor) -> Digits:
        return Digits(scale(pixels, *form), labels, CLASSES[name])

    return Splits(
        train=digits(learning, train_labels[kept]),
        validation=digits(judging, train_labels[held_out]) if validation else None,
        test=digits(test_pixels, test_labels),
        background=form.background,
        ink=form.ink,
    )


def _values(scaling: str, train_pixels: Tensor) -> tuple[float, float]:
    """Return what background and full ink become under ``scaling``."""
    if scaling in FIXED_SCALINGS:
        return FIXED_SCALINGS[scaling]
    counts = torch.bincount(train_pixels.flatten(), minlength=256).double()
    levels = torch.arange(256).double() / 255
    exact_mean = (counts * levels).sum() / counts.sum()
    variance = (counts * (levels - exact_mean) ** 2).sum() / counts.sum()
    # Four digits give MNIST the constants everybody uses: 0.1307 and 0.3081.
    mean, deviation = round(exact_mean.item(), 4), round(variance.sqrt().item(), 4)
    return -mean / deviation, (1 - mean) / deviation
