"""The theme's icons without its script of 1.5 MB, from fonts cut to the icons in use.

The theme's styles know all icons of Font Awesome Free (icons CC BY 4.0, fonts SIL OFL 1.1) as
letters of two fonts. Where a cut font lacks one, the browser takes the theme's whole font.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cut_fonts import cut_font
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

STYLES = "_static/styles/pydata-sphinx-theme.css"
WHOLE = "_static/vendor/fontawesome/webfonts"
# What lenet.css names, and what it is cut from.
FOLDER = "_static/site"
FONTS = {"icons-solid.woff": "fa-solid-900.ttf", "icons-brands.woff": "fa-brands-400.ttf"}
NAME = re.compile(r"\bfa-([a-z0-9-]+)")
# .fa-search:before{content:"\f002"}, also in lists; and what the theme's own styles show.
LETTER = re.compile(r'\.fa-([a-z0-9-]+):before(?=[^{}]*\{content:"\\([0-9a-f]+)"\})')
OWN_LETTER = re.compile(r'--pst-icon-[a-z-]+:"(.)"')
BY_SCRIPTS = {"xmark", "chevron-down"}  # a message's button, and the arrows of the contents


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write the fonts when all pages are there."""
    app.connect("build-finished", write_icons)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def write_icons(app: Sphinx, exception: Exception | None) -> None:
    """Cut the theme's fonts to the icons of the built pages."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    letters = used_letters(out)
    for name, whole in FONTS.items():
        cut_font(out / WHOLE / whole, letters, out / FOLDER / name)


def used_letters(out: Path) -> set[str]:
    """Return the letters of all icons that pages in ``out`` name, and of the theme's own."""
    styles = (out / STYLES).read_text(encoding="utf-8")
    names = set(BY_SCRIPTS)
    for page in out.rglob("*.html"):
        names.update(NAME.findall(page.read_text(encoding="utf-8")))
    by_name: dict[str, Any] = dict(LETTER.findall(styles))
    letters = {chr(int(by_name[name], 16)) for name in names & by_name.keys()}
    return letters | set(OWN_LETTER.findall(styles))
