"""The book on the web: its address, previews of its links, its sitemap, wrong addresses."""

from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import sharing
from bs4 import BeautifulSoup
from building import build, write_page

FIGURE = """Some words about a picture.

```{image} _static/logo.png
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


def test_a_published_book_names_its_address(small_book, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/fork")
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    write_page(small_book, FIGURE)
    result = build(small_book)
    assert result.returncode == 0, result.stdout[-4000:]

    home = "https://me.github.io/fork/"
    page = read(small_book, "book/intro.html")
    preview = meta(page)
    assert page.select_one("link[rel=canonical]")["href"] == f"{home}book/intro.html"
    assert preview["og:url"] == f"{home}book/intro.html"
    assert preview["og:title"] == "A page"
    assert preview["og:site_name"] == "The LeNet Book"
    assert preview["og:description"].startswith("Some words about a picture")
    assert preview["og:image:alt"] == "A seven made of pixels"
    picture = preview["og:image"]
    assert picture.startswith(home)
    assert (small_book / "_build" / "html" / picture.removeprefix(home)).is_file()

    sitemap = ElementTree.parse(small_book / "_build" / "html" / "sitemap.xml")
    assert [place.text for place in sitemap.findall(".//{*}loc")] == [f"{home}book/intro.html"]

    lost = read(small_book, "404.html")
    assert lost.select_one("link[rel=canonical]") is None
    own = [tag["href"] for tag in lost.select("a[href], link[href]")]
    own = [address for address in own if not address.startswith(("#", "https://github.com"))]
    assert all(address.startswith("/fork/") for address in own), own


def test_a_page_without_picture_is_shown_with_the_logo(small_book, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/fork")
    write_page(small_book, "No picture.")
    assert build(small_book).returncode == 0
    picture = meta(read(small_book, "book/intro.html"))["og:image"]
    assert picture == "https://me.github.io/fork/_static/logo.png"
    assert (small_book / "_build" / "html" / "_static" / "logo.png").is_file()


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
