"""Tests of what a module refuses: a table of calls, and what each has to say."""

import pytest
import torch

from lenet_utils import Digits

IMAGES, LABELS = torch.zeros(3, 1, 28, 28), torch.tensor([0, 9, 5])
DIGITS, SCORES = Digits(IMAGES, LABELS), torch.zeros(3, 10)


def spoiled(tensor, value):
    """Return a copy with one value that does not belong there."""
    tensor = tensor.clone()
    tensor.view(-1)[7] = value
    return tensor


def refusals(cases):
    """Return a test that each call, by its case's name, is refused in these words.

    They say what was given, what was wanted and what to do.
    """

    @pytest.mark.parametrize("case", cases)
    def test(case):
        call, message = cases[case]
        with pytest.raises((ValueError, TypeError, OSError), match=f"(?s){message}"):
            call()

    return test


def in_full(cases):
    """Return a test that each call is refused in exactly these words, from the first to the last.

    ``{path}`` in them stands for the file that the call is given, in a folder of its own.
    """

    @pytest.mark.parametrize("case", cases)
    def test(case, tmp_path):
        call, kind, message = cases[case]
        path = tmp_path / "file"
        with pytest.raises(kind) as refusal:
            call(path)
        assert str(refusal.value) == message.format(path=path)
        assert type(refusal.value) is kind

    return test
