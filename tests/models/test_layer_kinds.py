"""The table of layers: complete, right about their geometry, and all that a new one needs."""

import inspect
import sys

import pytest
import torch
import torch.nn.functional as F
from playground import networks
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lenet_utils import LeNet1, LeNet5, SparseConv2d, squared_error, summary
from lenet_utils.models import (
    KINDS,
    MODELS,
    LayerKind,
    RBFOutput,
    ScaledTanh,
    Subsampling,
    UnitBias,
    initialize_as_published,
    initialize_like_lush,
    kind_of,
    layers,
)
from lenet_utils.models.layer_kinds import find_kind, known_parts
from lenet_utils.training import diagonal_curvature
from lenet_utils.visualization import COLORS, architecture

OURS = [
    value
    for module in (layers, sys.modules[RBFOutput.__module__])
    for value in vars(module).values()
    if inspect.isclass(value) and issubclass(value, nn.Module) and value is not nn.Module
]

# --- The table ------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", OURS)
def test_every_layer_of_the_package_has_a_row_that_the_curvature_can_use(layer):
    kind = KINDS[layer]
    assert kind.curvature or kind.curvature_start


def test_families_have_colours_and_what_has_one_is_named_in_the_drawing():
    for kind in KINDS.values():
        assert (kind.family in COLORS) == bool(kind.connection)


def test_a_layer_without_a_row_is_refused_with_the_row_to_add():
    message = r"^LPPool2d is no kind of layer .* lenet_utils\.models\.KINDS\[LPPool2d\] = Layer"
    with pytest.raises(TypeError, match=message):
        kind_of(nn.LPPool2d(2, 2))
    model = LeNet5(pooling=lambda maps: nn.LPPool2d(2, 2))
    images, labels = torch.zeros(1, 1, 32, 32), torch.zeros(1, dtype=torch.int64)
    for use in (
        summary,
        architecture,
        lambda model: diagonal_curvature(model, images, labels, squared_error),
        lambda model: networks.describe_layer("s2", model.s2),
    ):
        with pytest.raises(TypeError, match=message):
            use(model)


def test_a_subclass_is_not_taken_for_what_it_comes_from():
    class Masked(nn.Conv2d):
        pass

    assert find_kind(Masked(1, 1, 5)) is None


def test_parts_come_in_order_and_one_with_a_row_counts_as_one(monkeypatch):
    class Block(nn.Sequential):
        pass

    model = nn.Sequential(Block(nn.Linear(2, 2), nn.ReLU()), nn.Flatten())
    assert [type(part) for part in known_parts(model)] == [nn.Linear, nn.ReLU, nn.Flatten]
    monkeypatch.setitem(KINDS, Block, LayerKind("block"))
    assert [type(part) for part in known_parts(model)] == [Block, nn.Flatten]


# --- Geometry -------------------------------------------------------------------------------------


def counted(pooling):
    """Return the counts of S2 and what S2 gives out, with ``pooling`` in its place."""
    model = LeNet5(pooling=pooling)
    row = summary(model).loc["S2"]
    return row.connections, row.multiply_accumulates, model.s2[0]


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2, "stride": 2},
        {"kernel_size": 2, "stride": 2, "bias": False},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 3, "stride": 2, "padding": 2, "dilation": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1, "groups": 2},
        {"kernel_size": (2, 4), "stride": 2, "padding": (0, 1), "groups": -1},
    ],
)
def test_convolutions_are_counted_as_pytorchs_own_counter_does(options):
    def convolution(maps):
        groups = {"groups": maps} if options.get("groups") == -1 else {}
        return nn.Conv2d(maps, maps, **(options | groups))

    connections, products, layer = counted(convolution)
    with FlopCounterMode(display=False) as counter:
        units = layer(torch.zeros(1, 6, 28, 28)).numel()
    assert products == counter.get_total_flops() / 2
    assert connections - products == (units if layer.bias is not None else 0)


def test_a_sparse_convolution_with_a_stride_is_counted_as_the_dense_one_less_what_is_missing():
    table = [(0, 1), (2,), (0, 1, 2)]
    layer, dense = SparseConv2d(table, 3, 3, stride=2), nn.Conv2d(3, 3, 3, stride=2)
    with FlopCounterMode(display=False) as counter:
        units = dense(torch.zeros(1, 3, 9, 9)).numel()
    inputs = KINDS[SparseConv2d].inputs(layer)
    assert inputs == (18, 9, 27)
    assert units // 3 * sum(inputs) == counter.get_total_flops() / 2 * 6 / 9


@pytest.mark.parametrize("options", [{"padding": 1}, {"padding": 1, "count_include_pad": False}])
def test_averages_are_counted_by_the_pixels_and_padding_that_a_unit_depends_on(options):
    connections, products, _ = counted(lambda maps: nn.AvgPool2d(3, stride=2, **options))
    padded = F.pad(torch.rand(1, 6, 28, 28), (1, 1, 1, 1))
    derivative = torch.autograd.functional.jacobian(nn.AvgPool2d(3, stride=2), padded)
    assert connections == products == derivative.count_nonzero() == 9 * 6 * 14 * 14


def test_a_maximum_is_counted_by_what_it_compares():
    _, products, _ = counted(lambda maps: nn.MaxPool2d((2, 3), stride=2, padding=(0, 1)))
    assert products == 6 * 6 * 14 * 14


def test_windows_that_do_not_all_have_as_many_inputs_are_refused():
    with pytest.raises(ValueError, match=r"ceil_mode=True .* pass ceil_mode=False, got AvgPool2d"):
        summary(LeNet5(pooling=lambda maps: nn.AvgPool2d(2, ceil_mode=True)))


@pytest.mark.parametrize(
    ("layer", "window"),
    [
        (nn.Conv2d(1, 1, (3, 5)), (3, 5)),
        (nn.Conv2d(1, 1, 3, dilation=2), (5, 5)),
        (SparseConv2d([(0,)], 1, kernel_size=4), (4, 4)),
        (nn.MaxPool2d((1, 3), dilation=(1, 2)), (1, 5)),
        (nn.AvgPool2d(3), (3, 3)),
        (Subsampling(1), (2, 2)),
        (nn.Linear(2, 2), None),
    ],
)
def test_a_window_is_what_one_unit_sees(layer, window):
    assert kind_of(layer).window(layer) == window
    if window:  # pixels of one unit's window are those that its value depends on
        image = torch.zeros(1, 1, 12, 12)
        alive = torch.zeros(12, 12, dtype=torch.bool)
        with torch.no_grad():
            for row in range(12):
                for column in range(12):
                    lit = image.clone()
                    lit[..., row, column] = 1e3
                    alive[row, column] = layer(lit)[0, 0, 0, 0] != layer(image)[0, 0, 0, 0]
        rows, columns = alive.nonzero().max(dim=0).values + 1
        assert (rows, columns) == window


# --- A new layer is one row -----------------------------------------------------------------------


class Strips(nn.Module):
    """Each unit weighs 2x4 pixels of its own map, every two pixels, and adds its map's bias."""

    def __init__(self, maps):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(maps, 1, 2, 4) + 0.5)
        self.bias = nn.Parameter(torch.rand(maps))

    def forward(self, x):
        return F.conv2d(x, self.weight, self.bias, 2, (0, 1), groups=len(self.bias))


@pytest.fixture
def strips(monkeypatch):
    """All that has to be said about `Strips`."""
    like = KINDS[nn.Conv2d]
    row = LayerKind(
        "strips",
        family="subsampling",
        connection="strips of pixels",
        window=lambda layer: (2, 4),
        inputs=lambda layer: (8,),
        biased=True,
        curvature=like.curvature,
        start=like.start,
        page=lambda layer: {"window": [2, 4], "weight": layer.weight, "bias": layer.bias},
    )
    monkeypatch.setitem(KINDS, Strips, row)


def test_without_its_row_it_is_refused_and_with_it_drawn(request):
    model = LeNet5(pooling=Strips)
    with pytest.raises(TypeError, match="Strips is no kind of layer"):
        architecture(model)
    request.getfixturevalue("strips")
    axes = architecture(model).axes[0]
    assert [text.get_text() for text in axes.texts].count("strips of pixels") == 2
    scale = axes.patches[0].get_width() / 32
    windows = [p for p in axes.patches if not p.get_fill()]
    assert windows[1].get_width() / scale == pytest.approx(4)
    assert windows[1].get_height() / scale == pytest.approx(2)


@pytest.mark.usefixtures("strips")
def test_it_is_counted():
    with FlopCounterMode(display=False) as counter:
        Strips(6)(torch.zeros(1, 6, 28, 28))
    connections, products, _ = counted(Strips)
    assert products == counter.get_total_flops() / 2
    assert connections == products + 6 * 14 * 14


@pytest.mark.usefixtures("strips")
def test_its_curvature_is_that_of_the_linear_layer_it_is():
    layer, last = Strips(1), nn.Linear(2 * 4, 10)
    model = nn.Sequential(UnitBias(1, 4, 8), layer, nn.Flatten(), last).double()
    images = torch.randn(3, 1, 4, 8).double()
    ours = diagonal_curvature(model, images, torch.tensor([0, 1, 2]), squared_error)
    h = last.weight.detach().square().sum(0)
    by_input = torch.func.jacrev(layer)(images[:1]).reshape(8, 4, 8)
    torch.testing.assert_close(ours["0.bias"][0], torch.einsum("u,urc->rc", h, by_input.square()))
    torch.testing.assert_close(ours["1.bias"], h.sum()[None])
    windows = F.unfold(images, (2, 4), padding=(0, 1), stride=2)  # (3, 8, 8): pixels, then units
    expected = torch.einsum("npu,u->p", windows.square(), h) / 3
    torch.testing.assert_close(ours["1.weight"].flatten(), expected)


@pytest.mark.usefixtures("strips")
def test_it_is_started():
    layer = Strips(6)
    layer.apply(initialize_as_published)
    assert 0.8 * 2.4 / 8 < layer.weight.abs().max() <= 2.4 / 8
    assert not layer.bias.any()


@pytest.mark.usefixtures("strips")
def test_it_is_written_for_the_page():
    layer = nn.Sequential(Strips(2), ScaledTanh())
    written = networks.describe_layer("s2", layer)
    assert {key: written[key] for key in ("name", "kind", "window")} == {
        "name": "S2",
        "kind": "strips",
        "window": [2, 4],
    }
    for name, values in layer[0].named_parameters():
        step, integers = networks.packed(values)
        assert written[name] == {"step": step, "integers": networks._base64(integers)}
    assert written["squash"] == {"amplitude": 1.7159, "slope": 2 / 3}


@pytest.mark.parametrize(
    "parts",
    [
        [nn.Conv2d(1, 1, 5, stride=2)],
        [nn.Conv2d(1, 1, 5, bias=False)],
        [nn.Linear(4, 4), nn.Linear(4, 4)],
        [ScaledTanh(), nn.Linear(4, 4)],
        [nn.Linear(4, 4), ScaledTanh(), ScaledTanh()],
        [nn.Flatten()],
    ],
)
def test_what_the_page_does_not_do_is_not_written(parts):
    with pytest.raises(TypeError, match=r"network\.js has no layer like f6"):
        networks.describe_layer("f6", nn.Sequential(*parts))


@pytest.mark.parametrize("option", [{"padding": 1}, {"dilation": 2}, {"groups": 2}])
def test_nor_is_a_convolution_with_more_to_it(option):
    with pytest.raises(ValueError, match=f"convolutions must have .* got .*{next(iter(option))}"):
        networks.describe_layer("c1", nn.Conv2d(2, 2, 3, **option))
    with pytest.raises(ValueError, match="kernels must be square"):
        networks.describe_layer("c1", nn.Conv2d(2, 2, (3, 5)))


# --- Starting anew --------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MODELS.values())
@pytest.mark.parametrize("root", [False, True])
def test_new_networks_start_with_the_numbers_of_the_recorded_runs(make, root):
    """As the initialisers were when those ran: only what each of them drew takes random numbers."""
    torch.manual_seed(0)
    expected = make(initialize=lambda layer: None)
    for layer in expected.modules():
        if root and isinstance(layer, SparseConv2d):
            for kernels in layer.weight.detach().split([len(row) for row in layer.table]):
                limit = kernels.numel() ** -0.5
                kernels.uniform_(-limit, limit)
        elif isinstance(layer, (nn.Conv2d, nn.Linear)):
            fan_in = layer.weight[0].numel()
            limit = fan_in**-0.5 if root else 2.4 / fan_in
            nn.init.uniform_(layer.weight, -limit, limit)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    torch.manual_seed(0)
    found = make(initialize=initialize_like_lush if root else initialize_as_published)
    for name, tensor in expected.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor), name


@pytest.mark.parametrize("make", MODELS.values())
@pytest.mark.parametrize("initialize", [initialize_as_published, initialize_like_lush])
def test_a_trained_network_starts_anew_in_all_its_layers(make, initialize):
    model = make()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 3.0)
    model.apply(initialize)
    power = 1 if initialize is initialize_as_published else 0.5
    factor = 2.4 if power == 1 else 1
    for layer in known_parts(model):
        for name, p in layer.named_parameters():
            if name == "bias":
                assert not p.any()
            elif name == "coefficient":
                assert (p == 0.5).all()
            else:
                fan_ins = kind_of(layer).inputs(layer)
                reach = factor / min(fan_ins) ** power
                assert 0.5 * reach < p.abs().max() <= reach


def test_what_pytorch_starts_by_itself_starts_anew_too():
    model = LeNet1(normalization=nn.BatchNorm2d, activation=nn.PReLU())
    fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model(torch.rand(4, 1, 28, 28))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 3.0)
    model.apply(initialize_as_published)
    for name, tensor in model.state_dict().items():
        drawn = name.endswith("weight") and tensor.ndim > 1
        assert drawn or torch.equal(tensor, fresh[name]), name
