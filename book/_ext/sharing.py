"""The book on the web: its address, its link previews, its sitemap, and a page for wrong addresses.

The address is `html: baseurl` in `_config.yml` if it stands there, else the one that GitHub Pages
gives to this repository. Where neither is known, what needs it is left out rather than wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from repository import github_name, repository_address
from sphinx.application import Sphinx

NEEDS_ADDRESS = ("og:url", "og:image")  # Open Graph wants whole addresses
NOT_A_PLACE = ("404", "search", "genindex", "py-modindex")  # no use to a search engine


def setup(app: Sphinx) -> dict[str, Any]:
    """Load the extensions that can do their work here, and tell them the address."""
    address = book_address(app)
    app.config.html_baseurl = address  # canonical links, too
    app.setup_extension("sphinxext.opengraph")
    app.config.ogp_site_url = address
    set_wrong_address_page(app, urlsplit(address).path or "/")
    if address:
        app.setup_extension("sphinx_sitemap")
        app.config.sitemap_url_scheme = "{link}"
        app.connect("build-finished", list_all_pages, priority=400)  # before the list is written
    app.connect("html-page-context", drop_wrong_addresses, priority=900)
    app.connect("build-finished", write_own_domain)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def book_address(app: Sphinx) -> str:
    """Return the address the book is read at, with a slash at its end; "" where it is not known."""
    address = app.config.html_baseurl or pages_address(repository_address(Path(app.srcdir)))
    return f"{address.rstrip('/')}/" if address else ""


def pages_address(repository: str | None) -> str | None:
    """Return where GitHub Pages puts the repository with this web address."""
    full_name = github_name(repository)
    if full_name is None:
        return None
    owner, name = full_name.split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def set_wrong_address_page(app: Sphinx, home: str) -> None:
    """Have a page that a server can show for any wrong address: its links begin at ``home``."""
    app.setup_extension("notfound.extension")
    app.config.notfound_urls_prefix = home
    app.connect("html-page-context", allow_one_page, priority=450)  # after it and before the theme
    welcome = f'<a href="{home}index.html">welcome page</a>'
    app.config.notfound_context = {
        "title": "Not here",
        "body": "<h1>There is no page here</h1>\n<p>Perhaps it was moved, or mistyped. "
        f"The {welcome} lists all chapters, and the search finds words.</p>",
    }


def allow_one_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give the theme text where a book of one page has no contents to list."""
    if page == app.config.notfound_pagename:
        toctree = context["toctree"]
        context["toctree"] = lambda *args, **options: toctree(*args, **options) or ""


def list_all_pages(app: Sphinx, exception: Exception | None) -> None:
    """Put every page into the sitemap: sphinx-sitemap knows those written in this build."""
    links = app.sitemap_links
    while not links.empty():
        links.get()
    for page in sorted(app.env.found_docs):
        links.put((app.builder.get_target_uri(page), None))


def write_own_domain(app: Sphinx, exception: Exception | None) -> None:
    """Write the file that tells GitHub Pages of a domain of one's own; remove it without one."""
    if exception is not None or app.builder.format != "html":
        return
    domain = own_domain(app.config.html_baseurl)
    file = Path(app.outdir) / "CNAME"
    if domain:
        file.write_text(f"{domain}\n", encoding="utf-8")
    else:
        file.unlink(missing_ok=True)


def own_domain(address: str) -> str | None:
    """Return the domain of a book that has one to itself; others need no file."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    return host if host and parts.path in ("", "/") and not host.endswith(".github.io") else None


def drop_wrong_addresses(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Remove addresses that would be relative, and those of pages that are no place to come to."""
    if not app.config.html_baseurl:
        lines = context.get("metatags", "").splitlines()
        kept = [line for line in lines if not any(name in line for name in NEEDS_ADDRESS)]
        context["metatags"] = "\n".join(kept)
    if page in NOT_A_PLACE:
        context["pageurl"] = None
