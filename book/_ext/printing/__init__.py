"""The book on one page, for printing, and the printed book beside the others, once it is there.

`make pdf` has Sphinx put all chapters on one page, has `make_pdf.py` print it, and builds again.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

PDF = "book.pdf"
SECTION = "ways-to-read"  # the label of the welcome page's section that lists them


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the functions below to the moments of a build."""
    # Sphinx writes its pages anew when a setting changes: so they do when the PDF comes or goes.
    app.add_config_value("printed_book", printed_book(app).is_file(), "html", bool)
    app.add_js_file("site/print.js", loading_method="defer")
    app.connect("builder-inited", share_html_writers)
    app.connect("doctree-resolved", link_printed_book)
    app.connect("build-finished", copy_printed_book)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def printed_book(app: Sphinx) -> Path:
    """Return where `make pdf` puts the PDF."""
    return Path(app.outdir).parent / "pdf" / PDF


def share_html_writers(app: Sphinx) -> None:
    """Let the one-page book write what other extensions taught the paged one.

    Sphinx asks the extensions that know "singlehtml"; one that does is enough to forget the others.
    """
    handlers = app.registry.translation_handlers
    handlers["singlehtml"] = handlers.get("html", {}) | handlers.get("singlehtml", {})


def link_printed_book(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Add the PDF to the ways to read that the welcome page lists, if there is one."""
    if page != app.config.root_doc or app.builder.name != "html" or not app.config.printed_book:
        return
    sections = [part for part in doctree.findall(nodes.section) if SECTION in part["ids"]]
    ways = next((found for part in sections for found in part.findall(nodes.bullet_list)), None)
    if ways is None:  # another book's welcome page: the PDF is there all the same
        return
    address = relative_uri(app.builder.get_target_uri(page), PDF)
    link = nodes.reference("", "the whole book as a PDF", refuri=address, internal=True)
    line = [nodes.strong("", "On paper"), nodes.Text(": "), link, nodes.Text(".")]
    ways += nodes.list_item("", nodes.paragraph("", "", *line))


def copy_printed_book(app: Sphinx, exception: Exception | None) -> None:
    """Put the PDF beside the pages, so that it is published with them."""
    if exception is None and app.builder.name == "html" and app.config.printed_book:
        shutil.copyfile(printed_book(app), Path(app.outdir) / PDF)
