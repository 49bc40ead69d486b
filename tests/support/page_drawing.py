"""What drawing costs in the training panel while it learns; for `make bench`."""

import json

import numpy as np
import speed
from bench_pages import opened, thread_clock

__all__ = ["page_drawing"]

PANEL = "document.querySelector('[data-panel=train]').panel"
STROKES = 5
MOVES = 40  # of the pointer in a stroke
EDGE = 20  # pixels of the paper left free on each side
TRAININGS = {"none": None, "one": False, "two side by side": True}


def page_drawing(folder):
    """Time what the page's thread does from one move of the pen to the next, whatever it is.

    The panel's pictures of what is being learned are among it. Of each stroke's moves there is the
    median and the 95th percentile.
    """
    with opened("train-it", "train") as page:
        if page is None:
            return
        clock = thread_clock(page)
        for trainings, is_pair in TRAININGS.items():
            if is_pair is not None:
                page.evaluate(f"{PANEL}.pair({json.dumps(is_pair)})")
                page.evaluate(f"{PANEL}.run(Infinity)")
                page.wait_for_function(f"{PANEL}.active().every(({{ seen }}) => seen > 1000)")
            for repeat in range(STROKES):
                moves = np.diff(_stroke(page, clock))
                for share in (50, 95):
                    name = f"move of the pen, {share}th percentile"
                    yield speed.row(
                        name, f"trainings: {trainings}", repeat, np.percentile(moves, share)
                    )


def _stroke(page, clock):
    """Draw a wave with the mouse; return the clock's time before the first and after each move."""
    page.get_by_role("button", name="Clear").click()
    paper = page.locator(".lenet-paper")
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    across = box["x"] + np.linspace(EDGE, box["width"] - EDGE, MOVES)
    down = box["y"] + box["height"] * (0.5 + 0.3 * np.sin(np.arange(MOVES) / 6))
    page.mouse.move(across[0], down[0])
    page.mouse.down()
    times = [clock()]
    for x, y in zip(across, down, strict=True):
        page.mouse.move(x, y)
        times.append(clock())
    page.mouse.up()
    return times
