"""The drawing of a network: its labels are the network's, its squares are to scale."""

import copy

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex
from torch import nn

from lenet_utils import LeNet1, LeNet4, LeNet5, LeNet1989
from lenet_utils.visualization import COLORS, architecture

LENET5_LABELS = [
    *("input", "32x32", "C1", "6@28x28", "S2", "6@14x14", "C3", "16@10x10", "S4", "16@5x5"),
    *("C5", "120", "F6", "84", "output", "10"),
]
LENET1_LABELS = [
    *("input", "28x28", "H1", "4@24x24", "H2", "4@12x12", "H3", "12@8x8", "H4", "12@4x4"),
    *("output", "10"),
]
LENET4_LABELS = [
    *("input", "32x32", "C1", "4@28x28", "S2", "8@14x14", "C3", "16@10x10", "S4", "16@5x5"),
    *("F5", "120", "output", "10"),
]
LENET1989_LABELS = [
    *("input", "16x16", "H1", "12@8x8", "H2", "12@4x4", "H3", "30", "output", "10"),
]


def texts(fig):
    return [text.get_text() for text in fig.axes[0].texts]


def rectangles(fig, kind):
    """Return the rectangles of one kind of layer."""
    color = COLORS[kind]
    return [patch for patch in fig.axes[0].patches if to_hex(patch.get_edgecolor()) == color]


@pytest.mark.parametrize(
    ("make", "labels"),
    [
        (LeNet5, LENET5_LABELS),
        (LeNet4, LENET4_LABELS),
        (LeNet1, LENET1_LABELS),
        (LeNet1989, LENET1989_LABELS),
    ],
)
def test_layers_are_labelled(make, labels):
    assert set(labels) <= set(texts(architecture(make())))


def test_colours_are_three_maps_of_the_input():
    fig = architecture(LeNet5(channels=3))
    assert "3@32x32" in texts(fig)
    assert len(rectangles(fig, "input")) == 3


def test_connections_are_named_in_order():
    names = {"convolutions", "subsampling", "full connection", "RBF units"}
    found = [text for text in texts(architecture(LeNet5())) if text in names]
    assert found == [
        *("convolutions", "subsampling", "convolutions", "subsampling", "convolutions"),
        *("full connection", "RBF units"),
    ]


def test_a_linear_output_is_drawn_as_a_full_connection():
    assert texts(architecture(LeNet5(output=nn.Linear(84, 10)))).count("full connection") == 2


def test_there_is_a_square_for_each_map_to_scale():
    fig = architecture(LeNet5())
    squares = [(p.get_width(), p.get_height()) for p in rectangles(fig, "convolution")]
    *squares, bar = squares  # C5
    assert len(squares) == 6 + 16
    assert all(width == pytest.approx(height) for width, height in squares)
    assert squares[0][0] / squares[-1][0] == pytest.approx(28 / 10)
    (f6,), (output,) = rectangles(fig, "full"), rectangles(fig, "output")
    assert bar[1] / f6.get_height() == pytest.approx(120 / 84)
    assert bar[1] > f6.get_height() > output.get_height()


def test_windows_are_as_large_as_the_kernels():
    fig = architecture(LeNet5())
    scale = rectangles(fig, "input")[0].get_width() / 32
    windows = [p.get_width() / scale for p in fig.axes[0].patches if not p.get_fill()]
    assert windows == pytest.approx([5, 2, 5, 2, 5])


@pytest.mark.parametrize(
    "parts",
    [
        {"connections": None, "pooling": lambda maps: nn.MaxPool2d(2), "activation": nn.ReLU()},
        {"normalization": nn.BatchNorm2d, "dropout": 0.5},
    ],
)
def test_variants_have_the_same_drawing(parts):
    assert texts(architecture(LeNet5(**parts))) == texts(architecture(LeNet5()))


@pytest.mark.parametrize("network", [LeNet1989, LeNet1, LeNet4, LeNet5])
def test_nothing_is_cut_off_or_written_over_another(network):
    fig = architecture(network())
    fig.draw_without_rendering()
    boxes = [text.get_window_extent() for text in fig.axes[0].texts if text.get_text() != "7"]
    for i, box in enumerate(boxes):
        assert fig.bbox.x0 <= box.x0 <= box.x1 <= fig.bbox.x1
        assert fig.bbox.y0 <= box.y0 <= box.y1 <= fig.bbox.y1
        for other in boxes[:i]:
            assert min(box.x1, other.x1) <= max(box.x0, other.x0) or min(box.y1, other.y1) <= max(
                box.y0, other.y0
            )


def test_the_model_is_left_as_it_is_and_the_figure_is_shown_once():
    model = LeNet5(normalization=nn.BatchNorm2d)
    before = copy.deepcopy(model.state_dict())
    architecture(model)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert plt.get_fignums() == []


def test_only_the_books_networks_are_drawn():
    with pytest.raises(TypeError, match=r"model must be .* LeNet, got Linear; such as LeNet5\(\)"):
        architecture(nn.Linear(3, 4))
