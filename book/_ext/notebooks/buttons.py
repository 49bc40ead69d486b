"""Buttons that download a chapter's notebook, or open it in Colab or on Binder.

The last two need a repository on GitHub, where the built book lies on the branch `gh-pages`.
Without one they are absent. Binder takes its environment from `binder/` on the branch `main`, and
fetches the notebooks from `gh-pages` when it starts.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from repository import github_name

BRANCH = "gh-pages"


def add_buttons(context: dict[str, Any], notebook: str, repository: str | None) -> None:
    """Add the buttons to those of the theme.

    Parameters
    ----------
    context
        What the page's template is given; its ``header_buttons`` are changed.
    notebook
        Where the notebook lies in the built book.
    repository
        The repository's web address, or None.
    """
    groups = {button.get("label"): button for button in context["header_buttons"]}
    if "download-buttons" in groups:  # unless a setting of the theme leaves out the menu
        button = download_button(context["pathto"](notebook, 1))
        groups["download-buttons"]["buttons"].insert(0, button)
    name = github_name(repository)
    if name is not None:
        links = [("Colab", "png", colab(name, notebook)), ("Binder", "svg", binder(name, notebook))]
        context["header_buttons"].insert(0, launch_group(links))


def download_button(address: str) -> dict[str, Any]:
    return {
        "type": "link",
        "url": address,
        "text": ".ipynb",
        "icon": "fas fa-code",
        "tooltip": "Download as a notebook",
        "label": "download-notebook-button",
    }


def launch_group(links: list[tuple[str, str, str]]) -> dict[str, Any]:
    """Return the menu of places that run notebooks: name, format of the theme's logo, address."""
    buttons = [
        {
            "type": "link",
            "url": address,
            "text": place,
            "icon": f"_static/images/logo_{place.lower()}.{suffix}",
            "tooltip": f"Run on {place}",
            "label": f"launch-{place.lower()}-button",
        }
        for place, suffix, address in links
    ]
    return {
        "type": "group",
        "buttons": buttons,
        "icon": "fas fa-rocket",
        "tooltip": "Run this chapter",
        "label": "launch-buttons",
    }


def colab(name: str, notebook: str) -> str:
    """Return the address at which Colab opens a notebook of the published book."""
    return f"https://colab.research.google.com/github/{name}/blob/{BRANCH}/{quote(notebook)}"


def binder(name: str, notebook: str) -> str:
    """Return the address at which Binder makes the environment, and nbgitpuller gets the book."""
    pull = urlencode(
        {
            "repo": f"https://github.com/{name}",
            "branch": BRANCH,
            "targetpath": "published",  # a name that no folder of the repository has
            "urlpath": f"lab/tree/published/{notebook}",
        }
    )
    return f"https://mybinder.org/v2/gh/{name}/main?{urlencode({'urlpath': f'git-pull?{pull}'})}"
