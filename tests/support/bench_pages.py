"""A built chapter in Chromium and a clock for what its thread does; for `make bench`."""

from contextlib import contextmanager

from browsing import FLAGS, MISSING, find_chromium
from building import HTML
from playwright.sync_api import sync_playwright

__all__ = ["opened", "thread_clock"]


@contextmanager
def opened(chapter, panel):
    """Open a chapter whose panel is filled; without a Chromium say so, and give None."""
    with sync_playwright() as playwright:
        program = find_chromium(playwright)
        if program is None:
            print(MISSING)
            yield None
            return
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(0)
        page.goto((HTML / "book" / f"{chapter}.html").as_uri())
        page.wait_for_function(f"document.querySelector('[data-panel={panel}]')?.panel")
        yield page
        browser.close()


def thread_clock(page):
    """Return what tells for how many seconds the page's own thread has worked.

    It stands while other programs have the core, and while a worker of the page learns.
    """
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def worked():
        metrics = tools.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    return worked
