"""The repository that the book is built from: where it is, and the buttons that lead to it.

They follow the fork, and are left out where no address is known.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    """Set the theme's buttons when the settings are read."""
    app.connect("config-inited", link_repository)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


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


def github_name(repository: str | None) -> str | None:
    """Return OWNER/NAME of a repository on GitHub, None for any other."""
    parts = urlsplit(repository or "")
    name = parts.path.strip("/")
    return name if parts.hostname == "github.com" and name.count("/") == 1 else None
