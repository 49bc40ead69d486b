"""The page's network learns as Python's does: the same sums, curvatures and steps."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
import torch
from playground.compile_kernels import COMPILED, compiled
from small_page import bytes_of, floats_of, in_base64, open_small_page, write_small_page
from torch import nn

from lenet_utils import C3_TABLE, LeNet5, fit
from lenet_utils.models import DiscriminativeLoss, initialize_like_lush, mean_penalty
from lenet_utils.training import SDLM, diagonal_curvature

SEEN = 300
RATE = 1e-4


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_small_page(tmp_path_factory.mktemp("networks of the page"))


@pytest.fixture(scope="module", params=[True, False], ids=["WebAssembly", "JavaScript"])
def page(browser, path, request):
    page = open_small_page(browser, path, compiled=request.param)
    kind = page.evaluate("lenet.engineKind()")
    assert kind == ("WebAssembly" if request.param else "JavaScript")
    yield page
    page.close()


@pytest.fixture(scope="module")
def both(browser, path):
    pages = [open_small_page(browser, path, compiled=kind) for kind in (True, False)]
    yield pages
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def digits(mnist):
    return mnist.train[:SEEN]


@pytest.fixture(scope="module")
def in_python(digits):
    """A function that learns in Python what a case says, once for both kinds of kernels."""
    return cache(lambda name: learned_in_python(CASES[name], digits[: CASES[name].seen]))


def test_the_kept_module_is_what_its_source_compiles_to():
    assert compiled() == COMPILED.read_bytes()


# --- The same as Python ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A training: how Python makes the network and its loss, and what the page is told."""

    parts: dict = field(default_factory=dict)
    criterion: object = None
    network: dict = field(default_factory=dict)
    told: dict = field(default_factory=dict)
    seen: int = SEEN


PAIRS = tuple((i % 6, (i + 2) % 6) for i in range(16))
CASES = {
    "as published": Case(),
    "eq. 8": Case(criterion=mean_penalty, told={"criterion": {"equation": 8}}),
    "eq. 9, j = 20": Case(
        criterion=DiscriminativeLoss(20.0), told={"criterion": {"equation": 9, "j": 20}}
    ),
    "plain": Case(told={"optimizer": "plain"}),
    "own table": Case({"connections": PAIRS}, network={"table": PAIRS}),
    "all-to-all": Case({"connections": None}, network={"table": [[0, 1, 2, 3, 4, 5]] * 16}),
    "logistic": Case({"activation": nn.Sigmoid()}, network={"squash": "logistic"}),
    # At its corner any difference, however small, may turn a step: beyond, two PyTorches differ.
    "relu": Case({"activation": nn.ReLU()}, network={"squash": "relu"}, seen=50),
}

LEARN = """({ settings, pixels, labels, weights, order, count }) => {
    const digits = { pixels: lenet.bytes(pixels), labels: lenet.bytes(labels) };
    const given = { digits, weights: floats(weights), order: Uint32Array.from(order) };
    const learner = new lenet.Learner({ ...settings, ...given });
    while (learner.seen < count) learner.work.next();
    const { plan } = learner, start = plan.begin + plan.curvature;
    return {
        weights: packed(lenet.weightsOf(learner.network)),
        curvature: packed(plan.engine.floats.slice(start, start + plan.learned)),
        losses: learner.losses,
        wrong: learner.wrong,
    };
}"""


def row_of(tensors):
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def started(case):
    torch.manual_seed(1)
    return LeNet5(**case.parts, initialize=initialize_like_lush)


def learned_in(page, case, digits, count=None):
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))  # as in fit
    given = {
        "settings": {"network": case.network, "rates": [RATE], **case.told},
        "pixels": in_base64(bytes_of(digits)),
        "labels": in_base64(digits.labels.byte().numpy()),
        "weights": in_base64(row_of(started(case).parameters()).numpy()),
        "order": order.tolist(),
        "count": count or len(digits),
    }
    told = page.evaluate(LEARN, given)
    numbers = {name: torch.tensor(floats_of(told[name])) for name in ("weights", "curvature")}
    return {**told, **numbers}


def learned_in_python(case, digits):
    """Return the weights after one pass, its mean loss, and the curvature that it began with."""
    model, curvature = started(case), torch.zeros(0)
    criterion = case.criterion or model.criterion
    if case.told.get("optimizer") == "plain":
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    else:
        optimizer = SDLM(model.parameters(), lr=RATE)
        optimizer.estimate_curvature(model, digits, criterion)
        exact = started(case).double()
        images = digits.images.double()
        curvature = row_of(
            diagonal_curvature(exact, images, digits.labels, criterion).values()
        ).float()
    history = fit(
        model, digits, epochs=1, batch_size=1, shuffle="once", seed=0, optimizer=optimizer,
        schedule=None, criterion=criterion, progress=False, device="cpu",
    )  # fmt: skip
    return row_of(model.parameters()), history.epochs["train_loss"].item(), curvature


def test_the_curvature_is_measured_again_where_that_is_asked_for(page, digits):
    few = digits[:60]
    weights = learned_in(page, Case(), few, count=40)["weights"]
    found = learned_in(page, Case(told={"again": 40}), few, count=41)
    model = LeNet5()
    nn.utils.vector_to_parameters(weights, model.parameters())
    model.double()
    expected = diagonal_curvature(model, few.images.double(), few.labels, model.criterion)
    torch.testing.assert_close(
        found["curvature"], row_of(expected.values()).float(), atol=1e-6, rtol=1e-4
    )
    once = learned_in(page, Case(), few, count=41)
    assert not torch.equal(once["curvature"], found["curvature"])
    assert not torch.equal(once["weights"], found["weights"])


@pytest.mark.filterwarnings("ignore::lenet_utils.TrainingWarning")  # so few images teach little
@pytest.mark.parametrize("name", CASES)
def test_it_learns_what_fit_does(page, digits, in_python, name):
    case = CASES[name]
    weights, loss, curvature = in_python(name)
    found = learned_in(page, case, digits[: case.seen])
    moved = (weights - row_of(started(case).parameters())).abs().max()
    assert moved > 0.01
    torch.testing.assert_close(found["weights"], weights, atol=1e-4, rtol=0)
    assert np.mean(found["losses"]) == pytest.approx(loss, rel=1e-4)
    if len(curvature):
        torch.testing.assert_close(found["curvature"], curvature, atol=1e-6, rtol=1e-4)


def test_webassembly_and_javascript_learn_the_same(both, digits):
    compiled_one, plain = (learned_in(page, CASES["as published"], digits) for page in both)
    torch.testing.assert_close(compiled_one["weights"], plain["weights"], atol=1e-5, rtol=0)
    assert compiled_one["wrong"] == plain["wrong"]


# --- Numbers --------------------------------------------------------------------------------------

SQUASHED = """([kind, amplitude, slope]) => {
    const values = Float32Array.from({ length: 4000 }, (_, i) => (i - 2000) / 100);
    values.set([NaN, Infinity, -Infinity, 1e-30], 0);
    const { floats, kernels } = lenet.newEngine(values.length);
    floats.set(values);
    kernels.squash(0, values.length, kind, amplitude, slope);
    return [packed(values), packed(floats)];
}"""
EXACT = {
    "tanh": (0, 1.7159, 2 / 3, lambda a: 1.7159 * torch.tanh(2 / 3 * a)),
    "relu": (1, 2, 1, torch.relu),
    "logistic": (2, 1, 1 / 2, torch.sigmoid),
}


@pytest.mark.parametrize("name", EXACT)
def test_squashing_is_right_to_two_ten_millionths(page, name):
    *given, function = EXACT[name]
    values, found = (
        torch.tensor(floats_of(text)).double() for text in page.evaluate(SQUASHED, given)
    )
    wanted = function(values)
    assert found[0].isnan()
    torch.testing.assert_close(found[1:], wanted[1:], atol=2e-7, rtol=1e-7)


def xoshiro(seed, count):
    """Return numbers of xoshiro128**, as its authors write it, from the page's way to fill it."""
    word = 2**32 - 1

    def turned(bits, by):
        return ((bits << by) | (bits >> (32 - by))) & word

    state = []
    for number in range(1, 5):
        z = (seed + number * 0x9E3779B9) & word
        z = (z ^ (z >> 16)) * 0x85EBCA6B & word
        z = (z ^ (z >> 13)) * 0xC2B2AE35 & word
        state.append(z ^ (z >> 16))
    for _ in range(count):
        yield turned(state[1] * 5 & word, 7) * 9 & word
        t = state[1] << 9 & word
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= t
        state[3] = turned(state[3], 11)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_random_numbers_are_those_of_xoshiro(page, seed):
    drawn = page.evaluate(
        "(seed) => { const { unit } = lenet.random(seed); return [...Array(100)].map(unit); }", seed
    )
    assert drawn == [number / 2**32 for number in xoshiro(seed, 100)]


def test_orders_and_draws_are_what_they_should_be(page):
    order = page.evaluate("[...lenet.shuffled(1000, 3)]")
    assert sorted(order) == list(range(1000))
    assert order != sorted(order)
    assert order == page.evaluate("[...lenet.shuffled(1000, 3)]")
    assert order != page.evaluate("[...lenet.shuffled(1000, 4)]")
    draws = (
        "(name) => { const r = lenet.random(0); return [...Array(20000)].map(() => r[name](7)); }"
    )
    normal, below = (np.array(page.evaluate(draws, name)) for name in ("normal", "below"))
    assert abs(normal.mean()) < 0.03
    assert normal.std() == pytest.approx(1, abs=0.03)
    assert np.allclose(np.bincount(below, minlength=7) / 20000, 1 / 7, atol=0.01)
    for seed in (-1, 0.5, 2**32):
        with pytest.raises(Exception, match="a seed must be a whole number"):
            page.evaluate("(seed) => { lenet.random(seed); }", seed)


def test_a_start_is_drawn_by_fan_in(page):
    for start, limit in (("lush", lambda f: f**-0.5), ("published", lambda f: 2.4 / f)):
        tensors = page.evaluate(
            """(start) => lenet.tensorsOf(lenet.newNetwork({ start, seed: 5 }))
                .map(({ name, shape, values }) => [name, shape, packed(values)])""",
            start,
        )
        own = LeNet5().state_dict()
        assert [(name, tuple(shape)) for name, shape, _ in tensors] == [
            (name, tuple(tensor.shape)) for name, tensor in own.items()
        ]
        found = {name: torch.tensor(floats_of(text)) for name, _, text in tensors}
        rows = found["c3.0.weight"].reshape(60, 25).split([len(row) for row in C3_TABLE])
        drawn = {
            25: [found["c1.0.weight"]],
            400: [found["c5.0.weight"]],
            120: [found["f6.1.weight"]],
        }
        for row in rows:
            drawn.setdefault(row.numel(), []).append(row)
        for inputs, parts in drawn.items():
            for part in parts:
                assert part.abs().max() <= limit(inputs) * (1 + 1e-6)
                assert part.abs().max() > 0.9 * limit(inputs)
        for name in ("c1.0.bias", "s2.0.bias", "c3.0.bias", "s4.0.bias", "c5.0.bias", "f6.1.bias"):
            assert not found[name].any()
        assert (found["s2.0.coefficient"] == 0.5).all()
        assert torch.equal(found["output.0.codes"], own["output.0.codes"].flatten())
