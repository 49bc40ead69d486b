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

# Part of a host's name that says what runs there; a browser opens their repositories by OWNER/NAME.
PROVIDERS = ("github", "gitlab", "codeberg", "gitea", "forgejo")
THEME_PROVIDERS = ("github", "gitlab")
# What an address may consist of, since it is put into pages and into a `%pip install` line.
ORDINARY_HOST = re.compile(r"[A-Za-z0-9.-]+")
ORDINARY_PATH = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)+")


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
    provider = provider_of(urlsplit(address or "").hostname or "")
    options["use_repository_button"] = options["use_issues_button"] = address is not None
    options["use_edit_page_button"] = provider in THEME_PROVIDERS  # it knows only their addresses
    options["repository_branch"] = "main"
    options["repository_provider"] = provider if provider in THEME_PROVIDERS else "github"


def repository_address(root: Path) -> str | None:
    """Return the repository's web address, from the workflow that runs or from git's `origin`."""
    name = os.environ.get("GITHUB_REPOSITORY")
    if name:
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        return web_address(f"{server}/{name}")
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
    """Turn a remote, https or ssh, into the address a browser opens; None if there is none.

    An address of other than ordinary characters counts as none: it is put into code.
    """
    short = re.fullmatch(r"[\w.-]+@([\w.-]+):(.+)", origin)  # git@github.com:owner/name.git
    parts = urlsplit(f"ssh://{short[1]}/{short[2]}" if short else origin)
    host = parts.hostname or ""  # without user name, token and port
    path = parts.path.strip("/").removesuffix(".git")
    is_known = parts.scheme in ("https", "http", "ssh") and provider_of(host) is not None
    is_ordinary = ORDINARY_HOST.fullmatch(host) and ORDINARY_PATH.fullmatch(path)
    return f"https://{host}/{path}" if is_known and is_ordinary else None


def provider_of(host: str) -> str | None:
    """Return what runs at a host, by a part of its name; None where that is not known."""
    return next((name for name in PROVIDERS if name in host.split(".")), None)


def github_name(repository: str | None) -> str | None:
    """Return OWNER/NAME of a repository on GitHub, None for any other."""
    parts = urlsplit(repository or "")
    name = parts.path.strip("/")
    return name if parts.hostname == "github.com" and name.count("/") == 1 else None
