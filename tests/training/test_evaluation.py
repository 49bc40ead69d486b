"""Every figure of an evaluation against counting by loops."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from inventing import SEEDS, random_input
from refusing import DIGITS, IMAGES, LABELS, SCORES, in_full, refusals
from torch import nn

from lenet_utils import Digits, Evaluation, InputWarning, LeNet1, RBFOutput, evaluate
from lenet_utils.models import Negation

LETTERS = Digits(IMAGES, torch.tensor([1, 26, 3]))  # as EMNIST numbers them


@pytest.fixture(scope="module")
def result():
    """3,000 answers, about half of them right; class 7 is never true, class 3 never predicted."""
    random = torch.Generator().manual_seed(5)
    labels = torch.randint(0, 10, (3_000,), generator=random)
    labels[labels == 7] = 1
    scores = torch.randn(3_000, 10, generator=random)
    scores[range(3_000), labels] += 1.5
    scores[:, 3] = -9
    return Evaluation(scores, labels)


@pytest.fixture
def answers(result):
    """``(true, predicted)`` of every digit, found by plain Python."""
    predicted = [row.index(max(row)) for row in result.scores.tolist()]
    return list(zip(result.labels.tolist(), predicted, strict=True))


class Lookup(nn.Module):
    """Answers with the scores that lie in the image itself."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, images):
        self.sizes.append(len(images))
        return images[:, 0, 0]


def test_errors_are_counted_over_the_whole_set_not_averaged_over_batches(result, answers):
    """2,500 digits make batches of unequal size, where a mean of means would be off."""
    part = Digits(result.scores[:2_500, None, None], result.labels[:2_500])
    model = Lookup()
    found = evaluate(model, part)
    wrong = [i for i, (true, predicted) in enumerate(answers[:2_500]) if true != predicted]
    assert len(set(model.sizes)) > 1
    assert found.mistakes.tolist() == wrong
    assert found.errors == len(wrong)
    assert found.error_rate == len(wrong) / 2_500
    assert found.predictions.tolist() == [predicted for _, predicted in answers[:2_500]]


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_of_equal_scores_the_first_class_comes_first_everywhere(kind):
    """Ten equal scores were the answer 0 to one count and any of ten to another."""
    labels = torch.arange(1000) % 10
    even = Evaluation(torch.zeros(1000, 10, dtype=kind), labels)
    assert (even.predictions == 0).all()
    for k in range(1, 11):
        assert even.top_k_accuracy(k) == pytest.approx(k / 10)
    coarse = torch.randint(0, 3, (1000, 10)).to(kind)
    found = Evaluation(coarse, labels)
    places = [sorted(range(10), key=lambda c: (-row[c], c)) for row in coarse.tolist()]
    for k in range(1, 11):
        right = sum(label in best[:k] for label, best in zip(labels.tolist(), places, strict=True))
        assert found.top_k_accuracy(k) == pytest.approx(right / 1000)
    assert found.top_k_accuracy(1) == pytest.approx(1 - found.error_rate)


def test_as_text_it_is_a_sentence():
    labels = torch.arange(10_000) % 10
    scores = torch.zeros(10_000, 10)
    scores[range(10_000), labels] = 1
    scores[torch.arange(0, 129 * 10, 10), 5] = 2
    result = Evaluation(scores, labels)
    assert str(result) == "129 errors of 10,000 (1.29 %)"
    assert f"{result!r}" == "<Evaluation: 129 errors of 10,000 (1.29 %)>"
    assert str(Evaluation(scores[:1], labels[:1])) == "1 error of 1 (100.00 %)"
    assert str(Evaluation(scores[1:2], labels[1:2])) == "0 errors of 1 (0.00 %)"


def test_the_confusion_matrix_counts_each_pair(result, answers):
    confusion = result.confusion
    assert (confusion.index.name, confusion.columns.name) == ("true", "predicted")
    for true in range(10):
        for predicted in range(10):
            assert confusion.loc[true, predicted] == answers.count((true, predicted))


def test_per_class_figures_are_those_counted_by_hand(result, answers):
    table = result.per_class
    assert list(table.columns) == ["digits", "errors", "error_rate", "precision", "recall", "f1"]
    for c in range(10):
        right = answers.count((c, c))
        digits = sum(true == c for true, _ in answers)
        predicted = sum(p == c for _, p in answers)
        recall = right / digits if digits else math.nan
        precision = right / predicted if predicted else math.nan
        row = table.loc[c]
        assert (row.digits, row.errors) == (digits, digits - right)
        assert row.error_rate == pytest.approx(1 - recall, nan_ok=True)
        assert row.recall == pytest.approx(recall, nan_ok=True)
        assert row.precision == pytest.approx(precision, nan_ok=True)
        if right:
            assert row.f1 == pytest.approx(2 * precision * recall / (precision + recall))
        else:
            assert row.f1 == 0
    assert table.errors.sum() == result.errors


@pytest.mark.parametrize("count", [2, 26, 95])
def test_any_number_of_classes_is_counted_under_its_names(count):
    """Letters, the paper's 95 characters: against a loop; the last label is never there."""
    names = [f"class {number}" for number in range(count)]
    labels, model = torch.randint(count - 1, (300,)), Lookup()
    scores = torch.randn(300, count)
    scores[range(300), labels] += 2
    result = evaluate(model, Digits(scores[:, None, None], labels, names))
    pairs = list(zip(labels.tolist(), scores.argmax(1).tolist(), strict=True))
    assert result.errors == sum(true != predicted for true, predicted in pairs)
    assert list(result.confusion.index) == list(result.confusion.columns) == names
    for true, predicted in {*pairs}:
        found = result.confusion.loc[names[true], names[predicted]]
        assert found == pairs.count((true, predicted))
    assert result.per_class.loc[names[0], "digits"] == labels.tolist().count(0)
    assert math.isnan(result.per_class.loc[names[-1], "recall"])
    assert result.top_k_accuracy(count) == 1


def test_an_output_without_a_name_is_called_by_its_number():
    """A blank beside ten digits, or a network with more outputs than there are classes."""
    result = Evaluation(torch.eye(3), torch.tensor([0, 1, 1]), ["a", "b"])
    assert list(result.confusion.columns) == ["a", "b", "2"]
    assert Evaluation(torch.eye(2), torch.tensor([0, 1]), "01").confusion.loc[1, 1] == 1


@pytest.mark.parametrize("k", range(1, 11))
def test_top_k_accuracy_is_found_by_sorting(result, k):
    hits = sum(
        label in sorted(range(10), key=lambda c: -row[c])[:k]
        for row, label in zip(result.scores.tolist(), result.labels.tolist(), strict=True)
    )
    assert result.top_k_accuracy(k) == pytest.approx(hits / 3_000)


def test_top_1_is_the_complement_of_the_error_rate(result):
    assert result.top_k_accuracy(1) == pytest.approx(1 - result.error_rate)


@pytest.mark.parametrize("wrong", [0, 0.005, 0.01, 0.1, 0.3, 0.5, 1])
def test_the_share_to_reject_is_found_by_trying_every_threshold(result, wrong):
    coarse = Evaluation((result.scores * 4).round(), result.labels)  # with many equal differences
    for found in (result, coarse):
        rows = [sorted(row)[-2:] for row in found.scores.tolist()]
        gaps = [largest - second for second, largest in rows]
        wrongs = (found.predictions != found.labels).tolist()
        kept = 0
        for limit in {*gaps}:
            accepted = [w for gap, w in zip(gaps, wrongs, strict=True) if gap >= limit]
            if sum(accepted) <= wrong * len(accepted):
                kept = max(kept, len(accepted))
        assert found.rejected_share(wrong) == pytest.approx(1 - kept / 3_000)


def test_what_is_rejected_in_a_case_that_can_be_counted():
    """The two wrong answers have the differences 3 and 1, the right ones 4, 2 and 2."""
    scores = torch.tensor([[4.0, 0], [3, 0], [2, 0], [2, 0], [1, 0]])
    found = Evaluation(scores, torch.tensor([0, 1, 0, 0, 1]))
    shares = {0: 4 / 5, 0.24: 4 / 5, 0.25: 1 / 5, 0.39: 1 / 5, 0.4: 0}
    for wrong, share in shares.items():
        assert found.rejected_share(wrong) == pytest.approx(share)
    assert Evaluation(scores, torch.ones(5).long()).rejected_share(0) == 1


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan, "1 %", None])
def test_shares_of_wrong_answers_that_are_none_are_refused(result, wrong):
    with pytest.raises(ValueError, match=f"wrong must be a share .*, got {wrong!r}"):
        result.rejected_share(wrong)
    with pytest.raises(ValueError, match="no two scores"):
        Evaluation(torch.zeros(3, 1), torch.zeros(3).long()).rejected_share(0.01)


def with_errors(errors, count):
    labels = torch.zeros(count, dtype=torch.int64)
    scores = torch.zeros(count, 10)
    scores[:, 0] = 1
    scores[:errors, 1] = 2
    return Evaluation(scores, labels)


@pytest.mark.parametrize(("errors", "count"), [(95, 10_000), (3, 40), (0, 50), (50, 50), (1, 1)])
@pytest.mark.parametrize(("level", "z"), [(0.95, 1.959964), (0.5, 0.674490), (0.99, 2.575829)])
def test_the_interval_ends_where_the_error_rate_is_z_deviations_away(errors, count, level, z):
    """Wilson's definition, solved by bisection for the rates p0 with |p - p0| = z sd(p0)."""

    def excess(p0):
        return abs(p - p0) - z * math.sqrt(p0 * (1 - p0) / count)

    def bisect(outside, inside):
        for _ in range(80):
            middle = (outside + inside) / 2
            outside, inside = (middle, inside) if excess(middle) > 0 else (outside, middle)
        return inside

    p = errors / count
    expected = (bisect(0.0, p) if p > 0 else 0.0, bisect(1.0, p) if p < 1 else 1.0)
    assert with_errors(errors, count).interval(level) == pytest.approx(expected, abs=1e-6)


def test_the_interval_of_the_papers_95_errors():
    """About 0.1 % on either side, as its Fig. 9 says."""
    assert with_errors(95, 10_000).interval() == pytest.approx((0.00778, 0.01160), abs=2e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_in_its_mode_and_runs_as_in_evaluation(training):
    model = LeNet1(dropout=0.9, normalization=nn.BatchNorm2d).train(training)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    digits = Digits(torch.randn(7, 1, 28, 28), torch.arange(7))
    assert torch.equal(evaluate(model, digits).scores, evaluate(model, digits).scores)
    assert model.training is training
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())


def test_a_frozen_layer_stays_frozen():
    model = LeNet1(normalization=nn.BatchNorm2d)
    model.h1.eval()
    evaluate(model, Digits(torch.randn(2, 1, 28, 28), torch.arange(2)))
    assert model.training
    assert not any(part.training for part in model.h1.modules())


def test_the_mode_is_given_back_after_an_error_too():
    model = LeNet1()
    with pytest.raises(ValueError, match="LeNet1 expects images"):
        evaluate(model, Digits(torch.randn(2, 1, 32, 32), torch.arange(2)))
    assert model.training


def test_the_scores_are_ordinary_tensors():
    """A reader may change them in place, or put them through a criterion that learns."""
    digits = Digits(torch.randn(2, 1, 28, 28), torch.arange(2))
    scores = evaluate(LeNet1(), digits).scores
    assert not scores.requires_grad
    scores.sub_(scores.mean())
    (scores * torch.ones(10, requires_grad=True)).sum().backward()


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, math.nan, "95 %"])
def test_levels_that_are_no_confidence_are_refused(level):
    with pytest.raises(ValueError, match=f"level must be .*, got {level!r}"):
        with_errors(1, 10).interval(level)


@pytest.mark.parametrize(("k", "message"), [(0, "at least 1, got 0"), (11, "at most 10, got 11")])
def test_k_out_of_range_is_refused(result, k, message):
    with pytest.raises(ValueError, match=f"k must be .*{message}"):
        result.top_k_accuracy(k)


def test_a_model_that_answers_nan_is_not_judged():
    """NaN counts as the largest score: a broken network would seem to answer 0 to everything."""
    model = LeNet1()
    evaluate(model, digits := Digits(torch.randn(3, 1, 28, 28), torch.arange(3)))
    with torch.no_grad():
        next(model.parameters())[0] = math.nan
    with pytest.raises(
        FloatingPointError, match=r"3 of 3 images with NaN.* a tenth of the learning"
    ):
        evaluate(model, digits)
    scores = torch.tensor([[0.0] * 10, [1.0] * 9 + [math.nan], [math.inf] + [0.0] * 9])
    with pytest.raises(FloatingPointError, match="1 of 3 images"):
        Evaluation(scores, digits.labels)
    assert Evaluation(scores[[0, 2]], digits.labels[:2]).errors == 1


# --- what cannot be right ------------------------------------------------------------------------

test_what_cannot_be_right_is_refused = refusals(
    {
        "evaluate model": (
            lambda: evaluate(torch.relu, DIGITS),
            "model must be .* got builtin_function",
        ),
        "evaluate digits": (
            lambda: evaluate(LeNet1(), IMAGES),
            "digits must be .* Tensor; load_mnist",
        ),
        "evaluate scores": (
            lambda: evaluate(nn.Flatten(0), DIGITS),
            r"must give \(N, 10\) scores or more, .* labels up to 9, got \(2352,\); a last",
        ),
        "evaluation kind": (
            lambda: Evaluation([1], LABELS),
            "scores must be of type Tensor, got list",
        ),
        "evaluation shape": (lambda: Evaluation(SCORES[:, :9], LABELS), r"\(N, 10\), .* \(3, 9\)"),
        "evaluation empty": (
            lambda: Evaluation(SCORES[:0], LABELS[:0]),
            r"\(N, classes\), .* \(0, 10\)",
        ),
        "evaluation labels": (
            lambda: Evaluation(SCORES, LABELS + 1),
            r"\(N, 11\), a column for each class, got \(3, 10\)",
        ),
        "evaluate letters": (
            lambda: evaluate(nn.Sequential(nn.Flatten(), nn.Linear(784, 26)), LETTERS),
            r"\(N, 27\) .* up to 26, got \(3, 26\); a last layer of 27 .* or labels - 1, which",
        ),
    }
)


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


ONE_NAN = torch.tensor([[math.nan] + [0.0] * 9, [0.0] * 10])
MAKES = "load_mnist().test is one, and Digits(images, labels) makes one of tensors"

test_the_words_are_these = in_full(
    {
        "scores kind": (
            lambda path: Evaluation([1], LABELS),
            TypeError,
            "scores must be of type Tensor, got list; what a model gave out",
        ),
        "scores shape": (
            lambda path: Evaluation(SCORES[0], LABELS),
            ValueError,
            "scores must be (N, classes), a column for each class, got (10,)",
        ),
        "few columns": (
            lambda path: Evaluation(SCORES, LABELS + 1),
            ValueError,
            "scores must be (N, 11), a column for each class, got (3, 10)",
        ),
        "nan": (
            lambda path: Evaluation(ONE_NAN, LABELS[:2]),
            FloatingPointError,
            "the model answered 1 of 2 images with NaN. Most likely its training diverged: train it"
            " anew, with a tenth of the learning rate.",
        ),
        "level": (
            lambda path: Evaluation(SCORES, LABELS).interval(95),
            ValueError,
            "level must be between 0 and 1, got 95",
        ),
        "no k": (
            lambda path: Evaluation(SCORES, LABELS).top_k_accuracy(0),
            ValueError,
            "k must be a whole number of at least 1, got 0",
        ),
        "k": (
            lambda path: Evaluation(SCORES, LABELS).top_k_accuracy(11),
            ValueError,
            "k must be at most 10, got 11",
        ),
        "model": (
            lambda path: evaluate(5, DIGITS),
            TypeError,
            "model must be of type Module, got int; such as LeNet5()",
        ),
        "digits": (
            lambda path: evaluate(LeNet1(), IMAGES),
            TypeError,
            f"digits must be of type Digits, got Tensor; {MAKES}",
        ),
    }
)


def test_of_scores_the_index_has_a_name():
    result = Evaluation(SCORES, LABELS)
    assert result.per_class.index.name == "class"


# --- what else a model may be, and images that it is not for --------------------------------------


class Elsewhere(nn.Module):
    """A model on a device that has no memory, so that every test can have it; 0 to everything."""

    def __init__(self):
        super().__init__()
        self.weight, self.devices = nn.Parameter(torch.zeros(1, device="meta")), set()

    def forward(self, images):
        self.devices.add(images.device.type)
        return torch.eye(10)[[0] * len(images)]


def test_images_are_brought_to_the_device_of_the_model():
    model = Elsewhere()
    assert evaluate(model, DIGITS).predictions.tolist() == [0, 0, 0]
    assert model.devices == {"meta"}


def test_the_penalties_of_rbf_units_are_refused():
    """Their smallest is the answer: taken for scores they would be nearly all wrong."""
    units = [nn.Flatten(), nn.Linear(784, 84), RBFOutput()]
    with pytest.raises(ValueError, match=r"^Sequential gives out penalties, of which the smallest"):
        evaluate(nn.Sequential(*units), DIGITS)
    assert len(evaluate(nn.Sequential(*units, Negation()), DIGITS).scores) == 3


def test_of_images_that_a_network_is_not_for_its_caller_is_warned():
    with pytest.warns(InputWarning, match="images with a background of -0.1, and that"):
        evaluate(LeNet1.from_pretrained(), DIGITS)


def test_an_interval_never_leaves_0_to_1():
    """Of 9 digits all wrong, and of 21 all right, the sums end a rounding beyond."""
    for count in range(1, 100):
        assert with_errors(count, count).interval()[1] <= 1
        assert with_errors(0, count).interval()[0] >= 0
