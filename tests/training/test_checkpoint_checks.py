"""What a checkpoint may hold, one number changed at a time, against a training's own record."""

import copy
import json
import math

import pytest
import torch
from refusing import refusals
from safetensors.torch import load_file
from toy import QUIET, make_digits, make_model, sgd

from lenet_utils import SDLM, fit
from lenet_utils.training.checkpoint_checks import check_optimizer, check_random, check_record
from lenet_utils.training.settings import Settings

STEPS = 5  # of an epoch of 22 images in batches of 5


class Kept:
    """Two of four epochs, as their checkpoint has them, and the settings they were made with."""

    def __init__(self, folder, validated=True):
        torch.manual_seed(0)
        self.model, digits = make_model(), make_digits()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.01)
        validation = digits[:9] if validated else None
        parts = (self.model, digits, validation)
        options = {"epochs": 4, "batch_size": 5, "optimizer": self.optimizer}
        end = {"after_epoch": lambda row: row["epoch"] == 2}
        fit(*parts, **options, **end, checkpoint=folder / "c", **QUIET)
        tensors = load_file(folder / "c")
        self.record = below("record.", tensors)
        self.learner = below("learner.", tensors)
        rest = {"shuffle": "each epoch", "schedule": None, "criterion": None, "augment": None}
        self.settings = Settings(*parts, **options, **rest, patience=None, seed=0)

    def check(self, **changed):
        check_record({**self.record, **changed}, self.learner, self.settings)


def below(start, tensors):
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trained once, with a validation set and without."""
    return [Kept(tmp_path_factory.mktemp("kept"), validated) for validated in (True, False)]


@pytest.fixture
def kept(trained):
    return copy.deepcopy(trained[0])


@pytest.fixture
def unjudged(trained):
    return copy.deepcopy(trained[1])


def put(tensor, place, value):
    changed = tensor.clone()
    changed[place] = value
    return changed


def refused(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_what_a_training_wrote_is_taken(kept, unjudged):
    kept.check()
    unjudged.check()
    best = kept.record["best"]
    kept.check(best=put(best, 0, 1.0))  # either epoch may be the best
    kept.check(best=put(best, 1, 0.0))
    kept.check(best=put(best, 1, 9.0))  # all of the nine wrong
    kept.check(best=put(best, 2, -1.0))  # a criterion's loss may be negative
    for error in (0.0, 1.0005, 1.001):
        kept.check(steps=put(kept.record["steps"], (3, 3), error))
    kept.check(epochs=put(kept.record["epochs"], (0, 6), 12.5))  # seconds, as in old files


STEP_CHANGES = {
    "epoch": ((0, 0), 2.0),
    "number": ((4, 1), 6.0),
    "loss": ((2, 2), math.nan),
    "negative error": ((1, 3), -0.01),
    "error": ((1, 3), 1.01),
    "rate": ((9, 4), math.inf),
}


@pytest.mark.parametrize("change", STEP_CHANGES)
def test_steps_that_cannot_be_are_refused(kept, change):
    place, value = STEP_CHANGES[change]
    message = "its steps are not numbered one after the other, or have odd numbers$"
    refused(lambda: kept.check(steps=put(kept.record["steps"], place, value)), message)


@pytest.mark.parametrize("column", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("row", [0, 1])
def test_every_number_of_an_epoch_is_there_and_finite(kept, row, column):
    message = "its epochs are not numbered one after the other, or have odd numbers$"
    for value in (math.nan, math.inf):
        refused(
            lambda value=value: kept.check(epochs=put(kept.record["epochs"], (row, column), value)),
            message,
        )
    refused(lambda: kept.check(epochs=kept.record["epochs"].flip(0)), message)


@pytest.mark.parametrize("column", [3, 4])
def test_without_validation_no_epoch_is_judged(unjudged, column):
    kept = unjudged
    refused(lambda: kept.check(epochs=put(kept.record["epochs"], (0, column), 0.5)), "its epochs")
    for place, value in ((0, 1.0), (1, 3.0), (2, 0.5)):
        refused(
            lambda p=place, v=value: kept.check(best=put(kept.record["best"], p, v)), "its best"
        )
    refused(
        lambda: kept.check(**{"weights.model.1.bias": torch.zeros(10)}), "weights.model.1.bias d"
    )


BEST_CHANGES = [(0, 0.0), (0, 3.0), (0, 1.5), (1, -1.0), (1, 10.0), (1, 2.5), (2, math.nan)]


@pytest.mark.parametrize(("place", "value"), BEST_CHANGES)
def test_the_best_epoch_is_one_of_those_there_with_errors_that_can_be(kept, place, value):
    best = put(kept.record["best"], place, value)
    refused(lambda: kept.check(best=best), r"its best epoch \[.*\] is not one of 2$")


@pytest.mark.parametrize("count", [0, 5])
def test_there_are_no_more_epochs_than_were_asked_for_and_one_at_least(kept, count):
    rows = kept.record["epochs"][:1].repeat(count, 1)
    refused(lambda: kept.check(epochs=rows), f"it has {count} epochs, of 4 to train$")


def test_a_record_of_no_rows_is_refused(kept):
    refused(lambda: kept.check(epochs=torch.tensor(2.0)), "it has 0 epochs")
    del kept.record["epochs"]
    refused(kept.check, "it has 0 epochs, of 4")


def test_whole_epochs_have_all_their_steps(kept):
    steps = kept.record["steps"]
    refused(
        lambda: kept.check(steps=steps[:-1]),
        r"steps differs \(\(9, 5\) in the file, \(10, 5\) wanted\)$",
    )
    refused(lambda: kept.check(steps=steps.float()), r"steps differs \(torch.float32 in the file")
    last = kept.record["epochs"]
    four = torch.cat([last, last])
    four[:, 0] = torch.arange(1, 5)
    twenty = torch.cat([steps, steps])
    twenty[:, 0], twenty[:, 1] = torch.arange(4).repeat_interleave(STEPS) + 1, torch.arange(1, 21)
    kept.check(epochs=four, steps=twenty)


def test_the_best_weights_are_those_of_the_learner(kept):
    name = "weights.model.1.weight"
    refused(lambda: kept.check(**{name: torch.zeros(10, 15)}), rf"{name} differs \(\(10, 15\) in")
    bad = put(kept.record[name], (0, 0), math.nan)
    refused(lambda: kept.check(**{name: bad}), f"{name} has NaN or infinity$")
    del kept.record[name]
    refused(kept.check, rf"{name} differs \(None in the file")


# --- the optimiser -------------------------------------------------------------------------------


def state_of(optimizer):
    state = copy.deepcopy(optimizer.state_dict())
    return state["state"], json.loads(json.dumps(state["param_groups"]))


def test_the_state_of_an_optimiser_is_taken_after_a_step_and_before(kept):
    check_optimizer(kept.optimizer, *state_of(kept.optimizer))
    check_optimizer(kept.optimizer, {}, state_of(kept.optimizer)[1])
    for make in (sgd, lambda model: SDLM(model.parameters())):
        model = make_model()
        optimizer = make(model)
        check_optimizer(optimizer, *state_of(optimizer))


def test_a_new_optimiser_takes_the_state_of_one_that_has_learned(kept):
    """As in the process that goes on; of weights that are frozen there, too."""
    state, groups = state_of(kept.optimizer)
    check_optimizer(torch.optim.AdamW(kept.model.parameters(), lr=0.01), state, groups)
    kept.model.requires_grad_(False)
    check_optimizer(torch.optim.AdamW(kept.model.parameters(), lr=0.01), state, groups)


MOMENTS = {
    "shape": ("exp_avg", torch.zeros(10, 15), r"optimizer.0.exp_avg differs \(\(10, 15\) in the f"),
    "kind": (
        "exp_avg",
        torch.zeros(10, 16).double(),
        r"optimizer.0.exp_avg differs \(torch.float64",
    ),
    "whole": (
        "exp_avg_sq",
        torch.zeros(10, 16).long(),
        r"optimizer.0.exp_avg_sq differs \(torch.int",
    ),
    "NaN": ("exp_avg", torch.full((10, 16), math.nan), "optimizer.0.exp_avg has NaN or infinity$"),
    "negative": ("exp_avg_sq", -torch.ones(10, 16), "optimizer.0.exp_avg_sq is negative$"),
    "step": ("step", torch.tensor(-1.0), "optimizer.0.step is negative$"),
    "more": ("momentum", torch.zeros(10, 16), r"optimizer.0.momentum differs .* None wanted\)$"),
    "number": ("lr", 0.1, "optimizer.0.*"),
}


@pytest.mark.parametrize("change", MOMENTS)
def test_moments_that_no_step_leaves_are_refused(kept, change):
    name, value, message = MOMENTS[change]
    state, groups = state_of(kept.optimizer)
    state[0][name] = value
    refused(lambda: check_optimizer(kept.optimizer, state, groups), message)


def test_what_is_never_negative_may_be_0(kept):
    state, groups = state_of(kept.optimizer)
    state[0] |= {"step": torch.tensor(0.0), "exp_avg_sq": torch.zeros(10, 16)}
    check_optimizer(kept.optimizer, state, groups)


def test_moments_may_be_negative_and_of_parameters_that_are_there_only(kept):
    state, groups = state_of(kept.optimizer)
    state[0]["exp_avg"] = -torch.ones(10, 16)
    check_optimizer(kept.optimizer, state, groups)
    state[2] = state[0]
    refused(lambda: check_optimizer(kept.optimizer, state, groups), "optimizer.2.* differs")
    del state[2], state[1]["exp_avg"]
    refused(lambda: check_optimizer(kept.optimizer, state, groups), "optimizer.1.exp_avg differs")


GROUPS = {
    "rate": ("lr", -0.1),
    "infinite rate": ("lr", math.inf),
    "no rate": ("lr", None),
    "rate in words": ("lr", "0.1"),
    "rate of yes": ("lr", True),
    "decay": ("weight_decay", -0.1),
    "betas": ("betas", [0.9, 1.1]),
    "one beta": ("betas", [0.9]),
    "negative beta": ("betas", [-0.1, 0.9]),
    "flag": ("amsgrad", True),
    "flag of one": ("amsgrad", 0),
    "parameters": ("params", [0]),
}


@pytest.mark.parametrize("change", GROUPS)
def test_settings_out_of_their_range_are_refused(kept, change):
    name, value = GROUPS[change]
    state, groups = state_of(kept.optimizer)
    groups[0][name] = value
    message = f"the optimizer's settings(: {name})? cannot be .* where .* is usual$"
    refused(lambda: check_optimizer(kept.optimizer, state, groups), message)


@pytest.mark.parametrize(
    ("name", "value"), [("lr", 0.0), ("lr", 1.0), ("lr", 2), ("eps", 1e-3), ("betas", [0.0, 1.0])]
)
def test_settings_that_a_schedule_may_change_are_taken(kept, name, value):
    state, groups = state_of(kept.optimizer)
    groups[0][name] = value
    check_optimizer(kept.optimizer, state, groups)


@pytest.mark.parametrize("groups", [{}, [], None, "x", [1], [{}], 3])
def test_settings_of_another_form_are_refused(kept, groups):
    state, _ = state_of(kept.optimizer)
    refused(lambda: check_optimizer(kept.optimizer, state, groups), "the optimizer's settings")
    state, groups = state_of(kept.optimizer)
    refused(lambda: check_optimizer(kept.optimizer, state, groups * 2), "the optimizer's settings")


def test_a_long_value_is_shown_in_part(kept):
    state, groups = state_of(kept.optimizer)
    groups[0]["lr"] = "x" * 100
    with pytest.raises(ValueError, match=r"cannot be 'x{39} where 0\.01 is usual$"):
        check_optimizer(kept.optimizer, state, groups)
    optimizer = sgd(make_model())
    optimizer.param_groups[0]["note"] = "y" * 100
    groups = state_of(optimizer)[1]
    groups[0]["note"] = 3
    with pytest.raises(ValueError, match=r"note cannot be 3 where 'y{39} is usual$"):
        check_optimizer(optimizer, {}, groups)


@pytest.mark.parametrize(
    ("own", "there", "taken"),
    [
        (0.0, 0.5, True),
        (0.0, -0.5, False),
        (-2.0, -3.0, True),
        (-2.0, 3.0, True),
        (2.0, -3.0, False),
    ],
)
def test_only_what_is_negative_here_may_be_negative_there(own, there, taken):
    optimizer = sgd(make_model())
    optimizer.param_groups[0]["slope"] = own
    groups = state_of(optimizer)[1]
    groups[0]["slope"] = there
    if taken:
        check_optimizer(optimizer, {}, groups)
    else:
        refused(lambda: check_optimizer(optimizer, {}, groups), "the optimizer's settings: slope ")


def test_sdlm_keeps_a_curvature_for_each_weight_that_is_not_negative():
    model = make_model()
    optimizer = SDLM(model.parameters())
    groups = state_of(optimizer)[1]
    state = {i: {"curvature": torch.ones_like(p)} for i, p in enumerate(model.parameters())}
    check_optimizer(optimizer, state, groups)
    for bad, message in (
        (-torch.ones(10), "optimizer.1.curvature is negative$"),
        (torch.ones(9), "optimizer.1.curvature differs"),
        (torch.full((10,), math.nan), "optimizer.1.curvature has NaN"),
    ):
        state[1]["curvature"] = bad
        refused(lambda: check_optimizer(optimizer, state, groups), message)


class Unknown(torch.optim.SGD):
    """Somebody's own, which needs more than gradients for a step."""

    def step(self, closure=None):
        raise RuntimeError("it needs its closure")


def test_of_an_optimiser_that_takes_no_step_alone_little_is_known():
    optimizer = Unknown(make_model().parameters(), lr=0.1)
    groups = state_of(optimizer)[1]
    check_optimizer(optimizer, {0: {"mine": torch.zeros(3), "n": 4}, 1: {}}, groups)
    for state, message in (
        ({2: {}}, "optimizer.2 is not of this optimizer, or not finite$"),
        ({0: {}, 2: {}}, "optimizer.2 is not of this optimizer"),
        ({-1: {}}, "optimizer.-1 is not of this optimizer"),
        (
            {1: {"mine": torch.tensor(math.inf)}},
            "optimizer.1.mine is not of this optimizer, or not",
        ),
    ):
        refused(lambda state=state: check_optimizer(optimizer, state, groups), message)


def test_weights_frozen_now_may_have_learned_before(kept):
    kept.model[1].bias.requires_grad_(False)
    check_optimizer(kept.optimizer, *state_of(kept.optimizer))
    assert not kept.model[1].bias.requires_grad
    assert all(p.grad is None for p in kept.model.parameters())


# --- the random state ----------------------------------------------------------------------------

GOOD = torch.get_rng_state()

test_what_is_no_random_state_is_refused = refusals(
    {
        "none": (lambda: check_random({}), "^random.cpu is missing$"),
        "another device": (lambda: check_random({"cuda.0": GOOD}), "^random.cpu is missing$"),
        "kind": (lambda: check_random({"cpu": GOOD.int()}), "^random.cpu is no random state$"),
        "shape": (lambda: check_random({"cpu": GOOD[None]}), "^random.cpu is no random state$"),
        "of a device": (
            lambda: check_random({"cpu": GOOD, "mps.0": GOOD.float()}),
            "^random.mps.0 is no random state$",
        ),
    }
)


def test_the_random_state_is_only_tried():
    before = torch.get_rng_state()
    check_random({"cpu": torch.Generator().manual_seed(7).get_state(), "cuda.0": GOOD[:16]})
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(RuntimeError):  # the caller names the file in it
        check_random({"cpu": GOOD[:-1]})
