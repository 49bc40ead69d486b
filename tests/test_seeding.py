"""The random state of every device is given back, whatever device there is."""

from types import SimpleNamespace

import pytest
import torch
from toy import QUIET, make_digits, make_model, sgd, weights

from lenet_utils import fit
from lenet_utils._seeding import seeded


def device_module(count, numbered=True):
    """Return a stand-in for torch.xpu (or, without numbers, torch.mps) and its states."""
    states = [torch.full((5,), i, dtype=torch.uint8) for i in range(count)]

    def put(state, index=0):
        states[index] = state.clone()

    def at(index):
        return states[index].clone()

    module = SimpleNamespace(set_rng_state=put, get_rng_state=at)
    if not numbered:  # and neither function takes more than this
        module = SimpleNamespace(
            set_rng_state=lambda state: put(state), get_rng_state=lambda: at(0)
        )
    return module, states


@pytest.fixture
def pretended(monkeypatch):
    """Return a function that pretends an accelerator of a kind, and gives its random states."""

    def pretend(kind, count=1):
        module, states = device_module(count, numbered=kind != "mps")
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
        monkeypatch.setattr(
            torch.accelerator, "current_accelerator", lambda **_: torch.device(kind)
        )
        monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)
        monkeypatch.setattr(torch, "get_device_module", lambda device: module)
        return states

    return pretend


def values(states):
    return [state.tolist() for state in states]


@pytest.mark.parametrize(("kind", "count"), [("cuda", 2), ("xpu", 3), ("mps", 1)])
def test_what_draws_inside_leaves_no_trace_on_any_device(pretended, kind, count):
    states = pretended(kind, count)
    before, on_cpu = values(states), torch.get_rng_state()

    def draw():
        torch.rand(3)
        for i in range(count):
            states[i] = torch.full((5,), 200, dtype=torch.uint8)
        raise KeyError

    with pytest.raises(KeyError), seeded(5):
        draw()
    assert values(states) == before
    assert torch.equal(torch.get_rng_state(), on_cpu)


def test_the_seed_decides_what_is_drawn_inside():
    drawn = []
    for seed in (1, 1, 2):
        with seeded(seed):
            drawn.append(torch.rand(4).tolist())
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("kind", ["xpu", "mps"])
def test_a_training_goes_on_with_the_random_state_of_its_device(pretended, tmp_path, kind):
    """Each batch's augmentation draws there, which here is counting; it goes on from the count."""

    def draw(images):
        states[0] = states[0] + 1
        return images + 0.01 * states[0][0]

    states, start = pretended(kind), make_model()
    digits, ends = make_digits(), []
    for stops in ([], [1]):
        states[0] = torch.zeros(5, dtype=torch.uint8)
        model = make_model()
        model.load_state_dict(start.state_dict())
        for last in [*stops, 2]:
            after = {"after_epoch": lambda row, last=last: row["epoch"] == last}
            place = tmp_path / f"{len(stops)}"
            fit(
                model,
                digits,
                epochs=2,
                batch_size=5,
                augment=draw,
                checkpoint=place,
                optimizer=sgd(model),
                **after,
                **QUIET,
            )
            assert states[0].tolist() == [0] * 5
        ends.append(weights(model))
    assert torch.equal(*ends)
