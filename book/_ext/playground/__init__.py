"""Panels that run the trained networks in the reader's browser, without a server.

The directive `playground` puts one on a page:

    ```{playground} draw
    What stands here where scripts are off, in print and in notebooks.
    ```

The panels themselves are scripts in book/_static/playground. Pages that have one load them, and
with them the networks they need, which `networks` writes from the package's own weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from execution.cache import package_digest
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

# What each kind of panel runs.
NETWORKS = {
    "draw": ("lenet1", "lenet5", "lenet5-dist"),
    "layers": ("lenet5",),
    "connections": ("lenet5",),
}
# In the order in which they need each other.
SCRIPTS = (
    *("preparation", "network", "tiles", "controls", "canvas"),
    *("steps", "views", "inspector", "figures", "panel"),
)
FOLDER = "playground"
DATA = f"{FOLDER}/data"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect directive, pages and the writing of the networks to a build."""
    app.add_node(playground, html=(visit_playground, depart_playground))
    app.add_directive("playground", PlaygroundDirective)
    app.connect("html-page-context", load_scripts)
    app.connect("build-finished", write_networks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


class playground(nodes.General, nodes.Element):  # noqa: N801 - nodes are named so
    """A panel; its children stand in for it where it cannot run."""


class PlaygroundDirective(SphinxDirective):
    """```` ```{playground} KIND ````, KIND being one of `NETWORKS`."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        (kind,) = self.arguments
        if kind not in NETWORKS:
            raise self.error(f'There is no panel "{kind}"; choose one of {", ".join(NETWORKS)}.')
        self.assert_has_content()
        self.env.metadata[self.env.docname].setdefault(FOLDER, []).append(kind)
        panel = playground(kind=kind)
        self.state.nested_parse(self.content, self.content_offset, panel)
        return [panel]


def visit_playground(translator: Any, node: playground) -> None:
    """Write an empty panel, which the script fills, and open the fallback, which it hides."""
    if translator.builder.name == "html":  # the printed book gets the fallback alone
        translator.body.append(f'<div class="lenet-panel" data-panel="{node["kind"]}"></div>\n')
    translator.body.append('<div class="lenet-fallback">\n')


def depart_playground(translator: Any, node: playground) -> None:
    translator.body.append("</div>\n")


def load_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let a page with panels, and no other, load the scripts and the networks for them."""
    if app.builder.name != "html" or FOLDER not in app.env.metadata.get(page, {}):
        return
    kinds = app.env.metadata[page][FOLDER]
    networks = dict.fromkeys(key for kind in kinds for key in NETWORKS[kind])
    scripts = [f"{FOLDER}/{name}.js" for name in SCRIPTS]
    data = [f"{DATA}/{name}.js" for name in ("digits", *networks)]
    # All are deferred, which keeps their order: the last one starts the panels.
    for script in [*scripts[:-1], *data, scripts[-1]]:
        app.add_js_file(script, loading_method="defer")
    app.add_css_file(f"{FOLDER}/playground.css")


def write_networks(app: Sphinx, exception: Exception | None) -> None:
    """Write the networks as scripts, unless those of a former build are still right."""
    pages = app.env.metadata.values() if exception is None and app.builder.name == "html" else []
    if not any(FOLDER in page for page in pages):
        return
    folder = Path(app.outdir, "_static", DATA)
    stamp = folder / "made-from"
    made_from = f"{package_digest(Path(app.srcdir))} {app.config.extension_sources}"
    if stamp.is_file() and stamp.read_text() == made_from:
        return
    from .networks import write_scripts  # it imports PyTorch: only where there is need

    write_scripts(folder)
    stamp.write_text(made_from)
