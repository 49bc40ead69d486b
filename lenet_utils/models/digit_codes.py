"""The output of LeNet-5: ten Euclidean radial basis function units and the codes they stand for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._checks import check_kind

__all__ = ["CODE_SHAPE", "Negation", "RBFOutput", "digit_codes"]

CODE_SHAPE = (12, 7)  # rows and columns of a stylised character

# The first ten of the 96 characters in LeCun et al. 1998, Fig. 3 (preprint p. 9), '#' for black.
_BITMAPS = """
.#####. ...##.. .#####. ####### .#####. .#####. ..####. ####### .#####. .#####.
....... ..###.. ....... .....## ....... ....... .##.... .....## ##...## ##..###
..###.. .####.. .#####. ....##. ....... ####### ##..... .....## ##...## ##...##
.##.##. ...##.. ##...## ...##.. .##..## ##..... ##..... ....##. ##...## ##...##
##...## ...##.. #....## ..####. .##..## ##..... ######. ...##.. .#####. ##..###
##...## ...##.. ....##. .....## ###..## .####.. ###..## ...##.. ##...## .######
##...## ...##.. ..###.. .....## ##...## ..####. ##...## ..##... ##...## .....##
##...## ...##.. .##.... .....## ##...## .....## ##...## ..##... ##...## .....##
.##.##. ...##.. ##..... ##...## ##..### ##...## ###..## ..##... ##...## ....##.
..###.. .###### ####### .#####. .###### .#####. .#####. ..##... .#####. .####..
....... ....... ....... ....... .....## ....... ....... ....... ....... .......
....... ....... ....... ....... .....## ....... ....... ....... ....... .......
"""


def digit_codes() -> Tensor:
    """Return the ten codes that LeNet-5's F6 is taught to draw.

    LeCun et al. 1998, Fig. 3 (preprint p. 9). The caption does not say which colour is +1: black
    is, here, as ink is the larger value in the images too.

    Returns
    -------
    Tensor
        ``(10, 84)`` float32, +1 for black and -1 for white, row by row of the 7x12 bitmap.
    """
    rows = [line.split() for line in _BITMAPS.split("\n") if line]
    pixels = [[row[digit] for row in rows] for digit in range(10)]
    signs = [[1.0 if pixel == "#" else -1.0 for pixel in "".join(code)] for code in pixels]
    return torch.tensor(signs)


class RBFOutput(nn.Module):
    """Euclidean radial basis function units: how far the input is from each class's code.

    LeCun et al. 1998, eq. 7 (preprint p. 8): ``y_i = sum_j (x_j - w_ij)^2``. The outputs are
    penalties: the answer is the class of the smallest. There is no bias and no exponential.

    Parameters
    ----------
    codes
        ``(classes, inputs)``, the centres w; None for `digit_codes`.
    trainable
        Whether the codes may move in training. In the paper they were kept fixed, "at least
        initially", and are not among the 60,000 trainable parameters.

    Shape
    -----
    ``(N, inputs)`` -> ``(N, classes)``

    Raises
    ------
    TypeError, ValueError
        If ``codes`` is no finite tensor of that shape, or the input does not fit.

    Examples
    --------
    >>> penalties = RBFOutput()(digit_codes())  # what F6 should draw, for each digit
    >>> penalties.argmin(dim=1)
    tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """

    def __init__(self, codes: Tensor | None = None, trainable: bool = False) -> None:
        super().__init__()
        codes = digit_codes() if codes is None else codes
        check_kind("codes", codes, Tensor, "digit_codes() gives the paper's")
        if codes.ndim != 2 or 0 in codes.shape or not codes.is_floating_point():
            shape, kind = tuple(codes.shape), codes.dtype
            raise ValueError(f"codes must be floats of shape (classes, inputs), got {shape} {kind}")
        if not codes.isfinite().all():
            raise ValueError("codes must be finite, got NaN or infinity")
        codes = codes.detach().clone()
        if trainable:
            self.codes = nn.Parameter(codes)
        else:
            self.register_buffer("codes", codes)

    def forward(self, x: Tensor) -> Tensor:
        inputs = self.codes.shape[1]
        if x.ndim != 2 or x.shape[1] != inputs:
            raise ValueError(f"expected (N, {inputs}), got {tuple(x.shape)}")
        return (x[:, None, :] - self.codes).square().sum(dim=2)  # eq. 7: (N, classes)

    def extra_repr(self) -> str:
        classes, inputs = self.codes.shape
        return f"inputs={inputs}, classes={classes}, trainable={self.codes.requires_grad}"


class Negation(nn.Module):
    """Turns penalties into scores: the class of the smallest penalty gets the largest score.

    So every network of this package answers by its largest output, whatever its last layer.

    Shape
    -----
    Any, unchanged.
    """

    def forward(self, penalties: Tensor) -> Tensor:
        return -penalties
