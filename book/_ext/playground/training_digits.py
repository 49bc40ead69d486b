"""The digits that a network learns from in the page, as one script that is loaded when it starts.

MNIST's own bytes, deflated; every browser's DecompressionStream takes them apart.
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

from lenet_utils import Digits, load_mnist

from .networks import write_script

TRAIN = 10_000
JUDGED = 1_000  # of the digits held out for validation, and as many of the test digits


def write_training_digits(path: Path) -> None:
    """Write the first training, validation and test digits of `load_mnist` into a script."""
    mnist = load_mnist(size=28, scaling="unit")
    parts = {
        "train": mnist.train[:TRAIN],
        "validation": mnist.validation[:JUDGED],
        "test": mnist.test[:JUDGED],
    }
    packed = {name: packed_digits(digits) for name, digits in parts.items()}
    write_script(path, f"lenet.mnist = {json.dumps(packed, separators=(',', ':'))};")


def packed_digits(digits: Digits) -> dict[str, str]:
    """Return the labels as a row of figures, and the pixels, one byte each, deflated."""
    pixels = digits.images.mul(255).round().byte().numpy().tobytes()
    return {
        "labels": "".join(map(str, digits.labels.tolist())),
        "pixels": base64.b64encode(zlib.compress(pixels, 9)).decode("ascii"),
    }
