"""pandas' tables on the pages: one row of heads, and numbers written as in the prose."""

from __future__ import annotations

from bs4 import BeautifulSoup, Tag
from docutils import nodes
from one_way import written
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

TABLE = 'class="dataframe"'


def setup(app: Sphinx) -> ExtensionMetadata:
    """Mend tables before pages are written."""
    app.connect("doctree-resolved", mend_tables)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def mend_tables(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Mend what cells show; notebooks keep pandas' own."""
    for output in list(doctree.findall(nodes.raw)):
        if output.get("format") == "html" and TABLE in output.astext():
            attributes = {"format": "html", "classes": output["classes"]}
            output.replace_self(nodes.raw("", mended(output.astext()), **attributes))


def mended(html: str) -> str:
    """Return the HTML of a table with one row of heads, and its numbers in the book's form."""
    found = BeautifulSoup(html, "html.parser")
    for head in found.select("table.dataframe thead"):
        merge_heads(head)
    for cell in found.select("table.dataframe :is(th, td)"):
        if cell.string is not None:
            cell.string = written(cell.string)
    return str(found)


def merge_heads(head: Tag) -> None:
    """Put the names of the index, which have a row of their own, into the row of heads.

    A table whose columns have a name as well keeps both rows: there is one corner for two names.
    """
    rows = [row.find_all(["th", "td"]) for row in head.find_all("tr")]
    if len(rows) != 2 or len(rows[0]) != len(rows[1]):
        return
    names = [cell.get_text(strip=True) for cell in rows[1]]
    free = [not cell.get_text(strip=True) for cell in rows[0]]
    if not all(is_free for name, is_free in zip(names, free, strict=True) if name):
        return
    for corner, name in zip(rows[0], names, strict=True):
        if name:
            corner.string = name
    head.find_all("tr")[1].decompose()
