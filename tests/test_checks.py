"""The words in which every function refuses what is no number of the right kind."""

import math

import pytest

from lenet_utils._checks import check_one_of, check_positive, check_whole


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
