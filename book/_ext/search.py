"""Sphinx's search taught to find numbers, and to show excerpts without a server.

Sphinx's script skips words that are digits alone, and cuts 60,000 and 0.95 into two. Here a number
is one word, in the index and in what is asked for: a mark, then its digits without commas. Each
page's text lies in a script, which a page opened from a folder may load where it may not fetch.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

from bs4 import BeautifulSoup, Tag
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from sphinx.util.typing import ExtensionMetadata

MARK = "#"  # before a number: Sphinx's script would skip one without
TEXTS = "_static/search"
# 60,000 and 10\,000 and 10{,}000; 1998; 0.95; 2.15.0. What has letters, such as 28x28, is a word.
COMMA = r"(?:,|\{,\}|\\,)"
NUMBER = rf"(?<!\w)(?:\d{{1,3}}(?:{COMMA}\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)*)(?!\w)"
WORD = re.compile(rf"(?P<number>{NUMBER})|\w+")
NOT_READ = ".headerlink, script, style, annotation, .copybtn, button, .run-note, canvas, select"
BLOCKS = "p, div, li, td, th, dt, dd, pre, figcaption, h1, h2, h3, h4, br, tr"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Replace the English of Sphinx's search, and write what excerpts are made from."""
    app.add_search_language(EnglishWithNumbers)
    app.connect("html-page-context", load_excerpts)
    app.connect("html-page-context", write_text, priority=950)  # after all who change the page
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


class EnglishWithNumbers(SearchEnglish):
    """English in which a number is one word, however it is written."""

    # `var`, for Sphinx declares the same name; and \w knows English letters alone in a script.
    js_splitter_code: ClassVar[str] = (
        "var splitQuery = (query) => [...query.matchAll(/"
        + f"({NUMBER})|\\w+".replace(r"\w", r"[\p{L}\p{N}_]")
        + f"/gu)].map(([word, number]) => number ? "
        f'"{MARK}" + number.replace(/[^\\d.]/g, "") : word);'
    )

    def split(self, input: str) -> list[str]:
        """Return the words of a text, its numbers marked and without commas."""
        return [as_word(found) for found in WORD.finditer(input)]


def as_word(found: re.Match[str]) -> str:
    """Return a word as it is, a number as the index has it."""
    number = found["number"]
    return found[0] if number is None else MARK + re.sub(r"[^\d.]", "", number)


def load_excerpts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Have the search page load the script that adds excerpts to what was found."""
    if page == "search":
        app.add_js_file("site/search-excerpts.js", loading_method="defer")


def write_text(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Write a page's text, section by section, as a script."""
    if app.builder.name != "html" or doctree is None:
        return
    target = Path(app.outdir, TEXTS, f"{page}.js")
    target.parent.mkdir(parents=True, exist_ok=True)
    sections = json.dumps(texts(context["body"]), ensure_ascii=False)
    temporary = target.with_name(f"{target.name}.part")
    temporary.write_text(f"addSearchText({json.dumps(page)}, {sections});\n", encoding="utf-8")
    temporary.replace(target)


def texts(body: str) -> list[tuple[str, str]]:
    """Return the anchor and the text of each section, without the sections inside it."""
    page = BeautifulSoup(body, "html.parser")
    for part in page.select(NOT_READ):
        part.decompose()
    for block in page.select(BLOCKS):
        block.append(" ")
    sections = [section.extract() for section in reversed(page.select("section[id]"))]
    return [(section["id"], plain(section)) for section in reversed(sections)]


def plain(part: Tag) -> str:
    return " ".join(part.get_text().split())
