"""Buttons that download a chapter's notebook, or open it in Colab, on Binder or on a JupyterHub.

All but the first need a repository, where the built book lies on the branch `gh-pages`; Colab and
Binder need it on GitHub. Without one they are absent. Binder takes its environment from `binder/`
on the branch `main`, and fetches the notebooks from `gh-pages` when it starts. The addresses under
`launch_buttons` in `_config.yml` name another Binder, and a JupyterHub (with nbgitpuller).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from repository import github_name
from sphinx.application import Sphinx
from sphinx.config import Config

BRANCH = "gh-pages"
COLAB, BINDER = "https://colab.research.google.com", "https://mybinder.org"
# Of Jupyter Book's settings: those that our buttons follow, and those that no button of ours does.
FOLLOWED = ("binderhub_url", "jupyterhub_url", "colab_url")
NOT_FOLLOWED = {
    "thebe": "code run in the page would need scripts of other hosts",
    "deepnote_url": "Colab, Binder and a JupyterHub have buttons",
    "jupyterlite_url": "it cannot install torch",
}


def take_over_launching(app: Sphinx, config: Config) -> None:
    """Keep the settings of the theme's launch buttons for ours: its own would open the sources.

    Raises:
        SystemExit: A setting is switched on that these buttons do not follow.
    """
    wanted = config.html_theme_options.pop("launch_buttons", {})
    for name, why in NOT_FOLLOWED.items():
        if wanted.get(name):
            raise SystemExit(f"_config.yml: launch_buttons: {name} does not work here: {why}.")
    config.launch = {name: wanted[name] for name in FOLLOWED if wanted.get(name)}


def add_buttons(
    context: dict[str, Any], notebook: str, repository: str | None, launch: dict[str, str]
) -> None:
    """Add the buttons to those of the theme.

    Parameters
    ----------
    context
        What the page's template is given; its ``header_buttons`` are changed.
    notebook
        Where the notebook lies in the built book.
    repository
        The repository's web address, or None.
    launch
        The settings that `take_over_launching` kept.
    """
    groups = {button.get("label"): button for button in context["header_buttons"]}
    if "download-buttons" in groups:  # unless a setting of the theme leaves out the menu
        button = download_button(context["pathto"](notebook, 1))
        groups["download-buttons"]["buttons"].insert(0, button)
    name = github_name(repository)
    links = []
    if name is not None:
        base = launch.get("colab_url", COLAB).rstrip("/")
        links += [("Colab", "png", colab(base, name, notebook))]
        base = launch.get("binderhub_url", BINDER).rstrip("/")
        links += [("Binder", "svg", binder(base, name, notebook))]
    if repository is not None and "jupyterhub_url" in launch:
        base = launch["jupyterhub_url"].rstrip("/")
        links += [("JupyterHub", "svg", jupyterhub(base, repository, notebook))]
    if links:
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


def colab(base: str, name: str, notebook: str) -> str:
    """Return the address at which Colab opens a notebook of the published book."""
    return f"{base}/github/{name}/blob/{BRANCH}/{quote(notebook)}"


def binder(base: str, name: str, notebook: str) -> str:
    """Return the address at which Binder makes the environment, and nbgitpuller gets the book."""
    pull = pulled(f"https://github.com/{name}", notebook)
    return f"{base}/v2/gh/{name}/main?{urlencode({'urlpath': f'git-pull?{pull}'})}"


def jupyterhub(base: str, repository: str, notebook: str) -> str:
    """Return the address at which a JupyterHub's nbgitpuller gets the book for its user."""
    return f"{base}/hub/user-redirect/git-pull?{pulled(repository, notebook)}"


def pulled(repository: str, notebook: str) -> str:
    """Return what nbgitpuller wants to know: the published book, and the notebook to open."""
    return urlencode(
        {
            "repo": repository,
            "branch": BRANCH,
            "targetpath": "published",  # a name that no folder of the repository has
            "urlpath": f"lab/tree/published/{notebook}",
        }
    )
