"""Every page of the built book in a real browser: both widths, light and dark, http and file."""

import http.server
import re
import threading
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

import matplotlib
import pytest
from browsing import COLOUR_RULES, DESK, PATIENCE, PHONE, PHONE_RULES, STILL, axe_violations
from bs4 import BeautifulSoup
from building import CHAPTERS, HTML, ROOT, book_pages, long
from matplotlib.colors import to_hex

from lenet_utils.visualization import COLORS
from lenet_utils.visualization.style import STYLE, tint

pytestmark = pytest.mark.usefixtures("built")

GENERATED = ["404", "genindex", "py-modindex", "search"]
PAGES = [*CHAPTERS, *GENERATED]
# What `make test` looks at in further ways too: cards, figures with formulas, panels, a search.
DARK_TOO = ["book/intro", "search"]
FROM_A_FILE_TOO = ["book/intro", "book/lenet-5", "book/playground", "book/train-it", "search"]

# Runs in the page: waits until fonts and pictures are there, then says what is amiss.
SETTLED = """async () => {
  await document.fonts.ready;
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""
FORMULAS = """() => {
  const set = (formula) => formula.querySelector("math")?.getBoundingClientRect().width > 1;
  return [...document.querySelectorAll("article .math")].filter((formula) => !set(formula))
    .map((formula) => formula.textContent);
}"""
PICTURES = """() => [...document.images]
  .filter((image) => !image.alt.trim() || !image.complete || !image.naturalWidth)
  .map((image) => image.src)"""
# The theme lets boxes that scroll be reached by keyboard, a moment after the window's size changed.
REACHABLE = """() => ![...document.querySelectorAll("[tabindex='-1']")]
  .some((box) => box.matches("pre, .output, .pst-scrollable-table-container")
    && box.scrollWidth > box.clientWidth)"""
# Code that is seen at once, and is wider than its box.
WIDE_CODE = """() => [...document.querySelectorAll("div.cell_input pre")]
  .filter((code) => code.checkVisibility() && code.scrollWidth > code.clientWidth)
  .map((code) => code.textContent.split("\\n").sort((a, b) => b.length - a.length)[0])"""
# Headings that are higher than their words: their link, which is seen later, has a line of its own.
HIGH_HEADINGS = """() => [...document.querySelectorAll("article :is(h1, h2, h3)")]
  .filter((heading) => {
    const link = heading.querySelector(".headerlink"), high = heading.offsetHeight;
    if (link) link.style.display = "none";
    const isHigher = high > heading.offsetHeight;
    if (link) link.style.display = "";
    return isHigher;
  }).map((heading) => heading.textContent)"""
# Words of code that are broken in the cell of a table.
BROKEN_WORDS = """() => [...document.querySelectorAll("article table code .pre")]
  .filter((word) => word.getClientRects().length > 1).map((word) => word.textContent)"""
# How many pixels of a figure there are to one of the page, and how many of the page to its inch.
FIGURES = """() => [...document.querySelectorAll(".cell_output img[src$='.png']")]
  .filter((figure) => figure.checkVisibility())
  .map((figure) => [figure.naturalWidth, figure.width])"""
DENSITY = 288  # dots per inch of a figure: kernels.py
SMALLEST = 9.25  # points of the text in any figure: lenet.mplstyle
# Small phones, and the same with a scrollbar that takes 15 pixels.
NARROW = [378, 378 - 15, 360, 360 - 15, 320, 320 - 15]
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Pages(http.server.SimpleHTTPRequestHandler):
    """Serves the book as GitHub Pages does: below its path, and 404.html for what is not there."""

    prefix = "/"

    def translate_path(self, path):
        return super().translate_path("/" + path.removeprefix(self.prefix))

    def send_error(self, code, message=None, explain=None):
        body = (HTML / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def site(built):
    """The address at which this process serves the book."""
    lost = BeautifulSoup((HTML / "404.html").read_text("utf-8"), "html.parser")
    home = lost.select_one("article a")["href"].removesuffix("index.html")
    handler = partial(type("Handler", (Pages,), {"prefix": home}), directory=HTML)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{home}"
    server.shutdown()
    server.server_close()


@contextmanager
def watched(browser, **options):
    """Open an empty page and a list of what goes wrong in it; other hosts cannot be reached."""
    context = browser.new_context(viewport=DESK, **options)
    page, wrong = context.new_page(), []
    page.set_default_timeout(PATIENCE)

    def decide(route):
        address = urlsplit(route.request.url)
        if address.hostname in (None, "", "127.0.0.1"):
            return route.continue_()
        wrong.append(f"asks another host: {route.request.url}")
        return route.abort()

    def failed(request):
        # A page that is left before its pictures came asks for them no longer.
        if "ERR_ABORTED" not in (request.failure or ""):
            wrong.append(f"failed: {request.url}")

    page.route("**/*", decide)
    page.on("console", lambda m: m.type in ("error", "warning") and wrong.append(m.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", failed)
    page.on("response", lambda r: r.status >= 400 and wrong.append(f"{r.status}: {r.url}"))
    yield page, wrong
    context.close()


def is_complete(page):
    page.evaluate(SETTLED)
    assert page.evaluate(FORMULAS) == []
    assert page.evaluate(PICTURES) == []


def fits(page, size, rules=None):
    """Look at the page in another size of window, or in other colours."""
    page.set_viewport_size(size)
    page.wait_for_function(REACHABLE)
    page.wait_for_function(STILL)
    assert page.evaluate(SIDEWAYS) == 0, f"scrolls sideways at {size['width']} pixels"
    assert axe_violations(page, rules) == [], f"at {size['width']} pixels"


SQUEEZED = """() => [...document.images].filter((image) => image.checkVisibility() && Math.abs(
    image.width / image.height / (image.naturalWidth / image.naturalHeight) - 1) > 0.02)
  .map((image) => image.src)"""


def has_room_for_code_and_figures(page):
    assert page.evaluate(WIDE_CODE) == [], "wider than the column: at most 80 characters a line"
    assert page.evaluate(HIGH_HEADINGS) == []
    assert page.evaluate(BROKEN_WORDS) == []
    for pixels, width in page.evaluate(FIGURES):
        assert pixels >= 2 * width


def text_of_figures_can_be_read(page):
    assert page.evaluate(SQUEEZED) == []
    for pixels, width in page.evaluate(FIGURES):
        assert SMALLEST / 72 * DENSITY * width / pixels >= 9


def fits_on_small_phones(page):
    for width in NARROW:
        page.set_viewport_size({"width": width, "height": PHONE["height"]})
        assert page.evaluate(SIDEWAYS) == 0, f"scrolls sideways at {width} pixels"


def test_all_pages_are_looked_at():
    built_pages = {page.relative_to(HTML).with_suffix("").as_posix() for page in book_pages()}
    assert built_pages == {"index", *PAGES}


def test_index_leads_to_the_welcome_page(browser, site):
    with watched(browser) as (page, wrong):
        page.goto(site)
        page.wait_for_url("**/book/intro.html")
        assert wrong == []


@pytest.mark.parametrize("name", PAGES)
def test_page(browser, site, name):
    """Loaded once; then the reader turns on the dark, and takes a phone."""
    with watched(browser, color_scheme="light") as (page, wrong):
        page.goto(f"{site}{name}.html")
        is_complete(page)
        assert page.locator("html").get_attribute("data-theme") == "light"
        fits(page, DESK)
        has_room_for_code_and_figures(page)
        page.emulate_media(color_scheme="dark")
        page.wait_for_selector("html[data-theme=dark]")
        fits(page, DESK, COLOUR_RULES)
        fits(page, PHONE, PHONE_RULES)
        text_of_figures_can_be_read(page)
        fits_on_small_phones(page)
        assert wrong == []


def test_figures_are_written_in_no_smaller_points():
    settings = matplotlib.rc_params_from_file(STYLE, use_default_template=False)
    sizes = [value for name, value in settings.items() if name.endswith("size") and "font" in name]
    sizes += [value for name, value in settings.items() if "labelsize" in name]
    assert len(sizes) >= 4
    sources = [*ROOT.glob("book/*.md"), *ROOT.glob("lenet_utils/visualization/*.py")]
    for source in sources:
        sizes += re.findall(r"(?:fontsize|labelsize)=([\d.]+)", source.read_text("utf-8"))
    assert min(map(float, sizes)) >= SMALLEST


@pytest.mark.chapters("lenet-5")
def test_a_dark_page_keeps_the_tints_of_figures(browser, site):
    """What the theme's filter would make white stays apart from white by most of what it was."""
    filtered = """(colours) => {
        const figure = document.querySelector(".cell_output img");
        const paint = document.createElement("canvas").getContext("2d");
        paint.filter = getComputedStyle(figure).filter;
        return colours.map((colour) => {
            paint.fillStyle = colour;
            paint.fillRect(0, 0, 9, 9);
            return [...paint.getImageData(4, 4, 1, 1).data];
        });
    }"""
    tints = [*map(tint, COLORS.values()), *[(grey / 10,) * 3 for grey in range(10)]]
    with watched(browser, color_scheme="dark") as (page, _):
        page.goto(f"{site}book/lenet-5.html")
        page.wait_for_selector("html[data-theme=dark]")
        *found, white = page.evaluate(filtered, [*map(to_hex, tints), "#ffffff"])
    assert min(white) >= 254  # to rounding
    for before, after in zip(tints, found, strict=True):
        assert 255 - min(after[:3]) >= 0.75 * 255 * (1 - min(before)), to_hex(before)


@pytest.mark.parametrize("name", [page if page in DARK_TOO else long(page) for page in PAGES])
def test_page_that_is_dark_from_the_start(browser, site, name):
    """By all of axe's rules, at both widths; and so on a phone in the light."""
    for scheme, sizes in (("dark", (DESK, PHONE)), ("light", (PHONE,))):
        with watched(browser, color_scheme=scheme) as (page, wrong):
            page.goto(f"{site}{name}.html")
            is_complete(page)
            assert page.locator("html").get_attribute("data-theme") == scheme
            for size in sizes:
                fits(page, size)
            assert wrong == []


@pytest.mark.parametrize(
    "name", [page if page in FROM_A_FILE_TOO else long(page) for page in PAGES if page != "404"]
)
def test_page_from_a_file(browser, built, name):
    with watched(browser) as (page, wrong):
        page.goto((HTML / f"{name}.html").as_uri())
        is_complete(page)
        assert wrong == []


@pytest.mark.chapters("lenet-5")
def test_a_dark_page_is_dark_on_white_on_paper(browser, site):
    colours = """() => ["body", "article p", "article pre"].map((name) => {
        const { backgroundColor, color } = getComputedStyle(document.querySelector(name));
        return [backgroundColor, color].map((c) => c.match(/[0-9.]+/g).map(Number));
    })"""
    with watched(browser, color_scheme="dark") as (page, _):
        page.goto(f"{site}book/lenet-5.html")
        page.wait_for_selector("html[data-theme=dark]")
        page.wait_for_function(STILL)
        before = page.evaluate(colours)
        page.emulate_media(media="print", color_scheme="dark")
        page.wait_for_selector("html[data-theme=light]")
        for background, text in page.evaluate(colours):
            assert min(background) >= 240 or background[3:] == [0]
            assert max(text[:3]) <= 110  # the note of when the code ran is not quite black
        page.emulate_media(media="screen", color_scheme="dark")
        page.wait_for_selector("html[data-theme=dark]")
        page.wait_for_function(STILL)
        assert page.evaluate(colours) == before


@pytest.mark.chapters("sparse-c3")
def test_search_leads_to_the_right_page(browser, site):
    with watched(browser) as (page, wrong):
        page.goto(f"{site}book/intro.html")
        page.keyboard.press("Control+k")
        page.locator("dialog input[type=search]").fill("connection table")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=*")
        page.wait_for_load_state("networkidle")  # the excerpts are read from the pages found
        assert wrong == []
        page.locator("#search-results .search a[href*='book/sparse-c3.html']").first.click()
        page.wait_for_url("**/book/sparse-c3.html*")
        assert "who listens to whom" in page.locator("article h1").inner_text()


@pytest.mark.chapters("lenet-5")
def test_copy_button_copies_the_code(browser, site):
    with watched(browser, permissions=["clipboard-read", "clipboard-write"]) as (page, _):
        page.goto(f"{site}book/lenet-5.html")
        cell = page.locator("div.cell_input .highlight").first
        cell.hover()
        cell.locator("button.copybtn").click()
        copied = page.evaluate("() => navigator.clipboard.readText()")
        assert copied.strip() == cell.locator("pre").inner_text().strip()
        assert "import" in copied


@pytest.mark.chapters("lenet-1")
def test_folded_solution_opens(browser, site):
    with watched(browser) as (page, _):
        page.goto(f"{site}book/lenet-1.html")
        solution = page.locator(".solution.dropdown").first
        inside = solution.locator("p:not(.admonition-title)").first
        assert not inside.is_visible()
        solution.locator("button.toggle-button").click()
        assert inside.is_visible()


@pytest.mark.chapters("lenet-5")
def test_folded_code_opens_by_keyboard(browser, site):
    with watched(browser) as (page, _):
        page.goto(f"{site}book/lenet-5.html")
        code = page.locator("details.hide.above-input").first
        assert not code.locator("pre").is_visible()
        code.locator("summary").focus()
        page.keyboard.press("Enter")
        assert code.locator("pre").is_visible()


def test_next_and_previous_lead_through_the_book(browser, site):
    with watched(browser) as (page, wrong):
        page.goto(f"{site}{CHAPTERS[0]}.html")
        for chapter in CHAPTERS[1:3]:
            page.locator("a.right-next").click()
            page.wait_for_url(f"**/{chapter}.html")
        page.locator("a.left-prev").click()
        page.wait_for_url(f"**/{CHAPTERS[1]}.html")
        assert wrong == []


@pytest.mark.parametrize("place", ["nowhere", "book/nowhere.html", "a/b/c/"])
def test_a_wrong_address_leads_home(browser, site, place):
    with watched(browser) as (page, wrong):
        page.goto(f"{site}{place}")
        assert "no page here" in page.locator("article h1").inner_text()
        assert len(wrong) <= 2, "only the page itself is missing, not its styles or scripts"
        assert all(place in message or "404" in message for message in wrong)
        page.locator("article a").first.click()
        page.wait_for_url("**/book/intro.html")
