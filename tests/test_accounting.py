"""Counts against the papers' tables, and connections against the derivative of each layer."""

import pytest
import torch
from torch import nn

from lenet_utils import LeNet1, LeNet5, layer_outputs, summary

# LeCun et al. 1998, preprint pp. 7-8; the linear output and the sums are ours.
LENET5 = {
    "C1": ("1 x 32 x 32", "6 x 28 x 28", 156, 122_304, 117_600),
    "S2": ("6 x 28 x 28", "6 x 14 x 14", 12, 5_880, 4_704),
    "C3": ("6 x 14 x 14", "16 x 10 x 10", 1_516, 151_600, 150_000),
    "S4": ("16 x 10 x 10", "16 x 5 x 5", 32, 2_000, 1_600),
    "C5": ("16 x 5 x 5", "120 x 1 x 1", 48_120, 48_120, 48_000),
    "F6": ("120 x 1 x 1", "84", 10_164, 10_164, 10_080),
    "output": ("84", "10", 850, 850, 840),
    "total": ("1 x 32 x 32", "10", 60_850, 340_068 + 850, 332_824),
}
# LeCun et al. 1990, pp. 5-7.
LENET1 = {
    "H1": ("1 x 28 x 28", "4 x 24 x 24", 104, 59_904, 57_600),
    "H2": ("4 x 24 x 24", "4 x 12 x 12", 8, 2_880, 2_304),
    "H3": ("4 x 12 x 12", "12 x 8 x 8", 512, 32_768, 32_000),
    "H4": ("12 x 8 x 8", "12 x 4 x 4", 24, 960, 768),
    "output": ("12 x 4 x 4", "10", 1_930, 1_930, 1_920),
    "total": ("1 x 28 x 28", "10", 2_578, 98_442, 94_592),
}
COUNTS = ["parameters", "connections", "multiply_accumulates"]


@pytest.mark.parametrize(("make", "published"), [(LeNet5, LENET5), (LeNet1, LENET1)])
def test_every_layer_has_the_published_counts(make, published):
    table = summary(make())
    assert list(table.columns) == ["input", "output", *COUNTS]
    assert {name: tuple(row) for name, row in table.iterrows()} == published


@pytest.mark.parametrize("make", [LeNet5, LeNet1])
def test_connections_are_the_inputs_a_unit_depends_on_and_its_bias(make):
    """Each layer, without its activation, is affine: its matrix has an entry per connection."""
    model, table, shape = make(), summary(make()), (1, make.size, make.size)
    for name, layer in model.named_children():
        linear = layer if name == "output" else nn.Sequential(*list(layer)[:-1])
        inputs = torch.eye(torch.Size(shape).numel()).reshape(-1, *shape)
        with torch.no_grad():
            nothing = linear(torch.zeros(1, *shape))
            matrix = linear(inputs) - nothing
        row = table.loc[name if name == "output" else name.upper()]
        assert matrix.count_nonzero() == row.multiply_accumulates
        assert row.connections - row.multiply_accumulates == nothing.numel()
        shape = nothing.shape[1:]


@pytest.mark.parametrize(
    ("options", "layer", "counts"),
    [
        ({"connections": None}, "C3", (2_416, 241_600, 240_000)),
        ({"connections": None}, "total", (61_750, 340_918 + 90_000, 332_824 + 90_000)),
        ({"pooling": lambda maps: nn.AvgPool2d(2)}, "S2", (0, 4_704, 4_704)),
        ({"pooling": lambda maps: nn.MaxPool2d(2)}, "S4", (0, 1_600, 1_600)),
        ({"normalization": nn.BatchNorm2d}, "C1", (156 + 12, 122_304, 117_600)),
        ({"dropout": 0.5, "activation": nn.ReLU()}, "total", (60_850, 340_918, 332_824)),
    ],
)
def test_variants_are_counted_too(options, layer, counts):
    assert tuple(summary(LeNet5(**options)).loc[layer, COUNTS]) == counts


def test_layer_outputs_are_those_of_the_layers_called_one_after_another():
    model, x = LeNet5(), torch.randn(3, 1, 32, 32)
    outputs = layer_outputs(model, x)
    assert list(outputs) == ["c1", "s2", "c3", "s4", "c5", "f6", "output"]
    for name, layer in model.named_children():
        x = layer(x)
        assert torch.equal(outputs[name], x)
        assert not outputs[name].requires_grad


@pytest.mark.parametrize("training", [True, False])
def test_counting_and_looking_leave_the_model_as_it_was(training):
    model = LeNet5(dropout=0.5, normalization=nn.BatchNorm2d).train(training)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    images = torch.randn(4, 1, 32, 32)
    summary(model)
    first, second = layer_outputs(model, images), layer_outputs(model, images)
    assert torch.equal(first["output"], second["output"])  # dropout rests
    assert model.training is training
    assert all(module.training is training for module in model.modules())
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_hooks_are_removed_when_the_images_do_not_fit():
    model = LeNet5()
    with pytest.raises(ValueError, match="LeNet5 expects images"):
        layer_outputs(model, torch.zeros(1, 1, 28, 28))
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    "call", [summary, lambda model: layer_outputs(model, torch.zeros(1, 1, 28, 28))]
)
def test_other_networks_are_refused(call):
    with pytest.raises(TypeError, match="expected one of this package's networks, got Linear"):
        call(nn.Linear(2, 2))
