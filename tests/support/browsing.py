"""What the tests do without a program they need, and what they all ask of a Chromium and of axe."""

import os

import pytest
from axe_playwright_python.sync_playwright import Axe
from printing.chromium import FLAGS, MISSING, find_chromium

__all__ = [
    "COLOUR_RULES",
    "DESK",
    "FLAGS",
    "MISSING",
    "PATIENCE",
    "PHONE",
    "PHONE_RULES",
    "STILL",
    "axe_violations",
    "find_chromium",
    "watched_page",
    "without",
]

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 600_000  # milliseconds: what has not come by then will not come on the busiest machine
# Colours fade in while the theme starts, and on a busy machine axe would read one on its way.
STILL = "() => !document.getAnimations().some((fading) => fading.playState === 'running')"
# What axe looks at again: in other colours, and where a phone folds menus and lets boxes scroll.
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
PHONE_RULES = ["aria-hidden-focus", "button-name", "link-name", "scrollable-region-focusable"]


def watched_page(browser, **options):
    """Open a page of ``options`` that keeps as ``slips`` what its scripts do wrong."""
    page = browser.new_page(**{"viewport": DESK, **options})
    page.set_default_timeout(PATIENCE)
    page.slips = []
    page.on("console", lambda m: page.slips.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.slips.append(str(error)))
    return page


def axe_violations(page, rules=None, context=None) -> list[str]:
    """Return what axe-core finds by ``rules`` or by all, with each finding's first element."""
    options = {"resultTypes": ["violations"], "preload": False}  # it would ask for styles again
    if rules:
        options["runOnly"] = rules
    violations = Axe().run(page, context=context, options=options).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]} ({len(v['nodes'])})" for v in violations]


def without(what: str) -> None:
    """Skip, saying what is missing; on a machine that tests for everybody (CI=true), fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
