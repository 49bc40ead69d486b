"""What must hold for every input: hypothesis invents them, and shrinks those that break it."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from lenet_utils import (
    Digits,
    DiscriminativeLoss,
    Evaluation,
    RBFOutput,
    ScaledTanh,
    SparseConv2d,
    Subsampling,
    connection_matrix,
    distort,
    mean_penalty,
    prepare_digit,
    scale,
    squared_error,
)

settings.register_profile(
    "lenet",
    deadline=None,  # a shared machine may stall for longer than any bound
    max_examples=60,
    derandomize=True,  # the same examples for everyone
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("lenet")

SIDES = st.integers(1, 9)
FINITE = st.floats(-1e6, 1e6, width=32)
SEEDS = st.integers(0, 2**32)


def floats(*shape, elements=None):
    elements = st.floats(-100, 100, width=32) if elements is None else elements
    return arrays(np.float32, shape, elements=elements).map(torch.from_numpy)


def random_input(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- data --------------------------------------------------------------------------------------


@given(
    st.tuples(SIDES, SIDES, SIDES).flatmap(lambda shape: arrays(np.uint8, shape)),
    FINITE,
    FINITE,
    st.integers(0, 8),
)
def test_scaling_can_be_undone_and_pads_with_the_background(pixels, background, ink, more):
    size = max(pixels.shape[1:]) + more
    assume(abs(ink - background) > 1e-3 * max(abs(ink), abs(background), 1e-3))
    images = scale(torch.from_numpy(pixels), background, ink, size)
    assert images.shape == (len(pixels), 1, size, size)
    assert images.dtype == torch.float32
    top, left = ((size - side) // 2 for side in pixels.shape[1:])
    rows, columns = slice(top, top + pixels.shape[1]), slice(left, left + pixels.shape[2])
    inner = images[:, 0, rows, columns].double().numpy()
    expected = background + (ink - background) * (pixels / 255)
    np.testing.assert_allclose(inner, expected, atol=1e-5 * max(abs(ink), abs(background), 1))
    images[:, 0, rows, columns] = background
    assert (images == torch.tensor(background)).all()


@given(arrays(np.float32, (3, 1, 4, 4), elements=st.floats(width=32)))
def test_digits_are_refused_exactly_where_a_pixel_is_not_finite(images):
    labels = torch.tensor([0, 5, 9])
    if np.isfinite(images).all():
        assert len(Digits(torch.from_numpy(images), labels)) == 3
    else:
        with pytest.raises(ValueError, match="finite"):
            Digits(torch.from_numpy(images), labels)


@given(arrays(np.int64, 4, elements=st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 11)))
def test_digits_are_refused_exactly_where_a_label_is_none(labels):
    images = torch.zeros(4, 1, 2, 2)
    if ((labels >= 0) & (labels <= 9)).all():
        assert Digits(images, torch.from_numpy(labels)).labels.tolist() == labels.tolist()
    else:
        with pytest.raises(ValueError, match="from 0 to 9"):
            Digits(images, torch.from_numpy(labels))


@given(SEEDS, st.slices(12))
def test_a_slice_of_digits_is_a_slice_of_both(seed, chosen):
    digits = Digits(random_input(seed, 12, 1, 3, 3), torch.arange(12) % 10)
    assume(len(range(12)[chosen]) and (chosen.step is None or chosen.step > 0))
    part = digits[chosen]
    assert part.labels.tolist() == digits.labels.tolist()[chosen]
    assert torch.equal(part.images, digits.images[chosen])


@given(SEEDS, st.integers(2, 30), st.integers(1, 10))
def test_counts_of_an_evaluation_add_up(seed, count, k):
    scores = random_input(seed, count, 10)
    labels = torch.randint(10, (count,), generator=torch.Generator().manual_seed(seed))
    result = Evaluation(scores, labels)
    low, high = result.interval()
    assert 0 <= low <= result.error_rate <= high <= 1
    assert result.confusion.to_numpy().sum() == count == result.per_class["digits"].sum()
    assert result.errors == result.per_class["errors"].sum() == len(result.mistakes)
    assert 1 - result.error_rate == pytest.approx(result.top_k_accuracy(1))
    assert result.top_k_accuracy(k) <= result.top_k_accuracy(min(k + 1, 10)) <= 1


# --- layers ------------------------------------------------------------------------------------


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


@given(SEEDS, st.integers(1, 5), st.integers(1, 6), st.integers(1, 7))
def test_rbf_units_measure_squared_distances(seed, count, classes, inputs):
    x, codes = random_input(seed, count, inputs), random_input(seed + 1, classes, inputs)
    expected = torch.cdist(x.double(), codes.double()).square()
    assert torch.allclose(RBFOutput(codes)(x).double(), expected, atol=1e-4)


# --- criteria ----------------------------------------------------------------------------------

BATCHES = st.integers(1, 6).flatmap(
    lambda count: st.tuples(
        floats(count, 10), st.lists(st.integers(0, 9), min_size=count, max_size=count)
    )
)


@given(BATCHES, st.floats(0.1, 50))
def test_the_criteria_are_the_papers_sums(batch, j):
    scores, labels = batch[0], torch.tensor(batch[1])
    penalties, right = -scores.double().numpy(), range(len(labels))
    wanted = penalties[right, labels.numpy()]
    assert mean_penalty(scores, labels).item() == pytest.approx(wanted.mean(), abs=1e-4)
    rubbish = np.log(np.exp(-j) + np.exp(-penalties).sum(axis=1))  # eq. 9
    loss = DiscriminativeLoss(j)(scores, labels).item()
    assert loss == pytest.approx((wanted + rubbish).mean(), rel=1e-4, abs=1e-4)
    targets = 2 * np.eye(10)[labels.numpy()] - 1
    half = 0.5 * ((scores.double().numpy() - targets) ** 2).sum(axis=1).mean()
    assert squared_error(scores, labels).item() == pytest.approx(half, rel=1e-4, abs=1e-4)


# --- pictures ----------------------------------------------------------------------------------

GREY = st.tuples(st.integers(1, 60), st.integers(1, 60)).flatmap(
    lambda shape: arrays(np.uint8, shape, fill=st.sampled_from([0, 128, 255]))
)


@given(GREY, st.sampled_from(["L", "RGB", "RGBA", "LA", "P", "1", "I", "F", "CMYK"]))
def test_every_picture_becomes_a_digit_or_one_clear_error(grey, mode):
    picture = Image.fromarray(grey).convert(mode)
    try:
        digit = prepare_digit(picture)
    except ValueError as refused:
        if "found no digit" in str(refused):
            return
        raise
    assert (digit.shape, digit.dtype) == ((28, 28), torch.uint8)
    rows, columns = digit.any(dim=1).nonzero(), digit.any(dim=0).nonzero()
    height, width = (int(lines.max() - lines.min()) + 1 for lines in (rows, columns))
    assert max(height, width) <= 20
    assert digit.max() >= 254


STROKES = arrays(np.bool_, (12, 9), fill=st.just(False)).filter(lambda ink: ink.sum() >= 3)


@given(STROKES, st.integers(2, 20), st.integers(2, 20), st.integers(2, 4))
def test_where_a_digit_stands_and_which_is_the_paper_does_not_matter(ink, top, left, factor):
    ink = np.kron(ink, np.ones((factor, factor), dtype=bool))
    paper = np.full((ink.shape[0] + 40, ink.shape[1] + 40), 250, dtype=np.uint8)
    here, there = paper.copy(), paper.copy()
    here[10 : 10 + ink.shape[0], 10 : 10 + ink.shape[1]][ink] = 10
    there[top : top + ink.shape[0], left : left + ink.shape[1]][ink] = 10
    expected = prepare_digit(Image.fromarray(here))
    assert torch.equal(prepare_digit(Image.fromarray(there)), expected)
    assert torch.equal(prepare_digit(Image.fromarray(255 - here)), expected)


@given(
    SEEDS,
    st.tuples(st.integers(1, 4), st.integers(2, 20), st.integers(2, 20)),
    st.floats(0, 5),
    st.floats(0, 0.9),
    st.floats(0, 2),
)
def test_distorted_images_keep_their_shape_and_their_range(seed, shape, move, share, bend):
    count, height, width = shape
    images = random_input(seed, count, 1, height, width)
    torch.manual_seed(seed)
    options = {"scaling": share, "squeezing": share, "rotation": move, "elasticity": bend}
    distorted = distort(images, translation=move, shear=bend, **options)
    assert distorted.shape == images.shape
    assert distorted.isfinite().all()
    low, high = images.aminmax()
    assert low - 1e-4 <= distorted.min()
    assert distorted.max() <= high + 1e-4


@given(SEEDS, st.integers(2, 12))
def test_nothing_asked_for_changes_nothing(seed, side):
    images = random_input(seed, 2, 1, side, side)
    still = dict.fromkeys(("translation", "scaling", "squeezing", "shear"), 0)
    assert torch.allclose(distort(images, **still), images, atol=1e-4)
    assert math.isclose(distort(images, **still).amin(), images.amin(), abs_tol=1e-4)
