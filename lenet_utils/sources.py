"""Where the bytes come from: MNIST from this package, its relatives from torchvision."""

from __future__ import annotations

import gzip
import hashlib
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

from filelock import FileLock
from torch import Tensor
from torchvision import datasets

from .files import atomic_path

__all__ = ["DATASETS", "DamagedFileError", "read_pixels"]

DATASETS = ("mnist", "fashion", "kmnist", "qmnist")
Pixels = tuple[Tensor, Tensor, Tensor, Tensor]
ASSETS = Path(__file__).parent / "assets" / "mnist"
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


class _RawFilesOnly:
    """Keeps torchvision from the pickles that its old versions left beside the raw files."""

    def _check_legacy_exist(self) -> bool:
        return False


class MNIST(_RawFilesOnly, datasets.MNIST):
    """Its name, and those below, are torchvision's: they are the folders it reads."""


class FashionMNIST(_RawFilesOnly, datasets.FashionMNIST): ...


class KMNIST(_RawFilesOnly, datasets.KMNIST): ...


class QMNIST(_RawFilesOnly, datasets.QMNIST): ...


RELATIVES: dict[str, Any] = {"fashion": FashionMNIST, "kmnist": KMNIST, "qmnist": QMNIST}


class DamagedFileError(OSError):
    """A file of this package does not hold the bytes it should."""


def read_pixels(name: str, cache: Path) -> Pixels:
    """Return training pixels and labels, then test pixels and labels, as stored.

    Parameters
    ----------
    name
        One of `DATASETS`.
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
        If a data set cannot be downloaded, or MNIST can be unpacked nowhere.
    """
    if name == "mnist":
        return _read_mnist(cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # torchvision writes its files in place: two programs at once would spoil them.
        with FileLock(cache / "download.lock"):
            _remove_damaged(cache / RELATIVES[name].__name__ / "raw")
            return _checked(_read_relative(name, cache))
    except Exception as error:  # torchvision raises many kinds, for lack of network or damage
        raise OSError(
            f"cannot get {name!r} into {cache}: {error}. It is downloaded at first use: check the "
            "network and the folder, and delete what is damaged there. 'mnist' needs no network."
        ) from error


def _read_relative(name: str, cache: Path) -> Pixels:
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


def _checked(pixels: Pixels) -> Pixels:
    """Refuse what torchvision read if it cannot be digits with their labels."""
    for images, labels in (pixels[:2], pixels[2:]):
        fits = images.shape == (len(labels), 28, 28) and len(labels) > 0
        if not fits or labels.min() < 0 or labels.max() > 9:
            raise ValueError(
                f"its files hold images of shape {tuple(images.shape)} with {len(labels)} labels, "
                "where 28x28 images were expected, each with a label from 0 to 9"
            )
    return pixels


def _read_mnist(cache: Path) -> Pixels:
    try:
        return _unpack_and_read(cache)
    except DamagedFileError:
        raise
    except OSError as cache_error:
        try:
            with tempfile.TemporaryDirectory(prefix="lenet_utils-") as folder:
                return _unpack_and_read(Path(folder))
        except DamagedFileError:
            raise
        except OSError as error:
            raise OSError(
                f"MNIST can be unpacked neither into {cache} ({cache_error}) nor into a temporary "
                f"folder ({error}); free 60 MB of disk, or pass cache= a folder you can write"
            ) from error


def _unpack_and_read(cache: Path) -> Pixels:
    for name, (size, _, sha256) in MNIST_FILES.items():
        target = cache / "MNIST" / "raw" / name  # where torchvision looks
        if not _is_intact(target, size, sha256):
            content = _unpacked(name)
            with atomic_path(target) as temporary:
                temporary.write_bytes(content)
    train, test = MNIST(cache, train=True), MNIST(cache, train=False)
    return train.data, train.targets, test.data, test.targets


def _is_intact(path: Path, size: int, sha256: str) -> bool:
    """Say whether ``path`` holds the original bytes; a missing or unreadable file does not."""
    try:
        if path.stat().st_size != size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _unpacked(name: str) -> bytes:
    """Return one original MNIST file from the package, verified before it is unpacked."""
    path = ASSETS / f"{name}.gz"
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
