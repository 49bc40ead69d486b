"""Counts against the papers' tables, and connections against the derivative of each layer."""

from functools import partial

import pytest
import torch
from refusing import in_full
from torch import nn

from lenet_utils import (
    LeNet1,
    LeNet4,
    LeNet5,
    LeNet1989,
    RBFOutput,
    ScaledTanh,
    layer_outputs,
    summary,
)
from lenet_utils.models import Negation

LOOSE = nn.Sequential(RBFOutput(trainable=True), Negation())

# LeCun et al. 1998, preprint pp. 7-8. F6's connections, the output's row and the products are ours.
LENET5 = {
    "C1": ("1 x 32 x 32", "6 x 28 x 28", 156, 122_304, 117_600),
    "S2": ("6 x 28 x 28", "6 x 14 x 14", 12, 5_880, 4_704),
    "C3": ("6 x 14 x 14", "16 x 10 x 10", 1_516, 151_600, 150_000),
    "S4": ("16 x 10 x 10", "16 x 5 x 5", 32, 2_000, 1_600),
    "C5": ("16 x 5 x 5", "120 x 1 x 1", 48_120, 48_120, 48_000),
    "F6": ("120 x 1 x 1", "84", 10_164, 10_164, 10_080),
    "output": ("84", "10", 0, 840, 840),
    "total": ("1 x 32 x 32", "10", 60_000, 340_908, 332_824),
}
# LeCun et al. 1998, preprint p. 13, gives about 260,000 connections; the rest is ours.
LENET4 = {
    "C1": ("1 x 32 x 32", "4 x 28 x 28", 104, 81_536, 78_400),
    "S2": ("4 x 28 x 28", "8 x 14 x 14", 16, 7_840, 6_272),
    "C3": ("8 x 14 x 14", "16 x 10 x 10", 1_191, 119_100, 117_500),
    "S4": ("16 x 10 x 10", "16 x 5 x 5", 32, 2_000, 1_600),
    "F5": ("16 x 5 x 5", "120", 48_120, 48_120, 48_000),
    "output": ("120", "10", 1_210, 1_210, 1_200),
    "total": ("1 x 32 x 32", "10", 50_673, 259_806, 252_972),
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
# LeCun et al. 1989, pp. 544-546; the products are ours.
LENET1989 = {
    "H1": ("1 x 16 x 16", "12 x 8 x 8", 1_068, 19_968, 19_200),
    "H2": ("12 x 8 x 8", "12 x 4 x 4", 2_592, 38_592, 38_400),
    "H3": ("12 x 4 x 4", "30", 5_790, 5_790, 5_760),
    "output": ("30", "10", 310, 310, 300),
    "total": ("1 x 16 x 16", "10", 9_760, 64_660, 63_660),
}
# With colours C1's units have 75 inputs in place of 25.
COLOURS = {
    **LENET5,
    "C1": ("3 x 32 x 32", "6 x 28 x 28", 456, 357_504, 352_800),
    "total": ("3 x 32 x 32", "10", 60_300, 576_108, 568_024),
}
COUNTS = ["parameters", "connections", "multiply_accumulates"]


@pytest.mark.parametrize(
    ("make", "published"),
    [
        *((LeNet5, LENET5), (LeNet4, LENET4), (LeNet1, LENET1), (LeNet1989, LENET1989)),
        (partial(LeNet5, channels=3), COLOURS),
    ],
)
def test_every_layer_has_the_published_counts(make, published):
    table = summary(make())
    assert list(table.columns) == ["input", "output", *COUNTS]
    assert {name: tuple(row) for name, row in table.iterrows()} == published
    assert (table[COUNTS].dtypes == "int64").all()  # whole numbers


@pytest.mark.parametrize("make", [LeNet5, LeNet4, LeNet1, LeNet1989, partial(LeNet5, channels=3)])
def test_connections_are_the_inputs_a_unit_depends_on_and_its_bias(make):
    """Without squashing and padding, a layer's derivative has an entry for each weighted input."""
    model, table = make().double(), summary(make())
    x = torch.rand(1, model.channels, model.size, model.size).double()
    for name, layer in model.named_children():
        parts = [part for part in layer.modules() if not list(part.children())]
        padding = [part for part in parts if isinstance(part, nn.ConstantPad2d)]
        kept = [part for part in parts if not isinstance(part, (ScaledTanh, Negation))]
        inner = nn.Sequential(*(part for part in kept if part not in padding))
        seen = nn.Sequential(*padding)(x)  # positions on padding count
        derivative = torch.autograd.functional.jacobian(inner, seen)
        row = table.loc[name if name == "output" else name.upper()]
        assert derivative.count_nonzero() == row.multiply_accumulates
        biased = not any(isinstance(part, RBFOutput) for part in parts)
        biases = inner(seen).numel() if biased else 0
        assert row.connections - row.multiply_accumulates == biases
        with torch.no_grad():
            x = layer(x)


@pytest.mark.parametrize(
    ("options", "layer", "counts"),
    [
        ({"connections": None}, "C3", (2_416, 241_600, 240_000)),
        ({"connections": None}, "total", (60_900, 340_908 + 90_000, 332_824 + 90_000)),
        ({"pooling": lambda maps: nn.AvgPool2d(2)}, "S2", (0, 4_704, 4_704)),
        ({"pooling": lambda maps: nn.MaxPool2d(2)}, "S4", (0, 1_600, 1_600)),
        ({"normalization": nn.BatchNorm2d}, "C1", (156 + 12, 122_304, 117_600)),
        ({"dropout": 0.5, "activation": nn.ReLU()}, "total", (60_000, 340_908, 332_824)),
        ({"output": nn.Linear(84, 10)}, "output", (850, 850, 840)),
        ({"output": LOOSE}, "output", (840, 840, 840)),
    ],
)
def test_variants_are_counted_too(options, layer, counts):
    assert tuple(summary(LeNet5(**options)).loc[layer, COUNTS]) == counts


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


@pytest.mark.parametrize(
    "call", [summary, lambda model: layer_outputs(model, torch.zeros(1, 1, 28, 28))]
)
def test_other_networks_are_refused(call):
    with pytest.raises(TypeError, match=r"model must be .* LeNet, got Linear; such as LeNet5\(\)"):
        call(nn.Linear(2, 2))


test_the_words_are_these = in_full(
    {
        "model": (
            lambda path: summary(nn.Linear(1, 1)),
            TypeError,
            "model must be of type LeNet, got Linear; such as LeNet5()",
        ),
    }
)


def test_a_network_in_double_is_counted_in_its_own_type():
    assert summary(LeNet1().double()).equals(summary(LeNet1()))
    assert summary(LeNet1()).index.name == "layer"
