"""Learning rates, step by step."""

import pytest
from refusing import refusals
from torch import nn
from toy import make_model, sgd

from lenet_utils import SDLM, one_cycle, published_schedule
from lenet_utils.training import PUBLISHED_RATES


@pytest.mark.parametrize("steps", [1, 2, 10, 1000])
def test_one_cycle_rises_for_three_tenths_and_falls_to_nearly_nothing(steps):
    optimizer = sgd(make_model(), 1.0)
    scheduler, rates = one_cycle(optimizer, steps), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[-1] < 1e-5
    if steps >= 10:
        assert rates[0] == pytest.approx(1 / 25)
        assert max(rates) == rates[round(0.3 * steps) - 1] == pytest.approx(1)


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
