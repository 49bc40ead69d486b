"""Digits: MNIST and its relatives as tensors, pictures brought to their form, distorted copies."""

from .digits import Digits, Splits
from .distortions import distort
from .idx import CLASSES, DATASETS, DamagedFileError, read_idx
from .mnist import SCALINGS, load_mnist
from .pictures import prepare_digit
from .scaling import scale

__all__ = [
    "CLASSES",
    "DATASETS",
    "SCALINGS",
    "DamagedFileError",
    "Digits",
    "Splits",
    "distort",
    "load_mnist",
    "prepare_digit",
    "read_idx",
    "scale",
]
