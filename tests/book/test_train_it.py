"""The training panel in a real browser: it learns, shows how, and its weights are Python's."""

import base64
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from browsing import (
    COLOUR_RULES,
    DESK,
    PHONE,
    PHONE_RULES,
    STILL,
    axe_violations,
    watched_page,
)
from building import HTML, ROOT, build, start_book
from PIL import Image
from playground import training_digits
from torch import nn

import lenet_utils.__main__ as command_line
from lenet_utils import (
    C3_TABLE,
    LeNet1,
    LeNet5,
    evaluate,
    load_mnist,
    load_weights,
    prepare_digit,
    save_weights,
    scale,
)
from lenet_utils.models import read_metadata
from lenet_utils.training import load_trained

PAGE = """# A page

```{playground} train
The stand-in.

Steps
: Of steps.

Digits
: Of [digits](other.md).
```

Prose below.
"""
LARGEST = 3_000_000  # bytes of all that is loaded when a training begins


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A built book: a page with the training panel, one with the playground, and one without."""
    folder = tmp_path_factory.mktemp("train") / "small book"
    start_book(folder, "other", "play")
    shutil.copy(ROOT / "requirements.txt", folder)
    package, ignored = folder / "lenet_utils", shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lenet_utils", package, ignore=ignored, dirs_exist_ok=True)
    (folder / "book" / "intro.md").write_text(PAGE)
    (folder / "book" / "other.md").write_text("# Another page\n")
    (folder / "book" / "play.md").write_text("# Play\n\n```{playground} draw\nStand-in.\n```\n")
    result = build(folder)
    assert result.returncode == 0, result.stdout[-4000:]
    return folder / "_build" / "html"


@pytest.fixture
def open_page(browser, book):
    """A function that opens the page from its file, and watches what goes wrong on it."""
    opened = []

    def open_it(lost=None, name="intro", clock=False, **options):
        page = watched_page(browser, **options)
        if clock:
            page.clock.install()
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        if lost:
            page.route(f"**/{lost}.js*", lambda route: route.abort())
        page.goto((book / "book" / f"{name}.html").as_uri())
        if options.get("java_script_enabled", True):
            page.evaluate("() => lenet.fill(document.querySelector('[data-panel]'))")
        opened.append(page)
        return page

    yield open_it
    for page in opened:
        assert not page.slips
        page.close()


@pytest.fixture
def page(open_page):
    return open_page()


PANEL = "document.querySelector('[data-panel=train]').panel"
DONE = f"""(seen) => {PANEL}.active().every(
    (learner) => learner.seen === seen && !learner.running && learner.busy === null)"""


def press(page, name):
    page.locator("[data-panel=train]").get_by_role("button", name=name, exact=True).click()


def learn(page, count, seen=None):
    """Learn from so many images more, and wait for them."""
    page.evaluate(f"(count) => {PANEL}.run(count)", count)
    page.wait_for_function(DONE, arg=seen or count)


def weights(page, learner=0):
    found = page.evaluate(f"(i) => [...lenet.weightsOf({PANEL}.learners[i].network)]", learner)
    return np.array(found, dtype=np.float32)


def wish(page, **wishes):
    """Choose settings, by their keys, as a reader does."""
    details = page.locator(".lenet-change")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    names = page.evaluate(
        f"Object.fromEntries(Object.entries({PANEL}.form.fields).map(([key, input]) =>"
        " [key, input.parentElement.firstChild.data.trim()]))"
    )
    for key, value in wishes.items():
        choices = details.get_by_role("combobox", name=names[key], exact=True)
        if choices.count():
            choices.select_option(value)
        else:
            field = details.get_by_role("textbox", name=names[key], exact=True)
            field.fill(value)
            field.press("Tab")


# --- It learns -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judges():
    """What the page judges by: 1,000 validation digits."""
    return load_mnist(for_=LeNet5()).validation[: training_digits.JUDGED]


def test_it_learns_and_python_takes_its_weights(page, judges, tmp_path):
    learn(page, 3_000)
    course = page.evaluate(f"{PANEL}.learners[0].errors")
    assert [point["x"] for point in course] == list(range(0, 3_001, 500))
    assert course[0]["y"] > 80
    assert course[-1]["y"] < 10
    losses = page.evaluate(f"{PANEL}.learners[0].losses")
    assert [point["x"] for point in losses] == list(range(100, 3_001, 100))

    with page.expect_download() as download:
        press(page, "Keep the weights")
    assert download.value.suggested_filename == "lenet5-3000.safetensors"
    file = tmp_path / "kept.safetensors"
    download.value.save_as(file)
    model = LeNet5()
    load_weights(model, file)
    assert read_metadata(file)["seen"] == "3000"
    assert evaluate(model, judges).errors == course[-1]["errors"]

    press(page, "Ask 1,000 test digits")
    page.get_by_text(re.compile(r"misreads \d+ of 1,000 test digits")).wait_for()
    test = evaluate(model, load_mnist(for_=model).test[:1_000])
    assert page.get_by_text(f"misreads {test.errors} of 1,000 test digits after 3,000").count() == 1


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_seed_it_soon_reads_nine_in_ten(page, seed):
    wish(page, seed=str(seed))
    learn(page, 3_000)
    assert page.evaluate(f"{PANEL}.learners[0].errors.at(-1)")["y"] < 10


@pytest.mark.long
def test_it_has_few_errors_after_forty_thousand_images(page):
    """Four passes over the page's digits by the settings that are offered."""
    learn(page, 40_000)
    course = page.evaluate(f"{PANEL}.learners[0].errors")
    assert course[-1]["x"] == 40_000
    assert course[-1]["y"] < 3


def test_one_seed_makes_one_network(page):
    learn(page, 200)
    first = weights(page)
    press(page, "Start anew")
    assert not np.array_equal(weights(page), first)
    learn(page, 200)
    assert np.array_equal(weights(page), first)
    wish(page, seed="3")
    press(page, "Start anew")
    learn(page, 200)
    assert not np.array_equal(weights(page), first)


def test_run_pause_and_counted_images(page):
    press(page, "One image")
    page.wait_for_function(DONE, arg=1)
    press(page, "One hundred")
    page.wait_for_function(DONE, arg=101)
    press(page, "Run")
    page.wait_for_function(f"{PANEL}.learners[0].seen > 300")
    press(page, "Pause")
    page.wait_for_function(f"!{PANEL}.learners[0].running")
    seen = page.evaluate(f"{PANEL}.learners[0].seen")
    facts = page.locator(".lenet-two p").first.inner_text()
    assert facts.startswith(f"{seen:,} images seen, {seen / 10_000:.2f} passes, rate 0.0002")
    # What a screen reader is told when it stops.
    assert page.locator(".lenet-panel > .lenet-spoken").inner_text().startswith(f"{seen:,} images")
    press(page, "Start anew")
    assert page.evaluate(f"{PANEL}.learners[0].seen") == 0


CALM = 10_000  # milliseconds between two sentences
# What a screen reader is told: each new text of the places that speak.
LISTEN = """() => {
    self.said = [];
    const note = (changes) => changes.forEach(({ target }) => {
        const place = target.parentElement?.closest("[role=status]") ?? target;
        if (place.getAttribute("aria-live") !== "off" && place.textContent)
            said.push(place.textContent);
    });
    const watcher = new MutationObserver(note);
    const what = { childList: true, characterData: true, subtree: true };
    for (const place of document.querySelectorAll("[data-panel=train] [role=status]"))
        watcher.observe(place, what);
}"""


def test_it_speaks_at_a_calm_rate_and_not_when_it_stands(open_page):
    """By a clock that stands while images are learned, and goes on when it is told."""
    page = open_page(clock=True)
    learn(page, 1)  # the digits are there
    page.clock.pause_at(page.evaluate("Date.now()") + 60_000)
    page.evaluate(LISTEN)

    def said():
        return page.evaluate("self.said.splice(0)")

    press(page, "Run")
    page.wait_for_function(f"{PANEL}.learners[0].errors.length > 3")  # 1,500 images
    assert len(said()) <= 1
    for _ in range(3):
        page.clock.fast_forward(CALM)
        seen = page.evaluate(f"{PANEL}.learners[0].seen")
        page.wait_for_function(f"(seen) => {PANEL}.learners[0].seen > seen + 700", arg=seen)
        (sentence,) = said()
        assert re.search(
            r"images seen.* Loss [\d.]+\. .* of 1,000 misread\..* is read as", sentence
        )
    press(page, "Pause")
    page.wait_for_function(f"!{PANEL}.learners[0].running")
    status = page.locator("[data-panel=train] .lenet-status").first
    assert status.get_attribute("aria-live") == "polite"
    *_, last = said()
    assert last.startswith(f"{page.evaluate(f'{PANEL}.learners[0].seen'):,} images seen")
    page.clock.run_for(3 * CALM)
    assert [text for text in said() if "images seen" in text] == []


# --- The digits ----------------------------------------------------------------------------------


def test_the_digits_come_when_they_are_needed_and_are_mnists(page, book):
    script = book / "_static" / "playground" / "data" / "mnist.js"
    assert script.stat().st_size < LARGEST
    assert not [url for url in page.asked if "mnist" in url]
    parts = page.evaluate(
        """async () => {
            const text = (bytes) => {
                let letters = "";
                for (let i = 0; i < bytes.length; i += 8192)
                    letters += String.fromCharCode(...bytes.subarray(i, i + 8192));
                return btoa(letters);
            };
            const digits = await lenet.bringDigits();
            return Object.entries(digits).map(([name, { pixels, labels }]) =>
                [name, text(pixels), text(labels)]);
        }"""
    )
    assert [url for url in page.asked if "mnist" in url]
    mnist = load_mnist(size=28, scaling="unit")
    for name, pixels, labels in parts:
        count = training_digits.TRAIN if name == "train" else training_digits.JUDGED
        expected = getattr(mnist, name)[:count]
        as_bytes = expected.images.mul(255).round().byte().numpy().tobytes()
        assert base64.b64decode(pixels) == as_bytes, name
        assert list(base64.b64decode(labels)) == expected.labels.tolist(), name
    assert len(parts) == 3


ALTERED = """async (choices) => {
    const { train } = await lenet.bringDigits();
    const some = { labels: train.labels.slice(0, 2000), pixels: train.pixels.slice(0, 2000 * 784) };
    const none = { leftOut: null, swapped: null, wrong: false, noise: false, seed: 5 };
    const { labels, pixels, order } = lenet.altered(some, { ...none, ...choices });
    let changed = 0;
    if (pixels.length === some.pixels.length)
        pixels.forEach((value, i) => (changed += value !== some.pixels[i]));
    return { before: [...some.labels], labels: [...labels], order: [...order], changed };
}"""


def test_what_is_altered_is_what_was_asked_for(page):
    plain = page.evaluate(ALTERED, {})
    assert plain["labels"] == plain["before"]
    assert plain["changed"] == 0
    assert sorted(plain["order"]) == list(range(2000))

    without = page.evaluate(ALTERED, {"leftOut": 7})
    assert without["labels"] == [label for label in plain["before"] if label != 7]
    kept = [i for i, label in enumerate(plain["before"]) if label != 7]
    same_order = [i for i in plain["order"] if plain["before"][i] != 7]
    assert [kept[i] for i in without["order"]] == same_order

    swapped = page.evaluate(ALTERED, {"swapped": [4, 9]})
    exchange = {4: 9, 9: 4}
    assert swapped["labels"] == [exchange.get(label, label) for label in plain["before"]]

    wrong = page.evaluate(ALTERED, {"wrong": True})
    off = sum(a != b for a, b in zip(wrong["labels"], plain["before"], strict=True))
    assert 5 <= off <= 40  # 20 are expected, with a standard deviation of 4.4
    assert max(wrong["labels"]) == 9

    noisy = page.evaluate(ALTERED, {"noise": True})
    assert noisy["labels"] == plain["labels"]
    share = noisy["changed"] / (2000 * 784)
    assert 0.05 < share < 0.1  # a tenth is drawn, of which some stay as they were


# --- What can be changed -------------------------------------------------------------------------


def test_settings_reach_the_training(page):
    wish(page, table="all", squash="relu", codes="one-of-ten", steps="plain")
    network = f"{PANEL}.learners[0].network"
    assert page.evaluate(f"{network}.layers[2].table.flat().length") == 96
    assert page.evaluate(f"{network}.layers[2].squash.name") == "relu"
    choices = page.evaluate(f"lenet.trainerChoices({PANEL}.wishes[0])")
    assert choices["optimizer"] == "plain"
    assert choices["again"] == 1000
    assert choices["rates"][2] == pytest.approx(0.4 * choices["rates"][0])
    wish(page, falls="never", equation="8", rate="0.0003", again="")
    choices = page.evaluate(f"lenet.trainerChoices({PANEL}.wishes[0])")
    assert choices["rates"] == [0.0003]
    assert choices["again"] is None
    assert choices["criterion"]["equation"] == 8
    learn(page, 100)


@pytest.mark.parametrize("rate", ["", "no number", "0", "-1"])
def test_a_number_that_is_none_is_put_back(page, rate):
    wish(page, rate=rate)
    assert page.get_by_role("textbox", name="Rate of the first pass").input_value() == "0.0002"


def test_a_change_waits_for_the_next_start(page):
    learn(page, 100)
    wish(page, start="published")
    assert page.get_by_text("counts from the next start").is_visible()
    assert page.evaluate(f"{PANEL}.learners[0].seen") == 100
    press(page, "Start anew")
    assert not page.get_by_text("counts from the next start").is_visible()
    assert page.evaluate(f"{PANEL}.learners[0].wishes.start") == "published"


def test_an_own_table_is_clicked(page):
    wish(page, j="2")  # opens the settings
    cell = page.get_by_role("button", name="C3, map 0 reads S2, map 5")
    cell.click()
    assert cell.get_attribute("aria-pressed") == "true"
    table = f"{PANEL}.learners[0].network.layers[2].table"
    assert page.evaluate(table) == [[0, 1, 2, 5], *map(list, C3_TABLE[1:])]
    for source in (0, 1, 2, 5):
        page.get_by_role("button", name=f"C3, map 0 reads S2, map {source}").click()
    assert page.evaluate(table)[0] == [5]  # a map reads at least one
    assert page.get_by_text("A map of C3 reads at least one map of S2.").is_visible()
    cell.press("ArrowRight")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused) == "C3, map 1 reads S2, map 5"


def test_each_group_of_settings_has_its_sentence(page):
    told = dict(
        page.evaluate(
            "[...document.querySelectorAll('.lenet-settings fieldset')].map((group) =>"
            " [group.querySelector('legend').textContent,"
            " group.querySelector('.lenet-about').innerHTML])"
        )
    )
    assert "Of steps." in told["Steps"]
    assert 'href="other.html"' in told["Digits"]
    chapter = (ROOT / "book" / "train-it.md").read_text(encoding="utf-8")
    assert all(f"\n{name}\n: " in chapter for name in told)


def test_two_side_by_side_differ_by_the_change_alone(page):
    page.get_by_text("two side by side", exact=True).click()
    learn(page, 100)
    assert np.array_equal(weights(page, 0), weights(page, 1))
    page.locator(".lenet-change summary").click()
    page.locator(".lenet-change").get_by_text("B", exact=True).click()
    wish(page, equation="8", seed="4")
    press(page, "Start anew")
    assert np.array_equal(weights(page, 0), weights(page, 1))  # one seed for both
    learn(page, 100)
    assert not np.array_equal(weights(page, 0), weights(page, 1))
    assert page.evaluate(f"{PANEL}.learners.map((l) => l.wishes.equation)") == ["9", "8"]
    assert page.locator(".lenet-curve .is-b").count() == 2
    one, other = (place.bounding_box() for place in page.locator(".lenet-answer").all())
    assert one["y"] + one["height"] <= other["y"]  # one below the other
    ends = page.locator(".lenet-axes").evaluate_all(
        "(axes) => axes.map((axis) => [...axis.querySelectorAll('text')].at(-2).textContent)"
    )
    assert ends == ["1,000", "1,000"]


# --- Drawing, and one image's way ----------------------------------------------------------------


def test_a_digit_is_read_while_it_learns(page):
    press(page, "Run")
    page.wait_for_function(f"{PANEL}.learners[0].seen > 1500")
    page.get_by_role("button", name="Clear").click()
    box = page.locator(".lenet-paper").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.15 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.85 * box["height"], steps=8)
    page.mouse.up()
    assert page.evaluate(f"{PANEL}.learners[0].running")
    page.wait_for_function(
        "document.querySelector('[data-panel=train] .lenet-digit').textContent === '1'"
    )
    press(page, "Pause")
    page.wait_for_function(f"!{PANEL}.learners[0].running")


INSIDE = """(box) => {
    const right = (part) => part.getBoundingClientRect().right;
    return right(box) <= right(box.closest(".lenet-panel"));
}"""


def test_one_image_goes_there_and_back(open_page):
    page = open_page(reduced_motion="reduce")
    press(page, "Watch one image")
    page.get_by_text("1 of 22: Image 1, to be read as").wait_for()
    assert page.get_by_role("button", name="Play").is_visible()  # it waits for the reader
    titles = []
    for _ in range(22):
        titles.append(page.locator(".lenet-watch .lenet-inspector-title").inner_text())
        for table in page.locator(".lenet-numbers").all():  # seen as a whole
            assert table.evaluate("(box) => box.scrollWidth <= box.clientWidth")
            assert table.evaluate(INSIDE)
        if len(titles) < 22:
            press(page, "Next")
    assert [title.partition(": ")[0] for title in titles] == [f"{i} of 22" for i in range(1, 23)]
    assert page.get_by_role("button", name="Next").is_disabled()
    assert "Backwards: F6" in titles[9]
    assert "step: F6" in titles[20]
    said = page.locator(".lenet-watch").inner_text()
    now, before = re.search(
        r"a penalty of ([\d.]+\d); before the step it was ([\d.]+\d)", said
    ).groups()
    assert float(now) < float(before)
    assert page.evaluate(f"{PANEL}.learners[0].seen") == 1


# --- Files ---------------------------------------------------------------------------------------


def give(page, file):
    page.locator(".lenet-bring input").set_input_files(file)


def test_weights_of_python_are_taken(page, judges, tmp_path):
    model = LeNet5.from_pretrained()
    file = tmp_path / "mine.safetensors"
    save_weights(model, file)
    give(page, file)
    page.get_by_text("mine.safetensors is in use here").wait_for()
    expected = torch.cat([p.detach().flatten() for p in model.parameters()]).numpy()
    assert np.array_equal(np.sort(weights(page)), np.sort(expected))
    learn(page, 1)  # judged before it learns
    errors = page.evaluate(f"{PANEL}.learners[0].errors[0].errors")
    assert errors == evaluate(model, judges).errors


def test_weights_bring_their_table_along(page, tmp_path):
    model = LeNet5(connections=None)
    file = tmp_path / "dense.safetensors"
    save_weights(model, file)
    give(page, file)
    page.get_by_text("dense.safetensors is in use here").wait_for()
    assert page.evaluate(f"{PANEL}.learners[0].network.layers[2].table.flat().length") == 96
    learn(page, 100)  # the worker builds it alike


def refusal(page):
    page.locator(".lenet-bring .is-refusal").wait_for()
    return page.locator(".lenet-bring .is-refusal").inner_text()


def test_what_does_not_fit_is_refused_with_pythons_sentence(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # Python names a file as it was asked for
    save_weights(LeNet5(output=nn.Linear(84, 10)), "softmax.safetensors")
    save_weights(LeNet1(), "lenet1.safetensors")
    (tmp_path / "scribble.safetensors").write_bytes(b"no weights at all")
    before = weights(page)
    for name in ("softmax.safetensors", "lenet1.safetensors", "scribble.safetensors"):
        with pytest.raises(ValueError, match=name) as refused:
            load_weights(LeNet5(), name)
        give(page, tmp_path / name)
        page.get_by_text(name).wait_for()
        assert refusal(page) == str(refused.value)
    assert np.array_equal(weights(page), before)
    press(page, "Start anew")
    assert not page.get_by_text("scribble.safetensors").is_visible()  # it is of no interest now


def test_the_playground_takes_weights_too(open_page, tmp_path):
    page = open_page(name="play")
    panel = "document.querySelector('[data-panel=draw]').panel"
    file = tmp_path / "mine.safetensors"
    save_weights(LeNet5(connections=None), file)
    give(page, file)
    page.get_by_text("mine.safetensors is in use here").wait_for()
    assert page.get_by_text("60,900 parameters, of mine.safetensors.").is_visible()
    assert page.evaluate(f"{panel}.network.layers[2].table.flat().length") == 96
    assert not page.get_by_text("Those it misreads").is_visible()
    assert page.locator(".lenet-choice input:checked").count() == 0
    (tmp_path / "none.safetensors").write_bytes(b"nothing")
    give(page, tmp_path / "none.safetensors")
    assert "none.safetensors is not a safetensors file" in refusal(page)
    page.get_by_text("LeNet-5", exact=True).click()
    page.get_by_text("test digits.").first.wait_for()
    before = page.locator(".lenet-note").inner_text()
    assert page.evaluate(DROP, [file.name, base64.b64encode(file.read_bytes()).decode()])
    page.get_by_text("60,900 parameters, of mine.safetensors.").wait_for()
    assert page.locator(".lenet-note").inner_text() == before  # it is no picture


DROP = """([name, text]) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
    const root = document.querySelector("[data-panel]");
    const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
    const event = new DragEvent("drop", options);
    root.dispatchEvent(event);
    return event.defaultPrevented;
}"""


def test_a_file_can_be_dropped(page, tmp_path):
    file = tmp_path / "dropped.safetensors"
    save_weights(LeNet5.from_pretrained(), file)
    assert page.evaluate(DROP, [file.name, base64.b64encode(file.read_bytes()).decode()])
    page.get_by_text("dropped.safetensors is in use here").wait_for()
    assert page.get_by_text("Nothing is uploaded").is_visible()


# --- The same answers in Python ------------------------------------------------------------------

SEVEN = [{"x": 70, "y": 60}, {"x": 200, "y": 60}, {"x": 130, "y": 230}]
DRAW = f"""(points) => {{
    const {{ drawing }} = {PANEL};
    drawing.clear();
    drawing.begin(points[0]);
    for (const point of points.slice(1)) drawing.extend(point);
    drawing.lift();
    drawing.changed();
    const {{ field, outputs }} = {PANEL}.read();
    const [ink, penalties] = [drawing.sheet.ink, outputs.at(-1).values];
    return [[...ink], [...field], [...penalties]];
}}"""


def test_python_reads_a_picture_as_the_page_that_kept_the_weights(page, tmp_path):
    learn(page, 500)
    ink, field, penalties = map(np.array, page.evaluate(DRAW, SEVEN))
    answer = int(penalties.argmin())
    page.get_by_text(f"The network reads a {answer} (penalty {penalties[answer]:.1f},").wait_for()
    with page.expect_download() as download:
        press(page, "Keep the weights")
    weights, picture = tmp_path / "kept.safetensors", tmp_path / "picture.png"
    download.value.save_as(weights)
    Image.fromarray((255 - ink.reshape(280, 280)).astype(np.uint8)).save(picture)

    np.testing.assert_array_equal(prepare_digit(picture).flatten(), field)
    model = LeNet5()
    load_weights(model, weights)
    with torch.inference_mode():
        scores = model(scale(prepare_digit(picture)[None], *model.input))[0]
    np.testing.assert_allclose(-scores, penalties, rtol=0, atol=1e-3)

    command = [sys.executable, "-m", "lenet_utils", "predict", "--weights", weights, "--json"]
    told = subprocess.run([*command, picture], check=True, capture_output=True, text=True)
    (result,) = json.loads(told.stdout)["results"]
    assert result["digit"] == answer
    assert result["penalty"] == pytest.approx(penalties[answer], abs=1e-3)


READ = f"""(texts) => texts.map((text) => {{
    const {{ network }} = {PANEL}.learners[0];
    const outputs = lenet.run(network, lenet.networkInput(network, lenet.bytes(text)));
    return [...outputs.at(-1).values];
}})"""


def test_the_page_reads_digits_as_python_that_trained_the_weights(page, tmp_path, monkeypatch):
    mnist = load_mnist(for_=LeNet5())
    few = replace(mnist, train=mnist.train[:1_000], validation=mnist.validation[:200])
    monkeypatch.setattr("lenet_utils.data.load_mnist", lambda *_, **__: few)
    options = ["--epochs", "2", "--batch-size", "20", "--device", "cpu", "--out", str(tmp_path)]
    assert command_line.main(["train", *options]) == 0
    file = tmp_path / "weights.safetensors"
    assert page.evaluate(DROP, ["mine.safetensors", base64.b64encode(file.read_bytes()).decode()])
    page.get_by_text("mine.safetensors is in use here").wait_for()

    trained = load_trained(file)
    images = mnist.test.images[:50]
    pixels = [((image[0, 2:-2, 2:-2] + 0.1) * 200).round().byte().numpy() for image in images]
    found = page.evaluate(READ, [base64.b64encode(some.tobytes()).decode() for some in pixels])
    with torch.inference_mode():
        expected = -trained.model(images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)
    assert (np.argmin(found, axis=1) == mnist.test.labels[:50].numpy()).mean() > 0.5  # it learned
    assert page.evaluate(f"{PANEL}.learners[0].network.limit") == pytest.approx(
        trained.penalty_limit
    )
    learn(page, 100)  # and goes on from there


# --- For everyone --------------------------------------------------------------------------------


def test_the_keyboard_does_it_all(page):
    run = page.locator("[data-panel=train]").get_by_role("button", name="Run")
    run.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"{PANEL}.learners[0].seen > 50")
    assert page.evaluate("document.activeElement.textContent") == "Pause"
    page.keyboard.press("Enter")
    page.wait_for_function(f"!{PANEL}.learners[0].running")
    seen = page.evaluate(f"{PANEL}.learners[0].seen")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.wait_for_function(DONE, arg=seen + 1)


def test_a_phone_shows_whole_sentences_beside_a_wide_table(open_page):
    page = open_page(viewport=PHONE, reduced_motion="reduce")
    press(page, "Watch one image")
    page.get_by_text("1 of 22").wait_for()
    for _ in range(8):
        press(page, "Next")
    assert page.locator(".lenet-numbers").is_visible()
    for part in (".lenet-numbers", ".lenet-watch [role=status] p >> nth=1"):
        assert page.locator(part).evaluate(INSIDE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(open_page, scheme, viewport):
    page = open_page(color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    page.get_by_text("two side by side", exact=True).click()
    learn(page, 100)
    page.locator(".lenet-change summary").click()
    press(page, "Watch one image")
    page.get_by_text(re.compile("1 of 22")).wait_for()
    for _ in range(7):
        press(page, "Next")
    page.wait_for_function(STILL)
    rules = None if (scheme, viewport) == ("light", DESK) else [*COLOUR_RULES, *PHONE_RULES]
    assert axe_violations(page, rules, context=".lenet-panel") == []
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_forced_colours_leave_the_curves_seen(open_page):
    page = open_page(forced_colors="active")
    learn(page, 200)
    line = page.locator(".lenet-curve .lenet-line").first
    background = page.locator(".lenet-panel").evaluate("(p) => getComputedStyle(p).backgroundColor")
    assert line.evaluate("(l) => getComputedStyle(l).stroke") != background


def test_where_no_script_runs_and_in_print_a_text_stands_in(open_page):
    page = open_page(java_script_enabled=False)
    assert page.get_by_text("The stand-in.").is_visible()
    assert page.get_by_text("Of steps.").is_visible()
    page = open_page()
    assert not page.get_by_text("The stand-in.").is_visible()
    page.emulate_media(media="print")
    assert page.get_by_text("The stand-in.").is_visible()
    assert not page.locator(".lenet-panel").is_visible()


def test_missing_digits_are_told(open_page):
    page = open_page(lost="mnist")
    press(page, "Run")
    page.get_by_text("The digits could not be loaded.").wait_for()
    page.slips.clear()  # the browser tells of the file that did not come


@pytest.mark.chapters("train-it")
@pytest.mark.usefixtures("built")
def test_the_chapters_links_lead_to_what_they_name(page):
    chapter = (HTML / "book" / "train-it.html").read_text(encoding="utf-8")
    anchors = re.findall(r'<dd>.*?href="([\w-]+\.html)?#([\w-]+)"', chapter, re.DOTALL)
    assert len(anchors) >= 8
    for name, anchor in anchors:
        target = HTML / "book" / (name or "train-it.html")
        assert f'id="{anchor}"' in target.read_text(encoding="utf-8"), anchor
