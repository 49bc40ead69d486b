"""The brand: the settings at the top of `_config.yml`, carried to where Sphinx does not take them.

Title, author, logo and icon are Jupyter Book's own settings. Colours come from here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

STYLE = "brand.css"
# Of the theme: what is pressed or pointed at, and links; in boxes lenet.css colours them, too.
PAGE_STYLE = """\
html[data-theme="{scheme}"], html[data-theme="{scheme}"] .bd-content .admonition {{
  --pst-color-primary: {color}; --pst-color-link: {color};
}}"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Read the colours before any chapter is executed."""
    app.add_config_value("figure_colors", {}, "env", dict)
    app.add_config_value("page_colors", {}, "html", dict)
    app.connect("config-inited", color_figures, priority=400)  # they are part of the cache's name
    app.connect("config-inited", name_previews)
    app.connect("builder-inited", color_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def color_figures(app: Sphinx, config: Config) -> None:
    """Tell `lenet_utils`, in the kernels that will run the chapters, other colours than its own."""
    pairs = sorted(config.figure_colors.items())
    os.environ["LENET_COLORS"] = ",".join(f"{kind}={color}" for kind, color in pairs)


def name_previews(app: Sphinx, config: Config) -> None:
    """Let previews of links carry the book's title."""
    config.ogp_site_name = config.html_title


def color_pages(app: Sphinx) -> None:
    """Write a style sheet with the accent colours, for the schemes that have one."""
    if app.builder.format != "html" or not app.config.page_colors:
        return
    rules = [PAGE_STYLE.format(scheme=s, color=c) for s, c in app.config.page_colors.items()]
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / STYLE).write_text("\n".join(rules) + "\n", encoding="utf-8")
    app.add_css_file(STYLE, priority=900)
