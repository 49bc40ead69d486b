"""A chapter may be left out of `_toc.yml`: what refers to it becomes plain text.

The chapter's file stays where it is, so its title and what it defines are known. Whatever refers to
something that no page defines, present or absent, is still reported as an author's slip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import docname_join
from sphinx.util.typing import ExtensionMetadata

# What a page can define: (label)=, and the names of figures, tables, exercises and equations.
LABELS = re.compile(
    r"^\((?P<target>[^)\n]+)\)=\s*$"
    r"|^:(?:name|label): *(?P<option>\S+)\s*$"
    r"|^`{3,}\{caption\} *(?P<figure>\S+)\s*$"
    r"|^\$\$ *\((?P<equation>[^)\n]+)\)\s*$",
    re.MULTILINE,
)
TITLE = re.compile(r"^# +(.+?) *$", re.MULTILINE)
# A directive that defines what roles of a whole kind lead to.
TERMS, OBJECTS = "{glossary}", "{eval-rst}"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Look at references before anybody resolves them."""
    app.add_post_transform(PlainReferences)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


class PlainReferences(SphinxPostTransform):
    """Replaces references to pages that are left out by what they would have read."""

    default_priority = 5  # MyST resolves at 9, Sphinx at 10, and both would warn

    def run(self, **options: Any) -> None:
        """Go through the references of one page."""
        for reference in list(self.document.findall(pending_xref)):
            page = absent_page(self.app, reference)
            if page is not None:
                reference.replace_self(words(reference, page))


def absent_page(app: Sphinx, reference: pending_xref) -> Path | None:
    """Return the file of the page left out that a reference leads to; None for all others."""
    target, kind = reference["reftarget"], (reference.get("refdomain"), reference.get("reftype"))
    if kind == ("std", "doc"):  # from the page it stands on; MyST's links name the whole path
        target, kind = docname_join(reference["refdoc"], target), ("doc", "myst")
    if kind == ("doc", "myst"):
        page = Path(app.srcdir, f"{target}.md")
        return page if target not in app.env.found_docs and page.is_file() else None
    return next((page for page in absent_pages(app) if defines(page, reference)), None)


def absent_pages(app: Sphinx) -> Iterator[Path]:
    """Yield the files beside the book's pages that are not in its contents."""
    present = {Path(app.env.doc2path(page)) for page in app.env.found_docs}
    folders = {page.parent for page in present}
    return (page for f in sorted(folders) for page in sorted(f.glob("*.md")) if page not in present)


def defines(page: Path, reference: pending_xref) -> bool:
    """Say whether a page left out defines what a reference leads to."""
    text = page.read_text(encoding="utf-8-sig")
    if reference.get("reftype") == "term":
        return TERMS in text
    if reference.get("refdomain") == "py":
        return OBJECTS in text
    return reference["reftarget"].lower().removeprefix("#") in labels(text)


def labels(text: str) -> set[str]:
    """Return the labels that the text of a page defines, in lower case, as Sphinx keeps them."""
    found = LABELS.finditer(text)
    return {next(group for group in match.groups() if group).lower() for match in found}


def words(reference: pending_xref, page: Path) -> nodes.inline:
    """Return what a reader sees instead of a link: the author's words, or where it would lead."""
    if reference.get("refexplicit") or reference.get("reftype") == "term":
        return nodes.inline("", "", *reference[0].children)
    title = TITLE.search(page.read_text(encoding="utf-8-sig"))
    chapter = f"“{title[1] if title else page.stem}” (left out here)"
    kind = {"numref": "a figure of ", "eq": "an equation of "}.get(reference.get("reftype", ""), "")
    return nodes.inline("", kind + chapter)
