"""The page's training in a worker: what it is told, what it reports, and when."""

import base64
import hashlib

import numpy as np
import pytest
import torch
from small_page import bytes_of, floats_of, in_base64, open_small_page, write_small_page

from lenet_utils import LeNet5

# Weights after 100 images with the seed 0, whichever browser and machine has WebAssembly.
DIGEST = "dc6f33052a5146dba1208fe69595914993969f655f5202deb25f53a0d7184eb6"

START = """({ settings, digits, judged }) => {
    const bytes = (some) => some && {
        pixels: lenet.bytes(some.pixels), labels: lenet.bytes(some.labels),
    };
    self.news = [];
    const report = (told) => {
        for (const [name, value] of Object.entries(told)) {
            if (ArrayBuffer.isView(value)) told[name] = packed(value);
        }
        for (const layer of [told.input, ...(told.outputs ?? []), ...(told.deltas ?? [])]) {
            if (layer) layer.values = [...layer.values];
        }
        news.push(told);
    };
    self.trainer?.close();
    self.trainer = new lenet.Trainer({
        ...settings, digits: bytes(digits), judged: bytes(judged), report,
    });
}"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_small_page(tmp_path_factory.mktemp("trainer"))


@pytest.fixture(scope="module")
def page(browser, path):
    page = open_small_page(browser, path)
    yield page
    page.close()


def described(digits):
    pixels, labels = bytes_of(digits), digits.labels.byte().numpy()
    return {"pixels": in_base64(pixels), "labels": in_base64(labels)}


@pytest.fixture
def start(page, mnist):
    def start(learned=100, judged=40, **settings):
        page.evaluate(
            START,
            {
                "settings": settings,
                "digits": described(mnist.train[:learned]),
                "judged": described(mnist.validation[:judged]) if judged else None,
            },
        )
        return wait_for(page, "news => news.some((n) => n.running === false)")

    return start


def wait_for(page, what):
    """Wait until the news are what is wanted, and take them away."""
    page.wait_for_function(f"() => ({what})(news)")
    return page.evaluate("news.splice(0)")


STANDS = "news => news.at(-1)?.running === false"


def act(page, command, *arguments):
    page.evaluate("([name, given]) => trainer[name](...given)", [command, arguments])


def numbers(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_a_run_is_reported_image_by_image(page, start):
    news = start(learned=100, judged=40, every=30)  # more than one report on a busy machine
    assert {(n["kind"], n["seen"], n["rate"]) for n in news} == {("progress", 0, 1e-4)}
    (judged,) = news[-1]["judged"]
    assert (judged["seen"], judged["of"]) == (0, 40)
    assert 20 < judged["errors"] <= 40
    act(page, "run", 95)
    news = wait_for(page, STANDS)
    assert all(n["kind"] == "progress" for n in news)
    assert news[-1]["seen"] == 95
    assert news[-1]["pass"] == 0
    losses = np.concatenate([numbers(n["losses"], "<f8") for n in news])
    wrong = np.concatenate([numbers(n["wrong"], "u1") for n in news])
    assert len(losses) == len(wrong) == 95
    assert losses[-20:].mean() < losses[:20].mean()
    marks = [j["seen"] for n in news for j in n["judged"]]
    assert marks == [30, 60, 90]
    act(page, "run", 10)
    (*_, last) = wait_for(page, STANDS)
    assert (last["seen"], last["pass"]) == (105, 1)


def test_pauses_change_nothing(page, start):
    """What a training becomes is decided by its seed, and not by when it was looked at."""

    def learned(*stretches):
        start(learned=60, judged=10, every=7)
        marks = []
        for count in stretches:
            act(page, "run", count)
            news = wait_for(page, STANDS)
            marks += [(j["seen"], j["loss"]) for n in news for j in n["judged"]]
        assert news[-1]["seen"] == 100
        return news[-1]["weights"], marks

    whole = learned(100)
    assert learned(*[1] * 3, 4, *[31] * 3) == whole
    start(learned=60, judged=10, every=7)
    act(page, "run")
    wait_for(page, "news => news.at(-1)?.seen >= 20")
    act(page, "pause")
    (*_, last) = wait_for(page, STANDS)
    seen = last["seen"]
    assert seen >= 20
    page.wait_for_timeout(100)
    assert page.evaluate("news.length") == 0


def test_the_same_seed_gives_the_same_weights_to_the_last_bit(page, start):
    start(learned=100, judged=0, seed=0)
    act(page, "run", 100)
    (*_, last) = wait_for(page, STANDS)
    assert hashlib.sha256(base64.b64decode(last["weights"])).hexdigest() == DIGEST
    for other in ({"seed": 1}, {"network": {"seed": 1}}):
        start(learned=100, judged=0, **other)
        act(page, "run", 100)
        (*_, news) = wait_for(page, STANDS)
        assert news["weights"] != last["weights"]


def test_a_watched_image_shows_what_autograd_gives(page, start, mnist):
    start(learned=100, judged=0)
    act(page, "run", 5)
    (*_, before) = wait_for(page, STANDS)
    act(page, "watch")
    news = wait_for(page, STANDS)
    (watched,) = [n for n in news if n["kind"] == "watched"]
    assert watched["seen"] == 5
    assert news[-1]["seen"] == 6

    model = LeNet5().double()
    row = torch.tensor(floats_of(before["weights"])).double()
    torch.nn.utils.vector_to_parameters(row, model.parameters())
    digit = mnist.train[watched["index"] : watched["index"] + 1]
    assert watched["label"] == int(digit.labels)
    torch.testing.assert_close(
        torch.tensor(watched["input"]["values"]), digit.images.flatten(), atol=1e-6, rtol=0
    )
    outputs, x = [], digit.images.double()
    for name, layer in model.named_children():
        x = layer(x) if name != "output" else layer[0](x)
        x.retain_grad()
        outputs.append(x)
    loss = model.criterion(-x, digit.labels)
    loss.backward()
    assert watched["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert len(watched["outputs"]) == len(watched["deltas"]) == len(outputs)
    for out, delta, wanted in zip(watched["outputs"], watched["deltas"], outputs, strict=True):
        maps, side = wanted.shape[1], wanted.shape[2] if wanted.ndim == 4 else 1
        assert (out["maps"], out["side"]) == (delta["maps"], delta["side"]) == (maps, side)
        for found, exact in ((out, wanted.detach()), (delta, wanted.grad)):
            torch.testing.assert_close(
                torch.tensor(found["values"]).double(), exact.flatten(), atol=1e-4, rtol=1e-4
            )
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    rates, steps = (torch.tensor(floats_of(watched[name])).double() for name in ("rates", "steps"))
    assert 0 < rates.min() < rates.max() <= 1e-4 / 0.02 * 1.001
    torch.testing.assert_close(steps, rates * gradient, atol=1e-6, rtol=1e-3)
    after = torch.tensor(floats_of(watched["weights"])).double()
    torch.testing.assert_close(after, row - steps, atol=1e-7, rtol=1e-6)
    assert news[-1]["weights"] == watched["weights"]


def test_other_weights_are_gone_on_with(page, start):
    start(learned=30, judged=0, seed=0)
    act(page, "run", 10)
    (*_, there) = wait_for(page, STANDS)
    start(learned=30, judged=0, seed=0, network={"seed": 9})
    page.evaluate("(text) => trainer.load(floats(text))", there["weights"])
    (*_, loaded) = wait_for(page, STANDS)
    assert (loaded["seen"], loaded["weights"]) == (0, there["weights"])


def test_rates_go_with_the_passes(page, start):
    start(learned=10, judged=0, rates=[1e-4, 5e-5, 1e-5])
    found = []
    for _ in range(4):
        act(page, "run", 10)
        (*_, news) = wait_for(page, STANDS)
        found.append((news["pass"], news["rate"]))
    assert found == [(1, 5e-5), (2, 1e-5), (3, 1e-5), (4, 1e-5)]


def test_a_training_that_diverges_stops_and_says_so(page, start):
    start(learned=100, judged=0)
    page.evaluate("trainer.load(new Float32Array(60000).fill(NaN))")
    wait_for(page, STANDS)
    act(page, "run")
    (*_, last) = wait_for(page, STANDS)
    assert last["diverged"]
    assert last["seen"] == 1


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"optimizer": "adam"}, "optimizer must be sdlm or plain, got adam"),
        ({"network": {"squash": "gelu"}}, "squash must be one of tanh, logistic, relu, got gelu"),
        ({"network": {"start": "he"}}, "start must be one of lush, published, got he"),
        ({"network": {"table": [[0, 6]] * 16}}, "different maps from 0 to 5, got [0,6]"),
        ({"network": {"table": [[0]] * 15}}, "got a table of 15 rows"),
        ({"network": {"codes": [1, 2]}}, "codes must be"),
        ({"network": {"seed": -1}}, "a seed must be a whole number"),
        ({"weights": [1, 2, 3]}, "LeNet-5 has 60000 weights, got 3"),
    ],
)
def test_what_cannot_be_trained_is_refused(page, mnist, settings, why):
    page.evaluate(START, {"settings": settings, "digits": described(mnist.train[:5])})
    (news,) = wait_for(page, "news => news.length > 0")
    assert news["kind"] == "failed"
    assert why in news["message"]


def test_two_trainings_run_side_by_side(page, mnist):
    ran = page.evaluate(
        """async (digits) => {
            const some = { pixels: lenet.bytes(digits.pixels), labels: lenet.bytes(digits.labels) };
            const run = (choices) => new Promise((resolve) => {
                const trainer = new lenet.Trainer({
                    network: choices, digits: some,
                    report({ seen, running, weights }) {
                        if (!running && seen === 50) resolve([packed(weights), trainer.close()]);
                    },
                });
                trainer.run(50);
            });
            return Promise.all([{}, { squash: "relu" }, {}].map(run));
        }""",
        described(mnist.train[:50]),
    )
    assert ran[0] == ran[2] != ran[1]
