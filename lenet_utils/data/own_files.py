"""Digits, or anything else in classes, that a reader brings: IDX files, and folders of pictures."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from .._checks import check_callable
from .._devices import on_cpu
from .._files import check_regular
from .digits import Digits
from .idx import DIGITS, read_idx
from .pictures import prepare_digit
from .scaling import FIELD, fixed_form, scale

__all__ = ["load_idx", "load_pictures"]

GZIPPED = b"\x1f\x8b"


@on_cpu
def load_idx(
    images: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    size: int | None = None,
    digit: int | None = None,
    scaling: str | None = None,
    for_: object = None,
) -> Digits:
    """Load images and their labels from two IDX files of bytes, gzipped or not.

    Parameters
    ----------
    images, labels
        The files: one of three dimensions, N images of any height and width, 0 being background and
        255 full ink; and one of N labels, counted from 0.
    classes
        The names of all classes, where they have other names than their numbers.
    size, digit, scaling, for_
        As in `load_mnist`, save that ``scaling`` knows "1998", "signed" and "unit" alone, and that
        ``size`` is by default 32, or the longer side of images larger than that.

    Returns
    -------
    Digits
        Images of shape ``(N, channels, size, size)``, and their labels.

    Raises
    ------
    TypeError
        If a path is none, or ``for_`` does not say what its images are like.
    ValueError
        If a file holds something else, or an argument is not one of those above.
    OSError
        If a file cannot be read.
    """
    pixels, numbers = (_read(path, lengths) for path, lengths in ((images, 3), (labels, 1)))
    if len(pixels) != len(numbers) or not len(pixels):
        raise ValueError(
            f"{images} holds {len(pixels):,} images, and {labels} {len(numbers):,} labels: give "
            "two files with one label for each of at least one image"
        )
    form = fixed_form(for_, size, digit, scaling, side=max(pixels.shape[1:]))
    # Only images of MNIST's size have a digit's box to shrink.
    box = form.digit if pixels.shape[1:] == (FIELD, FIELD) else digit
    return Digits(scale(pixels, *form[:3], box, form.channels), numbers.long(), classes)


def _read(path: str | os.PathLike[str], dimensions: int) -> Tensor:
    try:
        check_regular(path)
        content = Path(path).read_bytes()
        array = read_idx(gzip.decompress(content) if content[:2] == GZIPPED else content)
        if array.ndim != dimensions:
            raise ValueError(f"it has {array.ndim} dimensions, where {dimensions} were expected")
    except OSError as error:
        raise type(error)(f"cannot read {path}: {error}") from error
    except (ValueError, EOFError) as error:
        kind = "images, (N, height, width)" if dimensions == 3 else "labels, (N,)"
        raise ValueError(f"{path} must be an IDX file of {kind}: {error}") from error
    return torch.tensor(array)


@on_cpu
def load_pictures(
    folder: str | os.PathLike[str],
    *,
    prepare: Callable[[Path], Tensor] = prepare_digit,
    size: int | None = None,
    digit: int | None = None,
    scaling: str | None = None,
    for_: object = None,
) -> Digits:
    """Load a folder of pictures: in it a folder for each class, by its name, with its pictures.

    Parameters
    ----------
    folder
        Such as ``photos``, with ``photos/0/first.jpg`` and so on. What begins with a dot is left
        aside.
    prepare
        What makes ``(H, W)`` bytes of a picture's path, 0 for background and 255 for full ink, of
        one size for all pictures; `prepare_digit` brings digits to MNIST's form.
    size, digit, scaling, for_
        As in `load_idx`.

    Returns
    -------
    Digits
        Images of shape ``(N, channels, size, size)``, in the order of the names of classes and
        files. Folders called 0 to 9, or some of these, hold digits, and each has its label; others
        are counted from 0 in the order of their names, which are the names of the classes.

    Raises
    ------
    TypeError
        If ``prepare`` cannot be called or makes something else.
    ValueError
        If there is no folder in it, a folder is empty, a picture cannot be prepared, or an argument
        is not one of those above.
    OSError
        If the folder cannot be read.
    """
    check_callable("prepare", prepare, "prepare_digit is for digits")
    shown = [path for path in sorted(Path(folder).iterdir()) if not path.name.startswith(".")]
    classes = [path for path in shown if path.is_dir()]
    if not classes:
        raise ValueError(
            f"{folder} must have a folder of pictures for each class, such as {folder}/0 to "
            f"{folder}/9, got none; move the pictures into such folders"
        )
    names = tuple(path.name for path in classes)
    names = DIGITS if set(names) <= set(DIGITS) else names
    pixels, labels = [], []
    for path in classes:
        pictures = [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
        if not pictures:
            raise ValueError(f"{path} must have pictures, got none; add some, or remove the folder")
        pixels += [_prepared(file, prepare) for file in pictures]
        labels += [names.index(path.name)] * len(pictures)
    if len({image.shape for image in pixels}) > 1:
        shapes = sorted({tuple(image.shape) for image in pixels})
        raise ValueError(
            f"prepare must make images of one size, got {shapes}; prepare_digit makes (28, 28)"
        )
    stack = torch.stack(pixels)
    form = fixed_form(for_, size, digit, scaling, side=max(stack.shape[1:]))
    box = form.digit if stack.shape[1:] == (FIELD, FIELD) else digit
    return Digits(scale(stack, *form[:3], box, form.channels), torch.tensor(labels), names)


def _prepared(file: Path, prepare: Callable[[Path], Tensor]) -> Tensor:
    try:
        image = prepare(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot prepare {file}: {error}") from error
    if not isinstance(image, Tensor) or image.dtype != torch.uint8 or image.ndim != 2:
        kind = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else f"{image!r}"
        raise TypeError(
            f"prepare must make a uint8 tensor of shape (height, width) of {file}, got {kind}; "
            "prepare_digit does"
        )
    return image
