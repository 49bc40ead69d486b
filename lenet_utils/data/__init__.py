"""Digits as tensors: MNIST, its relatives, other hands', one's own; and distorted copies."""

from .digits import Digits, Splits
from .distortions import distort
from .idx import CLASSES, DATASETS, DamagedFileError, read_idx
from .mnist import SCALINGS, load_mnist
from .other_hands import DRAWN, OTHER_HANDS, load_digits_of
from .own_files import load_idx, load_pictures
from .pen_paths import draw_paths, lifted_ways, pen_paths, recovered_aspect
from .pictures import prepare_digit
from .scaling import scale

__all__ = [
    "CLASSES",
    "DATASETS",
    "DRAWN",
    "OTHER_HANDS",
    "SCALINGS",
    "DamagedFileError",
    "Digits",
    "Splits",
    "distort",
    "draw_paths",
    "lifted_ways",
    "load_digits_of",
    "load_idx",
    "load_mnist",
    "load_pictures",
    "pen_paths",
    "prepare_digit",
    "read_idx",
    "recovered_aspect",
    "scale",
]
