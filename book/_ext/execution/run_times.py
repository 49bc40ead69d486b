"""A line below each title that says how long the page's code ran, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

STATUS_PAGE = "/book/status"


class run_note(nodes.Admonition, nodes.TextElement):  # noqa: N801 (docutils writes nodes so)
    """One line; an admonition, so that link previews do not take it for the page's beginning."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the line while a page is read: then every builder shows it."""
    app.add_node(run_note, html=(visit_run_note, depart_run_note))
    app.connect("doctree-read", add_run_note)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def add_run_note(app: Sphinx, doctree: nodes.document) -> None:
    """Put the line below the page's title, if the page has code that was run."""
    run = app.env.nb_metadata.get(app.env.docname, {}).get("exec_data")
    title = next(doctree.findall(nodes.title), None)
    if run is None or run["runtime"] is None or title is None:
        return
    day = datetime.fromtimestamp(run["mtime"]).date().isoformat()
    date = nodes.inline("", day, classes=["date"])
    words = nodes.Text(f"The code of this page ran for {seconds(run['runtime'])} on ")
    note = run_note(
        "", "", words, status_link(app), nodes.Text(", last on "), date, nodes.Text(".")
    )
    title.parent.insert(title.parent.index(title) + 1, note)


def seconds(runtime: float) -> str:
    """Return a running time as one would say it."""
    rounded = max(1, round(runtime))
    return f"{rounded} second{'s' if rounded > 1 else ''}"


def status_link(app: Sphinx) -> nodes.Node:
    """Return the words "this machine", linked to the page that describes it."""
    words = nodes.inline("", "this machine")
    if STATUS_PAGE.strip("/") not in app.env.found_docs:
        return words
    options = {"reftype": "doc", "refdomain": "std", "refexplicit": True, "reftarget": STATUS_PAGE}
    return pending_xref("", words, refdoc=app.env.docname, refwarn=True, **options)


def visit_run_note(translator: HTML5Translator, node: run_note) -> None:
    translator.body.append(translator.starttag(node, "p", CLASS="run-note"))


def depart_run_note(translator: HTML5Translator, node: run_note) -> None:
    translator.body.append("</p>\n")
