"""The digits that boosting selects, judged again one by one."""

import itertools

import pytest
import torch
from torch import nn

from lenet_utils import Digits, LeNet1, LeNet4
from lenet_utils.boosting import Boosted, disagreed, distorted_forever, half_wrong


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


def test_an_odd_half_is_refused():
    with pytest.raises(ValueError, match=r"count must be even.* got 7"):
        half_wrong(Reads(0), stream(), 7)


def test_outputs_are_added():
    torch.manual_seed(0)
    networks = [LeNet4() for _ in range(3)]
    images = torch.rand(5, 1, 32, 32)
    by_hand = networks[0](images) + networks[1](images) + networks[2](images)
    torch.testing.assert_close(Boosted(networks)(images), by_hand)
    assert sum(p.numel() for p in Boosted(networks).parameters()) == 3 * 50_673


def test_networks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"one size, got sizes \[28, 32\]"):
        Boosted([LeNet4(), LeNet1()])
    with pytest.raises(ValueError, match="got sizes of none"):
        Boosted([])
    with pytest.raises(TypeError, match="each network must be"):
        Boosted([nn.Identity()])


def test_distorted_digits_differ_from_pass_to_pass_and_repeat_by_seed():
    digits = Digits(torch.rand(3, 1, 32, 32), torch.tensor([1, 2, 3]))
    before = torch.get_rng_state()
    first, second = itertools.islice(distorted_forever(digits, seed=4), 2)
    (again,) = itertools.islice(distorted_forever(digits, seed=4), 1)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, second.images)
    assert torch.equal(torch.get_rng_state(), before)
