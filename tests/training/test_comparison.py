"""Intervals over seeds, beside SciPy's."""

import re
from functools import partial
from itertools import takewhile

import numpy as np
import pytest
from scipy import stats

from lenet_utils.training import Difference, difference, paired_difference, student_t, told_apart


@pytest.mark.parametrize("freedom", [1, 1.7, 2, 4, 9, 30, 1_000, 1e6])
@pytest.mark.parametrize("confidence", [0.01, 0.5, 0.95, 0.99, 0.999])
def test_student_t_is_scipys(confidence, freedom):
    assert student_t(confidence, freedom) == pytest.approx(
        stats.t.ppf((1 + confidence) / 2, freedom), rel=1e-7
    )


def test_student_t_is_that_of_the_tables():
    assert round(student_t(0.95, 4), 3) == 2.776
    assert round(student_t(0.95, 9), 3) == 2.262


def seeds(count, shift=0.0, spread=1.0, seed=0):
    return np.random.default_rng(seed).normal(shift, spread, count)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_pairs_are_compared_as_scipy_does(confidence):
    a, b = seeds(7, 3.0), seeds(7, seed=1)
    ours = paired_difference(a, b, confidence)
    theirs = stats.ttest_rel(a, b).confidence_interval(confidence)
    assert ours == pytest.approx((np.mean(a) - np.mean(b), *theirs))


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_others_are_compared_as_scipy_does(confidence):
    a, b = seeds(5, 3.0, spread=4.0), seeds(9, seed=1)
    ours = difference(a, b, confidence)
    theirs = stats.ttest_ind(a, b, equal_var=False).confidence_interval(confidence)
    assert ours == pytest.approx((np.mean(a) - np.mean(b), *theirs))


def test_pairs_know_more_where_seeds_share_something():
    shared = seeds(8, spread=10)
    a, b = shared + seeds(8, 1, 0.1, seed=1), shared + seeds(8, 0, 0.1, seed=2)
    assert paired_difference(a, b).is_told_apart
    assert not difference(a, b).is_told_apart


@pytest.mark.parametrize("compare", [paired_difference, difference])
def test_several_are_told_apart_by_holms_rule(compare):
    pairs = {shift: (seeds(6, shift, seed=shift), seeds(6, seed=9)) for shift in range(6)}
    test = (
        stats.ttest_rel
        if compare is paired_difference
        else partial(stats.ttest_ind, equal_var=False)
    )
    p = {shift: test(*pair).pvalue for shift, pair in pairs.items()}
    # As textbooks have it: the smallest p beside 0.05 / m, the next beside 0.05 / (m - 1), ...
    ranked = sorted(p, key=p.get)
    kept = list(takewhile(lambda s: p[s] < 0.05 / (len(p) - ranked.index(s)), ranked))
    assert 0 < len(kept) < len(pairs)
    assert sorted(told_apart(pairs, compare)) == sorted(kept)


def test_of_none_none_is_told_apart():
    assert told_apart({}) == []


def test_what_never_varies_has_no_width():
    assert difference([3, 3], [1, 1, 1]) == paired_difference([3, 3], [1, 1]) == (2, 2, 2)


@pytest.mark.parametrize(
    ("interval", "word", "is_told_apart"),
    [
        ((-2.0, -3.0, -1.0), "fewer", True),
        ((2.0, 1.0, 3.0), "more", True),
        ((1.0, -1.0, 3.0), "neither reliably more nor reliably fewer", False),
        ((1.0, 0.0, 2.0), "neither reliably more nor reliably fewer", False),
    ],
)
def test_the_verdict_goes_by_the_whole_interval(interval, word, is_told_apart):
    assert Difference(*interval).verdict() == word
    assert Difference(*interval).is_told_apart == is_told_apart


def test_the_verdict_may_have_words_of_its_own():
    alike = Difference(0.0, -1.0, 1.0)
    assert alike.verdict("less alike", "more alike", "as alike") == "as alike"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: student_t(1, 4), "confidence must be between 0 and 1, such as 0.95, got 1"),
        (lambda: student_t(0.95, 0), "freedom must be 1 or more, got 0; take two seeds"),
        (lambda: paired_difference([1], [2]), "first must be numbers of two seeds or more"),
        (lambda: paired_difference([1, 2], [2, 1, 0]), "must be pairs, got 2 and 3 numbers"),
        (lambda: difference([1, 2], [1, float("nan")]), "second must be finite numbers"),
        (lambda: told_apart({"a": ([1, 2], [3, 4])}, risk=5), "risk must be between 0 and 1"),
        (lambda: difference([[1, 2], [3, 4]], [1, 2]), "first must be numbers of two seeds"),
    ],
)
def test_refusals(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call()
