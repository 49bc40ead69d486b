"""MNIST's relatives, downloaded and read by torchvision.

Apart from `lenet_utils.data.idx`, because torchvision takes as long to import as PyTorch itself and
only these need it.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

from filelock import FileLock
from torch import Tensor
from torchvision import datasets

__all__ = ["read_relative"]


class _RawFilesOnly:
    """Keeps torchvision from the pickles that its old versions left beside the raw files."""

    def _check_legacy_exist(self) -> bool:
        return False


class FashionMNIST(_RawFilesOnly, datasets.FashionMNIST):
    """Its name, and those below, are torchvision's: they are the folders it reads."""


class KMNIST(_RawFilesOnly, datasets.KMNIST): ...


class QMNIST(_RawFilesOnly, datasets.QMNIST): ...


RELATIVES: dict[str, Any] = {"fashion": FashionMNIST, "kmnist": KMNIST, "qmnist": QMNIST}


def read_relative(name: str, cache: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what `read_pixels` of the module ``idx`` does, of a data set not in this package.

    Raises
    ------
    OSError
        If it cannot be downloaded, or its files are not digits with their labels.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # torchvision writes its files in place: two programs at once would spoil them.
        with FileLock(cache / "download.lock"):
            _remove_damaged(cache / RELATIVES[name].__name__ / "raw")
            return _checked(_read(name, cache))
    except Exception as error:  # torchvision raises many kinds, for lack of network or damage
        raise OSError(
            f"cannot get {name!r} into {cache}: {error}. It is downloaded at first use: check the "
            "network and the folder, and delete what is damaged there. 'mnist' needs no network."
        ) from error


def _read(name: str, cache: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    if name == "qmnist":
        parts = [QMNIST(cache, what=what, download=True) for what in ("train", "test")]
        # Its labels have eight columns (writer, form, ...); the first is the digit.
        (images, labels), (others, theirs) = [(p.data, p.targets[:, 0].long()) for p in parts]
        return images, labels, others, theirs
    train, test = [RELATIVES[name](cache, train=part, download=True) for part in (True, False)]
    return train.data, train.targets, test.data, test.targets


def _remove_damaged(raw: Path) -> None:
    """Remove unpacked files that are not what the archives beside them hold.

    torchvision checks the archives, and unpacks again what is missing.
    """
    for archive in raw.glob("*.gz"):
        unpacked = archive.with_suffix("")
        if unpacked.is_file():
            content = unpacked.read_bytes()
            # A gzip file ends with the checksum and the length of what is in it.
            found = struct.pack("<II", zlib.crc32(content), len(content))
            if archive.read_bytes()[-8:] != found:
                unpacked.unlink()


def _checked(
    pixels: tuple[Tensor, Tensor, Tensor, Tensor],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Refuse what torchvision read if it cannot be digits with their labels."""
    for images, labels in (pixels[:2], pixels[2:]):
        fits = images.shape == (len(labels), 28, 28) and len(labels) > 0
        if not fits or labels.min() < 0 or labels.max() > 9:
            raise ValueError(
                f"its files hold images of shape {tuple(images.shape)} with {len(labels)} labels, "
                "where 28x28 images were expected, each with a label from 0 to 9"
            )
    return pixels
