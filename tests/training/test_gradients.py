"""The gradients of a first step, against autograd."""

import copy

import numpy as np
import pytest
import torch
from refusing import IMAGES, refusals
from torch import nn

from lenet_utils import Digits, LeNet1, squared_error
from lenet_utils.training import layer_gradient_norms


def batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(5, 1, 28, 28, generator=generator)
    return Digits(images, torch.tensor([0, 1, 2, 3, 4]))


def test_gradient_norms_are_those_of_autograd():
    model, digits = LeNet1(), batch()
    norms = layer_gradient_norms(model, digits)
    loss = squared_error(model(digits.images), digits.labels)  # as `fit` would train it
    assert list(norms.index) == ["H1", "H2", "H3", "H4", "output"]
    for name, layer in model.named_children():
        gradients = torch.autograd.grad(loss, list(layer.parameters()), retain_graph=True)
        expected = sum((g.double() ** 2).sum() for g in gradients).sqrt()
        label = "output" if name == "output" else name.upper()
        assert norms[label] == pytest.approx(expected.item(), rel=1e-4)


def test_gradient_norms_leave_everything_as_it_was():
    model = LeNet1(dropout=0.5, normalization=nn.BatchNorm2d).eval()
    model.h3[0].bias.grad = torch.full((12,), 7.0)
    before, random_state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    layer_gradient_norms(model, batch())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not any(module.training for module in model.modules())
    grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert list(grads) == ["h3.0.bias"]
    assert grads["h3.0.bias"].tolist() == 12 * [7.0]


def test_gradient_norms_take_another_criterion():
    model, digits = LeNet1(), batch()
    doubled = layer_gradient_norms(model, digits, lambda s, y: 2 * squared_error(s, y))
    np.testing.assert_allclose(doubled, 2 * layer_gradient_norms(model, digits), rtol=1e-4)


def test_a_layer_without_parameters_has_no_norm():
    model = LeNet1(pooling=lambda maps: nn.AvgPool2d(2))
    norms = layer_gradient_norms(model, batch())
    assert list(norms.index[norms.isna()]) == ["H2", "H4"]


test_what_cannot_be_right_is_refused = refusals(
    {
        "norms of": (
            lambda: layer_gradient_norms(LeNet1(), IMAGES),
            "digits must be .* got Tensor",
        ),
    }
)
