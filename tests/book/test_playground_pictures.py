"""Pictures in the playground: the same digits as Python finds, wherever they come from."""

import base64
import csv
import io
import re
import shutil

import numpy as np
import pytest
import torch
from browsing import DESK, PHONE, axe_violations, watched_page
from building import ROOT, build, long, start_book
from more_scenes import MORE_SCENES
from PIL import Image, ImageDraw, ImageFilter
from scenes import drawn

from lenet_utils import LeNet5, load_mnist, prepare_digit, scale

PICTURES = ROOT / "tests" / "data" / "pictures"
with (PICTURES / "pictures.csv").open() as file:
    ROWS = list(csv.DictReader(file))
OPENED = [row for row in ROWS if not row["file"].endswith(".tiff")]  # no browser reads TIFF
PAGE = """# A page

```{playground} draw
The stand-in.
```
"""
FILL = "() => Promise.all([...document.querySelectorAll('[data-panel]')].map(lenet.fill))"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures") / "book"
    start_book(folder, "other")
    shutil.copy(ROOT / "requirements.txt", folder)
    package, ignored = folder / "lenet_utils", shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lenet_utils", package, ignore=ignored, dirs_exist_ok=True)
    (folder / "book" / "intro.md").write_text(PAGE)
    (folder / "book" / "other.md").write_text("# Another page\n")
    result = build(folder)
    assert result.returncode == 0, result.stdout[-4000:]
    return folder / "_build" / "html" / "book"


def opened(browser, book, **options):
    page = watched_page(browser, **options)
    page.asked = []
    page.goto((book / "intro.html").as_uri())
    page.evaluate(FILL)
    says(page, "reads a 7")
    page.on("request", lambda request: page.asked.append(request.url))
    return page


@pytest.fixture
def open_page(browser, book):
    pages = []

    def open_it(**options):
        pages.append(opened(browser, book, **options))
        return pages[-1]

    yield open_it
    for page in pages:
        assert not page.slips
        page.close()


@pytest.fixture
def page(open_page):
    return open_page()


def says(page, pattern, place=".lenet-status"):
    """Wait until the panel says what was expected."""
    page.wait_for_function(
        "([place, pattern]) => RegExp(pattern).test(document.querySelector(place).textContent)",
        arg=[place, pattern],
    )
    return page.locator(place).inner_text()


def notes(page, pattern):
    return says(page, pattern, ".lenet-note")


DRAWING = "document.querySelector('[data-panel=draw]').panel.drawing"


def choose(page, name):
    """Choose a picture's file, and wait until it is on the paper."""
    before = page.evaluate(f"{DRAWING}.deeds.length")
    page.locator("input[accept='image/*']").set_input_files([PICTURES / name])
    page.wait_for_function(f"(before) => {DRAWING}.deeds.length > before", arg=before)


# --- The same digits -----------------------------------------------------------------------------

READ = """async (text) => {
    await lenet.bringNetwork("lenet5-dist");
    const network = lenet.networks["lenet5-dist"];
    const colours = await lenet.coloursOf(new Blob([lenet.bytes(text)]));
    const prepared = await lenet.prepareAside(colours);
    if (!prepared.field) return { refused: prepared.refused };
    const outputs = lenet.run(network, lenet.networkInput(network, prepared.field));
    const [answer] = lenet.ranking(network, outputs.at(-1).values);
    return { answer, field: [...prepared.field], several: prepared.several };
}"""


def read_by_page(page, content):
    return page.evaluate(READ, base64.b64encode(content).decode("ascii"))


def read_by_python(content):
    """Return a digit, or why there is none."""
    picture = Image.open(io.BytesIO(content))
    try:
        return prepare_digit(picture)
    except ValueError as refused:
        return str(refused)


def assert_same(found, expected, most=1):
    """The page and Python prepare the same bytes, to rounding, or both find no single digit."""
    if isinstance(expected, str):
        assert found.get("refused") or found["several"], expected
        return
    assert not found.get("several")
    field = torch.tensor(found["field"]).reshape(28, 28)
    torch.testing.assert_close(field, expected.long(), atol=most, rtol=0)


@pytest.fixture(scope="module")
def dist():
    return LeNet5.from_pretrained("dist")


def answer_of(model, digit):
    with torch.inference_mode():
        return int(model(scale(digit[None], *model.input)).argmax())


@pytest.mark.parametrize("row", OPENED, ids=lambda row: row["scene"])
def test_a_picture_is_read_as_python_reads_it(page, dist, row):
    content = (PICTURES / row["file"]).read_bytes()
    found, expected = read_by_page(page, content), read_by_python(content)
    assert_same(found, expected)
    if not isinstance(expected, str):
        assert found["answer"] == answer_of(dist, expected)


def some_picture(random):
    """Strokes of any pen on any paper, with rings, frames, rules, dots, desks and shadows."""
    width, height = (int(side) for side in random.integers(60, 420, 2))
    paper, pen, other = (tuple(int(v) for v in random.integers(0, 256, 3)) for _ in range(3))
    picture = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(picture)
    shorter = min(width, height)

    def place():
        return tuple(float(v) for v in random.uniform(0.1, 0.9, 2) * (width, height))

    def box(least):
        size = random.uniform(least, 0.9) * np.array([width, height])
        corner = random.uniform(-0.1, 1 - least, 2) * (width, height)
        return tuple(float(v) for v in (*corner, *(corner + size)))

    extras = random.permutation(["ring", "frame", "rules", "dots", "desk", "band"])[
        : random.integers(0, 3)
    ]
    for extra in extras:
        line = int(random.integers(1, 6))
        if extra == "ring":
            draw.ellipse(box(0.3), outline=pen, width=line)
        elif extra == "frame":
            draw.rectangle(box(0.5), outline=other, width=line)
        elif extra == "rules":
            for down in range(0, height, max(9, height // 8)):
                draw.line((0, down, width, down), fill=other, width=1)
        elif extra == "dots":
            for x, y in (place() for _ in range(4)):
                draw.ellipse((x, y, x + line, y + line), fill=pen)
        elif extra == "desk":
            draw.rectangle((0, 0, width * random.uniform(0.05, 0.3), height), fill=other)
        else:
            draw.polygon((place(), place(), place()), fill=other)
    thick = max(1, round(shorter * random.uniform(0.01, 0.15)))
    for _ in range(random.integers(0, 4)):
        draw.line([place() for _ in range(random.integers(2, 5))], fill=pen, width=thick)
    if random.random() < 0.5:  # a photograph
        picture = picture.filter(ImageFilter.GaussianBlur(0.7))
        light = np.linspace(1, random.uniform(0.5, 1), width)[None, :, None]
        noisy = np.asarray(picture) * light + random.normal(0, 3, (height, width, 3))
        picture = Image.fromarray(noisy.clip(0, 255).round().astype(np.uint8))
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize("count", [60, long(1_000)])
def test_any_picture_is_prepared_as_python_does(page, count):
    """Whether there is a digit in it or not; all but a few pixels of all are the same."""
    kinds = {"read": 0, "refused": 0}
    for seed in range(count):
        content = some_picture(np.random.default_rng(seed))
        expected = read_by_python(content)
        try:
            assert_same(read_by_page(page, content), expected)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        kinds["refused" if isinstance(expected, str) else "read"] += 1
    assert min(kinds.values()) > count / 20


def test_scenes_are_prepared_as_python_does(page):
    """Sheets aslant, shadows of things, broken strokes: all parts of the preparation have to do."""
    digit = load_mnist(size=28, scaling="unit").test.images[3, 0].numpy()
    for name in MORE_SCENES:
        content = io.BytesIO()
        next(drawn(name, digit[None])).convert("RGB").save(content, "PNG")
        found = read_by_page(page, content.getvalue())
        try:
            assert_same(found, read_by_python(content.getvalue()))
        except AssertionError as error:
            raise AssertionError(name) from error


def photo(size, turned):
    """A photograph of a one, as a camera writes it: JPEG, on its side."""
    width, height = size
    light = np.linspace(230, 150, width)[None, :] * np.ones((height, 1))
    picture = Image.fromarray(light.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    line = [(0.5 * width, 0.3 * height), (0.46 * width, 0.7 * height)]
    draw.line(line, fill=40, width=width // 60)
    exif = Image.Exif()
    if turned:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = 6  # orientation: a quarter to the right
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=90, exif=exif)
    return content.getvalue()


@pytest.mark.parametrize("turned", [False, True], ids=["upright", "turned"])
def test_a_large_photo_is_averaged_as_in_python(page, dist, turned):
    content = photo((3000, 4000), turned)
    found, expected = read_by_page(page, content), read_by_python(content)
    assert_same(found, expected)
    assert found["answer"] == answer_of(dist, expected) == 1


@pytest.mark.long
def test_a_photo_of_24_megapixels_is_decoded_smaller(page, tmp_path):
    """By each in its own way, so that the bytes are near, but not the same."""
    path = tmp_path / "large.jpg"
    path.write_bytes(photo((4000, 6000), turned=True))
    found = read_by_page(page, path.read_bytes())
    far = np.array(found["field"]).reshape(28, 28) - prepare_digit(path).numpy().astype(int)
    assert found["answer"] == 1
    assert np.abs(far).mean() < 4


# --- Where pictures come from --------------------------------------------------------------------

DROP = """([place, kind, text, name]) => {
    const files = new DataTransfer();
    files.items.add(new File([lenet.bytes(text)], name, { type: "image/jpeg" }));
    const given = kind === "paste" ? { clipboardData: files } : { dataTransfer: files };
    const types = kind === "paste" ? ["paste"] : ["dragover", "drop"];
    const event = kind === "paste" ? ClipboardEvent : DragEvent;
    return types.map((type) => {
        const made = new event(type, { ...given, bubbles: true, cancelable: true });
        document.querySelector(place).dispatchEvent(made);
        return made.defaultPrevented;
    });
}"""


def give(page, place, kind, name):
    text = base64.b64encode((PICTURES / name).read_bytes()).decode("ascii")
    return page.evaluate(DROP, [place, kind, text, name])


def test_a_chosen_picture_is_read_in_a_worker_and_sent_nowhere(page):
    choose(page, "p14.jpg")  # a seven, red on green
    says(page, "reads a 7 .* the runner-up is [^9]")
    notes(page, "^It stays in your browser: nothing is sent anywhere.$")
    assert len(page.workers) == 1
    assert [address for address in page.asked if not address.startswith("blob:")] == []
    choose(page, "p17.jpg")  # a nine, chalk on a board
    says(page, "reads a 9")
    choose(page, "p17.jpg")  # the same one once more
    says(page, "reads a 9")
    assert len(page.workers) == 1


@pytest.mark.parametrize("place", [".lenet-paper", ".lenet-answer", ".lenet-maps"])
def test_a_dropped_picture_is_read_wherever_on_the_panel(page, place):
    assert give(page, place, "drop", "p03.jpg") == [True, True]
    says(page, "reads a 3")
    assert page.locator(".is-dropping").count() == 0


def test_a_pasted_picture_is_read_unless_one_writes_text(page):
    assert give(page, "body", "paste", "p03.jpg") == [True]
    says(page, "reads a 3")
    page.evaluate("() => document.body.append(document.createElement('textarea'))")
    page.locator("body > textarea").focus()
    assert give(page, "body > textarea", "paste", "p17.jpg") == [False]


def test_what_is_no_picture_is_left_to_the_browser(page):
    dragged = "new DragEvent('dragover', { dataTransfer: new DataTransfer(), cancelable: true })"
    assert (
        page.evaluate(
            f"""() => {{ const event = {dragged};
        document.querySelector(".lenet-panel").dispatchEvent(event);
        return event.defaultPrevented; }}"""
        )
        is False
    )


def test_the_paste_button_reads_the_clipboard(browser, book):
    page = opened(browser, book)
    origin = {"permissions": ["clipboard-read", "clipboard-write"]}
    page.context.grant_permissions(**origin)
    page.locator(".lenet-panel").get_by_role("button", name="Paste").click()
    notes(page, "no picture on the clipboard")
    page.evaluate(
        """async (text) => {
            const png = new Blob([lenet.bytes(text)], { type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
        }""",
        base64.b64encode((PICTURES / "p25.png").read_bytes()).decode("ascii"),
    )
    page.locator(".lenet-panel").get_by_role("button", name="Paste").click()
    says(page, "reads a 1")
    page.close()


# A camera that films a picture.
FILM = """async (text) => {
    const picture = await createImageBitmap(new Blob([lenet.bytes(text)]));
    const canvas = lenet.element("canvas", { width: picture.width, height: picture.height });
    const context = canvas.getContext("2d");
    setInterval(() => context.drawImage(picture, 0, 0), 50);
    self.tracks = [];
    navigator.mediaDevices.getUserMedia = async ({ video }) => {
        const stream = canvas.captureStream();
        if (video) tracks.push(...stream.getTracks());
        return stream;
    };
}"""
STATES = "() => tracks.map(({ readyState }) => readyState)"
PINNED = f"{DRAWING}.pinned()"


def test_the_camera_takes_a_picture_and_is_off_again(page):
    page.evaluate(FILM, base64.b64encode((PICTURES / "p03.jpg").read_bytes()).decode("ascii"))
    page.get_by_role("button", name="Camera").click()
    page.get_by_label("What the camera sees").wait_for()
    assert page.evaluate(STATES) == ["live"]
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.evaluate(STATES) == ["ended"]
    assert page.evaluate(PINNED) is None
    assert "reads a 7" in page.locator(".lenet-status").inner_text()
    notes(page, "^It stays in your browser")

    page.get_by_role("button", name="Camera").click()
    page.get_by_role("button", name="Take the picture").click()
    says(page, "reads a 3")
    assert page.get_by_role("dialog").count() == 0
    assert page.evaluate(STATES) == ["ended", "ended"]


def test_a_camera_that_is_refused_is_said(page):
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no')); }"
    )
    page.get_by_role("button", name="Camera").click()
    notes(page, "no camera")


@pytest.mark.parametrize("lacking", ["mediaDevices", "clipboard"])
def test_what_the_browser_lacks_is_not_offered(browser, book, lacking):
    """As on a page that came over http."""
    page = browser.new_page()
    page.add_init_script(f"Object.defineProperty(navigator, '{lacking}', {{ value: undefined }})")
    page.goto((book / "intro.html").as_uri())
    page.evaluate(FILL)
    tools = page.get_by_role("toolbar", name="Read a picture").get_by_role("button")
    gone = {"mediaDevices": "Camera", "clipboard": "Paste"}[lacking]
    assert tools.all_inner_texts() == [
        name for name in ("Choose a file", "Paste", "Camera") if name != gone
    ]
    page.close()


# --- What is seen and said -----------------------------------------------------------------------


def test_the_steps_are_shown_as_long_as_the_picture_is_there(page):
    steps = page.get_by_role("list", name=re.compile("From the picture"))
    assert not steps.is_visible()
    choose(page, "p12.jpg")
    says(page, "reads a 1")
    assert steps.get_by_role("listitem").count() == 4
    ink, digit = (steps.locator("canvas").nth(i).evaluate(INK) for i in (2, 3))
    assert ink > 2 * digit > 0  # the squares of the paper are ink, but no digit
    paper = page.locator(".lenet-paper")
    pinned = paper.evaluate("(canvas) => canvas.toDataURL()")
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 240, steps=5)
    page.mouse.up()
    assert not steps.is_visible()  # the first stroke begins a drawing
    page.keyboard.press("Control+z")
    assert steps.is_visible()
    assert paper.evaluate("(canvas) => canvas.toDataURL()") == pinned
    page.keyboard.press("Control+z")
    says(page, "reads a 7")
    assert not steps.is_visible()


INK = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let ink = 0;
    for (let i = 0; i < data.length; i += 4) ink += (data[i + 3] / 255) * (255 - data[i]);
    return ink;
}"""


def test_a_narrower_pen_is_named(page):
    choose(page, "p24.png")  # a seven, with a pen of a third of its height
    says(page, "reads a 7")
    fitted = page.get_by_role("list", name="Preparation", exact=True).get_by_role("listitem").nth(1)
    assert fitted.inner_text() == "a narrower pen; 20 pixels at its longer side"
    choose(page, "p12.jpg")
    says(page, "reads a 1")
    assert fitted.inner_text() == "20 pixels at its longer side"


def test_what_is_no_digit_is_said(page):
    choose(page, "p27.jpg")
    says(page, "no digit in the picture: it is blank")
    assert page.locator(".lenet-digit").inner_text() == "?"
    page.get_by_role("button", name="Undo").click()
    says(page, "reads a 7")


def test_two_digits_are_in_doubt(page):
    choose(page, "p29.png")
    says(page, r"reads a \d .* In doubt: there are parts side by side. Two digits\?")
    assert page.locator(".lenet-answer.is-doubtful").count() == 1
    choose(page, "p12.jpg")
    says(page, "reads a 1 [^?]*$")
    assert page.locator(".lenet-answer.is-doubtful").count() == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ((PICTURES / "p30.tiff").read_bytes(), "cannot read it as a picture: give it a PNG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "cannot read it as a picture"),
        (b"\0\0\0\x20ftypheic" + bytes(40), "This is a HEIC photo"),
        (b"", "cannot read it as a picture"),
    ],
    ids=["TIFF", "damaged", "HEIC", "empty"],
)
def test_what_cannot_be_opened_is_said(page, content, sentence):
    one = {"name": "one.png", "mimeType": "image/png", "buffer": content}
    page.locator("input[accept='image/*']").set_input_files([one])
    notes(page, sentence)
    assert "reads a 7" in page.locator(".lenet-status").inner_text()  # what was there, still is
    choose(page, "p12.jpg")
    says(page, "reads a 1")
    notes(page, "^It stays in your browser")


def test_the_last_of_several_pictures_counts(page):
    one, other = ((PICTURES / name).read_bytes() for name in ("p17.jpg", "p03.jpg"))
    texts = [base64.b64encode(content).decode("ascii") for content in (one, other)]
    page.evaluate(
        """(texts) => {
            const { taker } = document.querySelector("[data-panel=draw]").panel;
            return Promise.all(texts.map((text) => taker.read(new Blob([lenet.bytes(text)]))));
        }""",
        texts,
    )
    says(page, "reads a 3")
    assert page.evaluate(f"{DRAWING}.deeds.length") == 2


def test_tab_reaches_the_row_once_and_arrows_go_on(page):
    page.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Tab")
    names = []
    for _ in range(3):
        names.append(page.evaluate("document.activeElement.textContent"))
        page.keyboard.press("ArrowRight")
    assert names == ["Choose a file", "Paste", "Camera"]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("colour", ["light", "dark"])
def test_a_picture_fits_and_can_be_read_by_everyone(open_page, size, colour):
    page = open_page(viewport=size, color_scheme=colour)
    choose(page, "p29.png")
    says(page, "In doubt")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    panel = page.locator(".lenet-panel")
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    assert axe_violations(page, context=".lenet-panel") == []
