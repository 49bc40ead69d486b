"""The brand: what a fork sets in `_config.yml` arrives on the pages and in the figures."""

import pytest
from building import build, write_page

from lenet_utils.visualization import COLORS
from lenet_utils.visualization.style import recolored

CELL = """
```{code-cell} ipython3
import os
print(os.environ["LENET_COLORS"])
```

[A link](https://example.org) in the text.

```{note}
[A link](https://example.org) in a box.
```
"""


def test_colours_are_changed_by_name():
    assert recolored(COLORS, "") == COLORS
    changed = recolored(COLORS, "full=#112233,input=black")
    assert changed == COLORS | {"full": "#112233", "input": "black"}


@pytest.mark.parametrize("changes", ["fill=#112233", "full=#11223", "full"])
def test_a_colour_that_cannot_be_is_refused(changes):
    with pytest.raises(ValueError):  # noqa: PT011 (the messages are of three authors)
        recolored(COLORS, changes)


def test_one_file_makes_another_book(small_book, browser):
    config = small_book / "_config.yml"
    changes = {
        "title: The LeNet Book": "title: Digits at Our School",
        "page_colors: {}": 'page_colors: {light: "#660066"}',
        "figure_colors: {}": 'figure_colors: {full: "#112233", convolution: "#004488"}',
    }
    text = config.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    config.write_text(text, encoding="utf-8")
    write_page(small_book, CELL)
    result = build(small_book)
    assert result.returncode == 0, result.stdout[-4000:]

    html = small_book / "_build" / "html"
    page = (html / "book" / "intro.html").read_text(encoding="utf-8")
    assert "convolution=#004488,full=#112233" in page, "the kernel was told"
    assert "Digits at Our School" in page
    assert "The LeNet Book" not in page
    assert "_static/brand.css" in page
    assert "#660066" in (html / "_static" / "brand.css").read_text(encoding="utf-8")
    tab = browser.new_page(color_scheme="light")
    tab.goto((html / "book" / "intro.html").as_uri())
    colors = "links => links.map(link => getComputedStyle(link).color)"
    found = tab.eval_on_selector_all("article a[href='https://example.org']", colors)
    tab.close()
    assert found == ["rgb(102, 0, 102)"] * 2
