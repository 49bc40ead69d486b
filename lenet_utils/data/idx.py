"""Where the bytes come from: MNIST from this package, its relatives from torchvision."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .._files import ASSETS, atomic_path

__all__ = ["CLASSES", "DATASETS", "DIGITS", "DamagedFileError", "read_idx", "read_pixels"]

DIGITS = tuple("0123456789")
# What each data set shows, in torchvision's words.
CLASSES: dict[str, tuple[str, ...]] = {
    "mnist": DIGITS,
    "emnist": DIGITS,
    "fashion": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    "qmnist": DIGITS,
}
DATASETS = tuple(CLASSES)
Pixels = tuple[Tensor, Tensor, Tensor, Tensor]
PACKED = ASSETS / "mnist"
REMEDY = "Install lenet_utils again, or check the repository out again."

# file: (bytes unpacked, sha256 of our gzip file, sha256 of the original file)
MNIST_FILES = {
    "train-images-idx3-ubyte": (
        47_040_016,
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        60_008,
        "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        7_840_016,
        "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        10_008,
        "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


class DamagedFileError(OSError):
    """A file of this package does not hold the bytes it should."""


def read_pixels(name: str, cache: Path) -> Pixels:
    """Return training pixels and labels, then test pixels and labels, as stored.

    Parameters
    ----------
    name
        One of ``DATASETS``.
    cache
        Folder for unpacked and downloaded files.

    Returns
    -------
    tuple
        ``(N, 28, 28)`` uint8, ``(N,)`` int64, and the same for the test set.

    Raises
    ------
    DamagedFileError
        If a file of this package is not what it should be.
    OSError
        If a data set cannot be downloaded.
    """
    if name == "mnist":
        images, labels, others, theirs = [
            torch.tensor(read_idx(_original(file, cache))) for file in MNIST_FILES
        ]
        return images, labels.long(), others, theirs.long()
    from .relatives import read_relative

    return read_relative(name, cache)


def read_idx(content: bytes) -> np.ndarray:
    """Return the array in an IDX file of bytes, the form in which MNIST is given away.

    Two bytes 0, a byte 8 for unsigned bytes, a byte for the number of dimensions, the length of
    each in four bytes with the high byte first, then the bytes themselves, the last dimension
    fastest (Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database", "File formats").

    Parameters
    ----------
    content
        The whole file, unpacked.

    Returns
    -------
    ndarray
        uint8, of as many dimensions as the file says; it cannot be written to.

    Raises
    ------
    ValueError
        If the head is another, or there are more or fewer bytes than it says.
    """
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ValueError(
            "an IDX file of bytes must begin with 00 00 08 and its number of dimensions, "
            f"got {content[:4].hex(' ') or 'nothing'}; unpack it first if it is gzipped"
        )
    start = 4 + 4 * content[3]
    lengths = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    if len(content) != start + math.prod(lengths):
        raise ValueError(
            f"an IDX file of lengths {lengths} must have {start + math.prod(lengths)} bytes, "
            f"got {len(content)}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(lengths)


def _original(name: str, cache: Path) -> bytes:
    """Return one original MNIST file, from the cache or from the package, verified in both."""
    # Not in MNIST/raw, where torchvision looks: files that lie there may be the reader's own.
    target = cache / "lenet_utils" / name
    content = _intact(target, name)
    if content is None:
        content = _unpacked(name)
        with suppress(OSError):  # a cache can be done without
            with atomic_path(target) as temporary:
                temporary.write_bytes(content)
            _show_to_torchvision(target, cache)
    return content


def _show_to_torchvision(path: Path, cache: Path) -> None:
    """Link a file to where torchvision's MNIST looks for it, unless something is there."""
    shown = cache / "MNIST" / "raw" / path.name
    shown.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.link(path, shown)


def _intact(path: Path, name: str) -> bytes | None:
    """Return the original bytes if ``path`` holds them; a missing or unreadable file does not."""
    size, _, sha256 = MNIST_FILES[name]
    try:
        if path.stat().st_size != size:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None


def _unpacked(name: str) -> bytes:
    """Return one original MNIST file from the package, verified before it is unpacked."""
    path = PACKED / f"{name}.gz"
    _, expected, _ = MNIST_FILES[name]
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DamagedFileError(f"cannot read {path}: {error}. {REMEDY}") from error
    found = hashlib.sha256(packed).hexdigest()
    if found != expected:
        raise DamagedFileError(
            f"{path} is damaged: its sha256 is {found}, expected {expected}. {REMEDY}"
        )
    return gzip.decompress(packed)
