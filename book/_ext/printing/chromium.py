"""Finding a Chromium, and the flags with which it keeps to itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
)
# A browser on its own looks up its maker's hosts; what else it may reach, its user decides.
FLAGS = [
    "--no-sandbox",  # which containers forbid; only our own pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = (
    "no Chromium found: install it (Debian: apt install chromium; anywhere: "
    "python -m playwright install chromium), or set CHROMIUM to its path"
)


def find_chromium(playwright: Playwright) -> str | None:
    """Return the path of ``$CHROMIUM``, of one in the usual places, or of Playwright's own.

    Raises `ValueError` if ``$CHROMIUM`` is set to what cannot be run.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        if found is None:
            raise ValueError(f"CHROMIUM={named} is no program that can be run")
        return found
    own = playwright.chromium.executable_path
    candidates = [*filter(None, map(shutil.which, NAMES)), *PLACES, own]
    return next((path for path in candidates if Path(path).is_file()), None)
