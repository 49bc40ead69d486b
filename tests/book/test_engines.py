"""The built book in Firefox and in WebKit: no page complains, and panels work as in Chromium."""

import base64
import json
import shutil

import numpy as np
import pytest
from browsing import PATIENCE
from building import HTML, ROOT, book_pages
from engines import firefox, webkit
from pen import as_pairs, ink_of, some_strokes

from lenet_utils import prepare_digit

STARTS = {"firefox": firefox, "webkit": webkit}
# The first script of each page: it notes what goes wrong from then on, and what does not come.
WATCH = """<script>
    window.slips = [];
    addEventListener("error", ({ message, target }) =>
        slips.push(message ?? `${target.src ?? target.href} did not come`), true);
    addEventListener("unhandledrejection", ({ reason }) => slips.push(String(reason)));
    console.error = (...said) => slips.push(said.join(" "));
</script>"""
FILL = "Promise.all([...document.querySelectorAll('[data-panel]')].map((p) => lenet.fill(p)))"
PANEL = "document.querySelector('[data-panel=draw]').panel"
LEARNS = "document.querySelector('[data-panel=train]').panel"
PAPER = "document.querySelector('.lenet-paper')"
ONE = [(140, 40), (140, 140), (140, 240)]  # points of the paper
KEYS = {
    "Enter": "\ue007",
    "Space": " ",
    "ArrowDown": "\ue015",
    "ArrowUp": "\ue013",
    "Delete": "\ue017",
}

playground = pytest.mark.chapters("playground")
train_it = pytest.mark.chapters("train-it")


def pages_to_open():
    """All but the one that leads to the first, and the one that servers show at any address."""
    return [page for page in book_pages() if page.name not in ("index.html", "404.html")]


@pytest.fixture(scope="module")
def pages(built, tmp_path_factory):
    """A copy of the book whose pages note what goes wrong."""
    folder = tmp_path_factory.mktemp("watched") / "a book"
    shutil.copytree(HTML, folder)
    for page in pages_to_open():
        text = page.read_text(encoding="utf-8")
        watched = text.replace("<head>", f"<head>{WATCH}", 1)
        assert watched != text, page
        (folder / page.relative_to(HTML)).write_text(watched, encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=STARTS)
def engine(request, tmp_path_factory):
    """A Firefox or a WebKit, started once for all these tests."""
    with STARTS[request.param](tmp_path_factory.mktemp(request.param)) as started:
        yield started


def test_every_page_opens_without_an_error(engine, pages):
    for page in pages_to_open():
        engine.open((pages / page.relative_to(HTML)).as_uri())
        engine.wait("document.readyState === 'complete'")
        engine.evaluate(FILL)
        assert engine.evaluate("slips") == [], page


def open_playground(engine, pages):
    engine.open((pages / "book" / "playground.html").as_uri())
    engine.evaluate(FILL)
    says(engine, "reads a 7")


def says(engine, text):
    """Wait until the panel says something to screen readers."""
    engine.wait(f"document.querySelector('.lenet-status').textContent.includes('{text}')")


@pytest.fixture
def opened(engine, pages):
    """The playground, its paper in sight and blank."""
    open_playground(engine, pages)
    click(engine, f"{PANEL}.root.querySelectorAll('.lenet-drawing button')[1]")
    says(engine, "blank")
    engine.evaluate(f"{PAPER}.scrollIntoView({{ block: 'center' }})")
    yield engine
    assert engine.evaluate("slips") == []


def box_of(engine, element):
    return engine.evaluate(f"{element}.getBoundingClientRect()")


def click(engine, element, pointer="mouse"):
    engine.evaluate(f"{element}.scrollIntoView({{ block: 'center' }})")
    box = box_of(engine, element)
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    engine.stroke(pointer, [(round(middle[0]), round(middle[1]))])


def last_stroke(engine):
    (points,) = as_pairs([engine.evaluate(f"{PANEL}.drawing.deeds.at(-1).points")])
    return np.array(points)


def draw_one(engine, pointer):
    """Draw a one; return the paper's box and the path in the window."""
    box = box_of(engine, PAPER)
    scale = box["width"] / 280
    path = [(round(box["x"] + x * scale), round(box["y"] + y * scale)) for x, y in ONE]
    engine.stroke(pointer, path)
    return box, path


@playground
@pytest.mark.parametrize("pointer", ["mouse", "touch"])
def test_a_pointer_draws_where_it_goes(opened, pointer):
    box, path = draw_one(opened, pointer)
    scale = box["width"] / 280
    says(opened, "reads a 1")
    went = (np.array(path) - [box["x"], box["y"]]) / scale
    stroke = last_stroke(opened)
    for place in went:  # it notes quarters of a pixel, and no point so near to the last
        assert np.hypot(*(stroke - place).T).min() <= 1 + 0.25
    assert (stroke >= went.min(axis=0) - 0.25).all()
    assert (stroke <= went.max(axis=0) + 0.25).all()


@playground
def test_the_keyboard_draws_too(opened):
    opened.evaluate(f"{PAPER}.focus()")
    lift, up, down = (KEYS[key] for key in ("Space", "ArrowUp", "ArrowDown"))
    opened.press(*5 * [up], lift, *20 * [down], lift)
    says(opened, "reads a 1")
    np.testing.assert_array_equal(last_stroke(opened), [(140, 20 + 10 * i) for i in range(21)])
    opened.press(KEYS["Delete"])
    says(opened, "blank")


@playground
def test_the_address_brings_the_drawing_back(opened):
    click(opened, f"{PANEL}.root.querySelectorAll('.lenet-choice span')[2]")
    opened.evaluate(f"{PANEL}.drawing.begin({{ x: 140, y: 40 }})")
    opened.evaluate(f"{PANEL}.drawing.extend({{ x: 140, y: 240 }})")
    opened.wait("location.hash.startsWith('#draw=lenet5-dist&ink=')")
    address = opened.evaluate("location.href")
    opened.open("about:blank")
    opened.open(address)
    opened.evaluate(FILL)
    says(opened, "LeNet-5 [dist] reads a 1")
    np.testing.assert_array_equal(last_stroke(opened), [(140, 40), (140, 240)])


# --- The same numbers ----------------------------------------------------------------------------

READ = f"""((drawings) => drawings.map((strokes) => {{
    const panel = {PANEL}, {{ drawing }} = panel;
    drawing.clear();
    for (const [first, ...others] of strokes) {{
        drawing.begin(first);
        for (const point of others) drawing.extend(point);
        drawing.lift();
    }}
    const kept = strokes.map((_, i) => drawing.deeds.at(i - strokes.length).points);
    const {{ field, outputs }} = panel.read();
    const [ink, penalties] = [drawing.sheet.ink, outputs.at(-1).values];
    return {{ kept, ink: [...ink], field: [...field], penalties: [...penalties] }};
}}))({json.dumps([some_strokes(seed) for seed in range(8)])})"""


@pytest.fixture(scope="module")
def in_chromium(browser, pages):
    """What the panel makes of a few drawings there."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto((pages / "book" / "playground.html").as_uri())
    page.evaluate(FILL)
    read = page.evaluate(READ)
    page.close()
    return read


def compare(read, expected):
    """The ink to the last bit, also as Python draws it, and the prepared image; penalties to less
    than anyone reads, for engines have hyperbolic tangents of their own."""
    for found, wanted in zip(read, expected, strict=True):
        ink = np.array(found["ink"], dtype=np.uint8).reshape(280, 280)
        np.testing.assert_array_equal(ink, ink_of(as_pairs(found["kept"])))
        assert found["kept"] == wanted["kept"]
        np.testing.assert_array_equal(found["field"], wanted["field"])
        np.testing.assert_allclose(found["penalties"], wanted["penalties"], rtol=0, atol=1e-4)


@playground
def test_the_same_strokes_give_the_same_numbers(opened, in_chromium):
    compare(opened.evaluate(READ), in_chromium)


@playground
def test_a_firefox_that_hides_who_it_is_reads_the_same(pages, in_chromium, tmp_path):
    """It gives noise to those who read a canvas."""
    with firefox(tmp_path, **{"privacy.resistFingerprinting": True}) as engine:
        open_playground(engine, pages)
        corner = f"{PAPER}.getContext('2d').getImageData(0, 0, 9, 9).data"
        assert len(set(engine.evaluate(f"[...{corner}]"))) > 1  # as nothing is drawn there
        compare(engine.evaluate(READ), in_chromium)


# --- Pictures ------------------------------------------------------------------------------------

PICTURES = ROOT / "tests" / "data" / "pictures"
# A file is chosen by script: one from this computer no driver may lay into a page here.
CHOOSE = f"""((text, name) => {{
    const files = new DataTransfer();
    files.items.add(new File([lenet.bytes(text)], name));
    const chooser = {PANEL}.root.querySelector("input[type=file]");
    chooser.files = files.files;
    chooser.dispatchEvent(new Event("change", {{ bubbles: true }}));
}})"""
TAKEN = """(async (text) => {
    const colours = await lenet.coloursOf(new Blob([lenet.bytes(text)]));
    const { field } = await lenet.prepareAside(colours);
    return [...field];
})"""


@playground
@pytest.mark.parametrize(
    ("name", "digit", "most"),
    [
        ("p22.png", 1, 1),  # transparent: Firefox keeps colours times opacity, rounded
        ("p24.png", 7, 0),
        ("p25.png", 1, 0),
        ("p26.png", 1, 0),
        ("p12.jpg", 1, 3),  # each engine decodes a JPEG in its own way
    ],
)
def test_a_picture_is_read_as_python_reads_it(opened, name, digit, most):
    text = base64.b64encode((PICTURES / name).read_bytes()).decode("ascii")
    opened.evaluate(f"{CHOOSE}({json.dumps(text)}, {json.dumps(name)})")
    says(opened, f"reads a {digit}")
    field = np.array(opened.evaluate(f"{TAKEN}({json.dumps(text)})")).reshape(28, 28)
    expected = prepare_digit(PICTURES / name).numpy()
    np.testing.assert_allclose(field, expected, rtol=0, atol=most)


# --- Training ------------------------------------------------------------------------------------

WEIGHTS = f"""(() => {{
    const bytes = new Uint8Array(lenet.weightsOf({LEARNS}.learners[0].network).buffer);
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}})()"""
HUNDRED = f"{LEARNS}.root.querySelectorAll('[aria-label=Training] button')[2]"


def learned(count):
    """The condition that so many images have been learned, and no more are being."""
    return f"(({{ seen, running, busy }}) => seen === {count} && !running && !busy)"


def weights_of(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


@pytest.fixture(scope="module")
def trained_in_chromium(browser, pages):
    """The weights after 300 images there."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto((pages / "book" / "train-it.html").as_uri())
    page.evaluate(FILL)
    page.evaluate(f"{LEARNS}.run(300)")
    page.wait_for_function(f"{learned(300)}({LEARNS}.learners[0])")
    found = page.evaluate(WEIGHTS)
    page.close()
    return weights_of(found)


@train_it
def test_it_learns_the_same_weights(engine, pages, trained_in_chromium):
    """In a worker, from a file; told by mouse, finger and keyboard."""
    engine.open((pages / "book" / "train-it.html").as_uri())
    engine.evaluate(FILL)
    for seen, pointer in [(100, "mouse"), (200, "touch")]:
        click(engine, HUNDRED, pointer)
        engine.wait(f"{learned(seen)}({LEARNS}.learners[0])")
    engine.evaluate(f"{HUNDRED}.focus()")
    engine.press(KEYS["Enter"])
    engine.wait(f"{learned(300)}({LEARNS}.learners[0])")
    np.testing.assert_array_equal(weights_of(engine.evaluate(WEIGHTS)), trained_in_chromium)

    engine.evaluate(f"{PAPER}.scrollIntoView({{ block: 'center' }})")
    draw_one(engine, "touch")
    says(engine, "reads a")
    assert engine.evaluate(f"{LEARNS}.drawing.content().strokes.length") == 1
    assert engine.evaluate("slips") == []
