"""Print the book: the page with all chapters becomes a PDF with contents and page numbers.

    PYTHONPATH=book/_ext python -m printing.make_pdf PAGE.html BOOK.pdf

The printing is done by the reader's own Chromium, twice: only the first print tells on which page
a chapter begins.
"""

from __future__ import annotations

import shutil
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from pypdf import PdfReader

from .chromium import FLAGS, MISSING, find_chromium

HERE = Path(__file__).parent
FOOTER = (
    "<div style='width: 100%; margin: 0 20mm; font: 9px sans-serif; color: #555; display: flex'>"
    "<span class='title' style='flex: 1'></span><span class='pageNumber'></span></div>"
)
LOOK: dict[str, Any] = {
    "prefer_css_page_size": True,
    "print_background": True,
    "display_header_footer": True,
    "header_template": "<span></span>",
    "footer_template": FOOTER,
    "outline": True,
    "tagged": True,
}
SETTLED = "() => document.fonts.ready"
NUMBER = """(pages) => {
  for (const line of document.querySelectorAll(".book-contents a")) {
    line.querySelector(".page").textContent = pages[decodeURIComponent(line.hash.slice(1))];
  }
}"""


def main() -> None:
    """Print the page named first into the PDF named second."""
    source, target = map(Path, sys.argv[1:])
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            sys.exit(MISSING)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        pdf = print_book(browser, source)
        browser.close()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pdf)
    print(f"The book is printed, on {len(PdfReader(target).pages)} pages: {target}")


def print_book(browser: Browser, source: Path) -> bytes:
    """Return the HTML page ``source`` as a PDF whose contents say where each chapter begins."""
    page = browser.new_page(color_scheme="light")
    page.set_default_timeout(0)  # all formulas of the book on one page take their time
    page.goto(beside_its_pictures(source).as_uri())
    page.emulate_media(media="print")
    page.evaluate(SETTLED)
    page.evaluate(f"({(HERE / 'contents.js').read_text(encoding='utf-8')})", page.title())
    page.add_style_tag(path=HERE / "print.css")
    page.evaluate(NUMBER, starting_pages(page.pdf(**LOOK)))
    pdf = page.pdf(**LOOK)
    page.close()
    return pdf


def beside_its_pictures(source: Path) -> Path:
    """Copy the page to where its addresses begin: Sphinx forgets that it lies in a folder."""
    root = next(folder for folder in source.resolve().parents if (folder / "_static").is_dir())
    copy = root / "book.html"
    shutil.copyfile(source, copy)
    return copy


def starting_pages(pdf: bytes) -> dict[str, int]:
    """Return the number of the page, from 1, on which each place that is linked to stands."""
    reader = PdfReader(BytesIO(pdf))
    places = reader.named_destinations.items()
    # Chromium writes a slash before every name.
    return {name[1:]: reader.get_destination_page_number(place) + 1 for name, place in places}


if __name__ == "__main__":
    main()
