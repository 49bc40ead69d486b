"""Each layer against the same numbers reached another way."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from inventing import SEEDS, SIDES, floats, random_input
from refusing import IMAGES, SCORES, refusals
from torch import nn

from lenet_utils import (
    C3_TABLE,
    H3_TABLE,
    ScaledTanh,
    SparseConv2d,
    Subsampling,
    connection_matrix,
)
from lenet_utils.models import Twice, UnitBias
from lenet_utils.models.layers import uniform_by_fan_in_

# LeCun et al. 1998, Table I: a row for each map of S2, a column for each map of C3.
C3_GRID = """
    X . . . X X X . . X X X X . X X
    X X . . . X X X . . X X X X . X
    X X X . . . X X X . . X . X X X
    . X X X . . X X X X . . X . X X
    . . X X X . . X X X X . X X . X
    . . . X X X . . X X X X . X X X
"""
# LeCun et al. 1990, Table 1: a row for each map of H2, a column for each map of H3.
H3_GRID = """
    X X X . X X . . . . . .
    . X X X X X . . . . . .
    . . . . . . X X X . X X
    . . . . . . . X X X X X
"""
STAIRS = [tuple(range(sources)) for sources in range(1, 7)]  # rows of 1, 2, ... 6 sources


def printed(grid):
    rows = [line.split() for line in grid.split("\n") if line.strip()]
    return torch.tensor([[mark == "X" for mark in row] for row in rows]).T


def randomized(layer):
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


# --- the squashing function --------------------------------------------------------------------


def test_scaled_tanh_goes_through_plus_and_minus_one():
    ends = ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64))
    assert ends.tolist() == pytest.approx([-1, 0, 1], abs=2e-5)


def test_scaled_tanh_is_the_formula_and_its_slope_at_zero_is_1_144():
    a = torch.linspace(-6, 6, 101, dtype=torch.float64, requires_grad=True)
    f = ScaledTanh()(a)
    by_hand = [1.7159 * (math.exp(4 * x / 3) - 1) / (math.exp(4 * x / 3) + 1) for x in a.tolist()]
    assert f.tolist() == pytest.approx(by_hand, abs=1e-12)
    (slope,) = torch.autograd.grad(f.sum(), a)
    assert slope[50].item() == pytest.approx(1.144, abs=1e-3)


SMALL_AND_LARGE = torch.logspace(-8, 1, 20_001, dtype=torch.float64)


def test_scaled_tanh_keeps_small_values_in_float32():
    for sign in (-1, 1):
        a = (sign * SMALL_AND_LARGE).float()
        expected = 1.7159 * torch.tanh(2 / 3 * a.double())
        torch.testing.assert_close(ScaledTanh()(a).double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16])
def test_scaled_tanh_is_right_to_two_units_in_the_last_place(kind):
    """Near 0 the smallest float16 is itself a unit, and what is below half of it is 0."""
    for sign in (-1, 1):
        a = (sign * SMALL_AND_LARGE).to(kind)
        expected = 1.7159 * torch.tanh(2 / 3 * a.double())
        smallest = torch.finfo(kind).tiny
        place = expected.abs().clamp_min(smallest).log2().floor().exp2() * torch.finfo(kind).eps
        assert ((ScaledTanh()(a).double() - expected).abs() <= 2 * place).all()


def test_scaled_tanh_bends_most_at_0_9877():
    a = torch.linspace(0, 3, 30_001, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(ScaledTanh()(a).sum(), a, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), a)
    assert a[second.abs().argmax()].item() == pytest.approx(0.9877, abs=1e-4)


# --- subsampling -------------------------------------------------------------------------------


def test_subsampling_is_the_written_out_sum():
    layer = randomized(Subsampling(maps=3)).double()
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    out = layer(x)
    assert out.shape == (2, 3, 2, 3)
    for n, m, r, c in torch.cartesian_prod(*map(torch.arange, out.shape)).tolist():
        total = sum(x[n, m, 2 * r + i, 2 * c + j].item() for i in (0, 1) for j in (0, 1))
        expected = layer.coefficient[m].item() * total + layer.bias[m].item()
        assert out[n, m, r, c].item() == pytest.approx(expected, abs=1e-12)


def test_subsampling_keeps_maps_apart():
    layer, x = Subsampling(maps=6), torch.randn(1, 6, 8, 8)
    before = layer(x)
    x[:, 2] = math.nan
    changed = (layer(x) != before).any(dim=(0, 2, 3))
    assert changed.nonzero().tolist() == [[2]]


def test_subsampling_starts_with_coefficient_one_half_and_no_bias():
    assert Subsampling(2)(torch.full((1, 2, 2, 2), 3.0)).tolist() == [[[[6.0]], [[6.0]]]]


# --- sparse convolution ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "grid", "kernels"), [(C3_TABLE, C3_GRID, 60), (H3_TABLE, H3_GRID, 20)]
)
def test_tables_are_the_printed_ones(table, grid, kernels):
    expected = printed(grid)
    assert torch.equal(connection_matrix(table, in_maps=expected.shape[1]), expected)
    assert expected.sum() == kernels


def test_sparse_convolution_is_a_loop_over_maps_and_kernels():
    layer = randomized(SparseConv2d(C3_TABLE, in_maps=6)).double()
    x = torch.randn(2, 6, 7, 8, dtype=torch.float64)
    connected, kernels = printed(C3_GRID).tolist(), iter(layer.weight)
    for out_map, reads in enumerate(connected):
        expected = layer.bias[out_map].expand(2, 3, 4).clone()  # the bias once for each map
        for in_map in range(6):
            if reads[in_map]:
                kernel = next(kernels)
                for r in range(3):
                    for c in range(4):
                        window = x[:, in_map, r : r + 5, c : c + 5]
                        expected[:, r, c] += (window * kernel).sum(dim=(1, 2))
        torch.testing.assert_close(layer(x)[:, out_map], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("table", "grid"), [(C3_TABLE, C3_GRID), (H3_TABLE, H3_GRID)])
def test_sparse_convolution_and_its_gradients_are_those_of_a_masked_one(table, grid):
    mask = printed(grid)
    layer = randomized(SparseConv2d(table, in_maps=mask.shape[1])).double()
    dense = nn.Conv2d(mask.shape[1], mask.shape[0], 5).double()
    with torch.no_grad():
        dense.weight[mask] = layer.weight
        dense.weight[~mask] = 0
        dense.bias.copy_(layer.bias)
    x = torch.randn(3, mask.shape[1], 9, 8, dtype=torch.float64)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [layer(inputs[0]), dense(inputs[1])]
    torch.testing.assert_close(*outputs)
    assert torch.equal(layer.dense_weight(), dense.weight)

    sensitivity = torch.randn_like(outputs[0])
    for output in outputs:
        output.backward(sensitivity)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    torch.testing.assert_close(layer.weight.grad, dense.weight.grad[mask])
    torch.testing.assert_close(layer.bias.grad, dense.bias.grad)


def test_an_input_map_reaches_only_the_maps_that_read_it():
    layer, x, connected = SparseConv2d(C3_TABLE, 6), torch.randn(1, 6, 5, 5), printed(C3_GRID)
    before = layer(x)
    for in_map in range(6):
        moved = x.clone()
        moved[:, in_map] = 1e30
        changed = (layer(moved) != before).flatten()
        assert changed.tolist() == connected[:, in_map].tolist()


def test_the_order_within_a_row_of_the_table_does_not_matter():
    layers = [SparseConv2d(table, 3) for table in ([(2, 0), (1,)], [(0, 2), (1,)])]
    layers[1].load_state_dict(layers[0].state_dict())
    x = torch.randn(1, 3, 5, 5)
    assert torch.equal(layers[0](x), layers[1](x))


@pytest.mark.parametrize("row", range(6))
def test_kernels_start_within_2_4_over_the_fan_in_of_their_own_row(row):
    """Fan-ins 25, 50, ... 150: uniform, so the deviation is the bound over the root of 3."""
    layer, first = SparseConv2d(STAIRS, in_maps=6), sum(range(row + 1))
    bound = 2.4 / (25 * (row + 1))
    drawn = []
    for _ in range(200):
        layer.reset_parameters()
        drawn.append(layer.weight.detach()[first : first + row + 1].clone().flatten())
    drawn = torch.cat(drawn)
    assert 0.99 * bound < drawn.abs().max() <= bound
    assert drawn.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.04)
    assert drawn.mean().item() == pytest.approx(0, abs=0.05 * bound)
    assert layer.bias.abs().max() == 0


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (ScaledTanh(), (2, 3)),
        (Subsampling(2), (2, 2, 4, 4)),
        (SparseConv2d([(0, 2), (1,)], in_maps=3, kernel_size=2), (2, 3, 4, 3)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_gradients_agree_with_finite_differences(layer, shape):
    layer = randomized(layer).double()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in layer.named_parameters()]

    def output(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(output, (x, *layer.parameters()))


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ([()], 0),
        ([(0,), (1, 1)], 1),
        ([(0,), (1,), (2, 6)], 2),
        ([(-1,)], 0),
    ],
)
def test_a_bad_row_of_a_table_is_named(table, row):
    with pytest.raises(ValueError, match=rf"row {row} of the connection table .* from 0 to 5"):
        SparseConv2d(table, in_maps=6)


@pytest.mark.parametrize("shape", [(1, 5, 28, 28), (1, 6, 27, 28), (1, 6, 28, 27), (6, 28, 28)])
def test_subsampling_refuses_what_does_not_fit(shape):
    with pytest.raises(ValueError, match=r"expected \(N, 6, even, even\), got"):
        Subsampling(maps=6)(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(1, 5, 9, 9), (1, 6, 4, 9), (1, 6, 9, 4), (6, 9, 9)])
def test_sparse_convolution_refuses_what_does_not_fit(shape):
    with pytest.raises(ValueError, match=r"expected \(N, 6, H, W\) with H and W at least 5, got"):
        SparseConv2d(C3_TABLE, in_maps=6)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (ScaledTanh(), "ScaledTanh(amplitude=1.7159, slope=0.66667)"),
        (Subsampling(6), "Subsampling(maps=6)"),
        (
            SparseConv2d(C3_TABLE, 6),
            "SparseConv2d(6, 16, kernel_size=5, stride=1, kernels=60 of 96)",
        ),
        (UnitBias(12, 8, 8), "UnitBias(shape=(12, 8, 8))"),
    ],
)
def test_a_printed_layer_shows_what_it_was_made_with(layer, shown):
    assert str(layer) == shown


def test_kept_weights_have_the_shapes_that_weight_files_hold():
    shapes = {name: tuple(value.shape) for name, value in Subsampling(6).state_dict().items()}
    assert shapes == {"coefficient": (6, 1, 1), "bias": (6, 1, 1)}
    shapes = {name: tuple(p.shape) for name, p in SparseConv2d(C3_TABLE, 6).state_dict().items()}
    assert shapes == {"weight": (60, 5, 5), "bias": (16,)}


@given(floats(2, 3, elements=st.floats(-(2**90), 2**90, width=32)))
def test_the_squashing_function_is_odd_bounded_and_rises(a):
    f = ScaledTanh()
    assert torch.allclose(f(-a), -f(a), atol=1e-6)
    assert (f(a).abs() <= f.amplitude + 1e-6).all()
    steps = f(a.flatten().sort().values).diff()
    assert (steps >= -1e-6).all()
    np.testing.assert_allclose(f(a), 1.7159 * np.tanh(2 / 3 * a.double().numpy()), atol=1e-5)


@given(SEEDS, st.integers(1, 4), SIDES, SIDES)
def test_subsampling_adds_its_windows(seed, maps, height, width):
    x = random_input(seed, 2, maps, 2 * height, 2 * width)
    layer = Subsampling(maps)
    layer.coefficient.data = random_input(seed + 1, maps, 1, 1)
    layer.bias.data = random_input(seed + 2, maps, 1, 1)
    sums = x.reshape(2, maps, height, 2, width, 2).sum(dim=(3, 5))
    assert torch.allclose(layer(x), layer.coefficient * sums + layer.bias, atol=1e-5)


TABLES = st.integers(1, 5).flatmap(
    lambda maps: st.tuples(
        st.lists(
            st.lists(st.integers(0, maps - 1), min_size=1, max_size=maps, unique=True),
            min_size=1,
            max_size=6,
        ),
        st.just(maps),
    )
)


@given(TABLES, SEEDS, st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_a_sparse_convolution_is_a_masked_dense_one(table_and_maps, seed, kernel, stride, bias):
    table, maps = table_and_maps
    layer = SparseConv2d(table, maps, kernel, stride, bias)
    x = random_input(seed, 2, maps, 7, 6)
    mask = connection_matrix(table, maps)
    dense = layer.dense_weight()
    assert torch.equal(dense.flatten(2).any(dim=2), mask)
    assert sum(p.numel() for p in layer.parameters()) == mask.sum() * kernel**2 + bias * len(table)
    unread = x.clone()  # no output may depend on a map that it does not read
    for out_map, row in enumerate(mask):
        unread[:, ~row] = 1e6
        same = F.conv2d(x, dense, layer.bias, stride)[:, out_map]
        assert torch.allclose(layer(unread)[:, out_map], same, atol=1e-5)
        unread = x.clone()


@given(TABLES)
def test_a_connection_matrix_has_the_tables_pairs(table_and_maps):
    table, maps = table_and_maps
    pairs = {(row, column) for row, columns in enumerate(table) for column in columns}
    assert {tuple(pair) for pair in connection_matrix(table, maps).nonzero().tolist()} == pairs


test_what_cannot_be_right_is_refused = refusals(
    {
        "tanh": (lambda: ScaledTanh(slope=math.inf), "slope must be positive and finite, got inf"),
        "tanh that is none": (lambda: ScaledTanh(slope=math.nan), "slope must be .* got nan"),
        "tanh amplitude": (lambda: ScaledTanh(amplitude=0), "amplitude must be positive .* got 0"),
        "no maps": (lambda: Subsampling(0), "maps must be a whole number of at least 1, got 0"),
        "sparse empty": (lambda: SparseConv2d([], in_maps=6), "the connection table is empty"),
        "sparse maps": (lambda: SparseConv2d([(0,)], in_maps=0), "in_maps must be a whole number"),
        "sparse half": (
            lambda: SparseConv2d([(0,)], in_maps=1, kernel_size=2.5),
            "kernel_size must be .* 2.5",
        ),
        "maps": (lambda: Subsampling(2.0), "maps must be a whole number of at least 1, got 2.0"),
        "unit bias": (UnitBias, "^shape is empty: give maps, height and width$"),
        "unit bias size": (lambda: UnitBias(1, 0), "shape must be a whole number .* got 0"),
        "unit bias input": (lambda: UnitBias(1, 2)(IMAGES), r"expected \(N, \*\(1, 2\)\), got"),
        "twice": (lambda: Twice()(SCORES), r"expected \(N, maps, H, W\), got \(3, 10\)"),
        "fan-in": (lambda: uniform_by_fan_in_(SCORES, 0), "fan_in must be .* at least 1, got 0"),
        "fan-in kind": (
            lambda: uniform_by_fan_in_([1.0], 1),
            "weight must be .* got list; such as layer.weight$",
        ),
        "sparse kernel": (lambda: SparseConv2d(C3_TABLE, 6, kernel_size=0), "kernel_size .* got 0"),
        "sparse stride": (lambda: SparseConv2d(C3_TABLE, 6, stride=-1), "stride must be .* got -1"),
        "table": (lambda: connection_matrix([], 6), "connection table is empty: give one row"),
        "table kind": (
            lambda: connection_matrix(None, 6),
            "table must be .* NoneType; C3_TABLE is",
        ),
        "table row": (
            lambda: connection_matrix([3], 6),
            "row 0 of table must be .* got int; such as",
        ),
        "table tensor": (
            lambda: connection_matrix(connection_matrix(C3_TABLE, 6), 6),
            "table must be .* got Tensor; C3_TABLE is one, a row of numbers",
        ),
        "table float": (lambda: connection_matrix([(1.0,)], 6), r"from 0 to 5, .* got \[1.0\]"),
        "table maps": (lambda: connection_matrix(C3_TABLE, 0), "in_maps must be .* got 0"),
    }
)
