"""The playground in a real browser: the same numbers as PyTorch, quick, and usable by everyone."""

import base64
import io
import re
import shutil

import numpy as np
import pytest
import torch
from browsing import (
    COLOUR_RULES,
    DESK,
    PATIENCE,
    PHONE,
    PHONE_RULES,
    STILL,
    axe_violations,
    watched_page,
)
from building import CHAPTERS, HTML, ROOT, build, long, start_book
from pen import as_pairs, ink_of, some_strokes
from PIL import Image
from playground import networks
from playground.networks import OFFERED
from torch import nn

from lenet_utils import LeNet5, evaluate, layer_outputs, load_mnist, prepare_digit, scale, summary

PAGE = """# A page

```{playground} draw
The stand-in of the first.
```

```{playground} layers
The stand-in of the second.
```

```{playground} connections
The stand-in of the third.
```

Prose below.
"""
SMALL = """# A small page

```{playground} small
The stand-in of the small one.
```

Prose below.
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A built book: a page with the large panels, one with the small one, and one with none."""
    folder = tmp_path_factory.mktemp("play") / "small book"
    start_book(folder, "other", "small")
    shutil.copy(ROOT / "requirements.txt", folder)
    package, ignored = folder / "lenet_utils", shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lenet_utils", package, ignore=ignored, dirs_exist_ok=True)
    (folder / "book" / "intro.md").write_text(PAGE)
    (folder / "book" / "small.md").write_text(SMALL)
    (folder / "book" / "other.md").write_text("# Another page\n")
    result = build(folder)
    assert result.returncode == 0, result.stdout[-4000:]
    return folder / "_build" / "html" / "book"


# Panels that are far below would wait for the reader.
FILL = "() => Promise.all([...document.querySelectorAll('[data-panel]')].map(lenet.fill))"


def lost(request) -> list[str]:
    """Return the address of a file that did not come, unless the page was left before it came."""
    return [] if request.failure == "net::ERR_ABORTED" else [request.url]


@pytest.fixture
def open_page(browser, book):
    """A function that opens a page with panels and watches what goes wrong on it."""
    opened = []

    def open_it(name="intro", **options):
        page = watched_page(browser, **options)
        if options.get("java_script_enabled", True):  # else all scripts "fail"
            page.on("requestfailed", lambda request: page.slips.extend(lost(request)))
        page.goto((book / f"{name}.html").as_uri())
        if options.get("java_script_enabled", True):
            page.evaluate(FILL)
        opened.append(page)
        return page

    yield open_it
    for page in opened:
        assert not page.slips
        page.close()


@pytest.fixture
def page(open_page):
    return open_page()


def drawing(page):
    return page.locator("[data-panel=draw]")


def status(page):
    return page.locator(".lenet-status")


def says(page, pattern):
    """Wait until the text for screen readers is what was expected."""
    page.wait_for_function(
        "pattern => RegExp(pattern).test(document.querySelector('.lenet-status').textContent)",
        arg=pattern,
    )
    return status(page).inner_text()


def press_on_paper(page, *strokes):
    """Draw with the mouse; points are shares of the paper's side."""
    box = page.locator(".lenet-paper").bounding_box()
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=5)
        page.mouse.up()


SEVEN = [(0.25, 0.2), (0.7, 0.2), (0.45, 0.85)]
ONE = [(0.5, 0.15), (0.5, 0.85)]


@pytest.fixture(scope="module")
def size_28():
    """The test digits as bytes."""
    images = load_mnist(size=28, scaling="unit").test.images
    return images[:, 0].mul(255).round().byte()


# --- The same numbers ----------------------------------------------------------------------------

RUN_ALL = """async ([key, text]) => {
    await lenet.bringNetwork(key);
    const network = lenet.networks[key], pixels = lenet.bytes(text), scores = [];
    for (let i = 0; i < pixels.length; i += 784) {
        const input = lenet.networkInput(network, pixels.subarray(i, i + 784));
        scores.push([...lenet.run(network, input).at(-1).values]);
    }
    return scores;
}"""


def in_browser(page, key, pixels):
    text = base64.b64encode(pixels.numpy().tobytes()).decode()
    return torch.tensor(page.evaluate(RUN_ALL, [key, text]), dtype=torch.float64)


def rounded(network):
    """Return the network with the weights that the page has."""
    model = network.trained()
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(networks.unpacked(*networks.packed(weights)))
    return model


def in_pytorch(network, digits):
    """Return the scores in 64 bits, as the browser counts: in 32, they are themselves off by 1e-4.

    They are outputs or penalties, of which the smallest answers, and stand with that sign.
    """
    with torch.inference_mode():
        return rounded(network).double()(digits.images.double())


@pytest.mark.parametrize("count", [1_000, long(10_000)])
@pytest.mark.parametrize("key", OFFERED)
def test_test_digits_get_pytorchs_scores(page, size_28, key, count):
    network = OFFERED[key]
    digits = network.test_digits()[:count]
    usual = evaluate(network.trained(), digits)
    sign = 1 if key == "lenet1" else -1
    found = sign * in_browser(page, key, size_28[:count])

    torch.testing.assert_close(found, in_pytorch(network, digits), atol=1e-4, rtol=0)
    # Weights of 16 bits move no output, and no penalty of hundreds, by as much as anyone reads.
    least = 1e-3 if key == "lenet1" else 0.05
    torch.testing.assert_close(found.float(), usual.scores, atol=least, rtol=0)
    assert torch.equal(found.argmax(dim=1), usual.predictions)
    errors = int((found.argmax(dim=1) != digits.labels).sum())
    assert errors == usual.errors
    if count == 10_000:
        assert errors == int(network.measured()["test_errors"])


@pytest.mark.parametrize("key", OFFERED)
def test_packed_weights_are_off_by_half_a_step_at_most(key):
    for name, weights in OFFERED[key].trained().named_parameters():
        step, integers = networks.packed(weights)
        off = (networks.unpacked(step, integers) - weights).abs().max()
        assert off <= 0.51 * step, name
        assert np.abs(integers).max() == networks.STEPS or not weights.any(), name
    step, integers = networks.packed(torch.zeros(3))
    assert networks.unpacked(step, integers).tolist() == [0, 0, 0]


def take_network(page, network):
    """Choose a network and wait until it is there."""
    drawing(page).get_by_text(network.title, exact=True).click()
    page.wait_for_function(
        "title => document.querySelector('[data-panel=draw]').panel.network.title === title",
        arg=network.title,
    )


def test_the_panel_states_what_was_measured(page):
    for network in OFFERED.values():
        take_network(page, network)
        parameters = sum(p.numel() for p in network.model().parameters())
        facts = drawing(page).locator(".lenet-facts").inner_text()
        errors = int(network.measured()["test_errors"])
        assert facts == f"{parameters:,} parameters; misreads {errors:,} of 10,000 test digits."


@pytest.mark.parametrize("key", OFFERED)
def test_every_layer_is_pytorchs(page, size_28, key):
    network = OFFERED[key]
    expected = layer_outputs(rounded(network), network.test_digits().images[:1])
    outputs = page.evaluate(
        """async ([key, text]) => {
            await lenet.bringNetwork(key);
            const network = lenet.networks[key];
            const input = lenet.networkInput(network, lenet.bytes(text));
            return lenet.run(network, input).map(({values}) => [...values]);
        }""",
        [key, base64.b64encode(size_28[0].numpy().tobytes()).decode()],
    )
    for found, (name, output) in zip(outputs[:-1], list(expected.items())[:-1], strict=True):
        torch.testing.assert_close(
            torch.tensor(found), output.flatten(), atol=1e-5, rtol=1e-5, msg=name
        )


def test_the_squashing_function_keeps_small_values(page):
    """Eq. 6 for one unit that passes its input on: 2e-8 is not lost beside the amplitude."""
    a = np.logspace(-8, 1, 1_001)
    found = page.evaluate(
        """(inputs) => {
            const squash = { amplitude: 1.7159, slope: 2 / 3 };
            const layers = [{ kind: "full", weight: [1], bias: [0], squash }];
            const network = { size: 1, layers };
            return inputs.map((a) => {
                const [output] = lenet.run(network, { maps: 1, side: 1, values: [a] });
                return output.values[0];
            });
        }""",
        [*-a, *a],
    )
    expected = 1.7159 * np.tanh(2 / 3 * np.concatenate([-a, a]))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=0)


STROKE = """async (strokes) => {
    await Promise.all(Object.keys(lenet.titles).map(lenet.bringNetwork));
    const { drawing, network } = document.querySelector("[data-panel=draw]").panel;
    drawing.clear();
    for (const [first, ...others] of strokes) {
        drawing.begin(first);
        for (const point of others) drawing.extend(point);
        drawing.lift();
    }
    const { field, several } = lenet.prepare(drawing.sheet.ink, lenet.SIDE, lenet.SIDE);
    const inputs = Object.keys(lenet.titles)
        .map((key) => [...lenet.networkInput(lenet.networks[key], field).values]);
    const kept = strokes.map((_, i) => drawing.deeds.at(i - strokes.length).points);
    return { png: drawing.canvas.toDataURL(), kept, field: [...field], several, inputs };
}"""


def prepared_by_python(png):
    """Return the digit of a drawing, or None where Python takes it for several."""
    try:
        return prepare_digit(Image.open(io.BytesIO(png)))
    except ValueError as refused:
        if "several side by side" not in str(refused):
            raise
        return None


def test_fifty_drawings_are_inked_and_prepared_as_python_does(page):
    """The ink to the last bit, and the pen where it was, to an eighth of a pixel."""
    apart = 0
    for seed in range(50):
        strokes = some_strokes(seed)
        result = page.evaluate(STROKE, strokes)
        for drawn, kept in zip(as_pairs(strokes), as_pairs(result["kept"]), strict=True):
            far = np.abs(np.array(drawn)[:, None] - np.array(kept)).max(axis=-1)
            assert far.min(axis=0).max() <= 1 / 8
            assert far.min(axis=1).max() <= 1 + 1 / 8  # a point so near to the last is left out
        png = base64.b64decode(result["png"].partition(",")[2])
        shown = np.asarray(Image.open(io.BytesIO(png)))[..., 3]
        np.testing.assert_array_equal(shown, ink_of(as_pairs(result["kept"])))
        expected = prepared_by_python(png)
        if expected is None:  # the page reads what is drawn all the same, but in doubt
            assert result["several"]
            apart += 1
            continue
        assert not result["several"]
        found = torch.tensor(result["field"], dtype=torch.uint8).reshape(28, 28)
        torch.testing.assert_close(found.int(), expected.int(), atol=1, rtol=0)  # to rounding
        expected = found
        framed = nn.functional.pad(scale(expected[None], -0.1, 1.175, 16), 4 * [6], value=-0.1)
        usual = scale(expected[None], -0.1, 1.175, 32)
        for values, wanted in zip(result["inputs"], (framed, usual, usual), strict=True):
            torch.testing.assert_close(torch.tensor(values), wanted.flatten(), atol=1e-6, rtol=0)
    assert apart <= 2  # of these scribbles a few are several digits for Python


# --- Drawing -------------------------------------------------------------------------------------


def test_it_begins_with_the_running_example(page):
    numbers = r"\(penalty [\d.]+, probability 0\.\d\d\)"
    assert re.match(rf"LeNet-5 reads a 7 {numbers}; the runner-up is \d", says(page, "7"))


def test_a_seven_drawn_with_the_mouse_is_read(page):
    drawing(page).get_by_role("button", name="Clear").click()
    says(page, "blank")
    press_on_paper(page, SEVEN)
    says(page, "reads a 7")
    assert drawing(page).locator(".lenet-digit").inner_text() == "7"
    answer = drawing(page).locator(".lenet-scores .is-answer")
    assert answer.count() == 1
    assert answer.locator("b").inner_text() == "7"


def test_a_finger_draws_too(open_page):
    page = open_page(has_touch=True, viewport=PHONE)
    drawing(page).get_by_role("button", name="Clear").tap()
    says(page, "blank")
    paper = drawing(page).locator(".lenet-paper")
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    touch = page.context.new_cdp_session(page)
    points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in ONE]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points[1:]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    says(page, "reads a 1")


def touches(page):
    """A function that moves fingers on the paper: `kind`, then points as shares of its side."""
    box = drawing(page).locator(".lenet-paper").bounding_box()
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        places = [
            {"id": i, "x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            for i, (x, y) in enumerate(points)
        ]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": places})

    return touch


def pen(page, kind, x, y):
    box = drawing(page).locator(".lenet-paper").bounding_box()
    place = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
    session = page.context.new_cdp_session(page)
    down = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen"}
    session.send("Input.dispatchMouseEvent", {"type": f"mouse{kind}", **place, **down})


POINTS = "document.querySelector('[data-panel=draw]').panel.drawing.deeds.map(d => d.points ?? [])"


def test_a_second_finger_draws_nothing(open_page):
    page = open_page(has_touch=True)
    drawing(page).get_by_role("button", name="Clear").tap()
    touch = touches(page)
    touch("Start", (0.5, 0.2))
    touch("Start", (0.5, 0.2), (0.9, 0.9))
    touch("Move", (0.5, 0.4), (0.1, 0.9))
    touch("Move", (0.5, 0.6), (0.9, 0.8))
    touch("End")
    *_, stroke = page.evaluate(POINTS)
    assert len(stroke) >= 3
    assert {round(point["x"]) for point in stroke} == {140}


def test_a_pen_goes_before_the_hand_that_holds_it(open_page):
    page = open_page(has_touch=True)
    drawing(page).get_by_role("button", name="Clear").tap()
    before = len(page.evaluate(POINTS))
    touch = touches(page)
    touch("Start", (0.9, 0.9))  # the palm comes first
    pen(page, "Pressed", 0.5, 0.2)
    touch("Move", (0.8, 0.9))
    pen(page, "Moved", 0.5, 0.6)
    pen(page, "Released", 0.5, 0.6)
    touch("End")
    touch("Start", (0.2, 0.9))  # and is laid down again
    touch("End")
    strokes = page.evaluate(POINTS)[before:]
    assert [{round(point["x"]) for point in stroke} for stroke in strokes] == [{140}]


def test_control_z_undoes(page):
    press_on_paper(page, ONE)
    assert len(page.evaluate(POINTS)) == 2
    page.keyboard.press("Control+Shift+z")
    assert len(page.evaluate(POINTS)) == 2
    page.keyboard.press("Control+z")
    assert len(page.evaluate(POINTS)) == 1
    drawing(page).get_by_role("button", name="Clear").click()
    assert len(page.evaluate(POINTS)) == 2
    page.keyboard.press("Control+z")  # from the button too
    assert len(page.evaluate(POINTS)) == 1


def test_control_z_in_the_middle_of_a_stroke_ends_it(page):
    box = drawing(page).locator(".lenet-paper").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 80)
    page.keyboard.press("Control+z")
    page.mouse.move(box["x"] + 120, box["y"] + 80)
    page.mouse.up()
    assert len(page.evaluate(POINTS)) == 1
    press_on_paper(page, ONE)
    assert len(page.evaluate(POINTS)) == 2


def test_digit_keys_are_for_the_panel_under_the_pointer(page):
    """But not for a page on which the reader is elsewhere."""
    press_on_paper(page, ONE)
    page.evaluate("document.activeElement.blur()")
    drawing(page).locator(".lenet-answer").hover()
    page.keyboard.press("3")
    says(page, "reads a 3")
    page.mouse.move(2, 2)
    page.keyboard.press("4")
    says(page, "reads a 3")
    drawing(page).locator(".lenet-answer").hover()
    page.locator("a[href*='other']").first.focus()
    page.keyboard.press("4")
    says(page, "reads a 3")


def test_undo_takes_back_one_thing_after_the_other(page):
    undo = drawing(page).get_by_role("button", name="Undo")
    read = "document.querySelector('.lenet-paper').toDataURL()"
    pictures = [page.evaluate(read)]  # the example
    press_on_paper(page, ONE)
    pictures.append(page.evaluate(read))
    drawing(page).get_by_role("button", name="Clear").click()
    pictures.append(page.evaluate(read))
    press_on_paper(page, SEVEN)
    assert len(set(pictures)) == 3
    for picture in reversed(pictures):
        undo.click()
        assert page.evaluate(read) == picture
    undo.click()
    says(page, "blank")
    undo.click()  # there is nothing left to take back
    says(page, "blank")


PAPER = "document.querySelector('.lenet-paper').toDataURL()"


def test_the_first_stroke_after_an_example_begins_a_new_drawing(page):
    """Which goes through the preparation; undone, it leaves the example as it was."""
    says(page, "reads a 7")
    seven = page.evaluate(PAPER)
    steps = drawing(page).get_by_role("list", name="Preparation", exact=True)
    assert "is-example" in steps.get_attribute("class")
    press_on_paper(page, ONE)
    assert "is-example" not in steps.get_attribute("class")
    says(page, "reads a 1")
    one = page.evaluate(PAPER)
    press_on_paper(page, SEVEN)  # the next one adds to it
    page.keyboard.press("Control+z")
    assert page.evaluate(PAPER) == one
    page.keyboard.press("Control+z")
    assert page.evaluate(PAPER) == seven
    says(page, "reads a 7")

    drawing(page).get_by_role("button", name="Clear").click()
    press_on_paper(page, ONE)
    assert page.evaluate(PAPER) == one


def test_the_keyboards_first_stroke_begins_a_new_drawing_too(page):
    drawing(page).locator(".lenet-paper").focus()
    page.keyboard.press("8")
    says(page, "reads a 8")
    page.keyboard.press("Space")
    for _ in range(15):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    says(page, "reads a 1")


def test_the_paper_invites_until_something_is_drawn(page):
    invitation = drawing(page).get_by_text("draw a digit here")
    assert invitation.is_visible()
    press_on_paper(page, ONE)
    assert not invitation.is_visible()
    page.keyboard.press("Control+z")
    assert invitation.is_visible()
    drawing(page).get_by_role("button", name="Clear").click()
    assert invitation.is_visible()


def test_everything_works_by_keyboard(page):
    paper = drawing(page).locator(".lenet-paper")
    paper.focus()
    page.keyboard.press("Delete")
    says(page, "blank")
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    says(page, "reads a 1")
    page.keyboard.press("ArrowRight")  # the pen is up: nothing is drawn
    assert (
        page.evaluate("document.querySelector('[data-panel=draw]').panel.drawing.deeds.length") == 3
    )
    page.keyboard.press("Backspace")
    says(page, "blank")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Undo"


def test_a_digit_key_loads_that_digit(page):
    drawing(page).locator(".lenet-paper").focus()
    for digit in range(10):
        labels = page.evaluate(
            "digit => lenet.examples[digit].map(i => lenet.digits[i].label)", digit
        )
        assert labels == 5 * [digit]
        page.keyboard.press(str(digit))
        first = page.evaluate("document.querySelector('.lenet-paper').toDataURL()")
        page.keyboard.press(str(digit))
        assert page.evaluate("document.querySelector('.lenet-paper').toDataURL()") != first


def misread(page):
    """The pictures of test digits that the network misreads."""
    toolbar = drawing(page).get_by_role("toolbar", name="Test digits it misreads")
    return toolbar.get_by_role("button")


@pytest.mark.parametrize("key", OFFERED)
def test_the_misread_digits_are_misread(page, key):
    network = OFFERED[key]
    take_network(page, network)
    buttons = misread(page)
    assert buttons.count() == 10
    for button in buttons.all():
        label = re.match(r"A (\d) that", button.get_attribute("aria-label"))[1]
        button.click()
        assert drawing(page).locator(".lenet-digit").inner_text() != label


def test_a_shifted_digit_is_shifted_for_the_network(page):
    panel = "document.querySelector('[data-panel=draw]').panel"
    ink = f"{panel}.explorer.input.values.findIndex(value => value > 0)"
    before = page.evaluate(ink)
    drawing(page).get_by_role("button", name="right").click()
    drawing(page).get_by_role("button", name="down").click()
    assert page.evaluate(ink) == before + 1 + 32
    drawing(page).get_by_role("button", name="centre").click()
    assert page.evaluate(ink) == before


# --- Who wins ------------------------------------------------------------------------------------

BARS = """() => [...document.querySelectorAll("[data-panel=draw] .lenet-scores li")].map((row) => {
    const [bar, track] = [row.querySelector(".lenet-bar"), row.querySelector(".lenet-track")];
    const [from, middle] = [bar.getBoundingClientRect(), track.getBoundingClientRect()];
    const isLeft = bar.classList.contains("is-negative");
    return {
        length: (isLeft ? -1 : 1) * from.width / middle.width,
        score: Number(row.querySelector(".lenet-value").textContent.replace("\u2212", "-")),
        color: getComputedStyle(bar).backgroundColor,
        wins: row.classList.contains("is-answer"),
    };
})"""


@pytest.mark.parametrize("key", OFFERED)
def test_the_longest_bar_wins(page, key):
    """And it alone is in full colour; of penalties it is the smallest, and the page says so."""
    take_network(page, OFFERED[key])
    paper = drawing(page).locator(".lenet-paper")
    paper.focus()
    for digit in range(10):
        page.keyboard.press(str(digit))
        answer = int(drawing(page).locator(".lenet-digit").inner_text())
        best = "Math.max" if key == "lenet1" else "Math.min"
        page.wait_for_function(  # numbers follow the bars
            f"""() => {{ const {{ panel }} = document.querySelector("[data-panel=draw]");
            const shown = {BARS.removeprefix("() => ")}.map(({{ score }}) => score);
            const right = [...panel.scores.scores].every((s, i) => Math.abs(s - shown[i]) < 0.06);
            return right && shown.indexOf({best}(...shown)) === {answer}; }}"""
        )
        bars = page.evaluate(BARS)
        lengths = [bar["length"] for bar in bars]
        assert max(lengths) == lengths[answer] > sorted(lengths)[-2]
        assert [bar["wins"] for bar in bars] == [i == answer for i in range(10)]
        (color,) = {bar["color"] for bar in bars if not bar["wins"]}
        assert bars[answer]["color"] != color
    told = drawing(page).locator(".lenet-told")
    assert told.is_visible()
    wins = "The largest output wins." if key == "lenet1" else "The smallest wins"
    assert wins in told.inner_text()
    assert ("squared distance" in told.inner_text()) == (key != "lenet1")


# --- The small panel -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_small_panel_reads_what_is_drawn(open_page, size):
    page = open_page("small", viewport=size)
    panel = page.locator("[data-panel=small]")
    assert says(page, "reads a 7").startswith("LeNet-5 reads a 7: what it draws is nearest to")
    assert panel.locator(".lenet-digit").inner_text() == "7"
    assert panel.get_by_text("code of 7", exact=True).is_visible()
    high = panel.bounding_box()["height"]
    drawn = "document.querySelector('.lenet-code').toDataURL()"
    of_the_seven = page.evaluate(drawn)
    press_on_paper(page, ONE)
    says(page, "reads a 1")
    assert panel.locator(".lenet-digit").inner_text() == "1"
    assert page.evaluate(drawn) != of_the_seven
    panel.get_by_role("button", name="Clear").click()
    says(page, "^The paper is blank: draw a digit.$")
    assert panel.bounding_box()["height"] == pytest.approx(high, abs=1)  # nothing below moves
    page.keyboard.press("Control+z")
    says(page, "reads a 1")


NO_DIGIT = [[(0.2, 0.2), (0.8, 0.8), (0.2, 0.8), (0.8, 0.2), (0.2, 0.5), (0.8, 0.5)]]
TWO_ONES = [[(x, 0.2), (x, 0.8)] for x in (0.25, 0.75)]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_small_panel_marks_a_doubt(open_page, size):
    page = open_page("small", viewport=size)
    says(page, "reads a 7:")
    panel = page.locator("[data-panel=small]")
    doubtful = panel.locator(".lenet-answer.is-doubtful")
    assert doubtful.count() == 0
    high = panel.bounding_box()["height"]
    for strokes, sentence in [
        (
            NO_DIGIT,
            r"reads a (\d), in doubt: what it draws is near no code; that of \1 is the nearest.",
        ),
        (TWO_ONES, r"reads a \d, in doubt: two digits\? It reads one at a time."),
    ]:
        panel.get_by_role("button", name="Clear").click()
        press_on_paper(page, *strokes)
        says(page, f"^LeNet-5 {sentence}$")
        assert doubtful.count() == 1
        assert panel.bounding_box()["height"] == pytest.approx(high, abs=1)  # nothing below moves
    panel.get_by_role("button", name="Clear").click()
    says(page, "blank")
    assert doubtful.count() == 0


def test_the_small_panel_works_by_keyboard(open_page):
    page = open_page("small")
    page.locator(".lenet-paper").focus()
    page.keyboard.press("3")  # here a digit's key is nobody's
    says(page, "reads a 7")
    page.keyboard.press("Space")
    for _ in range(15):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    says(page, "reads a 1")
    for name in ("Undo", "Clear"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == name
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.lenet-panel') === null")


def fits_in_light_dark_and_on_a_phone(page):
    """Loaded once; then the reader turns on the dark, and takes a phone."""
    says(page, "reads a 7")
    fits(page, DESK)
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("html[data-theme=dark]")
    page.wait_for_function(STILL)
    fits(page, DESK, COLOUR_RULES)
    fits(page, PHONE, PHONE_RULES)


def test_the_small_panel_is_for_everyone(open_page):
    page = open_page("small")
    fits_in_light_dark_and_on_a_phone(page)
    fits(page, {"width": 320, "height": 256}, PHONE_RULES)
    stand_in = page.get_by_text("The stand-in of the small one.")
    assert not stand_in.is_visible()
    page.emulate_media(media="print")
    assert stand_in.is_visible()
    assert not page.locator(".lenet-panel").is_visible()


def test_forced_colours_hide_nothing_of_the_small_panel(open_page):
    page = open_page("small", forced_colors="active", color_scheme="dark")
    says(page, "reads a 7")
    ink = picture_of(page.locator(".lenet-paper"))
    assert ink.min() < 60
    assert np.median(ink) > 200
    color = page.locator(".lenet-invitation").evaluate("(one) => getComputedStyle(one).color")
    assert color == "rgb(89, 89, 89)"  # on paper that stays white


def test_the_small_panels_stand_in_is_read_without_scripts(open_page):
    page = open_page("small", java_script_enabled=False)
    assert page.get_by_text("The stand-in of the small one.").is_visible()
    assert not page.locator(".lenet-panel").is_visible()


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", [n for n in ("intro", "playground") if f"book/{n}" in CHAPTERS])
def test_the_page_opens_with_its_panel(browser, name, size):
    """One line of text below the title and the note on the run: one draws without scrolling."""
    page = browser.new_page(viewport=size)
    page.set_default_timeout(PATIENCE)
    page.goto((HTML / "book" / f"{name}.html").as_uri())
    page.get_by_text("LeNet-5 reads a 7").wait_for()
    before = page.evaluate(
        """() => {
            const panel = document.querySelector(".lenet-panel");
            const all = [...panel.parentElement.querySelectorAll(":scope > :not(.run-note)")];
            return all.slice(0, all.indexOf(panel)).map((part) => part.tagName);
        }"""
    )
    assert before == ["H1", "P"]
    parts = [".lenet-paper", ".lenet-digit", ".lenet-pair"]
    for part in [*parts, ".lenet-status"] if name == "intro" else parts:
        box = page.locator(part).bounding_box()
        assert box["y"] > 0
        assert box["y"] + box["height"] <= size["height"], part
    assert page.evaluate("scrollY") == 0
    page.close()


# --- Looking inside ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lenet5():
    return LeNet5.from_pretrained()


def look_at(page, layer, number, row, column, side):
    """Point at a pixel of a map."""
    maps = page.locator(f"[data-panel=draw] .lenet-maps[aria-label^='{layer},'] canvas")
    tile = maps.nth(number)
    tile.scroll_into_view_if_needed()
    box = tile.bounding_box()
    page.mouse.move(
        box["x"] + (column + 0.5) / side * box["width"],
        box["y"] + (row + 0.5) / side * box["height"],
    )


@pytest.mark.parametrize(
    ("layer", "side"), [("C1", 28), ("S2", 14), ("C3", 10), ("S4", 5)], ids=lambda x: str(x)
)
def test_a_pixel_shows_the_field_that_has_a_gradient(page, mnist, lenet5, layer, side):
    row, column = side - 2, 1
    look_at(page, layer, 3, row, column, side)
    image = mnist.test.images[:1].clone().requires_grad_()
    output = image
    for name, child in lenet5.named_children():
        output = child(output)
        if name == layer.lower():
            break
    (gradient,) = torch.autograd.grad(output[0, 3, row, column], image)
    rows, columns = gradient[0, 0].nonzero().T
    shown = drawing(page).locator(".lenet-inspector").inner_text()
    assert f"{layer}, map 3, row {row}, column {column}: " in shown
    spans = [f"{side.min()}\N{EN DASH}{side.max()}" for side in (rows, columns)]
    assert "rows {} and columns {}".format(*spans) in shown
    value = float(output[0, 3, row, column].detach())
    assert f"{value:.2f}".replace("-", "\N{MINUS SIGN}") in shown


def test_a_map_of_c3_shows_the_maps_it_reads(page, lenet5):
    for number, row in enumerate(lenet5.c3[0].table):
        look_at(page, "C3", number, 2, 2, 10)
        related = page.evaluate(
            """[...document.querySelectorAll("[data-panel=draw] [aria-label^='S2,'] button")]
            .flatMap((button, i) => button.classList.contains("is-related") ? [i] : [])"""
        )
        captions = drawing(page).locator(".lenet-kernel").all_inner_texts()
        lit = page.evaluate(
            """[...document.querySelectorAll("[data-panel=draw] .lenet-cell.is-there.is-lit")]
            .map(cell => Number(cell.dataset.source))"""
        )
        assert tuple(related) == tuple(lit) == tuple(map(int, captions)) == row


def test_maps_are_reached_by_keyboard(page):
    first = drawing(page).get_by_role(
        "button", name="C3, map 4", exact=True
    )  # where it looks at the start
    first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.ariaLabel") == "C3, map 5"
    page.keyboard.press("Shift+ArrowDown")
    spoken = drawing(page).locator(".lenet-inspector .lenet-spoken")
    assert spoken.inner_text().startswith("C3, map 5, row 6, column 5: ")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.lenet-table') !== null")


def test_a_unit_of_f6_shows_its_weights(page, lenet5):
    look_at(page, "F6", 0, 6, 3, 7)  # the bitmap is 12 high: row 6.5 of 7 is row 11
    text = drawing(page).locator(".lenet-inspector").inner_text()
    assert "F6, unit 80: " in text
    assert "120 weights" in text


ADD_UP = """async (key) => {
    await lenet.bringNetwork(key);
    const network = lenet.networks[key];
    const pixels = lenet.bytes(lenet.digits[lenet.examples[2][0]].pixels);
    const input = lenet.networkInput(network, pixels);
    const outputs = lenet.run(network, input);
    return outputs.flatMap(({ maps, side }, index) => {
        const { kind, squash } = network.layers[index];
        if (kind === "rbf") return [];
        return Array.from({ length: 40 }, (_, i) => {
            const [map, row, column] = [(7 * i) % maps, (3 * i) % side, (5 * i) % side];
            const { parts, ...sums } =
                lenet.arithmetic(network, { index, map, row, column }, input, outputs);
            return { name: network.layers[index].name, squash, ...sums };
        });
    });
}"""


@pytest.mark.parametrize("key", OFFERED)
def test_the_arithmetic_of_units_makes_their_outputs(page, key):
    """Added up from window and kernel, it is what the network's own loops found."""
    found = page.evaluate(ADD_UP, key)
    assert len({unit["name"] for unit in found}) == (5 if key == "lenet1" else 6)
    for unit in found:
        a = unit["factor"] * unit["sum"] + unit["bias"]
        squashed = unit["squash"]["amplitude"] * np.tanh(unit["squash"]["slope"] * a)
        assert a == pytest.approx(unit["activation"], abs=1e-9)
        assert squashed == pytest.approx(unit["value"], abs=1e-5), unit["name"]


def numbers(locator):
    texts = locator.all_inner_texts()
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in texts]


def test_the_arithmetic_of_a_pixel_is_shown(page, lenet5):
    """Patch, kernel, sum, bias and what comes of them, with the colours' key."""
    look_at(page, "C1", 2, 10, 12, 28)
    sums = drawing(page).locator(".lenet-sums")
    sums.get_by_text("It sees, of the input").wait_for()
    image, c1 = load_mnist(size=32).test.images[0, 0], lenet5.c1[0]
    patch, kernel, bias = image[10:15, 12:17], c1.weight[2, 0], float(c1.bias[2])
    shown, weights = (numbers(grid.locator("span")) for grid in sums.locator(".lenet-grid").all())
    assert shown == pytest.approx(patch.flatten().tolist(), abs=0.0051)
    assert weights == pytest.approx(kernel.flatten().tolist(), abs=0.0051)
    total = float((patch * kernel).sum())
    squashed = 1.7159 * np.tanh(2 / 3 * (total + bias))
    found = numbers(sums.locator("li span:last-child"))
    assert found == pytest.approx([total, bias, total + bias, squashed], abs=0.0051)
    assert numbers(sums.locator(".lenet-key >> nth=0 >> span")) == [-1.18, 1.18]

    look_at(page, "C3", 15, 2, 2, 10)
    sums.get_by_text("added up map by map of S2").wait_for()
    assert sums.locator("li").count() == 6 + 4
    assert sums.locator(".lenet-grid span").count() == 50
    look_at(page, "S2", 1, 2, 2, 14)
    sums.get_by_text("It sees, of C1\N{RIGHT SINGLE QUOTATION MARK}s map 1").wait_for()
    assert sums.locator(".lenet-grid span").count() == 4
    look_at(page, "F6", 0, 1, 1, 7)
    sums.get_by_text("units of C5, times their weights").wait_for()
    assert sum(numbers(sums.locator(".is-wide li span:last-child"))) == pytest.approx(
        numbers(sums.locator("figure:last-child li span:last-child"))[0], abs=0.04
    )


def test_on_a_phone_the_arithmetic_is_folded_up(open_page):
    page = open_page(viewport=PHONE)
    sums = drawing(page).locator(".lenet-sums")
    assert not sums.is_visible()
    drawing(page).get_by_text("The arithmetic").click()
    sums.get_by_text("makes a").wait_for()
    fits(page, PHONE)


def test_a_misread_digit_says_what_it_is(page):
    """To those who cannot hover over it, too."""
    for button in misread(page).all()[:3]:
        label = re.match(r"A (\d) that", button.get_attribute("aria-label"))[1]
        assert button.inner_text() == label
        button.click()
        says(page, f"MNIST.s label is {label}")
    page.keyboard.press("7")
    says(
        page,
        r"reads a 7 \(penalty [\d.]+, probability 0\.\d\d\); the runner-up is \d \([\d.]+\)\.$",
    )


# --- Network and drawing in the address -----------------------------------------------------------

SETTLED = "() => location.hash.includes('&ink=')"
SHOWN = """() => {
    const { drawing, wanted } = document.querySelector("[data-panel=draw]").panel;
    const ink = drawing.sheet.ink.reduce((sum, value) => (31 * sum + value) % 1_000_003, 7);
    return { wanted, ink, ...drawing.content() };
}"""


def again(page, fragment):
    """Open the page anew with something behind the "#"."""
    page.goto("about:blank")
    page.goto(fragment)
    page.evaluate(FILL)


def test_a_link_shows_network_and_drawing_again(page):
    take_network(page, OFFERED["lenet5-dist"])
    press_on_paper(page, SEVEN, ONE)
    page.wait_for_function("() => location.hash.startsWith('#draw=lenet5-dist&ink=')")
    before, link = page.evaluate(SHOWN), page.url
    assert len(before["strokes"]) == 2
    assert len(link.partition("#")[2]) < 200
    page.reload()
    page.evaluate(FILL)
    page.wait_for_function("() => document.querySelector('[data-panel=draw]').panel.network.title")
    assert page.evaluate(SHOWN) == before
    again(page, link)
    assert page.evaluate(SHOWN) == before
    says(page, r"LeNet-5 \[dist\] reads")


def test_a_link_shows_an_example_or_a_blank_paper_again(page):
    misread(page).first.click()
    page.wait_for_function("() => location.hash.startsWith('#draw=lenet5&digit=')")
    before = page.evaluate(SHOWN)
    again(page, page.url)
    assert page.evaluate(SHOWN) == before
    says(page, "MNIST.s label is")
    drawing(page).get_by_role("button", name="Clear").click()
    page.wait_for_function("() => location.hash === '#draw=lenet5&ink='")
    again(page, page.url)
    says(page, "blank")


def test_any_strokes_come_back_from_an_address(page):
    for seed in range(3):
        before = page.url
        strokes = page.evaluate(STROKE, some_strokes(seed))["kept"]
        page.wait_for_function(f"(before) => location.href !== before && ({SETTLED})()", arg=before)
        again(page, page.url)
        assert page.evaluate(SHOWN)["strokes"] == strokes


@pytest.mark.parametrize(
    "fragment",
    [
        "#draw=lenet9",
        "#draw=constructor",
        "#draw=lenet5&digit=70000",
        "#draw=lenet5&digit=toString",
        "#draw=lenet5&ink=%25%25",
        "#draw=lenet5&ink=AA",  # a stroke of no point
        "#draw=lenet5&ink=Av__",  # cut off
        "#draw=lenet5&ink=Af____8PAA",  # far from the paper
        f"#draw=lenet5&ink={'A' * 7000}",
    ],
)
def test_an_address_that_cannot_be_read_is_left_aside(page, fragment):
    again(page, page.url.partition("#")[0] + fragment)
    says(page, "LeNet-5 reads a 7")
    note = drawing(page).get_by_text("cannot be read; it is left aside")
    assert note.is_visible()
    assert page.evaluate("location.hash") == fragment
    press_on_paper(page, ONE)
    note.wait_for(state="hidden")


def test_a_drawing_too_long_for_a_link_leaves_the_network_there(page):
    points = [{"x": i % 280, "y": 280 * (i % 2)} for i in range(2_000)]
    page.evaluate(STROKE, [points])
    page.wait_for_function("() => location.hash === '#draw=lenet5'")


def test_what_no_link_can_hold_is_not_in_the_address(page):
    """A picture leaves the network there, weights of the reader's own nothing."""
    press_on_paper(page, ONE)
    page.wait_for_function(SETTLED)
    panel = "document.querySelector('[data-panel=draw]').panel"
    pixels = "new Uint8Array(28 * 28)"
    page.evaluate(f"void {panel}.drawing.deeds.push({{ picture: {{}}, pixels: {pixels} }})")
    page.evaluate(f"{panel}.address.note()")
    page.wait_for_function("() => location.hash === '#draw=lenet5'")
    page.evaluate(f"void {panel}.drawing.deeds.pop()")
    page.evaluate(
        f"""() => {{
            const file = lenet.writeWeights(lenet.networks.lenet5);
            {panel}.takeOwn(lenet.readWeights(file, "own.safetensors"), "own.safetensors");
        }}"""
    )
    page.wait_for_function("() => location.hash === ''")
    assert "own.safetensors reads a" in says(page, "own.safetensors")


def test_the_pages_own_anchors_still_lead_where_they_did(page):
    press_on_paper(page, ONE)
    page.wait_for_function(SETTLED)
    before = page.evaluate(SHOWN)
    page.evaluate("location.hash = '#a-page'")
    says(page, "reads a 1")
    assert page.evaluate(SHOWN) == before
    assert page.url.endswith("#a-page")
    page.evaluate("location.hash = '#draw=lenet5&digit=0'")  # a link in the page, or one pasted
    says(page, "reads a 7")


# The panel's controls that Tab reaches, and what is in the way of each.
STOPS = """() => {
    const kinds = ":is(button, input, canvas, summary)";
    const all = [...document.querySelectorAll(`[data-panel=draw] ${kinds}`)];
    return all.filter((one) => one.tabIndex === 0 && one.checkVisibility()
        && !(one.type === "radio" && !one.checked)).length;
}"""
IN_THE_WAY = """() => {
    const focused = document.activeElement;
    const shown = focused.type === "radio" ? focused.nextElementSibling : focused;
    const { x, width, top, bottom } = shown.getBoundingClientRect();
    const [from, to] = [Math.max(top, 0), Math.min(bottom, innerHeight)];
    const found = from < to ? document.elementFromPoint(x + width / 2, (from + to) / 2) : null;
    return shown.parentElement.contains(found)
        ? null : `${focused.ariaLabel ?? focused.textContent}: ${found?.className}`;
}"""


@pytest.mark.parametrize(
    "size", [DESK, PHONE, {"width": 320, "height": 256}], ids=["desk", "phone", "400 %"]
)
def test_tab_makes_few_stops_and_all_are_seen(open_page, size):
    page = open_page(viewport=size)
    stops = page.evaluate(STOPS)
    assert stops == 17
    drawing(page).locator("input:checked").focus()
    covered = [page.evaluate(IN_THE_WAY)]
    for _ in range(stops - 1):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('[data-panel=draw]') !== null")
        covered.append(page.evaluate(IN_THE_WAY))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('[data-panel=draw]') === null")
    assert [one for one in covered if one] == []


@pytest.mark.parametrize(
    ("bar", "count"),
    [
        ("Test digits", 10),
        ("Shift the digit after its preparation", 5),
        ("Which maps C3 reads", 16),
    ],
)
def test_arrow_keys_go_from_button_to_button(page, bar, count):
    buttons = drawing(page).get_by_role("toolbar", name=bar, exact=True).get_by_role("button").all()
    assert len(buttons) == count
    focused = "(button) => button === document.activeElement"
    buttons[0].focus()
    for button in buttons[1:]:
        page.keyboard.press("ArrowRight")
        assert button.evaluate(focused)
    page.keyboard.press("ArrowRight")  # there is no further one
    assert buttons[-1].evaluate(focused)
    assert [b.get_attribute("tabindex") for b in buttons] == (count - 1) * ["-1"] + ["0"]
    page.keyboard.press("Home")
    assert buttons[0].evaluate(focused)
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    assert buttons[-2].evaluate(focused)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_button_lies_on_another(open_page, size):
    page = open_page(viewport=size)
    for group in (".lenet-nudges", ".lenet-thumbnails >> nth=0", ".lenet-table"):
        boxes = [b.bounding_box() for b in drawing(page).locator(group).locator("button").all()]
        for i, one in enumerate(boxes):
            for other in boxes[i + 1 :]:
                apart = (
                    one["x"] + one["width"] <= other["x"] + 0.5
                    or other["x"] + other["width"] <= one["x"] + 0.5
                    or one["y"] + one["height"] <= other["y"] + 0.5
                    or other["y"] + other["height"] <= one["y"] + 0.5
                )
                assert apart, (group, one, other)


# --- The small figures ---------------------------------------------------------------------------


def test_the_layers_can_be_stepped_through(page):
    figure = page.locator("[data-panel=layers]")
    shown = []
    figure.get_by_text("C1", exact=True).first.click()
    for name in ("C1", "S2", "C3", "S4", "C5", "F6"):
        shown.append(figure.locator(".lenet-layer-name b").all_inner_texts())
        assert figure.locator(".lenet-inspector-title").inner_text().startswith(f"{name}, ")
        page.keyboard.press("ArrowRight")
    assert shown == [["C1"], ["C1", "S2"], ["S2", "C3"], ["C3", "S4"], ["S4", "C5"], ["C5", "F6"]]
    assert figure.locator(".lenet-scores .is-answer b").inner_text() == "7"


@pytest.mark.parametrize(
    ("kind", "model"), [("Table I", LeNet5()), ("dense", LeNet5(connections=None))]
)
def test_the_table_can_be_switched(page, kind, model):
    figure = page.locator("[data-panel=connections]")
    figure.get_by_text(kind, exact=True).click()
    counts = summary(model).loc["C3"]
    text = figure.inner_text()
    assert f"{counts['parameters']:,} parameters" in text
    assert f"{counts['multiply_accumulates']:,} multiplications" in text
    figure.get_by_role("button", name="C3, map 3:").focus()
    read = 3 if kind == "Table I" else 6
    assert f"map 3 reads {read} of 6 maps" in figure.inner_text()
    assert figure.locator("figure:not(.is-unread):not(.is-result)").count() == read


# --- For everyone --------------------------------------------------------------------------------


def fits(page, size, rules=None):
    page.set_viewport_size(size)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for panel in page.locator(".lenet-panel").all():
        assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    assert axe_violations(page, rules, context=".lenet-panel") == []


def test_it_fits_and_can_be_read_by_everyone(page):
    fits_in_light_dark_and_on_a_phone(page)


@pytest.mark.long
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("colour", ["light", "dark"])
def test_it_fits_from_the_start(open_page, size, colour):
    page = open_page(viewport=size, color_scheme=colour)
    says(page, "reads a 7")
    fits(page, size)


def picture_of(locator):
    """The pixels of what is seen, grey, from 0 to 255."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("L"), dtype=int)


@pytest.mark.parametrize("colour", ["light", "dark"])
def test_forced_colours_hide_nothing(open_page, colour):
    page = open_page(forced_colors="active", color_scheme=colour)
    says(page, "reads a 7")
    panel = drawing(page)
    ink = picture_of(panel.locator(".lenet-paper"))
    assert ink.min() < 60
    assert np.median(ink) > 200
    background = "(part) => getComputedStyle(part).backgroundColor"
    answer, other = (panel.locator(f".lenet-scores {li}") for li in (".is-answer", "li >> nth=0"))
    for track in (panel.locator(".lenet-track").first, answer.locator(".lenet-track")):
        colours = {track.evaluate(background), track.locator(".lenet-bar").evaluate(background)}
        assert len(colours) == 2
        assert "rgba(0, 0, 0, 0)" not in colours
    outline = "(part) => getComputedStyle(part).outlineStyle"
    assert (answer.evaluate(outline), other.evaluate(outline)) == ("solid", "none")
    cells = [panel.locator(f".lenet-cell{kind}").first for kind in (".is-there", ":not(.is-there)")]
    there, absent = (picture_of(cell).mean() for cell in cells)
    assert abs(there - absent) > 25
    spans = panel.locator(".lenet-choice span").all()
    chosen = [span.evaluate(background) for span in spans]
    assert chosen[0] == chosen[2] != chosen[1]
    maps = panel.locator(".lenet-map")
    assert maps.and_(panel.locator(".is-chosen")).evaluate(outline) == "solid"
    assert maps.and_(panel.locator(".is-related")).first.evaluate(outline) == "solid"
    assert (
        maps.and_(panel.locator(":not(.is-chosen, .is-related)")).first.evaluate(outline) == "none"
    )


def test_nothing_moves_by_itself(open_page):
    """There is no motion but the reader's own, so none that could be unwelcome."""
    page = open_page(reduced_motion="reduce")
    press_on_paper(page, ONE)
    assert page.evaluate("document.getAnimations().length") == 0


def test_without_scripts_there_is_something_to_read(open_page):
    page = open_page(java_script_enabled=False)
    for text in ("first", "second", "third"):
        assert page.get_by_text(f"The stand-in of the {text}.").is_visible()
    assert not any(panel.is_visible() for panel in page.locator(".lenet-panel").all())


def test_with_scripts_the_stand_in_is_put_away_but_for_print(page):
    stand_in, panel = page.get_by_text("The stand-in of the first."), drawing(page)
    assert panel.is_visible()
    assert not stand_in.is_visible()
    page.emulate_media(media="print")
    assert stand_in.is_visible()
    assert not panel.is_visible()


def test_only_pages_with_panels_load_the_scripts(book):
    assert "playground/start.js" in (book / "intro.html").read_text()
    assert "playground" not in (book / "other.html").read_text()


# --- When scripts and networks come ---------------------------------------------------------------

FAR_DOWN = "() => document.querySelector('article').style.paddingTop = '900vh'"


def names(asked):
    return [re.search(r"([\w-]+)\.js", address)[1] for address in asked]


def test_a_panel_far_below_costs_nothing_until_it_comes_near(browser, book):
    page = browser.new_page(viewport=DESK)
    page.set_default_timeout(PATIENCE)
    page.add_init_script(
        "document.addEventListener('readystatechange', "
        f"() => document.readyState === 'interactive' && ({FAR_DOWN})(), {{ once: true }})"
    )
    asked = []
    page.on("request", lambda r: "/playground/" in r.url and ".js" in r.url and asked.append(r.url))
    page.goto((book / "intro.html").as_uri(), wait_until="networkidle")
    assert names(asked) == ["start"]
    assert not page.get_by_text("The stand-in of the first.").is_visible()
    drawing(page).scroll_into_view_if_needed()
    drawing(page).get_by_text("LeNet-5 reads a 7").wait_for()
    assert {"panel", "digits", "lenet5"} <= set(names(asked))
    assert not {"lenet1", "lenet5-dist"} & set(names(asked))
    take_network(page, OFFERED["lenet1"])
    assert names(asked).count("lenet1") == 1
    page.close()


@pytest.mark.parametrize("name", ["intro", "small"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_an_empty_panel_is_about_as_high_as_it_will_be(browser, book, size, name):
    """So that what is below hardly moves, and a link into the page leads where it should."""
    page = browser.new_page(viewport=size)
    page.set_default_timeout(PATIENCE)
    page.add_init_script("window.IntersectionObserver = class { observe() {} }")
    page.goto((book / f"{name}.html").as_uri())
    panels = page.locator("[data-panel]")
    empty = [panel.bounding_box()["height"] for panel in panels.all()]
    page.evaluate(FILL)
    for panel, before in zip(panels.all(), empty, strict=True):
        assert before == pytest.approx(panel.bounding_box()["height"], rel=0.1)
    page.close()


@pytest.mark.parametrize("lost", ["network/network", "data/lenet5"])
def test_where_a_script_does_not_come_the_stand_in_does(browser, book, lost):
    page = browser.new_page(viewport=DESK)
    page.set_default_timeout(PATIENCE)
    page.route(f"**/playground/{lost}.js*", lambda route: route.abort())
    page.goto((book / "intro.html").as_uri())
    page.get_by_text("The stand-in of the first.").wait_for()
    assert drawing(page).count() == 0
    page.close()


def test_a_network_that_does_not_come_is_named_and_can_be_asked_for_again(browser, book):
    page = browser.new_page(viewport=DESK)
    page.set_default_timeout(PATIENCE)
    page.route("**/data/lenet1.js*", lambda route: route.abort())
    page.goto((book / "intro.html").as_uri())
    drawing(page).get_by_text("LeNet-1", exact=True).click()
    drawing(page).get_by_text("LeNet-1 could not be loaded.").wait_for()
    assert "LeNet-5 reads a 7" in says(page, "7")
    page.unroute("**/data/lenet1.js*")
    drawing(page).get_by_text("LeNet-5", exact=True).click()
    take_network(page, OFFERED["lenet1"])
    says(page, "LeNet-1 reads a 7")
    page.close()


# --- What the build writes -----------------------------------------------------------------------


def test_a_layer_the_browser_does_not_know_is_refused():
    relu = LeNet5(activation=nn.ReLU())
    with pytest.raises(TypeError, match="has no layer like c1"):
        networks.describe_layer("c1", relu.c1)
    largest = LeNet5(pooling=lambda maps: nn.MaxPool2d(2))
    with pytest.raises(TypeError, match="no layer like s2"):
        networks.describe_layer("s2", largest.s2)
