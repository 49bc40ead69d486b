"""Natural calls with images that a network is, or is not, for: the right number or a sentence."""

import copy
import warnings

import pytest
import torch
from torch import nn

from lenet_utils import (
    Digits,
    InputWarning,
    LeNet1,
    LeNet5,
    LeNet1989,
    distort,
    evaluate,
    fit,
    load_mnist,
)
from lenet_utils.training import load_trained


@pytest.fixture(scope="module")
def natural(cache):
    """MNIST's own digits in 28x28."""
    return load_mnist(cache=cache, size=28).test


def inverted(digits):
    return Digits(1.075 - digits.images, digits.labels)


def quiet_errors(model, digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        return evaluate(model, digits).errors


def test_pretrained_lenet1_makes_its_119_errors_on_the_digits_it_asks_for(cache):
    model = LeNet1.from_pretrained()
    assert abs(quiet_errors(model, load_mnist(cache=cache, for_=model).test) - 119) <= 2
    assert model.input == load_trained("lenet1").model.input


def test_digits_that_reach_further_out_are_noticed(natural):
    with pytest.warns(InputWarning, match=r"16x16 pixels .*load_mnist\(size=28, digit=16\)"):
        assert evaluate(LeNet1.from_pretrained(), natural).errors > 500


@pytest.mark.parametrize("scaling", ["unit", "signed", "standard"])
def test_another_background_than_that_learned_from_is_noticed(cache, scaling):
    digits = load_mnist(cache=cache, scaling=scaling).test[:1000]
    with pytest.warns(InputWarning, match="a background of -0.1.*load_mnist\\(size=32\\) gives"):
        evaluate(LeNet5.from_pretrained(), digits)


@pytest.mark.parametrize("count", [1, 3, 1000])
@pytest.mark.parametrize("wrap", [lambda model: model, nn.Sequential, nn.DataParallel])
def test_paper_and_ink_the_other_way_round_are_noticed(mnist, count, wrap):
    digits = inverted(mnist.test[:count])
    with pytest.warns(InputWarning, match="light paper and dark ink .*give them 1.075 - images"):
        evaluate(wrap(LeNet5()), digits)


def test_fit_notices_it_before_it_begins(mnist):
    def begin(images):
        raise KeyError

    with pytest.warns(InputWarning, match="light paper"), pytest.raises(KeyError):
        fit(LeNet5(), inverted(mnist.train[:100]), epochs=1, augment=begin, progress=False)


def test_what_fits_is_not_remarked_upon(mnist, cache):
    dist = LeNet5.from_pretrained("dist")
    assert quiet_errors(dist, mnist.test[:1000]) < 10
    assert quiet_errors(dist, mnist.test[:1]) == 0
    quiet_errors(dist, Digits(distort(mnist.test.images[:500]), mnist.test.labels[:500]))
    quiet_errors(LeNet5(), Digits(torch.randn(9, 1, 32, 32), mnist.test.labels[:9]))
    quiet_errors(LeNet5(), Digits(torch.ones(9, 1, 32, 32), mnist.test.labels[:9]))
    frame = torch.full((9, 1, 32, 32), 1.175)  # of full ink, but nearly all is paper
    frame[:, :, 2:-2, 2:-2] = mnist.test.images[:9, :, 2:-2, 2:-2]
    quiet_errors(LeNet5(), Digits(frame, mnist.test.labels[:9]))
    for scaling in ("unit", "signed", "standard"):  # what a new network learns from is free
        quiet_errors(LeNet5(), load_mnist(cache=cache, scaling=scaling).test[:100])
    quiet_errors(nn.Sequential(nn.Flatten(), nn.Linear(1024, 10)), inverted(mnist.test[:9]))


def test_what_learns_from_other_images_is_no_longer_for_the_first(natural):
    model = LeNet1.from_pretrained()
    kept = copy.deepcopy(model)
    with pytest.warns(InputWarning, match="16x16"):
        fit(model, natural[:200], epochs=1, progress=False)
    assert model.input.digit == 28
    assert quiet_errors(model, natural[:200]) < 200
    assert kept.input.digit == 16


def test_the_warning_names_the_line_of_the_call(natural):
    with pytest.warns(InputWarning) as seen:
        evaluate(LeNet1.from_pretrained(), natural[:500])
    with pytest.warns(InputWarning) as seen_by_fit:
        fit(LeNet1.from_pretrained(), natural[:200], epochs=1, progress=False)
    assert seen[0].filename == seen_by_fit[0].filename == __file__


def test_a_network_says_what_paper_and_ink_are_in_its_images():
    for model, background, ink in ((LeNet5(), -0.1, 1.175), (LeNet1989(), -1.0, 1.0)):
        assert (model.background, model.ink) == (background, ink) == model.input[:2]
    own = LeNet5()
    own.trained_on = own.input._replace(background=0.0, ink=1.0)
    assert (own.background, own.ink) == (0.0, 1.0)
