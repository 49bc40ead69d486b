"""What `fit` records, which weights it keeps, and how it ends before its time."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.optim.lr_scheduler import LambdaLR
from toy import (
    BATCH,
    COUNT,
    QUIET,
    at_call,
    copy_of,
    interrupt,
    sgd,
    weights,
)

from lenet_utils import evaluate, fit


def test_the_history_has_a_row_for_each_step_and_each_epoch(model, digits):
    def schedule(optimizer, steps):
        called.append(steps)
        return LambdaLR(optimizer, lambda step: 1 / (step + 1))

    called = []
    options = {"batch_size": BATCH, "optimizer": sgd(model, 0.6), "schedule": schedule}
    history = fit(model, digits, digits, epochs=3, **options, **QUIET)
    assert called == [15]
    assert not history.interrupted
    steps, epochs = history.steps, history.epochs
    assert list(steps.columns) == ["epoch", "step", "loss", "error", "learning_rate"]
    assert steps.step.tolist() == list(range(1, 16))
    assert steps.epoch.tolist() == 5 * [1] + 5 * [2] + 5 * [3]
    assert steps.learning_rate.tolist() == pytest.approx([0.6 / step for step in range(1, 16)])
    means = steps.groupby("epoch")[["loss", "error"]].mean()
    assert epochs.epoch.tolist() == [1, 2, 3]
    assert epochs.train_loss.tolist() == pytest.approx(means.loss.tolist())
    assert epochs.train_error.tolist() == pytest.approx(means.error.tolist())
    assert epochs.learning_rate.tolist() == pytest.approx([0.6 / 5, 0.6 / 10, 0.6 / 15])
    assert (epochs.seconds > 0).all()
    result = evaluate(model, digits)  # the last epoch is the best one here
    assert history.best_epoch == 3
    assert epochs.validation_error.iloc[-1] == result.error_rate
    expected = F.cross_entropy(result.scores, result.labels).item()
    assert epochs.validation_loss.iloc[-1] == pytest.approx(expected)


def test_without_a_validation_set_the_last_weights_stay(model, digits):
    history = fit(model, digits, epochs=2, **QUIET)
    assert history.best_epoch == 2
    assert history.epochs[["validation_loss", "validation_error"]].isna().all(axis=None)


def test_progress_shows_loss_and_error_and_silence_is_silent(model, digits, capfd):
    fit(model, digits, epochs=10, batch_size=BATCH, device="cpu")
    shown = "".join(capfd.readouterr())
    assert "50/50" in shown
    assert "loss" in shown
    assert "error" in shown
    fit(model, digits, epochs=1, **QUIET)
    assert "".join(capfd.readouterr()) == ""


def test_the_weights_of_the_best_validation_epoch_are_kept(model, digits):
    """From the third epoch on the learning rate is negative: each step makes it worse."""
    alone = copy_of(model)
    options = {"batch_size": BATCH, **QUIET}
    uphill = {"schedule": lambda o, _: LambdaLR(o, lambda step: 1 if step < 10 else -30)}
    history = fit(model, digits, digits, epochs=4, optimizer=sgd(model), **uphill, **options)
    fit(alone, digits, epochs=2, optimizer=sgd(alone), schedule=None, **options)
    errors = history.epochs.validation_error
    assert errors[3] > errors[1] == errors.min()
    assert history.best_epoch == 2
    assert torch.equal(weights(model), weights(alone))


def test_of_equal_errors_the_lower_loss_is_better(model, digits):
    history = fit(
        model, digits, digits, epochs=60, optimizer=sgd(model, 0.3), schedule=None, **QUIET
    )
    least = history.epochs.validation_error.min()
    assert (history.epochs.validation_error == least).sum() > 1
    assert history.best_epoch == 60


@pytest.mark.parametrize("validate", [True, False])
def test_ctrl_c_returns_the_history_so_far(model, digits, validate):
    alone = copy_of(model)
    options = {"batch_size": BATCH, "schedule": None, **QUIET}
    history = fit(
        model,
        digits,
        digits if validate else None,
        epochs=9,
        optimizer=sgd(model),
        augment=at_call(8, interrupt),
        **options,
    )
    assert history.interrupted
    assert (len(history.steps), len(history.epochs)) == (7, 1)
    fit(alone, digits, epochs=1, optimizer=sgd(alone), **options)
    if validate or history.best_epoch == 1:  # it names the epoch whose weights the model has
        assert torch.equal(weights(model), weights(alone))


def test_ctrl_c_before_the_first_step_leaves_empty_frames(model, digits):
    before = weights(model)
    history = fit(model, digits, digits, epochs=9, augment=at_call(1, interrupt), **QUIET)
    assert (len(history.steps), len(history.epochs), history.best_epoch) == (0, 0, None)
    assert "loss" in history.steps.columns
    assert "validation_error" in history.epochs.columns
    assert torch.equal(weights(model), before)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_named_and_the_best_weights_come_back(model, digits, value):
    alone, spoil = copy_of(model), at_call(8, lambda loss: loss * value, lambda loss: loss)

    def criterion(scores, labels):
        loss = F.cross_entropy(scores, labels)
        return spoil(loss) if scores.requires_grad else loss

    options = {"batch_size": BATCH, "schedule": None, **QUIET}
    wanted = f"is {value} at epoch 2, step 8, .* try a tenth"
    with pytest.raises(FloatingPointError, match=wanted) as caught:
        fit(model, digits, digits, epochs=3, optimizer=sgd(model), criterion=criterion, **options)
    history = caught.value.history
    assert (len(history.steps), len(history.epochs), history.best_epoch) == (8, 1, 1)
    assert history.steps.loss.isna().tolist() == 7 * [False] + [math.isnan(value)]
    assert not history.interrupted
    fit(alone, digits, epochs=1, optimizer=sgd(alone), **options)
    assert torch.equal(weights(model), weights(alone))


@pytest.mark.parametrize("batch_size", [BATCH, COUNT])
def test_a_learning_rate_far_too_high_is_no_success(model, digits, batch_size):
    """With one step in all, only the validation shows it: the loss was taken before the step."""
    options = {"batch_size": batch_size, "optimizer": sgd(model, 3e38), "schedule": None}
    with pytest.raises(FloatingPointError, match="learning rate") as caught:
        fit(model, digits, digits, epochs=1, **options, **QUIET)
    assert len(caught.value.history.steps) >= 1
    assert caught.value.history.best_epoch is None
