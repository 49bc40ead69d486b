"""The gradients of a first step, against autograd."""

import copy

import numpy as np
import pytest
import torch
from refusing import IMAGES, refusals
from torch import nn
from torch.nn.utils import prune

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


def test_a_pruned_model_is_measured_by_what_learns():
    """The gradient by weight_orig is that by the weight, where the mask lets it through."""
    model, digits = LeNet1(), batch()
    prune.l1_unstructured(model.h3[0], "weight", amount=0.5)
    prune.random_unstructured(model.output[1][0], "weight", amount=40)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    norms = layer_gradient_norms(model, digits)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    mask, plain = model.h3[0].weight_mask, LeNet1()
    for part, name in ((model.h3[0], "weight"), (model.output[1][0], "weight")):
        prune.remove(part, name)
    plain.load_state_dict(model.state_dict())
    squared_error(plain(digits.images), digits.labels).backward()
    kept = torch.cat([(plain.h3[0].weight.grad * mask).flatten(), plain.h3[0].bias.grad])
    assert norms["H3"] == pytest.approx(kept.norm().item(), rel=1e-4)


def test_a_frozen_layer_has_no_norm_and_gradients_may_be_off():
    model = LeNet1()
    model.h1.requires_grad_(False)
    with torch.no_grad():
        norms = layer_gradient_norms(model, batch())
    assert list(norms.index[norms.isna()]) == ["H1"]
    assert not any(p.requires_grad for p in model.h1.parameters())


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
        "norms of letters": (
            lambda: layer_gradient_norms(LeNet1(), Digits(IMAGES, torch.tensor([0, 25, 1]))),
            r"\(N, 26\) scores or more, for there are labels up to 25, got \(3, 10\)",
        ),
    }
)
