"""MNIST's relatives, downloaded and read by torchvision.

Apart from `lenet_utils.data.idx`, because torchvision takes as long to import as PyTorch itself and
only these need it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
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


class EMNIST(_RawFilesOnly, datasets.EMNIST): ...


RELATIVES: dict[str, Any] = {
    "emnist": EMNIST,
    "fashion": FashionMNIST,
    "kmnist": KMNIST,
    "qmnist": QMNIST,
}
OWN = "lenet_utils"  # folder of the cache that nobody else writes


def read_relative(name: str, cache: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what `read_pixels` of the module ``idx`` does, of a data set not in this package.

    Files that lie where torchvision keeps them, as in ``cache/KMNIST/raw``, are read and never
    written: they may be a reader's own. Where one is missing, all are downloaded elsewhere.

    Raises
    ------
    OSError
        If it cannot be downloaded, or its files are not digits with their labels.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # torchvision writes its files in place: two programs at once would spoil them.
        with FileLock(cache / "download.lock"):
            return _checked(_read(name, _root(name, cache)))
    except Exception as error:  # torchvision raises many kinds, for lack of network or damage
        raise OSError(
            f"cannot get {name!r} into {cache}: {error}. It is downloaded at first use: check the "
            "network and the folder, and delete what is damaged there, or move it away if it is "
            "your own: load_idx reads it. 'mnist' needs no network."
        ) from error


def _root(name: str, cache: Path) -> Path:
    """Return the folder to let torchvision read, and write where that is ours alone."""
    raw = Path(RELATIVES[name].__name__, "raw")
    if all((cache / raw / file).is_file() for file in _files(name)):
        for altered in _unlike_archives(name, cache / raw):
            raise ValueError(f"{altered} is not what the archive beside it holds")
        return cache
    for damaged in _unlike_archives(name, cache / OWN / raw):
        damaged.unlink()  # torchvision checks the archives, and unpacks again what is missing
    return cache / OWN


def _files(name: str) -> list[str]:
    """Return the unpacked files of a data set, as torchvision calls them."""
    if name == "qmnist":
        kinds = ("images-idx3-ubyte", "labels-idx2-int")
        return [f"qmnist-{part}-{kind}" for part in ("train", "test") for kind in kinds]
    parts = ("emnist-digits-train", "emnist-digits-test") if name == "emnist" else ("train", "t10k")
    return [
        f"{part}-{kind}" for part in parts for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    ]


def _read(name: str, root: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    if name == "qmnist":
        parts = [QMNIST(root, what=what, download=True) for what in ("train", "test")]
        # Its labels have eight columns (writer, form, ...); the first is the digit.
        (images, labels), (others, theirs) = [(p.data, p.targets[:, 0].long()) for p in parts]
        return images, labels, others, theirs
    split = {"split": "digits"} if name == "emnist" else {}
    train, test = [
        RELATIVES[name](root, train=part, download=True, **split) for part in (True, False)
    ]
    if name == "emnist":  # rows and columns are exchanged in its files, and torchvision leaves them
        train.data, test.data = (part.data.mT.contiguous() for part in (train, test))
    return train.data, train.targets, test.data, test.targets


def _unlike_archives(name: str, raw: Path) -> Iterator[Path]:
    """Find unpacked files that are not what the archives beside them hold."""
    for unpacked in (raw / file for file in _files(name)):
        # torchvision unpacks EMNIST's from a folder of all its archives.
        for archive in (raw / f"{unpacked.name}.gz", raw / "gzip" / f"{unpacked.name}.gz"):
            if archive.is_file() and unpacked.is_file():
                content = unpacked.read_bytes()
                # A gzip file ends with the checksum and the length of what is in it.
                found = struct.pack("<II", zlib.crc32(content), len(content))
                if archive.read_bytes()[-8:] != found:
                    yield unpacked
                    break


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
