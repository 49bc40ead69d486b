"""Learning rates, step by step."""

import pytest
import torch
from refusing import refusals
from torch import nn
from toy import QUIET, make_digits, make_model, sgd, weights

from lenet_utils import SDLM, fit, one_cycle, published_schedule
from lenet_utils.training import PUBLISHED_RATES


def rates_of(steps, rate=1.0):
    optimizer = sgd(make_model(), rate)
    scheduler, rates = one_cycle(optimizer, steps), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("steps", [4, 10, 1000])
def test_one_cycle_rises_for_three_tenths_and_falls_to_nearly_nothing(steps):
    rates = rates_of(steps)
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[-1] == pytest.approx(1 / 25 / 1e4)
    top = rates.index(max(rates))
    assert rates == sorted(rates[: top + 1]) + sorted(rates[top + 1 :], reverse=True)
    if steps >= 10:
        assert max(rates) == rates[round(0.3 * steps) - 1] == pytest.approx(1)


@pytest.mark.parametrize(("steps", "rates"), [(1, [2.0]), (2, [2.0, 1.0]), (3, [2.0, 1.5, 0.5])])
def test_the_few_updates_of_a_short_training_learn_something(steps, rates):
    assert rates_of(steps, rate=2.0) == pytest.approx(rates)


def test_one_update_by_fit_learns_as_much_as_the_optimiser_alone():
    digits, model, other = make_digits(), make_model(), make_model()
    other.load_state_dict(model.state_dict())
    for net, options in ((model, {}), (other, {"schedule": None})):
        fit(net, digits, epochs=1, batch_size=22, optimizer=sgd(net, 0.5), **options, **QUIET)
    assert torch.equal(weights(model), weights(other))


def test_the_published_schedule():
    """Preprint p. 10: two passes of 0.0005, three of 0.0002, three of 0.0001, and so on."""
    optimizer = SDLM(nn.Linear(2, 2).parameters())
    scheduler = published_schedule(optimizer, steps=60)
    rates = []
    for _ in range(60):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[::3] == pytest.approx(PUBLISHED_RATES)
    assert rates[2::3] == pytest.approx(PUBLISHED_RATES)
    assert len(PUBLISHED_RATES) == 20


test_what_cannot_be_right_is_refused = refusals(
    {
        "one cycle": (lambda: one_cycle(sgd(make_model()), 0), "steps must be .* got 0"),
        "one cycle kind": (
            lambda: one_cycle(0.1, 5),
            "optimizer must be of type Optimizer, got float",
        ),
        "schedule": (lambda: published_schedule(sgd(make_model()), -3), "steps must be .* got -3"),
        "schedule kind": (
            lambda: published_schedule(SDLM, 5),
            r"optimizer must be .* got type; such as SDLM\(model.parameters\(\)\)$",
        ),
    }
)
