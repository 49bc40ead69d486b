"""The built book: pages complete, pictures described, links alive, nothing from elsewhere."""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from building import CHAPTERS, HTML, ROOT, book_pages

import lenet_utils

pytestmark = pytest.mark.usefixtures("built")

# File names, hashes and the like: what generators write where nobody wrote an alternative text.
MECHANICAL_ALT = re.compile(
    r"([0-9a-f]{16,}.*|\S+\.(png|svg|jpe?g|gif)|image|figure|\S*/\S*)", re.I
)
IN_ARTICLE = "article.bd-article"


@cache
def read(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def article(chapter: str) -> Tag:
    found = read(HTML / f"{chapter}.html").select_one(IN_ARTICLE)
    assert found is not None, f"{chapter} has no article"
    return found


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_is_there_and_executed(chapter):
    page = article(chapter)
    assert page.h1 is not None
    assert page.h1.get_text(strip=True)
    source = (ROOT / f"{chapter}.md").read_text(encoding="utf-8")
    if source.count("```{code-cell}") > source.count(":tags: [remove-cell]"):
        assert page.select(".cell .cell_output"), "it has code cells, but no output"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_shows_no_error(chapter):
    page = article(chapter)
    assert not page.select(".traceback, .system-message, .problematic")
    messages = [output.get_text() for output in page.select(".output.stderr")]
    assert not messages, "warnings and progress bars do not belong on a page"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_leaves_no_markup_unread(chapter):
    """A directive or role that was not understood would stand in the text as it was typed."""
    page = BeautifulSoup(str(article(chapter)), "html.parser")
    for code in page.select("pre, code, script, .math"):
        code.decompose()
    unread = re.findall(r"\{[a-z][a-z:-]*\}`?|```|:::|\[\?\]", page.get_text())
    assert not unread


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_citations_lead_to_their_works(chapter):
    source = (ROOT / f"{chapter}.md").read_text(encoding="utf-8")
    page = article(chapter)
    if "{footcite" in source:
        assert page.select("a.footnote-reference")
        assert page.select("aside.footnote, dl.footnote"), "footnotes are cited but not listed"


def test_every_image_is_described():
    for page in book_pages():
        for image in read(page).select("img"):
            alt = image.get("alt", "").strip()
            assert alt, f"{page.name}: no alternative text for {image.get('src')}"
            assert not MECHANICAL_ALT.fullmatch(alt), f"{page.name}: {alt!r} describes nothing"


def test_nothing_comes_from_another_host():
    for page in book_pages():
        for tag in read(page).find_all(True):
            linked = [tag.get(name, "") for name in ("src", "srcset", "data", "poster", "action")]
            if tag.name != "a":
                linked.append(tag.get("href", ""))
            foreign = [address for address in linked if re.match(r"(https?:)?//", address)]
            assert not foreign, f"{page.name}: <{tag.name}> loads {foreign}"


def test_no_style_comes_from_another_host():
    for sheet in HTML.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        foreign = re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)'\"]*", text)
        assert not foreign, f"{sheet.name} loads {foreign}"


def test_pages_are_linked_in_order():
    for before, after in pairwise(CHAPTERS):
        onward = read(HTML / f"{before}.html").select_one("a.right-next")["href"]
        back = read(HTML / f"{after}.html").select_one("a.left-prev")["href"]
        assert (HTML / before).parent / onward == HTML / f"{after}.html"
        assert (HTML / after).parent / back == HTML / f"{before}.html"


def test_internal_links_lead_somewhere():
    dead = []
    for page in book_pages():
        for link in read(page).select("a[href], link[href], script[src], img[src]"):
            address = link.get("href") or link.get("src")
            if not is_alive(page, address):
                dead.append(f"{page.relative_to(HTML)}: {address}")
    assert not dead


@cache
def home_path() -> str:
    """Return the path below which the book is published, as the page for wrong addresses has it."""
    return read(HTML / "404.html").select_one(f"{IN_ARTICLE} a")["href"].removesuffix("index.html")


def is_alive(page: Path, address: str) -> bool:
    """Say whether an address in ``page`` leads elsewhere, or to a file and a place that exist."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return True
    if (
        page.name == "404.html" and parts.path
    ):  # shown at any place, so its addresses begin at the site's root
        target = HTML / unquote(parts.path).removeprefix(home_path())
    else:
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_file():
        return False
    fragment = unquote(parts.fragment)
    if not fragment or target.suffix != ".html":
        return True
    return read(target).find(attrs={"id": fragment}) is not None


def test_logo_icon_and_search_are_there():
    assert (HTML / "index.html").is_file()
    assert (HTML / "searchindex.js").stat().st_size > 1000
    assert (HTML / "search.html").is_file()
    for chapter in CHAPTERS:
        page = read(HTML / f"{chapter}.html")
        assert page.select_one("link[rel~=icon]")["href"].endswith("favicon.svg")
        assert page.select_one("img.logo__image")["src"].endswith("logo.svg")
        assert page.select_one("button.search-button__button")


@pytest.mark.chapters("references")
def test_references_list_every_work():
    keys = re.findall(r"^@\w+\{([^,]+),", (ROOT / "references.bib").read_text("utf-8"), re.M)
    listed = article("book/references").select(".citation")
    assert len(keys) == len(set(keys))
    assert len(listed) == len(keys)


@pytest.mark.chapters("api")
@pytest.mark.parametrize("name", lenet_utils.__all__)
def test_api_page_describes_what_can_be_imported(name):
    described = [entry["id"] for entry in article("book/api").select("dt.sig[id]")]
    assert any(identity.endswith(f".{name}") for identity in described)
