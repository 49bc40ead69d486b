"""The playground in a real browser: the same numbers as PyTorch, quick, and usable by everyone."""

import base64
import io
import re
import shutil

import numpy as np
import pytest
import torch
from browsing import COLOUR_RULES, DESK, PATIENCE, PHONE, PHONE_RULES, STILL, axe_violations
from building import ROOT, build, long, start_book
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


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A built book of two pages, one with all panels and one with none."""
    folder = tmp_path_factory.mktemp("play") / "small book"
    start_book(folder, "other")
    shutil.copy(ROOT / "requirements.txt", folder)
    package, ignored = folder / "lenet_utils", shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lenet_utils", package, ignore=ignored, dirs_exist_ok=True)
    (folder / "book" / "intro.md").write_text(PAGE)
    (folder / "book" / "other.md").write_text("# Another page\n")
    result = build(folder)
    assert result.returncode == 0, result.stdout[-4000:]
    return folder / "_build" / "html" / "book"


@pytest.fixture
def open_page(browser, book):
    """A function that opens the page with the panels and watches what goes wrong on it."""
    opened = []

    def open_it(**options):
        page = browser.new_page(**{"viewport": DESK, **options})
        page.set_default_timeout(PATIENCE)
        page.slips = []
        page.on("console", lambda m: page.slips.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.slips.append(str(error)))
        if options.get("java_script_enabled", True):  # else all scripts "fail"
            page.on("requestfailed", lambda request: page.slips.append(request.url))
        page.goto((book / "intro.html").as_uri())
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
    return drawing(page).locator(".lenet-status")


def says(page, pattern):
    """Wait until the text for screen readers is what was expected."""
    page.wait_for_function(
        "pattern => RegExp(pattern).test(document.querySelector('.lenet-status').textContent)",
        arg=pattern,
    )
    return status(page).inner_text()


def press_on_paper(page, *strokes):
    """Draw with the mouse; points are shares of the paper's side."""
    box = drawing(page).locator(".lenet-paper").bounding_box()
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

RUN_ALL = """([key, text]) => {
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


def in_pytorch(network, digits):
    """Return the scores in 64 bits, as the browser counts: in 32, they are themselves off by 1e-4.

    They are outputs or penalties, of which the smallest answers, and stand with that sign.
    """
    with torch.inference_mode():
        return network.trained().double()(digits.images.double())


@pytest.mark.parametrize("count", [1_000, long(10_000)])
@pytest.mark.parametrize("key", OFFERED)
def test_test_digits_get_pytorchs_scores(page, size_28, key, count):
    network = OFFERED[key]
    digits = network.test_digits()[:count]
    usual = evaluate(network.trained(), digits)
    sign = 1 if key == "lenet1" else -1
    found = sign * in_browser(page, key, size_28[:count])

    torch.testing.assert_close(found, in_pytorch(network, digits), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.float(), usual.scores, atol=1e-4, rtol=2e-6)
    assert torch.equal(found.argmax(dim=1), usual.predictions)
    errors = int((found.argmax(dim=1) != digits.labels).sum())
    assert errors == usual.errors
    if count == 10_000:
        assert errors == int(network.measured()["test_errors"])


def test_the_panel_states_what_was_measured(page):
    for network in OFFERED.values():
        drawing(page).get_by_text(network.title, exact=True).click()
        parameters = sum(p.numel() for p in network.model().parameters())
        facts = drawing(page).locator(".lenet-facts").inner_text()
        errors = int(network.measured()["test_errors"])
        assert facts == f"{parameters:,} parameters; misreads {errors:,} of 10,000 test digits."


@pytest.mark.parametrize("key", OFFERED)
def test_every_layer_is_pytorchs(page, size_28, key):
    network = OFFERED[key]
    expected = layer_outputs(network.trained(), network.test_digits().images[:1])
    outputs = page.evaluate(
        """([key, text]) => lenet.run(lenet.networks[key], lenet.networkInput(
            lenet.networks[key], lenet.bytes(text))).map(({values}) => [...values])""",
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
            return inputs.map((a) => {
                const [output] = lenet.run({ layers }, { maps: 1, side: 1, values: [a] });
                return output.values[0];
            });
        }""",
        [*-a, *a],
    )
    expected = 1.7159 * np.tanh(2 / 3 * np.concatenate([-a, a]))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=0)


STROKE = """(strokes) => {
    const { drawing, network } = document.querySelector("[data-panel=draw]").panel;
    drawing.clear();
    for (const [first, ...others] of strokes) {
        drawing.begin(first);
        for (const point of others) drawing.extend(point);
        drawing.lift();
    }
    const { field } = lenet.prepare(drawing.opacity(), lenet.SIDE, lenet.SIDE);
    const inputs = Object.values(lenet.networks).map(n => [...lenet.networkInput(n, field).values]);
    return { png: drawing.canvas.toDataURL(), field: [...field], inputs };
}"""


def some_strokes(seed):
    """One to three strokes anywhere, even dots and lines along the edge."""
    random = np.random.default_rng(seed)
    centre, reach = random.uniform(0, 280, 2), random.uniform(0, 200)
    return [
        [
            dict(zip("xy", (centre + random.uniform(-reach, reach, 2)).clip(0, 280), strict=True))
            for _ in range(random.integers(1, 9))
        ]
        for _ in range(random.integers(1, 4))
    ]


def test_fifty_drawings_are_prepared_as_python_does(page):
    for seed in range(50):
        result = page.evaluate(STROKE, some_strokes(seed))
        png = base64.b64decode(result["png"].partition(",")[2])
        expected = prepare_digit(Image.open(io.BytesIO(png)))
        found = torch.tensor(result["field"], dtype=torch.uint8).reshape(28, 28)
        torch.testing.assert_close(found.int(), expected.int(), atol=1, rtol=0)  # to rounding
        expected = found
        framed = nn.functional.pad(scale(expected[None], -0.1, 1.175, 16), 4 * [6], value=-0.1)
        usual = scale(expected[None], -0.1, 1.175, 32)
        for values, wanted in zip(result["inputs"], (framed, usual, usual), strict=True):
            torch.testing.assert_close(torch.tensor(values), wanted.flatten(), atol=1e-6, rtol=0)


# --- Drawing -------------------------------------------------------------------------------------


def test_it_begins_with_the_running_example(page):
    assert re.match(r"LeNet-5 reads a 7 \(penalty [\d.]+\); the runner-up is \d", says(page, "7"))


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


def test_an_example_can_be_drawn_on(page):
    """A drawing begins with what is on the paper, and goes through the preparation."""
    says(page, "reads a 7")
    steps = drawing(page).locator(".lenet-steps")
    assert "is-example" in steps.get_attribute("class")
    press_on_paper(page, ONE)
    assert "is-example" not in steps.get_attribute("class")


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


@pytest.mark.parametrize("key", OFFERED)
def test_the_misread_digits_are_misread(page, key):
    network = OFFERED[key]
    drawing(page).get_by_text(network.title, exact=True).click()
    thumbnails = drawing(page).get_by_role("group", name="Test digits it misreads")
    buttons = thumbnails.get_by_role("button")
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
    """Loaded once; then the reader turns on the dark, and takes a phone."""
    says(page, "reads a 7")
    fits(page, DESK)
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("html[data-theme=dark]")
    page.wait_for_function(STILL)
    fits(page, DESK, COLOUR_RULES)
    fits(page, PHONE, PHONE_RULES)


@pytest.mark.long
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("colour", ["light", "dark"])
def test_it_fits_from_the_start(open_page, size, colour):
    page = open_page(viewport=size, color_scheme=colour)
    says(page, "reads a 7")
    fits(page, size)


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
    assert "playground/panel.js" in (book / "intro.html").read_text()
    assert "playground" not in (book / "other.html").read_text()


# --- What the build writes -----------------------------------------------------------------------


def test_a_layer_the_browser_does_not_know_is_refused():
    relu = LeNet5(activation=nn.ReLU())
    with pytest.raises(TypeError, match="has no layer like c1"):
        networks.describe_layer("c1", relu.c1)
    largest = LeNet5(pooling=lambda maps: nn.MaxPool2d(2))
    with pytest.raises(TypeError, match="no layer like s2"):
        networks.describe_layer("s2", largest.s2)
