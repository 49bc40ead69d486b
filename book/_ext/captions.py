"""`{caption} NAME`: makes the picture of the cell before it a numbered figure, in words of prose.

    ```{code-cell} ipython3
    learning_curves(history)
    ```

    ```{caption} fig-curves
    :alt: Two falling curves against the epoch, for the training and the validation digits.
    Loss after {eval}`len(history.epochs)` passes through the digits {footcite}`lecun1998gradient`.
    ```

``{numref}`fig-curves` `` refers to it. `:alt:` must be there: it says on one line, in plain words,
what is to be seen, for those who cannot see it. The caption is prose like any other: a cell's own
`mystnb: figure` would have it as a YAML string, and a change there would run the chapter again.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
PENDING = "picture-of-cell-before"


class Caption(SphinxDirective):
    """The words below a figure."""

    required_arguments = 1
    has_content = True
    option_spec = {"alt": directives.unchanged_required}  # noqa: RUF012 (docutils wants it so)

    def run(self) -> list[nodes.Node]:
        """Return a figure that has its name and words, and waits for its picture."""
        self.assert_has_content()
        alt = " ".join(self.options.get("alt", "").split())
        if not alt:
            raise self.error("A figure needs a line `:alt:` that says what is to be seen.")
        if "{eval}" in alt:
            raise self.error("`:alt:` is plain text: say what is to be seen without {eval}.")
        words = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, words)
        first, *others = words.children
        if not isinstance(first, nodes.paragraph):
            raise self.error("A caption begins with a paragraph.")
        caption = nodes.caption(first.rawsource, "", *first.children)
        legend = [nodes.legend("", *others)] if others else []
        figure = nodes.figure("", caption, *legend, **{PENDING: alt})
        self.set_source_info(caption)
        self.set_source_info(figure)
        self.options["name"] = self.arguments[0]
        self.add_name(figure)
        return [figure]


class FillFigures(SphinxTransform):
    """Brings captions to their pictures."""

    default_priority = 300  # after solutions are gathered, before figures are numbered

    def apply(self, **kwargs: Any) -> None:
        """Put each caption's figure where the picture stands, among its cell's outputs."""
        waiting = [f for f in self.document.findall(nodes.figure) if PENDING in f]
        for figure in waiting:
            alt = figure.attributes.pop(PENDING)
            picture = picture_before(figure)
            if picture is None:
                logger.error(
                    "no picture for the caption %s: it stands right after the cell that draws one",
                    " ".join(figure["names"]),
                    location=figure,
                )
                continue
            for image in picture.findall(nodes.image):
                image["alt"] = alt
            figure.parent.remove(figure)
            picture.replace_self(figure)
            figure.insert(0, picture)


def picture_before(figure: nodes.figure) -> nodes.container | None:
    """Return the last picture among the outputs of the cell right before a caption."""
    place = figure.parent.index(figure)
    cell = figure.parent[place - 1] if place else None
    if not isinstance(cell, nodes.container) or cell.get("nb_element") != "cell_code":
        return None
    outputs = cell.findall(
        lambda node: is_output(node) and not isinstance(node.parent, nodes.figure)
    )
    pictures = [output for output in outputs if next(output.findall(nodes.image), None)]
    return pictures[-1] if pictures else None


def is_output(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "mime_bundle"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and what brings it to its picture."""
    app.add_directive("caption", Caption)
    app.add_transform(FillFigures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
