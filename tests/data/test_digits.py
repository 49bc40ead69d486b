"""Images with their labels: which are digits, and what a part of them is."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from inventing import SEEDS, random_input
from refusing import DIGITS, IMAGES, LABELS, refusals, spoiled
from torch.utils.data import DataLoader

from lenet_utils import Digits, Splits

NAMES = [f"class {number}" for number in range(10)]


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ([[0.0]], TypeError, "images must be a float tensor, got list; torch.as_tensor makes"),
        (IMAGES.byte(), TypeError, "must be a float tensor, got torch.uint8"),
        (
            IMAGES[:, 0],
            ValueError,
            r"\(N, C, H, W\), .* got \(3, 28, 28\); images\[:, None",
        ),
        (IMAGES.view(3, 28, 28, 1), ValueError, r"got \(3, 28, 28, 1\); images.permute\(0, 3, 1"),
        (IMAGES[:0], ValueError, r"non-empty \(N, C, H, W\), .* got \(0, 1, 28, 28\)"),
        (spoiled(IMAGES, math.nan), ValueError, "must be finite, got NaN or infinity"),
        (spoiled(IMAGES, -math.inf), ValueError, "must be finite, got NaN or infinity"),
    ],
)
def test_images_of_a_wrong_kind_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        Digits(images, LABELS)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 1, 2], TypeError, "labels must be an int64 tensor, got list"),
        (LABELS.int(), TypeError, r"got torch.int32; try torch.as_tensor\(labels\)"),
        (LABELS[:2], ValueError, r"one entry for each of the 3 images, got shape \(2,\)"),
        (LABELS[:, None], ValueError, r"got shape \(3, 1\)$"),
        (torch.eye(3).long(), ValueError, r"got shape \(3, 3\); labels.argmax\(dim=1\) of one-hot"),
        (torch.tensor([0, -1, 2]), ValueError, "labels must be at least 0, got -1 to 2"),
    ],
)
def test_labels_of_a_wrong_kind_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        Digits(IMAGES, labels)


def test_many_images_in_half_precision_are_finite_too():
    """Their sum is not: 100 * 32 * 32 is beyond the largest float16."""
    images = torch.ones(100, 1, 32, 32, dtype=torch.float16)
    assert len(Digits(images, torch.zeros(100, dtype=torch.int64))) == 100


def test_large_but_finite_pixels_are_finite():
    """Their sum is not."""
    images = torch.full((3, 1, 28, 28), 3e38)
    assert len(Digits(images, LABELS)) == 3


def test_double_precision_is_as_good():
    assert Digits(IMAGES.double(), LABELS).images.dtype == torch.float64


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
    for classes, least in ((None, 2**63), (NAMES, 10)):
        if ((labels >= 0) & (labels < least)).all():
            digits = Digits(images, torch.from_numpy(labels), classes)
            assert digits.labels.tolist() == labels.tolist()
        else:
            with pytest.raises(ValueError, match="from 0 to 9" if classes else "at least 0"):
                Digits(images, torch.from_numpy(labels), classes)


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        (5, TypeError, r"classes must be of type Sequence, got int; such as \('a'"),
        ([1, 2], TypeError, r"each of classes must be .* got int; tuple\(map\(str, classes"),
        (["a", "a"], ValueError, r"different names, at least one, got \('a', 'a'\)"),
        ([], ValueError, r"different names, at least one, got \(\)"),
        ("abcdefghi", ValueError, "labels must be from 0 to 8, got 0 to 9"),
    ],
)
def test_classes_that_are_no_names_are_refused(classes, error, message):
    with pytest.raises(error, match=message):
        Digits(IMAGES, LABELS, classes)


def test_digits_are_shown_by_their_number_and_kind():
    assert repr(Digits(torch.zeros(1_500, 1, 2, 3), torch.zeros(1_500).long())) == (
        "<Digits: 1,500 images of 1x2x3>"
    )
    named = Digits(IMAGES, LABELS, "abcdefghij")
    assert repr(named) == "<Digits: 3 images of 1x28x28 in 10 classes>"
    shown = repr(Splits(named, None, named, 0.0, 1.0))
    assert shown.startswith(f"Splits(train={named!r}, validation=None, test={named!r}, backgr")


def test_a_dataloader_is_told_what_it_can_take():
    with pytest.raises(TypeError, match="DataLoader") as refusal:
        next(iter(DataLoader(Digits(IMAGES, LABELS), batch_size=2)))
    advice = re.search(r"torch.utils.data.TensorDataset\([^)]*\)", str(refusal.value))[0]
    pairs = eval(advice, {"torch": torch, "digits": Digits(IMAGES, LABELS)})
    images, labels = next(iter(DataLoader(pairs, batch_size=2)))
    assert torch.equal(images, IMAGES[:2])
    assert torch.equal(labels, LABELS[:2])


def test_a_part_keeps_the_names_of_all_classes():
    digits = Digits(IMAGES, LABELS, "abcdefghij")
    assert digits[:1].classes == tuple("abcdefghij")
    assert Digits(IMAGES, LABELS)[:1].classes is None


@given(SEEDS, st.slices(12))
def test_a_slice_of_digits_is_a_slice_of_both(seed, chosen):
    digits = Digits(random_input(seed, 12, 1, 3, 3), torch.arange(12) % 10)
    assume(len(range(12)[chosen]) and (chosen.step is None or chosen.step > 0))
    part = digits[chosen]
    assert part.labels.tolist() == digits.labels.tolist()[chosen]
    assert torch.equal(part.images, digits.images[chosen])


def test_a_part_without_digits_is_refused():
    with pytest.raises(ValueError, match=r"must be a non-empty \(N, C, H, W\), .*got \(0, 1"):
        DIGITS[3:]


def test_digits_are_selected_by_slice_positions_or_mask():
    digits = Digits(torch.arange(6.0).reshape(6, 1, 1, 1), torch.arange(6))
    assert len(digits) == 6
    assert digits[2:4].labels.tolist() == [2, 3]
    assert digits[torch.tensor([5, 0])].images.flatten().tolist() == [5, 0]
    assert digits[digits.labels > 3].labels.tolist() == [4, 5]


@pytest.mark.parametrize("index", [0, -1, np.int64(2), [5, 0], np.array([5, 0])])
def test_digits_say_how_to_select_by_another_kind_of_index(index):
    digits = Digits(torch.rand(6, 1, 1, 1), torch.arange(6))
    with pytest.raises(TypeError, match="by a slice or a tensor, got ") as refusal:
        digits[index]
    advice = str(refusal.value).split("; else write ")[1]
    chosen = eval(advice, {"digits": digits, "torch": torch, "positions": index})
    assert chosen.labels.tolist() == np.atleast_1d(digits.labels.numpy()[index]).tolist()


FLOAT4 = torch.float4_e2m1fn_x2

test_what_cannot_be_right_is_refused = refusals(
    {
        "digits sparse": (
            lambda: Digits(IMAGES.to_sparse(), LABELS),
            r"dense tensor, got torch.sparse_coo; images.to_dense\(\) makes one",
        ),
        "digits nested": (
            lambda: Digits(torch.nested.nested_tensor([*IMAGES], layout=torch.jagged), LABELS),
            r"got a nested tensor; torch.stack\(images.unbind\(\)\) makes one",
        ),
        "digits float8": (
            lambda: Digits(IMAGES.to(torch.float8_e5m2), LABELS),
            r"of torch.float32, or of 16 or 64 bits, got torch.float8_e5m2, .*; images.float\(\)",
        ),
        "digits float4": (
            lambda: Digits(torch.zeros_like(IMAGES, dtype=torch.uint8).view(FLOAT4), LABELS),
            "got torch.float4_e2m1fn_x2, .* of 4 bits, of which two share a byte, have",
        ),
        "digits meta": (
            lambda: Digits(IMAGES.to("meta"), LABELS),
            "images are on the device 'meta', where tensors have no values",
        ),
        "labels meta": (
            lambda: Digits(IMAGES, LABELS.to("meta")),
            "labels are on the device 'meta'",
        ),
    }
)
