"""The criterion that `fit` takes for models as people write them, and what is refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lenet_utils import (
    Digits,
    DiscriminativeLoss,
    LeNet1,
    LeNet5,
    RBFOutput,
    ScaledTanh,
    evaluate,
    fit,
    squared_error,
)
from lenet_utils.models import Boosted, LeNet4, Negation
from lenet_utils.models.outputs import criterion_for

IMAGES = torch.randn(20, 1, 28, 28)
DIGITS = Digits(IMAGES, torch.arange(20) % 10)


class Own(nn.Module):
    """Somebody's own module: a body, and ``end`` of what it gives."""

    def __init__(self, last, end=lambda last, x: last(x)):
        super().__init__()
        self.unused = nn.Sigmoid()
        self.last, self.body, self.end = last, nn.Linear(784, 84), end
        self.squash = nn.Tanh()

    def forward(self, images):
        return self.end(self.last, self.squash(self.body(images.flatten(1))))


def compiled(model):
    return torch.compile(model, backend="eager")


def full(*after):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10), *after)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        nn.Sequential,
        nn.DataParallel,
        compiled,
        lambda model: nn.Sequential(nn.DataParallel(compiled(model))),
    ],
)
def test_a_wrapped_network_keeps_its_criterion(wrap):
    assert criterion_for(wrap(LeNet1()), None, IMAGES) is squared_error
    larger = torch.randn(2, 1, 32, 32)
    assert isinstance(criterion_for(wrap(LeNet5()), None, larger), DiscriminativeLoss)
    softmax = LeNet1(output=nn.Linear(192, 10))
    assert criterion_for(wrap(softmax), None, IMAGES) is F.cross_entropy


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (full(), F.cross_entropy),
        (full(nn.LogSoftmax(1)), F.cross_entropy),  # of which the softmax is the same once more
        (full(nn.ReLU()), F.cross_entropy),
        (full(nn.Tanh()), squared_error),
        (full(ScaledTanh()), squared_error),
        (nn.DataParallel(full(nn.Tanh())), squared_error),
        (Own(nn.Linear(84, 10)), F.cross_entropy),
        (Own(nn.Linear(84, 10), lambda last, x: last(x).tanh()), F.cross_entropy),  # not seen
        (Own(nn.Sequential(nn.Linear(84, 10), nn.Tanh())), squared_error),
        (Boosted([LeNet4(), LeNet4()]), F.cross_entropy),
        (LeNet1(output=nn.Sequential(nn.Linear(192, 10), nn.Tanh())), squared_error),
    ],
)
def test_the_criterion_goes_with_the_layer_that_gives_the_scores(model, kind):
    size = 32 if isinstance(model, Boosted) else 28
    assert criterion_for(model, None, torch.randn(3, 1, size, size)) is kind


@pytest.mark.parametrize(
    "model",
    [
        Own(nn.Sequential(RBFOutput(), Negation())),
        Own(RBFOutput(), lambda last, x: -last(x)),
        nn.Sequential(nn.Flatten(), nn.Linear(784, 84), RBFOutput(), Negation()),
    ],
)
def test_behind_rbf_units_it_is_the_papers(model):
    assert isinstance(criterion_for(model, None, IMAGES), DiscriminativeLoss)
    assert evaluate(model, DIGITS).scores.max() < 0


@pytest.mark.parametrize(
    "model",
    [
        Own(RBFOutput()),
        nn.DataParallel(Own(RBFOutput())),
        nn.Sequential(nn.Flatten(), nn.Linear(784, 84), RBFOutput()),
    ],
)
def test_penalties_are_not_taken_for_scores(model):
    for call in (evaluate, lambda *of: fit(*of, epochs=1)):
        with pytest.raises(ValueError, match=r"gives out penalties, .* put .*Negation\(\)"):
            call(model, DIGITS)


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.Sigmoid(), nn.Hardsigmoid()])
def test_probabilities_are_refused_with_what_to_do(last):
    with pytest.raises(ValueError, match=r"from 0 to 1.*leave that last layer out, .* or pass"):
        fit(full(last), DIGITS, epochs=1, progress=False)
    with pytest.raises(ValueError, match="from 0 to 1"):
        fit(LeNet1(output=nn.Sequential(nn.Linear(192, 10), last)), DIGITS, epochs=1)


@pytest.mark.parametrize(
    "criterion", [nn.CrossEntropyLoss(), F.cross_entropy, DiscriminativeLoss()]
)
@pytest.mark.parametrize(
    "model",
    [
        *(full(nn.Softmax(1)), full(nn.Sigmoid()), nn.DataParallel(full(nn.Softmax(1)))),
        Own(nn.Linear(84, 10), lambda last, x: last(x).softmax(1)),
        LeNet1(output=nn.Sequential(nn.Linear(192, 10), nn.Softmax(1))),
    ],
)
def test_a_criterion_that_makes_probabilities_of_probabilities_is_refused(model, criterion):
    with pytest.raises(ValueError, match=r"from 0 to 1 already: squashed twice, .* or pass torch"):
        fit(model, DIGITS, epochs=1, criterion=criterion, progress=False)


def test_logarithms_of_probabilities_are_as_good_as_plain_scores():
    """The softmax of a log-softmax is the same once more: so is the training."""
    ends = []
    for after in ([], [nn.LogSoftmax(1)]):
        torch.manual_seed(0)
        model = full(*after)
        fit(
            model, DIGITS, epochs=3, criterion=nn.CrossEntropyLoss(), progress=False,
            # Adam divides by a gradient's size: where that is next to nothing, rounding counts.
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1), schedule=None,
        )  # fmt: skip
        ends.append(model[1].weight.detach())
    torch.testing.assert_close(*ends)


def test_a_criterion_of_ones_own_may_take_probabilities():
    def own(scores, labels):
        return F.cross_entropy(scores, labels)

    fit(full(nn.Softmax(1)), DIGITS, epochs=1, criterion=own, progress=False)


@pytest.mark.parametrize("criterion", [nn.NLLLoss(), F.nll_loss])
def test_negative_logarithms_of_raw_scores_are_refused(criterion):
    with pytest.raises(ValueError, match=r"NLLLoss takes log.* pass torch.nn.CrossEntropyLoss\(\)"):
        fit(full(), DIGITS, epochs=1, criterion=criterion, progress=False)
    fit(full(nn.LogSoftmax(1)), DIGITS, epochs=1, criterion=criterion, progress=False)


def test_a_model_is_looked_at_without_a_trace():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(), full())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    criterion_for(model, None, IMAGES)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(part._forward_hooks for part in model.modules())
