"""What every function refuses, in the same words."""

import math

import pytest
import torch

from lenet_utils import Digits
from lenet_utils._checks import check_one_of, check_positive, check_whole

IMAGES, LABELS = torch.zeros(3, 1, 4, 4), torch.tensor([0, 9, 5])


def spoiled(value):
    images = IMAGES.clone()
    images[1, 0, 2, 3] = value
    return images


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ([[0.0]], TypeError, "images must be a float tensor, got list; torch.as_tensor makes"),
        (IMAGES.byte(), TypeError, "must be a float tensor, got torch.uint8"),
        (IMAGES[:, 0], ValueError, r"must be a non-empty \(N, 1, H, W\), got \(3, 4, 4\)"),
        (IMAGES.expand(3, 3, 4, 4), ValueError, r"\(N, 1, H, W\), got \(3, 3, 4, 4\)"),
        (IMAGES[:0], ValueError, r"non-empty \(N, 1, H, W\), got \(0, 1, 4, 4\)"),
        (spoiled(math.nan), ValueError, "must be finite, got NaN or infinity"),
        (spoiled(-math.inf), ValueError, "must be finite, got NaN or infinity"),
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
        (LABELS[:, None], ValueError, r"got shape \(3, 1\)"),
        (torch.tensor([0, 10, 2]), ValueError, "labels must be from 0 to 9, got 0 to 10"),
        (torch.tensor([0, -1, 2]), ValueError, "labels must be from 0 to 9, got -1 to 2"),
    ],
)
def test_labels_of_a_wrong_kind_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        Digits(IMAGES, labels)


def test_many_images_in_half_precision_are_finite_too():
    """Their sum is not: 100 * 32 * 32 is beyond the largest float16."""
    images = torch.ones(100, 1, 32, 32, dtype=torch.float16)
    assert len(Digits(images, torch.zeros(100, dtype=torch.int64))) == 100


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True, None])
def test_a_count_must_be_a_whole_number_of_at_least_one(value):
    with pytest.raises(ValueError, match=f"epochs must be a whole number .* got {value!r}"):
        check_whole("epochs", value)


@pytest.mark.parametrize("value", [0, -0.5, math.nan, "1", True, None])
def test_a_positive_number_must_be_one(value):
    with pytest.raises(ValueError, match=f"slope must be positive and finite, got {value!r}"):
        check_positive("slope", value)


def test_a_choice_must_be_among_the_known_ones():
    with pytest.raises(ValueError, match="name must be one of 'a', 'b', got 'c'"):
        check_one_of("name", "c", ["a", "b"])


def test_good_values_pass():
    check_whole("epochs", 1)
    check_positive("slope", 1e-9)
    check_one_of("name", "a", ["a", "b"])
    Digits(IMAGES.double(), LABELS)
