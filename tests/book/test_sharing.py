"""The book on the web: its address, previews of its links, its sitemap, wrong addresses."""

from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import sharing
from bs4 import BeautifulSoup
from building import build, start_book, write_page

FIGURE = """Some words about a picture.

```{image} _static/site/logo.png
:alt: A seven made of pixels
```
"""


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("https://github.com/Me/LeNet", "https://me.github.io/LeNet/"),
        ("https://github.com/me/me.github.io", "https://me.github.io/"),
        ("https://gitlab.com/me/lenet", None),  # its pages' addresses depend on its settings
        ("https://github.example.org/me/lenet", None),
        ("https://github.com/me", None),
        (None, None),
    ],
)
def test_where_github_puts_pages(repository, address):
    assert sharing.pages_address(repository) == address


@pytest.mark.parametrize("named", ["https://example.org/book", "https://example.org/book/"])
def test_an_address_in_the_settings_counts_first(tmp_path, monkeypatch, named):
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/fork")
    app = SimpleNamespace(config=SimpleNamespace(html_baseurl=named), srcdir=tmp_path)
    assert sharing.book_address(app) == "https://example.org/book/"


def read(book, name: str) -> BeautifulSoup:
    text = (book / "_build" / "html" / name).read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser")


def meta(page: BeautifulSoup) -> dict[str, str]:
    return {tag["property"]: tag["content"] for tag in page.select("meta[property]")}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A book of two pages, the first with a picture, built by a fork's workflow."""
    book = tmp_path_factory.mktemp("fork") / "small book"
    start_book(book, "other")
    write_page(book, FIGURE)
    (book / "book" / "other.md").write_text("# Another page\n\nNo picture.\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_REPOSITORY", "me/fork")
        patch.delenv("GITHUB_SERVER_URL", raising=False)
        result = build(book)
    assert result.returncode == 0, result.stdout[-4000:]
    return book


def test_a_published_book_names_its_address(published):
    home = "https://me.github.io/fork/"
    page = read(published, "book/intro.html")
    preview = meta(page)
    assert page.select_one("link[rel=canonical]")["href"] == f"{home}book/intro.html"
    assert preview["og:url"] == f"{home}book/intro.html"
    assert preview["og:title"] == "A page"
    assert preview["og:site_name"] == "The LeNet Book"
    assert preview["og:description"].startswith("Some words about a picture")
    assert preview["og:image:alt"] == "A seven made of pixels"
    picture = preview["og:image"]
    assert picture.startswith(home)
    assert (published / "_build" / "html" / picture.removeprefix(home)).is_file()

    sitemap = ElementTree.parse(published / "_build" / "html" / "sitemap.xml")
    pages = [f"{home}book/intro.html", f"{home}book/other.html"]
    assert [place.text for place in sitemap.findall(".//{*}loc")] == pages

    lost = read(published, "404.html")
    assert lost.select_one("link[rel=canonical]") is None
    own = [tag["href"] for tag in lost.select("a[href], link[href]")]
    own = [address for address in own if not address.startswith(("#", "https://github.com"))]
    assert all(address.startswith("/fork/") for address in own), own


def test_a_page_without_picture_is_shown_with_the_logo(published):
    picture = meta(read(published, "book/other.html"))["og:image"]
    assert picture == "https://me.github.io/fork/_static/site/logo.png"
    assert (published / "_build" / "html" / "_static" / "site" / "logo.png").is_file()


def test_repository_buttons_lead_to_the_fork(published):
    page = (published / "_build" / "html" / "book" / "intro.html").read_text(encoding="utf-8")
    assert "https://github.com/me/fork/edit/main/book/intro.md" in page
    assert "executablebooks/jupyter-book" not in page


def test_a_book_without_address_says_nothing_wrong(small_book):
    write_page(small_book, FIGURE)
    result = build(small_book)
    assert result.returncode == 0, result.stdout[-4000:]
    page = read(small_book, "book/intro.html")
    preview = meta(page)
    assert page.select_one("link[rel=canonical]") is None
    assert {"og:title", "og:description"} <= set(preview)
    assert not [name for name in preview if name.startswith(("og:url", "og:image"))]
    assert not (small_book / "_build" / "html" / "sitemap.xml").exists()
    assert read(small_book, "404.html").select_one("article a")["href"] == "/index.html"


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("https://lenet.example.org/", "lenet.example.org"),
        ("https://example.org/lenet/", None),
        ("https://me.github.io/", None),
        ("", None),
    ],
)
def test_a_domain_of_ones_own_is_told_to_github_pages(tmp_path, address, domain):
    builder, config = SimpleNamespace(format="html"), SimpleNamespace(html_baseurl=address)
    (tmp_path / "CNAME").write_text("former.example.org\n")
    sharing.write_own_domain(SimpleNamespace(builder=builder, config=config, outdir=tmp_path), None)
    found = (tmp_path / "CNAME").read_text() if (tmp_path / "CNAME").exists() else None
    assert found == (f"{domain}\n" if domain else None)
