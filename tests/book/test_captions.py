"""Captions in prose: a numbered figure from the picture of the cell before."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from building import build, write_page

DRAWING = """
```{code-cell} ipython3
:tags: [hide-input]
import matplotlib.pyplot as plt
with open("runs.txt", "a") as runs:
    runs.write("x")
plt.plot([1, 2]);
```
"""
CAPTION = """
```{caption} fig-line
:alt: A line that rises.
A line through {eval}`1 + 1` points, $y = x$ {footcite}`lecun1998gradient`.
```
"""
REST = """
See {numref}`fig-line`.

```{exercise-start}
:label: ex-draw
```
Draw.
```{exercise-end}
```

````{solution-start} ex-draw
````
```{code-cell} ipython3
plt.plot([2, 1]);
```
```{caption} fig-solution
:alt: A line that falls.
Solved.
```
````{solution-end}
````

```{footbibliography}
```
"""


@pytest.mark.slow
def test_a_caption_makes_a_figure_of_the_picture_before_it(small_book):
    write_page(small_book, DRAWING + CAPTION + REST)
    result = build(small_book)
    assert result.returncode == 0, result.stdout[-4000:]
    html = (small_book / "_build/html/book/intro.html").read_text()
    page = BeautifulSoup(html, "html.parser")
    figure = page.select_one(".cell_output > figure#fig-line")
    assert figure.img["alt"] == "A line that rises."
    assert figure.select_one(".caption-number").get_text() == "Fig. 1 "
    assert "A line through 2 points" in figure.figcaption.get_text()
    assert figure.select_one(".math")
    assert figure.select_one("a.footnote-reference")
    assert page.select_one('a.reference[href="#fig-line"]').get_text() == "Fig. 1"
    in_solution = page.select_one(".solution figure#fig-solution")
    assert in_solution.img["alt"] == "A line that falls."

    cells = nbformat.read(small_book / "_build/html/notebooks/intro.ipynb", as_version=4).cells
    drawn = next(n for n, cell in enumerate(cells) if "plt.plot([1, 2])" in cell.source)
    assert cells[drawn + 1].source.startswith("**Fig. 1.** A line through 2 points, $y = x$ [")

    write_page(small_book, DRAWING + CAPTION.replace("A line through", "Through") + REST)
    assert build(small_book, "--builder", "singlehtml").returncode == 0
    printed = (small_book / "_build/singlehtml/book/intro.html").read_text()
    assert "Through" in BeautifulSoup(printed, "html.parser").select_one("#fig-line").get_text()
    assert (small_book / "book/runs.txt").read_text() == "x", "a caption runs nothing again"


MISTAKES = {
    "```{caption} fig-a\nNo alternative text.\n```": "A figure needs a line `:alt:`",
    "```{caption} fig-b\n:alt:\nAn empty one.\n```": "A figure needs a line `:alt:`",
    "```{caption} fig-c\n:alt: Of {eval}`1`.\nA role.\n```": "`:alt:` is plain text",
    "```{caption} fig-d\n:alt: Words.\n- A list.\n```": "A caption begins with a paragraph",
    "Prose between.\n\n```{caption} fig-e\n:alt: Words.\nNo cell.\n```": (
        "no picture for the caption fig-e"
    ),
    "```{code-cell} ipython3\n1\n```\n\n```{caption} fig-f\n:alt: Words.\nNo picture.\n```": (
        "no picture for the caption fig-f"
    ),
    DRAWING + CAPTION + CAPTION.replace("fig-line", "fig-g"): "no picture for the caption fig-g",
}


@pytest.mark.slow
def test_each_mistake_is_named_and_fails_the_build(small_book):
    write_page(small_book, "\n\n".join([*MISTAKES, "```{footbibliography}\n```"]))
    result = build(small_book)
    assert result.returncode != 0
    reports = re.findall(r"intro\.md:\d+: .*(?:WARNING|ERROR): (.*)", result.stdout)
    for text, said in MISTAKES.items():
        assert any(said in report for report in reports), f"nothing is said about {text}"
