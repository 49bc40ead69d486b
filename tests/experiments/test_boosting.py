"""The digits that boosting selects, judged again one by one."""

import itertools

import pytest
import torch
from paper.boosting import disagreed, distorted_forever, half_wrong
from refusing import DIGITS, IMAGES, refusals
from torch import nn

from lenet_utils import Digits, LeNet1, LeNet4
from lenet_utils.models import Boosted


class Reads(nn.Module):
    """Answers with the value of one pixel."""

    def __init__(self, column):
        super().__init__()
        self.column = column

    def forward(self, images):
        return nn.functional.one_hot(images[:, 0, 0, self.column].long(), 10).float()


def stream(seed=0):
    """Digits whose label is right in the first pixel half of the time, in the second always."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        labels = torch.randint(10, (40,), generator=generator)
        images = torch.zeros(40, 1, 28, 28)
        images[:, 0, 0, 0] = torch.where(torch.arange(40) % 2 == 0, labels, (labels + 1) % 10)
        images[:, 0, 0, 1] = labels
        yield Digits(images, labels)


def test_half_wrong_is_half_wrong_and_mixed():
    digits = half_wrong(Reads(0), stream(), 100)
    wrong = digits.images[:, 0, 0, 0] != digits.labels
    assert (len(digits), int(wrong.sum())) == (100, 50)
    assert 10 < int(wrong[:50].sum()) < 40


def test_disagreed_holds_disagreements_only():
    digits = disagreed(Reads(0), Reads(1), stream(), 61)
    assert len(digits) == 61
    assert (digits.images[:, 0, 0, 0] != digits.images[:, 0, 0, 1]).all()


def test_a_stream_that_ends_is_told():
    short = itertools.islice(stream(), 2)
    with pytest.raises(ValueError, match="ended with 40 of the 50 wanted"):
        half_wrong(Reads(0), short, 100)


def test_outputs_are_added():
    torch.manual_seed(0)
    networks = [LeNet4() for _ in range(3)]
    images = torch.rand(5, 1, 32, 32)
    by_hand = networks[0](images) + networks[1](images) + networks[2](images)
    torch.testing.assert_close(Boosted(networks)(images), by_hand)
    assert sum(p.numel() for p in Boosted(networks).parameters()) == 3 * 50_673


def test_distorted_digits_differ_from_pass_to_pass_and_repeat_by_seed():
    digits = Digits(torch.rand(3, 1, 32, 32), torch.tensor([1, 2, 3]))
    before = torch.get_rng_state()
    first, second = itertools.islice(distorted_forever(digits, seed=4), 2)
    (again,) = itertools.islice(distorted_forever(digits, seed=4), 1)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, second.images)
    assert torch.equal(torch.get_rng_state(), before)


# --- what cannot be right ------------------------------------------------------------------------


def first_of(stream):
    return next(iter(stream))


test_what_cannot_be_right_is_refused = refusals(
    {
        "boosted none": (lambda: Boosted([]), "and number of channels, got sizes of none"),
        "boosted kind": (
            lambda: Boosted([nn.ReLU()]),
            r"each network must be .* ReLU; such as LeNet4",
        ),
        "boosted sizes": (lambda: Boosted([LeNet1(), LeNet4()]), r"channels, got sizes \[28, 32\]"),
        "distorted kind": (
            lambda: first_of(distorted_forever(IMAGES, 0)),
            "digits must be .* Tensor",
        ),
        "distorted seed": (
            lambda: first_of(distorted_forever(DIGITS, -1)),
            "seed must be .* got -1",
        ),
        "half odd": (lambda: half_wrong(LeNet1(), [], 3), "count must be even, .* got 3"),
        "half count": (lambda: half_wrong(LeNet1(), [], 0), "count must be .* at least 1, got 0"),
        "half model": (lambda: half_wrong("first", [], 2), "first must be of type Module, got str"),
        "half stream": (
            lambda: half_wrong(LeNet1(), [IMAGES], 2),
            "each part of stream must be .* Tens",
        ),
        "disagreed": (lambda: disagreed(LeNet1(), None, [], 2), "second must be .* got NoneType"),
        "disagreed first": (lambda: disagreed(1, LeNet1(), [], 2), "first must be .* got int"),
        "disagreed count": (
            lambda: disagreed(LeNet1(), LeNet1(), [], -2),
            "count must be .* got -2",
        ),
    }
)
