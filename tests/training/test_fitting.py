"""Training against gradient descent in NumPy, and everything that may go wrong on the way."""

import itertools
import math
import random
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from refusing import DIGITS, IMAGES, in_full, refusals
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau
from toy import BATCH, COUNT, QUIET, at_call, interrupt, make_digits, make_model, sgd, weights

from lenet_utils import (
    Digits,
    InputWarning,
    LeNet1,
    LeNet5,
    TrainingWarning,
    fit,
    squared_error,
)
from lenet_utils.training import automatic_device

# --- the loop ----------------------------------------------------------------------------------


def test_whole_batches_are_gradient_descent_written_in_numpy(model, digits):
    w, b = (p.detach().double().numpy().copy() for p in model.parameters())
    x, y = digits.images.double().numpy().reshape(COUNT, 16), digits.labels.numpy()
    losses, errors = [], []
    for _ in range(4):
        scores = x @ w.T + b
        odds = np.exp(scores)
        chances = odds / odds.sum(axis=1, keepdims=True)
        losses.append(-np.log(chances[range(COUNT), y]).mean())
        errors.append((scores.argmax(axis=1) != y).mean())
        chances[range(COUNT), y] -= 1
        w -= 0.5 * chances.T @ x / COUNT
        b -= 0.5 * chances.mean(axis=0)
    options = {"batch_size": COUNT, "optimizer": sgd(model, 0.5), "schedule": None}
    history = fit(model, digits, epochs=4, **options, **QUIET)
    np.testing.assert_allclose(weights(model), np.concatenate([w.ravel(), b]), atol=1e-6)
    np.testing.assert_allclose(history.steps["loss"], losses, atol=1e-6)
    np.testing.assert_allclose(history.steps["error"], errors, atol=1e-6)


def test_each_epoch_goes_once_through_all_images_in_a_new_order(model, digits):
    batches = []
    digits.images[:, 0, 0, 0] = torch.arange(COUNT)
    fit(
        model,
        digits,
        epochs=2,
        batch_size=BATCH,
        augment=lambda images: batches.append(images[:, 0, 0, 0].tolist()) or images,
        **QUIET,
    )
    assert [len(batch) for batch in batches] == 2 * [5, 5, 5, 5, 2]
    orders = [list(itertools.chain(*epoch)) for epoch in (batches[:5], batches[5:])]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(COUNT))
    assert orders[0] != orders[1]


def test_one_order_all_along_is_that_of_the_seed(model, digits):
    """The same as the loop of the published recipe takes: one order, drawn by the run's seed."""
    seen = []
    digits.images[:, 0, 0, 0] = torch.arange(COUNT)
    look = {"augment": lambda images: seen.extend(images[:, 0, 0, 0].tolist()) or images}
    fit(model, digits, epochs=3, shuffle="once", seed=8, batch_size=BATCH, **look, **QUIET)
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(8)).tolist()
    assert seen == 3 * order


def test_augment_cannot_alter_the_set(model, digits):
    before = digits.images.clone()
    fit(model, digits, epochs=1, augment=lambda images: images.mul_(2), **QUIET)
    assert torch.equal(digits.images, before)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    digits = Digits(torch.randn(70, 1, 28, 28), torch.arange(70) % 10)

    def train(seed):
        torch.manual_seed(9)
        model = LeNet1(dropout=0.5)
        noisy = {"augment": lambda images: images + torch.randn_like(images)}
        history = fit(model, digits, epochs=2, seed=seed, **noisy, **QUIET)
        torch.rand(seed + 1)  # the state outside must not matter
        return weights(model), history.steps

    first, again, other = train(3), train(3), train(4)
    assert torch.equal(first[0], again[0])
    pd.testing.assert_frame_equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_the_callers_random_state_is_left_alone(model, digits):
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    fit(model, digits, epochs=1, augment=lambda images: images + torch.rand(1), **QUIET)
    fit(model, digits, epochs=1, augment=at_call(1, interrupt), **QUIET)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert (np.random.get_state()[1] == before[2]).all()


# --- what it leaves behind ---------------------------------------------------------------------


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("end", ["the last epoch", "Ctrl-C", "an error"])
def test_weights_come_back_in_the_order_of_memory_in_which_they_came(form, end):
    model = LeNet1(connections=None).to(memory_format=form)
    digits = Digits(torch.randn(20, 1, 28, 28), torch.arange(20) % 10)
    before = [p.stride() for p in model.parameters()]

    def act(images):
        assert model.h3[0].weight.is_contiguous(memory_format=torch.channels_last)
        return {"the last epoch": lambda: images, "Ctrl-C": lambda: interrupt(images)}[end]()

    if end == "an error":
        with pytest.raises(KeyError):
            fit(model, digits, epochs=1, augment=act, **QUIET)
    else:
        fit(model, digits, epochs=1, augment=act, **QUIET)
    assert [p.stride() for p in model.parameters()] == before
    if form == torch.contiguous_format:
        assert all(p.view(-1).shape == (p.numel(),) for p in model.parameters())
        assert all(p.grad is None or p.grad.is_contiguous() for p in model.parameters())


@pytest.mark.parametrize("fused", [True, False])
def test_an_optimiser_that_has_learned_before_goes_on_rightly(fused):
    """What it keeps follows the weights into the order in which `fit` has them, and back."""
    digits = Digits(torch.randn(20, 1, 28, 28), torch.arange(20) % 10)

    def step(model, optimizer):
        optimizer.zero_grad()
        F.cross_entropy(model(digits.images), digits.labels).backward()
        optimizer.step()

    def train(by_fit):
        torch.manual_seed(4)
        model = LeNet1(connections=None)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, fused=fused)
        step(model, optimizer)
        if by_fit:
            options = {"batch_size": 20, "schedule": None, "criterion": F.cross_entropy}
            fit(model, digits, epochs=1, optimizer=optimizer, **options, **QUIET)
        else:
            step(model, optimizer)
        step(model, optimizer)
        return weights(model)

    torch.testing.assert_close(train(by_fit=True), train(by_fit=False), atol=1e-5, rtol=1e-4)


# --- optimiser and patience ----------------------------------------------------------------------


def test_an_optimiser_can_be_used_for_a_second_training(digits):
    """The schedule of the first leaves a rate near 0, with which nothing would be learned."""
    model, epoch = make_model(), {"epochs": 1, "batch_size": BATCH, **QUIET}
    optimizer = sgd(model)
    before = dict(optimizer.param_groups[0])
    rates = [fit(model, digits, optimizer=optimizer, **epoch).steps["learning_rate"].tolist()
             for _ in range(2)]  # fmt: skip
    assert rates[0] == rates[1]
    assert optimizer.param_groups[0] == before


def test_numpys_whole_numbers_will_do(model, digits):
    """They come out of any table; PyTorch itself refuses some of them."""
    whole = {"epochs": np.int64(2), "batch_size": np.int64(BATCH), "seed": np.int64(3)}
    history = fit(model, digits, digits, patience=np.int64(2), **whole, **QUIET)
    assert len(history.steps) == 10


def test_training_ends_when_patience_is_used_up(model, digits):
    still = {"optimizer": sgd(model, lr=0.0), "schedule": None}
    history = fit(model, digits, digits, epochs=9, patience=3, **still, **QUIET)
    assert history.epochs.epoch.tolist() == [1, 2, 3, 4]
    assert history.best_epoch == 1
    assert not history.interrupted


def test_after_epoch_gets_its_row_and_may_end_the_training(model, digits):
    rows = []

    def after_epoch(row):
        rows.append(dict(row))
        row["train_loss"] = math.nan  # its own copy
        return len(rows) == 3

    history = fit(model, digits, digits, epochs=9, after_epoch=after_epoch, **QUIET)
    assert not history.interrupted
    assert rows == history.epochs.to_dict("records")
    assert [row["epoch"] for row in rows] == [1, 2, 3]


def test_after_epoch_that_returns_nothing_ends_nothing(model, digits):
    rows = []
    history = fit(model, digits, epochs=3, after_epoch=rows.append, **QUIET)
    assert len(rows) == len(history.epochs) == 3


# --- what it takes and what it refuses ---------------------------------------------------------


def test_a_criterion_may_have_weights_of_its_own(model, digits):
    class Tempered(nn.Module):
        def __init__(self):
            super().__init__()
            self.sharpness = nn.Parameter(torch.ones(()))

        def forward(self, scores, labels):
            return F.cross_entropy(scores * self.sharpness, labels)

    criterion = Tempered()
    optimizer = torch.optim.SGD([*model.parameters(), *criterion.parameters()], lr=0.1)
    fit(model, digits, digits, epochs=1, optimizer=optimizer, criterion=criterion, **QUIET)
    assert criterion.sharpness != 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be a whole number of at least 1, got 0"),
        ({"epochs": 1.5}, ValueError, "epochs must be .* got 1.5"),
        ({"batch_size": 0}, ValueError, "batch_size must be .* got 0"),
        ({"patience": 0}, ValueError, "patience must be .* got 0"),
        ({"patience": 2}, ValueError, "patience needs a validation set"),
        ({"optimizer": sgd(nn.Linear(1, 1))}, ValueError, "holds no parameter of this model"),
        ({"validation": (1, 2)}, TypeError, "validation must be of type Digits, got tuple"),
        (
            {"validation": Digits(torch.zeros(2, 1, 5, 4), torch.zeros(2, dtype=torch.int64))},
            ValueError,
            r"of one kind, got \(1, 4, 4\) of torch.float32 .* and \(1, 5, 4\) of torch.float",
        ),
        ({"shuffle": True}, ValueError, "shuffle must be one of 'each epoch', 'once', got True"),
        ({"after_epoch": 3}, TypeError, "after_epoch must be something to call .* got 3"),
        ({"criterion": 0}, TypeError, "criterion must be something to call .* got 0"),
        (
            {"criterion": nn.CrossEntropyLoss(reduction="none")},
            TypeError,
            r"tensor of one number, got Tensor of shape \(22,\); reduction='mean' makes it",
        ),
        (
            {"criterion": lambda scores, labels: F.cross_entropy(scores, labels).item()},
            TypeError,
            "tensor of one number, got float;",
        ),
        (
            {"criterion": lambda scores, labels: F.cross_entropy(scores.detach(), labels)},
            ValueError,
            "criterion returned a loss from which no gradient goes back",
        ),
        ({"train": torch.zeros(1, 1, 4, 4)}, TypeError, "train must be of type Digits, got Tensor"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_changes(
    model, digits, options, error, message
):
    before = weights(model)
    with pytest.raises(error, match=message):
        fit(model, **{"train": digits, "epochs": 1, **options})
    assert torch.equal(weights(model), before)


def test_weights_and_images_of_different_types_are_refused(digits):
    with pytest.raises(
        ValueError, match=r"weights of torch.float64, and the images .*float32; mod"
    ):
        fit(make_model().double(), digits, epochs=1, **QUIET)
    double = Digits(digits.images.double(), digits.labels)
    with pytest.raises(ValueError, match=r"weights of torch.float32, and the images .*float64"):
        fit(make_model(), double, epochs=1, **QUIET)
    history = fit(make_model().double(), double, double, epochs=2, **QUIET)
    assert len(history.epochs) == 2


def test_a_model_that_cannot_learn_is_refused(model, digits):
    with pytest.raises(ValueError, match=r"all parameters .* are frozen, .* model.requires_grad_"):
        fit(model.requires_grad_(False), digits, epochs=1, **QUIET)
    with pytest.raises(ValueError, match="Flatten has no parameters: there is nothing to learn"):
        fit(nn.Flatten(), digits, epochs=1, **QUIET)
    with torch.inference_mode():
        made_inside = make_model()
    with pytest.raises(ValueError, match=r"made under torch.inference_mode\(\)"):
        fit(made_inside, digits, epochs=1, **QUIET)


def test_a_model_of_which_a_part_is_frozen_learns_with_the_rest(model, digits):
    model[1].weight.requires_grad_(False)
    before = model[1].weight.clone(), model[1].bias.clone()
    fit(model, digits, epochs=1, **QUIET)
    assert torch.equal(model[1].weight, before[0])
    assert not torch.equal(model[1].bias, before[1])


@pytest.mark.parametrize("block", [torch.no_grad, torch.inference_mode])
def test_without_gradients_nothing_can_be_learned(model, digits, block):
    with block(), pytest.raises(ValueError, match=r"by gradients, .* call it outside of that"):
        fit(model, digits, epochs=1, **QUIET)


# --- on real digits ----------------------------------------------------------------------------


def test_one_epoch_of_12000_digits_reaches_its_validation_error(mnist):
    """Five seeds gave 8.8 to 9.8 %; a tenth of the rate gives 35 %, half the images 20 %."""
    train, validation = mnist.train[:12_000], mnist.validation
    history = fit(LeNet5(), train, validation, epochs=1, **QUIET)
    assert history.epochs.validation_error.item() < 0.115
    assert history.steps.learning_rate.max() == pytest.approx(0.01, rel=1e-3)


# --- what is refused ---------------------------------------------------------------------------


def train(**options):
    return fit(make_model(), **{"train": make_digits(), "epochs": 1, **QUIET, **options})


def training(**options):
    return lambda: train(**options)


test_what_cannot_be_right_is_refused = refusals(
    {
        "fit model": (
            lambda: fit(LeNet5, DIGITS, epochs=1),
            "model must be .* got type; such as LeNet5",
        ),
        "fit model with an optimizer": (
            lambda: fit(LeNet5, DIGITS, epochs=1, optimizer=sgd(make_model())),
            "model must be .* got type; such as LeNet5",
        ),
        "fit seed": (training(seed=-1), "seed must be a whole number of at least 0, got -1"),
        "fit seed large": (training(seed=2**63), r"seed must be below 2\*\*63, got 9223"),
        "fit seed kind": (training(seed=0.5), "seed must be a whole number .* got 0.5"),
        "fit batch": (training(batch_size=-5), "batch_size must be .* at least 1, got -5"),
        "fit device": (training(device="gpu"), "device 'gpu' cannot be used here: .* None takes"),
        "fit optimizer": (training(optimizer="adam"), "optimizer must be .* got str; such as"),
        "fit LBFGS": (
            lambda: fit(
                net := make_model(), DIGITS, epochs=1, optimizer=torch.optim.LBFGS(net.parameters())
            ),
            "LBFGS takes the loss several times .* torch.optim.SGD",
        ),
        "fit schedule": (
            training(schedule=0.1),
            "schedule must be something to call .* got 0.1; pass",
        ),
        "fit schedule class": (
            training(schedule=lambda optimizer, steps: ReduceLROnPlateau(optimizer)),
            "stepped after each update, .* got ReduceLROnPlateau; None keeps the rate",
        ),
        "fit schedule none": (
            training(schedule=lambda optimizer, steps: None),
            "got NoneType; None",
        ),
        "fit criterion class": (
            training(criterion=nn.CrossEntropyLoss),
            r"got the class CrossEntropyLoss; make one of it: CrossEntropyLoss\(\)$",
        ),
        "fit augment": (training(augment=IMAGES[:1, :, 0, 0]), "augment must be something to call"),
        "fit before": (training(before_epoch=1), "before_epoch must be something to call .* got 1"),
        "fit nine": (
            lambda: fit(nn.Sequential(nn.Flatten(), nn.Linear(784, 9)), DIGITS, epochs=1, **QUIET),
            r"\(N, 10\) scores .* labels up to 9, got \(1, 9\); a last layer of 10",
        ),
        "fit mse": (
            training(criterion=nn.MSELoss(), batch_size=10),
            r"criterion MSELoss cannot be called with \(N, 10\) scores .*squared_error",
        ),
        "fit bce": (
            training(criterion=F.binary_cross_entropy_with_logits),
            "criterion binary_cross_entropy_with_logits cannot be called with .*: Target size",
        ),
        "fit size": (
            lambda: fit(LeNet5(), DIGITS, epochs=1, **QUIET),
            r"LeNet5 expects .* \(N, 1, 32",
        ),
    }
)


def test_batch_normalisation_of_one_image_is_explained():
    digits = Digits(torch.randn(9, 1, 32, 32), torch.arange(9))
    model = LeNet5(normalization=nn.BatchNorm2d)
    with pytest.raises(
        ValueError, match=r"batch normalization cannot learn from a batch of 1 .* choose"
    ):
        fit(model, digits, epochs=1, batch_size=4, **QUIET)
    fit(model, digits, epochs=1, batch_size=3, **QUIET)


def test_another_value_error_of_a_model_is_its_own():
    with pytest.raises(ValueError, match=r"^LeNet5 expects images"):
        fit(LeNet5(), make_digits(), epochs=1, **QUIET)


class Twofold(nn.Linear):
    """Gives out two things, as networks with a second output do."""

    def __init__(self):
        super().__init__(4, 10)

    def forward(self, images):
        return super().forward(images)[:, 0, 0], images


def test_a_model_that_gives_out_two_things_is_refused():
    with pytest.raises((TypeError, ValueError), match="tuple"):
        fit(Twofold(), make_digits(), epochs=1, **QUIET)


def test_a_criterion_that_broadcasts_is_refused_for_two_classes_too():
    digits = Digits(torch.randn(6, 1, 4, 4), torch.arange(6) % 2)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    with pytest.raises(TypeError, match=r"MSELoss cannot be called with \(N, 2\) scores"):
        fit(model, digits, epochs=1, criterion=nn.MSELoss(), **QUIET)
    fit(model, digits, epochs=1, **QUIET)


def test_a_criterion_is_tried_without_a_trace():
    """It draws at random, and so does the model: the training is the same as without a trial."""

    def noisy(scores, labels):
        calls.append(len(labels))
        return F.cross_entropy(scores + 0.1 * torch.randn_like(scores), labels)

    calls, model = [], nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 10))
    digits, before = make_digits(), torch.get_rng_state()
    fit(model, digits, epochs=1, batch_size=22, criterion=noisy, **QUIET)
    assert calls[-1] == 22
    assert model[1].num_batches_tracked == 1
    assert torch.equal(torch.get_rng_state(), before)


def fitted(**options):
    usual = {"train": make_digits(), "epochs": 1, **QUIET}
    return lambda path: fit(**{"model": make_model(), **usual, **options})


@torch.no_grad()
def without_gradients(path):
    fitted()(path)


test_the_words_are_these = in_full(
    {
        "model": (
            fitted(model=5),
            TypeError,
            "model must be of type Module, got int; such as LeNet5()",
        ),
        "before": (
            fitted(before_epoch=1),
            TypeError,
            "before_epoch must be something to call or None, got 1; pass the function itself, "
            "uncalled",
        ),
        "after": (
            fitted(after_epoch="x"),
            TypeError,
            "after_epoch must be something to call or None, got 'x'; pass the function itself, "
            "uncalled",
        ),
        "gradients": (
            without_gradients,
            ValueError,
            "fit learns by gradients, which torch.no_grad() or torch.inference_mode() forbid here; "
            "call it outside of that block",
        ),
        "schedule": (
            fitted(schedule=lambda optimizer, steps: None),
            TypeError,
            "schedule must return a scheduler that is stepped after each update, such as one_cycle "
            "does, got NoneType; None keeps the rate",
        ),
    }
)


def test_a_device_that_is_not_there_is_named_with_what_to_do():
    with pytest.raises(ValueError, match=r"^device 'xpu:7' cannot .*; None takes what there is$"):
        fitted(device="xpu:7")(None)


# --- what is left out, and what is passed on -----------------------------------------------------


def one_epoch(digits, **options):
    torch.manual_seed(0)
    model = make_model()
    return weights(model), fit(model, digits, epochs=1, device="cpu", **options), weights(model)


def test_what_is_left_out_is_128_images_an_update_seed_0_and_a_bar(capfd):
    images = torch.randn(129, 1, 4, 4)
    digits = Digits(images, torch.arange(129) % 10)
    assert len(one_epoch(digits[:128])[1].steps) == 1
    assert "1/1" in "".join(capfd.readouterr())
    assert len(one_epoch(digits, progress=False)[1].steps) == 2
    assert "".join(capfd.readouterr()) == ""
    by_seed = [one_epoch(digits, **options, progress=False)[2] for options in ({}, {"seed": 0})]
    assert torch.equal(*by_seed)
    assert not torch.equal(by_seed[0], one_epoch(digits, seed=1, progress=False)[2])


def test_the_criterion_left_out_is_found_by_a_look_at_the_model(digits):
    """Behind units squashed to -1 and +1 it is the papers'; what is given is taken."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 10), nn.Tanh())
    for given, expected in ((None, squared_error), (F.cross_entropy, F.cross_entropy)):
        loss = expected(model(digits.images), digits.labels).item()
        history = fit(model, digits, epochs=1, criterion=given, **QUIET)
        assert history.steps.loss.tolist() == [pytest.approx(loss)]


def test_the_rate_is_the_schedules_after_each_update(model, digits):
    def schedule(optimizer, steps):
        return LambdaLR(optimizer, lambda step: 1 - step / steps)

    options = {"optimizer": sgd(model, 0.5), "schedule": schedule, "batch_size": BATCH}
    history = fit(model, digits, epochs=2, **options, **QUIET)
    expected = [0.5 * (1 - step / 10) for step in range(10)]
    assert history.steps.learning_rate.tolist() == pytest.approx(expected)


def test_a_checkpoint_is_written_after_each_epoch_and_gone_on_from(tmp_path, digits):
    def train(last, **options):
        torch.manual_seed(0)
        model, ending = make_model(), {"after_epoch": lambda row: row["epoch"] == last}
        fit(model, digits, digits, epochs=4, batch_size=BATCH, **ending, **options, **QUIET)
        return weights(model)

    whole, path = train(None), {"checkpoint": tmp_path / "c"}
    assert not torch.equal(train(2, **path), whole)
    assert torch.equal(train(None, **path), whole)
    with pytest.raises(ValueError, match="belongs to another training: its seed has '0', now"):
        train(None, **path, seed=1)


def test_compiled_code_gets_what_the_loop_would_have_had(model, digits, monkeypatch):
    """An epoch that takes one step and says that it was done."""

    def epoch(settings, train, state, number):
        ran.append((settings.model, settings.batch_size, state.optimizer, len(train), number))
        state.record.step(number, torch.tensor(0.5), torch.tensor(0.25), 0.1)
        return True

    monkeypatch.setattr("lenet_utils.training.fitting.compiled_epoch", epoch)
    ran, optimizer, before = [], sgd(model), weights(model)
    history = fit(model, digits, epochs=2, optimizer=optimizer, batch_size=BATCH, **QUIET)
    assert ran == [(model, BATCH, optimizer, COUNT, number) for number in (1, 2)]
    assert history.steps.loss.tolist() == [0.5, 0.5]
    assert torch.equal(weights(model), before)
    fit(model, digits, epochs=1, compiled=False, **QUIET)
    assert len(ran) == 2
    assert not torch.equal(weights(model), before)


def test_an_accelerator_is_looked_for_only_where_no_device_is_named(model, digits, monkeypatch):
    def look():
        looked.append(1)
        return torch.device("cpu")

    looked = []
    monkeypatch.setattr("lenet_utils.training.fitting.automatic_device", look)
    fit(model, digits, epochs=1, device="cpu", progress=False)
    assert looked == []
    fit(model, digits, epochs=1, progress=False)
    assert looked == [1]


def test_images_that_weights_are_not_for_are_told_once():
    """From then on the network has learned from others."""
    model, digits = (
        LeNet1.from_pretrained(),
        Digits(torch.zeros(20, 1, 28, 28), torch.arange(20) % 10),
    )
    with pytest.warns(InputWarning, match=r"images with a background of -0.1, and that"):
        fit(model, digits, epochs=1, **QUIET)
    assert model.trained_on is None
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        fit(model, digits, epochs=1, **QUIET)


def test_a_training_that_goes_wrong_is_told():
    digits, model = make_digits(), make_model()
    steep = {"schedule": None, "batch_size": 1, "optimizer": sgd(model, 30.0)}
    with pytest.warns(TrainingWarning, match=r"^after epoch 1 the loss is .* a tenth$"):
        fit(model, digits, epochs=1, **steep, **QUIET)


def test_one_answer_is_looked_for_in_what_the_training_is_judged_by(model, digits):
    blank = Digits(torch.zeros(40, 1, 4, 4), torch.arange(40) % 10)
    with pytest.warns(TrainingWarning, match="^after epoch 1 .* to 40 of 40 images, so that"):
        fit(model, digits, blank, epochs=1, **QUIET)


def test_the_accelerator_is_the_one_that_is_there(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("meta"))
    for there, expected in ((True, "meta"), (False, "cpu")):
        monkeypatch.setattr(torch.accelerator, "is_available", lambda there=there: there)
        assert automatic_device() == torch.device(expected)


# --- as one of several processes -----------------------------------------------------------------


def test_another_process_than_the_first_shows_nothing_and_draws_numbers_of_its_own(
    digits, monkeypatch, capfd
):
    usual = {"batch_size": BATCH, "progress": True}
    first, as_first = (one_epoch(digits, seed=seed, **usual)[2] for seed in (3, 5))
    assert "5/5" in "".join(capfd.readouterr())
    monkeypatch.setattr("lenet_utils.training.parallel.process_number", lambda: 2)
    monkeypatch.setattr("lenet_utils.training.parallel.own_part", lambda chosen: (chosen, 1))
    third = one_epoch(digits, seed=3, **usual)[2]
    assert "".join(capfd.readouterr()) == ""
    assert torch.equal(third, as_first)
    assert not torch.equal(third, first)


def test_all_processes_end_and_judge_by_what_the_first_one_says(model, digits, monkeypatch):
    """Which says that it has ended after the second epoch, and that all answers are right."""

    def from_first(tensor):
        if tensor.dtype == torch.bool:
            asked.append(tensor.item())
            return torch.tensor(len(asked) > 2)
        return F.one_hot(digits.labels).float() if tensor.is_floating_point() else tensor

    asked = []
    monkeypatch.setattr("lenet_utils.training.parallel.from_first", from_first)
    history = fit(model, digits, digits, epochs=9, **QUIET)
    assert history.epochs.validation_error.tolist() == [0, 0]
    assert asked == [False] * 3
