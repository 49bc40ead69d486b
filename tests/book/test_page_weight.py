"""What a page loads: nothing that it does not need, and icons from fonts cut to them."""

import gzip
import re

import icons
import pytest
from bs4 import BeautifulSoup
from building import CHAPTERS, HTML
from fontTools.ttLib import TTFont
from test_pages import site, watched

__all__ = ["site"]  # the fixture

pytestmark = pytest.mark.usefixtures("built")

# Bytes of a page with all it loads, as a server sends them.
LIMITS = {
    **{"book/intro": 400_000, "book/lenet-5": 1_000_000, "book/playground": 1_000_000},
    "book/train-it": 500_000,  # before a training is started: the digits come then
}
PACKED = re.compile(r"\.(html|css|js|svg|ttf)$")  # what servers send packed


def page(name):
    return BeautifulSoup((HTML / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


@pytest.mark.parametrize("name", [name for name in LIMITS if name in CHAPTERS])
def test_a_first_visit_stays_light(browser, site, name):
    loaded = set()
    with watched(browser) as (tab, wrong):
        tab.on("response", lambda response: loaded.add(response.url.split("?")[0]))
        tab.goto(f"{site}{name}.html", wait_until="networkidle")
        assert wrong == []
    files = [HTML / address.removeprefix(site) for address in loaded if address.startswith(site)]
    assert len(files) > 5
    sizes = {
        file.relative_to(HTML).as_posix(): len(gzip.compress(file.read_bytes()))
        if PACKED.search(file.name)
        else file.stat().st_size
        for file in files
    }
    assert sum(sizes.values()) < LIMITS[name], sizes


@pytest.mark.parametrize("name", [*CHAPTERS, "search", "genindex"])
def test_no_page_loads_all_icons(name):
    assert "fontawesome.js" not in str(page(name).select("script, link"))


@pytest.mark.chapters("lenet-5")
def test_all_icons_of_the_pages_are_in_the_cut_fonts(browser, site):
    cut = [TTFont(HTML / icons.FOLDER / name).getBestCmap() for name in icons.FONTS]
    assert {ord(letter) for letter in icons.used_letters(HTML)} <= set().union(*cut)
    with watched(browser) as (tab, wrong):
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(f"{site}book/lenet-5.html", wait_until="networkidle")
        drawn = tab.locator("i[class*='fa-']:visible").all()
        assert len(drawn) > 3
        for icon in drawn:
            assert icon.evaluate("(i) => getComputedStyle(i, '::before').content") != "none"
            assert icon.bounding_box()["width"] > 5
        assert not [address for address in asked if "webfonts" in address]
        assert wrong == []


def test_scripts_are_where_they_are_needed():
    for name in CHAPTERS:
        found = page(name)
        scripts = " ".join(script.get("src", "") for script in found.select("script"))
        assert ("copybutton" in scripts) == bool(found.select("article .highlight")), name
        assert ("design-tabs" in scripts) == bool(found.select(".sd-tab-set")), name
        assert not found.select(".admonition.dropdown") or "togglebutton" in scripts, name
        awaited = found.select("head script[src]:not([defer], [async])")
        assert ["documentation_options" in script["src"] for script in awaited] == [True], name
