"""Panels that run the trained networks in the reader's browser, without a server.

The directive `playground` puts one on a page:

    ```{playground} draw
    What stands here where scripts are off, in print and in notebooks.
    ```

The panels themselves are scripts in book/_static/playground. Pages that have one load start.js. It
brings the others when a panel comes near, and with them the networks, which `networks` writes from
the package's own weights.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from docutils import nodes
from execution.cache import package_digest
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata


def inside(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


# The scripts, in the order in which they need each other.
NETWORK = (
    *inside("network", "workers", "plain", "engine", "layout", "passes", "network"),
    "data/kernels",
)
LEARNING = inside("network", "random", "making", "learning", "listening", "trainer")
WEIGHTS = inside("weights", "sha256", "safetensors", "weights")
DRAWING = (
    *inside("preparation", "filters", "resampling", "masks", "strokes", "preparation"),
    *inside("preparation", "components", "paper", "ink"),
    *inside("drawing", "tiles", "controls", "pen", "canvas", "answer", "small"),
    "data/digits",
)
EXPLORING = (*inside("drawing", "steps", "views"), *inside("exploring", "arithmetic", "inspector"))
PICTURES = inside("pictures", "pictures", "camera", "taking")
TRAINING = inside(
    "training",
    *("digits", "curves", "forming", "watch", "own_table", "settings", "learner", "keep", "panel"),
)
# What each kind of panel needs; data/lenet5 is the network that it begins with.
FIGURE = (*NETWORK, *DRAWING, *EXPLORING, "exploring/figures", "data/lenet5")
BRINGING = (*LEARNING, *WEIGHTS, "weights/bring")
NEEDS = {
    "draw": (
        *(*NETWORK, *DRAWING, *EXPLORING, *PICTURES, *BRINGING),
        *inside("exploring", "address", "panel"),
        "data/lenet5",
    ),
    "layers": FIGURE,
    "connections": FIGURE,
    "small": (*NETWORK, *DRAWING, "data/lenet5"),
    "train": (*NETWORK, *DRAWING, *EXPLORING, *BRINGING, *TRAINING),
}
FOLDER = "playground"
DATA = f"{FOLDER}/data"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect directive, pages and the writing of the networks to a build."""
    app.add_node(playground, html=(visit_playground, depart_playground))
    app.add_directive("playground", PlaygroundDirective)
    app.connect("html-page-context", load_scripts)
    app.connect("build-finished", write_networks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


class playground(nodes.Admonition, nodes.Element):  # noqa: N801 - nodes are named so
    """A panel; its children stand in for it where it cannot run.

    They are no running text: sphinxext-opengraph 0.13 leaves admonitions out of descriptions.
    """


class PlaygroundDirective(SphinxDirective):
    """```` ```{playground} KIND ````, KIND being one of those in `NEEDS`."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        (kind,) = self.arguments
        if kind not in NEEDS:
            raise self.error(f'There is no panel "{kind}"; choose one of {", ".join(NEEDS)}.')
        self.assert_has_content()
        self.env.metadata[self.env.docname].setdefault(FOLDER, []).append(kind)
        panel = playground(kind=kind)
        self.state.nested_parse(self.content, self.content_offset, panel)
        return [panel]


def visit_playground(translator: Any, node: playground) -> None:
    """Write an empty panel, which the script fills, and open the fallback, which it hides."""
    if translator.builder.name == "html":  # the printed book gets the fallback alone
        kind = node["kind"]
        told = f'data-panel="{kind}" data-needs="{" ".join(NEEDS[kind])}"'
        translator.body.append(f'<div class="lenet-panel" {told}></div>\n')
    translator.body.append('<div class="lenet-fallback">\n')


def depart_playground(translator: Any, node: playground) -> None:
    translator.body.append("</div>\n")


def load_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let a page with panels, and no other, load the script that brings what they need."""
    if app.builder.name != "html" or FOLDER not in app.env.metadata.get(page, {}):
        return
    told = {"data-version": version(app)}
    app.add_js_file(f"{FOLDER}/start.js", loading_method="async", **told)
    app.add_css_file(f"{FOLDER}/playground.css")
    if "train" in app.env.metadata[page][FOLDER]:
        app.add_css_file(f"{FOLDER}/training/training.css")


def version(app: Sphinx) -> str:
    """Return what stands in the addresses of the scripts, so that no browser keeps old ones."""
    return sha256(made_from(app).encode()).hexdigest()[:8]


def made_from(app: Sphinx) -> str:
    """Return a text that is another one when the scripts, or what writes the data, changed."""
    scripts = (Path(__file__).parents[2] / "_static" / FOLDER).rglob("*.js")
    files = [*sorted(scripts), Path(__file__).with_name("kernels.wasm")]
    digest = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return f"{package_digest(Path(app.srcdir))} {app.config.extension_sources} {digest}"


def write_networks(app: Sphinx, exception: Exception | None) -> None:
    """Write the networks as scripts, unless those of a former build are still right."""
    pages = app.env.metadata.values() if exception is None and app.builder.name == "html" else []
    if not any(FOLDER in page for page in pages):
        return
    folder = Path(app.outdir, "_static", DATA)
    stamp = folder / "made-from"
    sources = made_from(app)
    if stamp.is_file() and stamp.read_text() == sources:
        return
    # They import PyTorch: only where there is need.
    from .networks import write_scripts
    from .training_digits import write_training_digits

    write_scripts(folder)
    if any("train" in page.get(FOLDER, ()) for page in pages):
        write_training_digits(folder / "mnist.js")
    stamp.write_text(sources)
