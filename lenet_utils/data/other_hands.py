"""Digits that nobody prepared for MNIST: other people, other countries, other machines.

Origin
    "optical": E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, https://doi.org/10.24432/C50P49; the 1,797 digits of its test file, written
    by 13 people, as scikit-learn's ``load_digits`` gives them. "pen": see the module
    ``pen_paths``. "1989": digits of American envelopes, the 9,298 of LeCun et al. 1989, deslanted,
    16x16, as they come with *The Elements of Statistical Learning*: see the module ``envelopes``.
Licence
    The first two are CC BY 4.0 and travel with this package. Nothing is said about the digits of
    1989, so these do not: they are downloaded at first use.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import platformdirs
import torch
from PIL import Image
from torch import Tensor

from .._checks import check_one_of
from .._devices import on_cpu
from .._files import ASSETS
from .digits import Digits
from .envelopes import read_envelopes
from .idx import DIGITS
from .pen_paths import draw_paths, lifted_ways, pen_paths, recovered_aspect
from .scaling import BOX, FIELD, SMALL, centred, fixed_form, scale

__all__ = ["DRAWN", "OTHER_HANDS", "load_digits_of"]

OTHER_HANDS = ("optical", "pen", "1989")
DRAWN = ("given", "aspect", "lifted")


@on_cpu
def load_digits_of(
    name: str,
    *,
    drawn: str | None = None,
    size: int | None = None,
    digit: int | None = None,
    scaling: str | None = None,
    for_: object = None,
    cache: str | os.PathLike[str] | None = None,
) -> Digits:
    """Load digits of other hands than MNIST's, brought to MNIST's form.

    Pictures of few pixels, "optical" and "1989", are cut to the box of their ink and enlarged by
    bicubic interpolation until its longer side is 20 pixels; the centre of mass is put where
    MNIST's are. Paths, "pen", are drawn with a round tip of 2.5 pixels, placed in the same way.

    Parameters
    ----------
    name
        "optical": 1,797 digits that were 8x8 counts of 4x4 pixels. "pen": 10,992 that were eight
        points on a tablet; ``pen_paths()`` gives these. "1989": 9,298 of 16x16; the first 7,291 are
        those that the network of 1989 learned from, the other 2,007 its test digits.
    drawn
        How "pen" is drawn: "given", by default, as wide as high; "aspect", with the width that
        `recovered_aspect` finds; "lifted", so too, and without `lifted_ways`.
    size, digit, scaling, for_
        As in `load_mnist`, save that ``scaling`` knows "1998", "signed" and "unit" alone. Where
        digits of 16x16 are wanted, those of "1989" are as they are, for they were so in 1989.
    cache
        Folder for the download, and where ``zip.train.gz`` and ``zip.test.gz`` may lie already; by
        default the user's cache folder. Only "1989" needs it.

    Returns
    -------
    Digits
        Images of shape ``(N, channels, size, size)``, and what they are.

    Raises
    ------
    TypeError, ValueError
        If an argument is not one of those above.
    OSError
        If the digits of 1989 cannot be downloaded, or are others than those of 1989.

    Examples
    --------
    >>> optical = load_digits_of("optical", for_=LeNet5())
    >>> optical
    <Digits: 1,797 images of 1x32x32 in 10 classes>
    """
    check_one_of("name", name, OTHER_HANDS)
    if drawn is not None:
        check_one_of("drawn", drawn, DRAWN)
        if name != "pen":
            raise ValueError(f"only 'pen' is drawn, got drawn={drawn!r} for {name!r}; leave it out")
    form = fixed_form(for_, size, digit, scaling)
    if name == "pen":
        pixels, labels = _pen(drawn or "given")
    elif name == "optical":
        pixels, labels = _optical()
    else:
        folder = Path(cache) if cache is not None else platformdirs.user_cache_path("lenet_utils")
        pixels, labels = _of_1989(folder)
        if form.digit == SMALL:  # as they are
            return Digits(scale(pixels, *form[:3], channels=form.channels), labels, DIGITS)
        pixels = _enlarged(pixels)
    return Digits(scale(pixels, *form), labels, DIGITS)


def _pen(drawn: str) -> tuple[Tensor, Tensor]:
    paths, labels = pen_paths()
    if drawn != "given":
        paths = paths * torch.stack([recovered_aspect(paths), torch.ones(len(paths))], 1)[:, None]
    return draw_paths(paths, lifted_ways(paths) if drawn == "lifted" else None), labels


def _optical() -> tuple[Tensor, Tensor]:
    with np.load(ASSETS / "digits" / "optical.npz") as file:
        counts, labels = file["images"], file["labels"]  # 0 to 16 in each block of 4x4
    pixels = np.round(counts * (255 / 16)).astype(np.uint8)
    return _enlarged(torch.from_numpy(pixels)), torch.from_numpy(labels).long()


def _of_1989(cache: Path) -> tuple[Tensor, Tensor]:
    levels, labels = read_envelopes(cache)  # of 2,001 levels, which become 256
    pixels = np.round((levels + 1) * (255 / 2)).astype(np.uint8)
    return torch.from_numpy(pixels), torch.from_numpy(labels)


def _enlarged(pixels: Tensor) -> Tensor:
    """Return ``(N, 28, 28)`` uint8 of ``(N, H, W)`` bytes with fewer pixels."""
    large = np.zeros((len(pixels), FIELD, FIELD), dtype=np.uint8)
    for field, image in zip(large, pixels.numpy(), strict=True):
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        box = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        factor = BOX / max(box.shape)
        height, width = (max(1, round(side * factor)) for side in box.shape)
        # Pillow's bicubic kernel has a = -0.5, and bytes stop at 0 and 255.
        enlarged = Image.fromarray(box).resize((width, height), Image.Resampling.BICUBIC)
        field[:height, :width] = np.asarray(enlarged)
    return centred(torch.from_numpy(large))
