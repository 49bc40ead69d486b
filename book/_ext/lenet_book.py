"""What the book needs from Sphinx beyond its settings in `_config.yml`.

- Links to the repository follow the fork the book is built from.
- Scripts nobody uses are left out, and a few accessibility slips of the themes are mended.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the functions below to the moments of a build."""
    # Sphinx makes all pages anew when a setting changes: an edit of our extensions counts as one.
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    app.add_config_value("lenet_book_sources", digest, "env", str)
    app.connect("config-inited", link_repository)
    app.connect("doctree-resolved", drop_thebe_settings, priority=900)
    app.connect("html-page-context", drop_thebe_scripts, priority=900)
    app.connect("html-page-context", mend_page_body, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


# --- The repository ------------------------------------------------------------------------------


def link_repository(app: Sphinx, config: Config) -> None:
    """Point the repository buttons at the fork this is; leave them out where it is not known."""
    options = config.html_theme_options
    address = repository_address(Path(app.srcdir))
    # Jupyter Book's default address is its own repository: it must go even if we know no better.
    options["repository_url"] = address or ""
    for button in ("use_repository_button", "use_edit_page_button", "use_issues_button"):
        options[button] = address is not None
    if address is not None:
        options["repository_branch"] = "main"
        options["repository_provider"] = "gitlab" if "gitlab" in address else "github"


def repository_address(root: Path) -> str | None:
    """Return the repository's web address, from the workflow that runs or from git's `origin`."""
    name = os.environ.get("GITHUB_REPOSITORY")
    if name:
        return f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}"
    if not (root / ".git").exists():  # git would look for a repository further up
        return None
    try:
        origin = subprocess.run(
            ["git", "-C", str(root), "remote", "get-url", "origin"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return web_address(origin.strip())


def web_address(origin: str) -> str | None:
    """Turn a GitHub or GitLab remote, https or ssh, into the address a browser opens."""
    short = re.fullmatch(r"[\w.-]+@([\w.-]+):(.+)", origin)  # git@github.com:owner/name.git
    parts = urlsplit(f"ssh://{short[1]}/{short[2]}" if short else origin)
    host = parts.hostname or ""  # without user name, token and port
    path = parts.path.strip("/").removesuffix(".git")
    is_known = {"github", "gitlab"} & set(host.split("."))
    if parts.scheme not in ("https", "http", "ssh") or not is_known or "/" not in path:
        return None
    return f"https://{host}/{path}"


# --- Scripts and pages ---------------------------------------------------------------------------


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


# What screen readers stumble over in generated pages, and what is put there instead.
MENDED_HTML = {
    # pandas heads the column of row labels with an empty header cell.
    "<th></th>": "<td></td>",
    # The same in a table written in Markdown.
    '<th class="head"><p></p></th>': "<td></td>",
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
