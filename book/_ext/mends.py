"""Mends of pages: scripts that nobody uses go, and slips that screen readers stumble over."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from markupsafe import escape
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    """Mend pages when others have written them."""
    app.connect("doctree-resolved", drop_thebe_settings, priority=900)
    app.connect("html-page-context", drop_thebe_scripts, priority=900)
    app.connect("config-inited", refuse_giscus)
    app.connect("html-page-context", place_comments, priority=900)
    app.connect("html-page-context", mend_page_body, priority=900)
    app.connect("html-page-context", escape_names, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def drop_thebe_settings(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Remove what sphinx-thebe appends to each page; Jupyter Book loads it and we do not use it."""
    for node in list(doctree.findall(nodes.raw)):
        if "text/x-thebe-config" in node.astext() or "kernelName =" in node.astext():
            node.parent.remove(node)


def drop_thebe_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Remove sphinx-thebe's scripts: one is put in twice, and it names another host."""

    def of_thebe(script: Any) -> bool:
        filename, attributes = getattr(script, "filename", ""), getattr(script, "attributes", {})
        return "thebe" in f"{filename} {attributes.get('body', '')}".lower()

    context["script_files"] = [s for s in context["script_files"] if not of_thebe(s)]
    context["css_files"] = [s for s in context["css_files"] if not of_thebe(s)]


def refuse_giscus(app: Sphinx, config: Config) -> None:
    """Say that comments by giscus will not appear: sphinx-comments 0.0.3 does not know it.

    Raises:
        SystemExit: It is asked for.
    """
    if (getattr(config, "comments_config", None) or {}).get("giscus"):
        raise SystemExit(
            "_config.yml: html: comments: giscus does not work here: the extension that Jupyter "
            "Book 1 uses knows utterances, hypothesis and dokieli."
        )


def place_comments(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Have utterances appear: sphinx-comments 0.0.3 looks for what docutils wrote before 0.17."""
    for script in context["script_files"]:
        attributes = getattr(script, "attributes", {})
        if "utteranc.es" in (attributes.get("body") or ""):
            attributes["body"] = attributes["body"].replace("div.section", "article section")


# What screen readers stumble over in generated pages, and what is put there instead.
MENDED_HTML = {
    # pandas heads the column of row labels with an empty header cell.
    "<th></th>": "<td></td>",
    # The same in a table written in Markdown.
    '<th class="head"><p></p></th>': "<td></td>",
    # The same in a list-table with a column of row labels.
    '<th class="head stub"></th>': "<td></td>",
    '<th class="head stub"><p></p></th>': "<td></td>",
    # myst-nb names its folded cells otherwise than they read ("Show code cell source").
    '<summary aria-label="Toggle hidden content">': "<summary>",
    # Sphinx puts entries of a role that ARIA has withdrawn into the list of references.
    'role="doc-biblioentry"': 'role="listitem"',
}


def mend_page_body(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Mend accessibility slips in what pandas, myst-nb and Sphinx write."""
    for slip, mended in MENDED_HTML.items():
        context["body"] = context.get("body", "").replace(slip, mended)


def escape_names(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Have the book's title and authors appear as they are written, an `<` or a quote included.

    sphinx-book-theme 1.3 puts them into pages unescaped; what is marked as escaped stays as it is
    where Sphinx's own templates escape.
    """
    for name in ("docstitle", "shorttitle", "project", "author"):
        if isinstance(context.get(name), str):
            context[name] = escape(context[name])
