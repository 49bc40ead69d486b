"""What a page loads: scripts and styles that it needs, and pictures when they come near."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

# A part of a file's name, or of a script in the page, and what is on each page that needs it.
NEEDED_BY = {
    "clipboard": 'class="highlight',
    "copybutton": 'class="highlight',
    "design-tabs": "sd-tab-set",
    "sphinx-design": 'class="sd-',
    "toggle": r"toggle|dropdown",
    "exercise.css": "exercise",
    "mystnb": "cell",
}
IMAGE = re.compile(r"<img\b[^>]*>")
SOURCE = re.compile(r'\bsrc="([^"]+)"')
SCREEN = 144  # dots per inch of a figure that is shown pixel by pixel: what has more is sharper
SIZED = re.compile(r"\b(?:width|height)\b\s*[=:]")
AT_ONCE = "documentation_options"  # the theme's scripts inside the page use it
OUTPUT = "cell_output"  # the class of what a cell shows
SEARCH = "search"  # whose scripts, at the page's end, use those in its head


def setup(app: Sphinx) -> ExtensionMetadata:
    """Choose when all extensions have added theirs."""
    app.connect("doctree-resolved", forget_sizes)
    app.connect("html-page-context", choose, priority=950)
    app.connect("html-page-context", let_pictures_wait, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def choose(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Leave out what the page does not need, and let scripts wait until it has been read."""
    body = context.get("body", "")
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if is_needed(file, body)]
    if page != SEARCH:
        context["script_files"] = [deferred(script) for script in context["script_files"]]


def deferred(script: Any) -> Any:
    """Return a script that runs when the page has been read, in its order among the others.

    All pages share the script that is passed, so it is left as it is.
    """
    if not script.filename or AT_ONCE in str(script.filename) or "async" in script.attributes:
        return script
    attributes = {"defer": "defer", **script.attributes}
    return type(script)(script.filename, priority=script.priority, **attributes)


def is_needed(file: Any, body: str) -> bool:
    """Say whether a page with this ``body`` needs a script or a style."""
    named = f"{file.filename or ''} {file.attributes.get('body') or ''}".rpartition("/")[2]
    return all(re.search(sign, body) for part, sign in NEEDED_BY.items() if part in named)


def forget_sizes(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Leave the sizes of what cells draw to `picture_sizes`.

    MyST-NB 1.4 sets those that a kernel writes beside its picture for notebooks, and Sphinx then
    fixes the height, and makes a link of the picture.
    """
    for output in doctree.findall(nodes.container):
        for image in output.findall(nodes.image) if OUTPUT in output["classes"] else ():
            for side in ("width", "height"):
                image.attributes.pop(side, None)


def let_pictures_wait(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Have all pictures but the first loaded when they come near, in places of the right size."""
    if app.builder.name != "html" or "body" not in context:  # on paper everything is near
        return
    sizes = picture_sizes(app)
    count = 0

    def waiting(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        image, source = found[0], SOURCE.search(found[0])
        name = unquote(source[1]).rpartition("/")[2] if source else ""
        more = "" if SIZED.search(image) or name not in sizes else sizes[name]
        more += ' loading="lazy"' if count > 1 and " loading=" not in image else ""
        return f"<img{more}{image.removeprefix('<img')}"

    context["body"] = IMAGE.sub(waiting, context["body"])


def picture_sizes(app: Sphinx) -> dict[str, str]:
    """Return width and height, as attributes, of the pictures found so far, by their file names."""
    sizes = {}
    for source, name in app.builder.images.items():
        path = Path(app.srcdir, source)
        if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".gif") and path.is_file():
            with Image.open(path) as picture:
                density = max(1, round(picture.info.get("dpi", (SCREEN,))[0] / SCREEN))
                width, height = (length // density for length in picture.size)
                sizes[name] = f' width="{width}" height="{height}"'
    return sizes
