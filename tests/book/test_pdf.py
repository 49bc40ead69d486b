"""The printed book: all chapters, all pictures, contents that tell the right pages."""

import re
from io import BytesIO
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from building import CHAPTERS, HTML, ROOT, build, write_page
from printing import make_pdf
from pypdf import PdfReader

LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl"})
ONE_PAGE = ROOT / "_build" / "singlehtml" / "book" / "intro.html"


@pytest.fixture(scope="module")
def whole_page(one_page):
    """The page with all chapters."""
    return BeautifulSoup(ONE_PAGE.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def pdf(browser, one_page):
    """The book as `make pdf` prints it."""
    return PdfReader(BytesIO(make_pdf.print_book(browser, ONE_PAGE)))


@pytest.fixture(scope="module")
def pages(pdf) -> list[str]:
    """The text of each page, with single blanks; ligatures are one character in the PDF."""
    texts = [page.extract_text().translate(LIGATURES) for page in pdf.pages]
    return [re.sub(r"\s+", " ", text) for text in texts]


def titles() -> list[str]:
    """Return the chapters' titles as the pages in the browser have them."""
    found = []
    for chapter in CHAPTERS:
        page = BeautifulSoup((HTML / f"{chapter}.html").read_text("utf-8"), "html.parser")
        found.append(page.select_one("article h1").get_text().removesuffix("#").strip())
    return found


def test_outline_names_all_chapters(pdf):
    book, parts = pdf.outline
    assert book.title == pdf.metadata.title == "The LeNet Book"
    chapters = [part.title for part in parts if not isinstance(part, list)]
    assert chapters == ["Contents", *titles()]


def test_outline_names_the_sections_of_each_chapter(pdf, whole_page):
    _, parts = pdf.outline
    inside = [part for part in parts if isinstance(part, list)]
    named = [item.title for part in inside for item in part if not isinstance(item, list)]
    headings = whole_page.select("article section > section > h3")
    titles = [heading.get_text().removesuffix("#").strip() for heading in headings]
    assert len(titles) > 100
    assert sorted(set(titles) - set(named)) == []  # which would else not be told


def test_it_is_tagged_for_those_who_hear_it(pdf):
    root = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/StructTreeRoot"]["/K"]
    assert root["/Lang"].startswith("en")


def test_no_page_is_blank(pdf, pages):
    footer = re.compile(r"The LeNet Book \d+")
    bare = [n for n, text in enumerate(pages, 1) if len(footer.sub("", text).strip()) < 20]
    assert [n for n in bare if not pdf.pages[n - 1].images] == []


def test_no_code_is_cut(pages, whole_page):
    """A line too wide for paper is broken, and its end stands there like its beginning."""
    printed = re.sub(r"\s+", "", "".join(pages))
    blocks = whole_page.select("article .highlight pre")
    code = [pre.get_text() for pre in blocks if not pre.find_parent("details")]  # not folded
    wide = [line for text in code for line in text.split("\n") if len(line) > 70]
    assert len(wide) > 20
    ends = [re.sub(r"\s+", "", line)[-20:] for line in wide]
    assert [end for end in ends if end not in printed] == []


def test_contents_tell_the_right_pages(pdf, pages):
    starts = [part for part in pdf.outline[1] if not isinstance(part, list)]
    first_chapter = pdf.get_destination_page_number(starts[1])
    contents = " ".join(pages[1:first_chapter])
    for part in starts[1:]:
        number = pdf.get_destination_page_number(part) + 1
        assert f"{part.title} {number}" in contents
        assert part.title in pages[number - 1][: len(part.title) + 200]


def test_every_page_has_its_number(pages):
    assert len(pages) > 60
    for number, text in enumerate(pages, 1):
        assert re.search(rf"The LeNet Book {number}\b", text[-60:]) or text.startswith(
            f"The LeNet Book {number}"
        ), f"page {number}: ...{text[-60:]}"


def test_no_picture_is_missing(whole_page):
    root = ONE_PAGE.parent.parent
    sources = [unquote(urlsplit(image["src"]).path) for image in whole_page.select("article img")]
    assert len(sources) > 50
    assert not [source for source in sources if not (root / source).is_file()]


def test_pictures_are_printed(pdf, whole_page):
    drawn = [name for page in pdf.pages for name in page.images.keys()]  # noqa: SIM118
    assert len(drawn) >= len(whole_page.select("article img")) > 50


def test_solutions_are_printed_and_links_lead_somewhere(pdf, pages):
    text = " ".join(pages)
    assert text.count("Solution to Exercise") > 30
    links = [
        link.get_object()
        for page in pdf.pages
        for link in page.get("/Annots") or ()
        if link.get_object()["/Subtype"] == "/Link"
    ]
    inside = [link["/Dest"] for link in links if "/Dest" in link]
    assert len(inside) > 200
    assert not {str(place) for place in inside} - set(pdf.named_destinations)
    outside = [link["/A"]["/URI"] for link in links if "/A" in link]
    assert not [address for address in outside if address.startswith("file:")]


def test_the_welcome_page_links_the_printed_book_while_it_is_there(small_book):
    write_page(small_book, "(ways-to-read)=\n## Ways\n\n- **Numbers** are computed.")
    printed = small_book / "_build" / "pdf" / "book.pdf"
    html = small_book / "_build" / "html"

    def link():
        assert build(small_book).returncode == 0
        page = BeautifulSoup((html / "book" / "intro.html").read_text("utf-8"), "html.parser")
        return page.select_one("a[href='../book.pdf']")

    printed.parent.mkdir(parents=True)
    printed.write_bytes(b"%PDF-1.7")
    assert link() is not None
    assert (html / "book.pdf").read_bytes() == b"%PDF-1.7"
    printed.unlink()
    assert link() is None
