"""The networks against NumPy written from the papers' formulas, and their popular variants."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from refusing import IMAGES, refusals
from torch import nn

from lenet_utils import (
    C3_TABLE,
    DiscriminativeLoss,
    LeNet1,
    LeNet4,
    LeNet5,
    LeNet1989,
    RBFOutput,
    SparseConv2d,
    Subsampling,
    connection_matrix,
    digit_codes,
    evaluate,
    fit,
    layer_outputs,
    load_mnist,
    squared_error,
)
from lenet_utils.models import (
    H2_TABLE,
    LENET4_TABLE,
    MODELS,
    initialize_as_published,
    initialize_like_lush,
    read_metadata,
)
from lenet_utils.models.base import WEIGHTS
from lenet_utils.models.initialization import start_like_pytorch

# Each word is a map of C3, its digits the maps of S2 that it reads: LeCun et al. 1998, Table I.
TABLE_I = "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345"
TABLE_1 = "0 01 01 1 01 01 2 23 23 3 23 23"  # LeCun et al. 1990: H3 reads H2


def reads(table):
    return [[int(digit) for digit in word] for word in table.split()]


def average(maps):
    return nn.AvgPool2d(2)


def parameters(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def random_network(make):
    model = make()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model


# --- the published networks in NumPy -----------------------------------------------------------


def squash(a):
    return 1.7159 * np.tanh(2 / 3 * a)  # 1998, eq. 6 and p. 41


def convolve(maps, kernels, bias, table=None):
    """Slide each kernel over the map it reads; ``kernels`` come in the order of the table."""
    windows = np.lib.stride_tricks.sliding_window_view(maps, kernels.shape[-2:], axis=(1, 2))
    rows = reads(table) if table else [range(len(maps))] * len(bias)
    kernels = iter(kernels.reshape(-1, *kernels.shape[-2:]))
    return np.stack(
        [
            sum(np.einsum("rcij,ij->rc", windows[m], next(kernels)) for m in row) + b
            for row, b in zip(rows, bias, strict=True)
        ]
    )


def subsample(maps, coefficient, bias):
    total = maps[:, 0::2, 0::2] + maps[:, 0::2, 1::2] + maps[:, 1::2, 0::2] + maps[:, 1::2, 1::2]
    return coefficient * total + bias


def numpy_lenet5(image, w):
    c1 = squash(convolve(image, w["c1.0.weight"], w["c1.0.bias"]))
    s2 = squash(subsample(c1, w["s2.0.coefficient"], w["s2.0.bias"]))
    c3 = squash(convolve(s2, w["c3.0.weight"], w["c3.0.bias"], TABLE_I))
    s4 = squash(subsample(c3, w["s4.0.coefficient"], w["s4.0.bias"]))
    c5 = squash(convolve(s4, w["c5.0.weight"], w["c5.0.bias"])).reshape(120)
    f6 = squash(w["f6.1.weight"] @ c5 + w["f6.1.bias"])
    return -((f6 - digit_codes().numpy()) ** 2).sum(axis=1)  # eq. 7, the smallest wins


def numpy_lenet1(image, w):
    h1 = squash(convolve(image, w["h1.0.weight"], w["h1.0.bias"]))
    h2 = squash(subsample(h1, w["h2.0.coefficient"], w["h2.0.bias"]))
    h3 = squash(convolve(h2, w["h3.0.weight"], w["h3.0.bias"], TABLE_1))
    h4 = squash(subsample(h3, w["h4.0.coefficient"], w["h4.0.bias"]))
    return squash(w["output.1.0.weight"] @ h4.reshape(192) + w["output.1.0.bias"])


def numpy_lenet4(image, w):
    c1 = squash(convolve(image, w["c1.0.weight"], w["c1.0.bias"]))
    pairs = c1[[0, 0, 1, 1, 2, 2, 3, 3]]
    s2 = squash(subsample(pairs, w["s2.1.coefficient"], w["s2.1.bias"]))
    table = " ".join("".join(map(str, row)) for row in LENET4_TABLE)
    c3 = squash(convolve(s2, w["c3.0.weight"], w["c3.0.bias"], table))
    s4 = squash(subsample(c3, w["s4.0.coefficient"], w["s4.0.bias"]))
    f5 = squash(w["f5.1.weight"] @ s4.reshape(400) + w["f5.1.bias"])
    return squash(w["output.0.weight"] @ f5 + w["output.0.bias"])


def numpy_lenet1989(image, w):
    """Unit by unit: a window every two pixels, -1 beyond the image, a bias for each unit."""

    def layer(maps, kernels, bias, rows):
        padded = np.pad(maps, ((0, 0), (2, 2), (2, 2)), constant_values=-1.0)
        kernels, out = iter(kernels.reshape(-1, 5, 5)), bias.copy()
        for number, row in enumerate(rows):
            for m in row:
                kernel = next(kernels)
                for r, c in np.ndindex(bias.shape[1:]):
                    out[number, r, c] += (
                        padded[m, 2 * r : 2 * r + 5, 2 * c : 2 * c + 5] * kernel
                    ).sum()
        return squash(out)

    h1 = layer(image, w["h1.1.weight"], w["h1.2.bias"], [[0]] * 12)
    h2 = layer(h1, w["h2.1.weight"], w["h2.2.bias"], H2_TABLE)
    h3 = squash(w["h3.1.weight"] @ h2.reshape(192) + w["h3.1.bias"])
    return squash(w["output.0.weight"] @ h3 + w["output.0.bias"])


@pytest.mark.parametrize(
    ("make", "by_hand"),
    [
        (LeNet5, numpy_lenet5),
        (LeNet4, numpy_lenet4),
        (LeNet1, numpy_lenet1),
        (LeNet1989, numpy_lenet1989),
    ],
)
def test_a_network_computes_what_the_papers_formulas_say(make, by_hand):
    model, image = random_network(make), torch.randn(2, 1, make.size, make.size)
    weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    expected = np.stack([by_hand(one.double().numpy(), weights) for one in image])
    np.testing.assert_allclose(model(image).detach().numpy(), expected, rtol=1e-5, atol=1e-5)
    exact = model.double()(image.double()).detach().numpy()
    np.testing.assert_allclose(exact, expected, rtol=0, atol=1e-12)


def test_c5_is_a_convolution():
    """Larger maps of S4 give C5 one unit for every 5x5 window (1998, preprint p. 8)."""
    c5, maps = LeNet5().c5, torch.randn(1, 16, 6, 8)
    out = c5(maps)
    assert out.shape == (1, 120, 2, 4)
    torch.testing.assert_close(out[..., 1:, 3:], c5(maps[..., 1:, 3:]))


def test_the_body_slides_over_a_larger_image():
    model = LeNet5()
    body = nn.Sequential(*list(model.children())[:5])
    wide = torch.randn(1, 1, 32, 40)
    wanted = torch.cat([body(wide[..., :32]), body(wide[..., 4:36]), body(wide[..., 8:])], dim=3)
    torch.testing.assert_close(body(wide), wanted)


@pytest.mark.parametrize(
    ("make", "squashed"),
    [
        (LeNet5, "c1 s2 c3 s4 c5 f6"),
        (LeNet4, "c1 s2 c3 s4 f5 output"),
        (LeNet1, "h1 h2 h3 h4 output"),
        (LeNet1989, "h1 h2 h3 output"),
    ],
)
def test_the_squashing_follows_every_layer_but_rbf_units(make, squashed):
    model = random_network(make)
    x = 50 * torch.randn(1, 1, make.size, make.size)
    for name, layer in model.named_children():
        x = layer(x)
        assert (x.abs().max() <= 1.7159) == (name in squashed.split())
    assert name == "output"


def test_each_network_has_the_published_number_of_parameters():
    """LeNet-4's is ours: the paper's description and its count cannot both hold."""
    counts = {name: parameters(make()) for name, make in MODELS.items()}
    assert counts == {"lenet1989": 9_760, "lenet1": 2_578, "lenet4": 50_673, "lenet5": 60_000}


def test_the_criterion_follows_from_the_output():
    assert isinstance(LeNet5().criterion, DiscriminativeLoss)
    assert {make().criterion for make in (LeNet1989, LeNet1, LeNet4)} == {squared_error}
    for model in (LeNet5(output=nn.Linear(84, 10)), LeNet1(output=nn.Linear(192, 10))):
        assert model.criterion is nn.functional.cross_entropy


@pytest.mark.parametrize("make", [LeNet1989, LeNet1, LeNet4])
def test_the_output_stays_squashed_whatever_the_activation(make):
    """Else its criterion, which wants +1 and -1, would not fit."""
    model = make(activation=nn.ReLU())
    assert model.criterion is squared_error
    assert model(torch.randn(20, 1, make.size, make.size)).min() < 0


def test_the_tables_of_our_own_are_what_the_papers_say_of_them():
    """1989, p. 545: eight of twelve. 1998, preprint p. 13: 260,000 connections need 47 kernels."""
    assert [len(row) for row in H2_TABLE] == 12 * [8]
    assert len(set(H2_TABLE)) == 12
    assert sum(len(row) for row in LENET4_TABLE) == 47
    for table, in_maps in ((H2_TABLE, 12), (LENET4_TABLE, 8)):
        assert {in_map for row in table for in_map in row} == set(range(in_maps))


@pytest.mark.parametrize("make", MODELS.values())
def test_weights_start_within_2_4_over_the_fan_in_and_biases_at_zero(make):
    fan_ins = []
    for layer in make().modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            fan_in = layer.weight[0].numel()
            assert 0.9 * 2.4 / fan_in < layer.weight.abs().max() <= 2.4 / fan_in
            assert layer.bias is None or not layer.bias.any()
            fan_ins.append(fan_in)
    wanted = {LeNet5: [25, 400, 120], LeNet4: [25, 400, 120], LeNet1: [25, 192]}
    assert fan_ins == wanted.get(make, [25, 192, 30])


# --- popular variants --------------------------------------------------------------------------

LINEAR = nn.Linear(84, 10)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 60_000),
        ({"output": LINEAR}, 60_000 + 850),
        ({"connections": None}, 60_000 + 900),
        ({"connections": None, "pooling": average, "output": LINEAR}, 61_706),
        ({"pooling": average}, 60_000 - 44),
        ({"normalization": nn.BatchNorm2d}, 60_000 + 2 * (6 + 16 + 120)),
        ({"activation": nn.PReLU()}, 60_000 + 6),
        ({"dropout": 0.5}, 60_000),
    ],
)
def test_variants_of_lenet5_have_the_parameters_their_parts_bring(options, count):
    model = LeNet5(**options)
    assert parameters(model) == count
    assert model(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


def test_dense_lenet1_has_48_kernels_instead_of_20():
    assert parameters(LeNet1(connections=None)) == 2_578 + 28 * 25


@pytest.mark.parametrize("make", [LeNet1, LeNet5])
@pytest.mark.parametrize("kind", [nn.ReLU, nn.Sigmoid, nn.Tanh])
@pytest.mark.parametrize("pool", [nn.AvgPool2d, nn.MaxPool2d])
def test_popular_parts_replace_the_published_ones(make, kind, pool):
    model = make(activation=kind(), pooling=lambda maps: pool(2))
    kinds = [type(module) for module in model.modules()]
    assert Subsampling not in kinds
    assert kinds.count(pool) == 2
    assert kinds.count(kind) == (4 if make is LeNet5 else 2)  # none after such a pooling
    assert model(torch.rand(1, 1, make.size, make.size)).isfinite().all()


def test_the_popular_sigmoid_lenet_is_the_same_network_written_plainly():
    parts = {"connections": None, "pooling": average, "initialize": None}
    parts["output"] = nn.Linear(84, 10)
    model = LeNet5(activation=nn.Sigmoid(), **parts)
    plain = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)),
    )
    with torch.no_grad():
        for own, other in zip(model.parameters(), plain.parameters(), strict=True):
            other.copy_(own.reshape(other.shape))
    small = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(model(nn.functional.pad(small, (2, 2, 2, 2))), plain(small))


def test_normalization_comes_between_each_convolution_and_its_activation():
    model = LeNet5(normalization=nn.BatchNorm2d)
    for name, maps in (("c1", 6), ("c3", 16), ("c5", 120)):
        convolution, normalization, _ = model.get_submodule(name)
        assert isinstance(convolution, (nn.Conv2d, SparseConv2d))
        assert normalization.num_features == maps


def test_dropout_follows_c5_and_f6_and_rests_in_evaluation():
    model = LeNet5(dropout=0.5)
    assert [n for n, m in model.named_modules() if isinstance(m, nn.Dropout)] == ["c5.2", "f6.3"]
    x = torch.rand(1, 1, 32, 32)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_a_slice_of_a_network_is_its_layers_by_their_names():
    model, x = LeNet5(), torch.rand(1, 1, 32, 32)
    first, last = model[:3], model[3:]
    assert [name for name, _ in first.named_children()] == ["c1", "s2", "c3"]
    assert type(first) is nn.Sequential
    assert torch.equal(last(first(x)), model(x))
    assert model[-1] is model.output
    with pytest.raises(IndexError):
        model[7]


def test_each_layer_has_an_activation_of_its_own():
    slopes = [m for m in LeNet5(activation=nn.PReLU()).modules() if isinstance(m, nn.PReLU)]
    assert len({id(slope.weight) for slope in slopes}) == 6


def test_initialize_none_is_pytorchs_own_everywhere():
    torch.manual_seed(1)
    SparseConv2d(reads(TABLE_I), in_maps=6)  # which is made, and drawn, before the others
    c1 = nn.Conv2d(1, 6, 5)
    torch.manual_seed(1)
    model = LeNet5(initialize=None)
    assert torch.equal(model.c1[0].weight, c1.weight)
    assert torch.equal(model.c1[0].bias, c1.bias)
    assert c1.bias.any()  # the published start has zeros


def test_initialize_none_starts_a_sparse_convolution_as_pytorch_does_a_dense_one_of_each_row():
    table = tuple((0, 1, 2) if i % 2 else (0,) for i in range(2000))
    layer = SparseConv2d(table, in_maps=3)
    start_like_pytorch(layer)
    weights = layer.weight.detach().split([len(row) for row in table])
    for odd, inputs in ((1, 3), (0, 1)):
        dense = nn.Conv2d(inputs, 1000, 5)
        own = torch.stack(weights[odd::2]), layer.bias.detach()[odd::2]
        for found, expected in zip(own, (dense.weight, dense.bias), strict=True):
            assert found.abs().max().item() == pytest.approx(expected.abs().max().item(), rel=0.02)
            assert found.std().item() == pytest.approx(expected.std().item(), rel=0.08)


def test_initialize_may_be_anything_applied_to_each_layer():
    model = LeNet1(initialize=lambda m: [nn.init.constant_(p, 3.0) for p in m.parameters()])
    assert all((p == 3).all() for p in model.parameters())
    model.apply(initialize_as_published)
    assert model.output[1][0].weight.abs().max() <= 2.4 / 192


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("make", [LeNet1, LeNet5])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"activation": nn.ReLU}, TypeError, r"activation must be a module such as nn.ReLU\(\)"),
        ({"initialize": "xavier"}, TypeError, "initialize must be .* got 'xavier'; pass"),
        ({"activation": "relu"}, TypeError, "activation must be a module .* got 'relu'"),
        ({"pooling": nn.MaxPool2d(2)}, TypeError, r"pooling must be .* got MaxPool2d\("),
        ({"pooling": "max"}, TypeError, "pooling must be .* got 'max'"),
        ({"pooling": None}, TypeError, "pooling must be .* got None"),
        ({"normalization": nn.BatchNorm2d(6)}, TypeError, "normalization must be .* BatchNorm2d"),
        ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and below 1, got 1.0"),
        ({"dropout": -0.1}, ValueError, "dropout must be .* got -0.1"),
        ({"dropout": None}, ValueError, "dropout must be .* got None"),
        ({"connections": [(0,), (9,)]}, ValueError, "row 1 of the connection table .* got"),
    ],
)
def test_wrong_parts_are_refused_with_what_to_give_instead(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


@pytest.mark.parametrize("make", MODELS.values())
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"activation": nn.ReLU}, TypeError, "activation must be a module such as"),
        ({"output": 10}, TypeError, "output must be a module such as .* got 10"),
        ({"connections": [(0,), (99,)]}, ValueError, "row 1 of the connection table .* got"),
    ],
)
def test_every_network_refuses_wrong_parts(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


@pytest.mark.parametrize("make", MODELS.values())
@pytest.mark.parametrize("shape", [(1, 1, 30, 30), (1, 3, 32, 32), (1, 28, 28), (32, 32)])
def test_images_of_another_shape_are_refused_with_the_remedy(make, shape):
    with pytest.raises(ValueError, match=f"{make.__name__} expects images of shape") as refusal:
        make()(torch.zeros(shape))
    message, square = str(refusal.value), shape[2:] == (make.size, make.size)
    assert (f"load_mnist(size={make.size})" in message) is not square
    assert (f"scale(bytes, background, ink, size={make.size}) pads" in message) is not square
    colours = len(shape) == 4 and shape[1] == 3
    assert ("mean(dim=1, keepdim=True) makes colours grey, and LeNet5(channels=3)" in message) is (
        colours
    )


# --- colours -------------------------------------------------------------------------------------


def test_a_network_for_colours_sees_each_channel_by_kernels_of_its_own():
    """C1 of grey images with the kernels of one channel, summed over the channels."""
    model, images = LeNet5(channels=3), torch.randn(2, 3, 32, 32)
    c1 = model.c1[0]
    parts = [F.conv2d(images[:, i : i + 1], c1.weight[:, i : i + 1]) for i in range(3)]
    expected = 1.7159 * torch.tanh(2 / 3 * (sum(parts) + c1.bias.view(6, 1, 1)))
    torch.testing.assert_close(layer_outputs(model, images)["c1"], expected)
    assert model(images).shape == (2, 10)


def test_the_start_of_a_network_for_colours_is_by_its_fan_in_of_75():
    largest = LeNet5(channels=3).c1[0].weight.abs().max()
    assert 0.9 * 2.4 / 75 < largest <= 2.4 / 75


def test_a_network_for_colours_trains_and_takes_grey_digits_three_times(mnist, cache):
    model = LeNet5(channels=3)
    assert model.input == (-0.1, 1.175, 32, 28, 3)
    digits = load_mnist(cache=cache, for_=model).train[:200]
    assert torch.equal(digits.images, mnist.train.images[:200].expand(-1, 3, -1, -1))
    history = fit(model, digits, epochs=2, batch_size=20, progress=False)
    assert history.epochs.train_loss.is_monotonic_decreasing
    with pytest.raises(ValueError, match=r"images.repeat\(1, 3, 1, 1\) makes colours of grey"):
        model(mnist.test.images[:2])
    with pytest.raises(ValueError, match="channels must be a whole number of at least 1, got 0"):
        LeNet5(channels=0)


def test_lush_start_is_by_the_fan_in_of_each_row():
    model = LeNet5()
    model.apply(initialize_like_lush)
    first, last = model.c3[0].weight[:3], model.c3[0].weight[-6:]
    assert 0.9 * 75**-0.5 < first.abs().max() <= 75**-0.5
    assert 0.9 * 150**-0.5 < last.abs().max() <= 150**-0.5
    assert 0.9 * 400**-0.5 < model.c5[0].weight.abs().max() <= 400**-0.5


# --- Trained weights ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "name"), [(LeNet1, "plain"), (LeNet5, "plain"), (LeNet5, "dist"), (LeNet5, "hands")]
)
def test_pretrained_network_makes_the_errors_its_file_says(network, name):
    model = network.from_pretrained(name)
    notes = read_metadata(WEIGHTS / network.pretrained[name])
    errors = evaluate(model, load_mnist(for_=model).test).errors
    assert not model.training
    assert abs(errors - int(notes["test_errors"])) <= 2  # sums in another order, elsewhere
    assert errors < 150
    assert notes["recipe"] == "modern"
    assert (notes["seed"], notes["train_size"]) == ("0", "60000")


@pytest.mark.parametrize(
    ("network", "name", "known"),
    [
        (LeNet1, "dist", "'plain'"),
        (LeNet4, "plain", "none"),
        (LeNet5, "best", "'plain', 'dist', 'hands'"),
        (LeNet5, None, "'plain', 'dist', 'hands'"),
    ],
)
def test_unknown_weights_are_refused(network, name, known):
    with pytest.raises(ValueError, match=f"no weights {name!r}; there are: {known}"):
        network.from_pretrained(name)


# --- what cannot be right ------------------------------------------------------------------------

test_what_cannot_be_right_is_refused = refusals(
    {
        "network kind": (lambda: LeNet1()(IMAGES.numpy()), "a float tensor of images, got ndarray"),
        "network bytes": (
            lambda: LeNet1()(IMAGES.byte()),
            "images, got torch.uint8; load_mnist gives",
        ),
        "output": (
            lambda: LeNet5(output=RBFOutput()),
            r"the largest score; pass nn.Sequential\(RBFOutput\(\), Negation\(\)\)$",
        ),
        "pretrained list": (
            lambda: LeNet5.from_pretrained(["dist"]),
            r"no weights \['dist'\]; there",
        ),
        "table booleans": (
            lambda: LeNet5(connections=connection_matrix(C3_TABLE, 6).tolist()),
            r"by their numbers, got \[True, True, True, False, .* if reads\] names them$",
        ),
        "pooling class": (
            lambda: LeNet5(pooling=nn.AvgPool2d),
            "pooling must be something that makes",
        ),
        "activation": (lambda: LeNet1(activation=torch.tanh), "activation must be a module .* got"),
    }
)
