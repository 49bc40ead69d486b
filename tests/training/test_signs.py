"""Trainings that go nowhere, as learners write them: one sentence, once; and none for others."""

import warnings

import pytest
import torch
from torch import nn
from toy import QUIET, make_digits, make_model

from lenet_utils import Digits, LeNet1, LeNet5, TrainingWarning, fit, load_mnist


@pytest.fixture(scope="module")
def few(cache):
    """2,000 digits to learn from, and 500 to evaluate by."""
    mnist = load_mnist(cache=cache)
    return mnist.train[:2000], mnist.validation[:500]


def warned(model, *digits, **options):
    """Train; return the history and what was warned of."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        history = fit(model, *digits, **{**QUIET, **options})
    return history, [str(one.message) for one in seen if one.category is TrainingWarning]


def sgd(model, lr, momentum=0.0):
    return {"optimizer": torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)}


@pytest.mark.parametrize("judged", [True, False])
@pytest.mark.parametrize(("lr", "momentum"), [(0.1, 0.9), (1.0, 0.0)])
def test_one_answer_for_all_is_told_once(few, lr, momentum, judged):
    train, validation = few
    model = LeNet5(output=nn.Linear(84, 10), activation=nn.Sigmoid())
    given = [train, validation] if judged else [train]
    _, said = warned(model, *given, epochs=3, **sgd(model, lr, momentum))
    assert len(said) == 1
    looked_at = 500 if judged else 200
    assert f" of {looked_at} images, so that it has hardly learned anything yet" in said[0]


def test_a_loss_that_climbs_is_told():
    digits = make_digits()
    model = make_model()
    steep = {"schedule": None, "batch_size": 1, **sgd(model, 30.0)}
    history, said = warned(model, digits, epochs=1, **steep)
    assert history.steps.loss.iloc[-5:].mean() > history.steps.loss.iloc[:5].mean()
    assert len(said) == 1
    assert said[0].startswith("after epoch 1 the loss is ")
    assert said[0].endswith("most likely the learning rate is too high; try a tenth")


def test_a_schedule_meant_for_epochs_is_told(few):
    def schedule(optimizer, steps):
        return torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)

    model = LeNet5(output=nn.Linear(84, 10))
    _, said = warned(model, few[0], epochs=2, schedule=schedule, **sgd(model, 0.1))
    assert len(said) == 1
    assert "within the first of 2 epochs the learning rate went from 0.1 to 1e-08: " in said[0]
    assert "16 an epoch" in said[0]


@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize(
    "make", [LeNet1, lambda: LeNet1(output=nn.Linear(192, 10), activation=nn.ReLU())]
)
def test_a_training_as_it_should_be_passes_in_silence(cache, make, epochs):
    mnist = load_mnist(cache=cache, size=28)
    _, said = warned(make(), mnist.train[:4000], mnist.validation[:500], epochs=epochs)
    assert said == []


def test_digits_of_one_class_may_have_one_answer(few):
    ones = few[0][few[0].labels == 1]
    _, said = warned(LeNet1(), Digits(ones.images[:, :, 2:-2, 2:-2], ones.labels), epochs=2)
    assert said == []


def test_it_can_be_silenced_by_its_class(few):
    model = LeNet5(output=nn.Linear(84, 10), activation=nn.Sigmoid())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=TrainingWarning)
        fit(model, few[0][:500], epochs=1, **sgd(model, 1e-4), **QUIET)


def test_the_warning_names_the_line_of_the_call(few):
    model = LeNet5(output=nn.Linear(84, 10), activation=nn.Sigmoid())
    with pytest.warns(TrainingWarning) as seen:
        fit(model, few[0][:500], epochs=1, **sgd(model, 1e-4), **QUIET)
    assert seen[0].filename == __file__
