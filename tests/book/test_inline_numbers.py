"""Numbers in prose: found where roles are, computed with the page's cells, kept with them."""

import re
from copy import deepcopy

import nbformat
import pytest
from bs4 import BeautifulSoup
from building import build, write_page
from inline_numbers import as_python, is_unseen, with_numbers
from myst_nb.core.read import read_myst_markdown_notebook

COUNTING_CELL = """
```{code-cell} ipython3
with open("runs.txt", "a") as runs:
    runs.write("x")
digits = 60_000
shares = {"a b": 0.125}
```
"""

# Prose, and the expressions that it asks for.
ASKED = {
    "none at all": [],
    "{eval}`n` and {eval}`f'{n:,}'`.": ["n", "f'{n:,}'"],
    "{eval}`n`, {eval}`n`": ["n"],
    "over {eval}`n +\n  m` lines": ["n + m"],
    "{eval}`` '`' + n ``": ["'`' + n"],
    "| a |\n|---|\n| {eval}`n` |": ["n"],
    "> - a quotation: {eval}`n`": ["n"],
    "## A heading with {eval}`n`": ["n"],
    "````{admonition} T\n:class: tip\n```{note}\n{eval}`n`\n```\n````": ["n"],
    "- a list\n\n  ```{tip}\n  {eval}`n`\n  ```\n": ["n"],
    ":::{admonition} Of {eval}`n`\n{eval}`m`\n:::": ["n", "m"],
    ":::{exercise}\n{eval}`n`\n:::": ["n"],
    "```{caption} fig-x\n:alt: Words.\nOf {eval}`n`.\n```": ["n"],
    "`{eval}` is a role, {eval}`n` its use": ["n"],
    "`` {eval}`n` ``": [],
    "\\{eval}`n`": [],
    "```\n{eval}`n`\n```": [],
    "    {eval}`n`": [],
    "```{code-block} text\n{eval}`n`\n```": [],
    "```{literalinclude} x.md\n{eval}`n`\n```": [],
    "````{note}\n```text\n{eval}`n`\n```\n{eval}`m`\n````": ["m"],
    "% a comment with {eval}`n`": [],
    "$$\n{eval}`n`\n$$": [],
    "{eval}`one\n\ntwo` are two paragraphs": [],
}


def chapter(text):
    return read_myst_markdown_notebook(text, add_source_map=True)


def questions(cell):
    """Return what an unseen cell asks, by evaluating its dictionary alone."""
    return list(eval(re.search(r"user_expressions\((\{.*\})\)\}", cell.source, re.DOTALL)[1]))


@pytest.mark.parametrize(("prose", "asked"), ASKED.items())
def test_roles_are_found_and_code_that_mentions_them_is_not(prose, asked):
    notebook = with_numbers(chapter(prose))
    unseen = [cell for cell in notebook.cells if is_unseen(cell)]
    assert len(unseen) == bool(asked)
    assert [question for cell in unseen for question in questions(cell)] == asked


def test_each_stretch_of_prose_has_one_cell_before_it_and_keeps_its_lines():
    cells = "```{code-cell}\n1\n```\n\nNo.\n\n```{code-cell}\n2\n```"
    before = chapter(f"{{eval}}`a`\n\n{{eval}}`b`\n\n{cells}\n\n{{eval}}`a`")
    untouched = deepcopy(before)
    after = with_numbers(before)
    assert [index for index, cell in enumerate(after.cells) if is_unseen(cell)] == [0, 5]
    assert questions(after.cells[0]) == ["a", "b"]
    lines = zip(after.cells, after.metadata.source_map, strict=True)
    assert [line for cell, line in lines if not is_unseen(cell)] == before.metadata.source_map
    assert before == untouched
    assert after.cells[-1].source.startswith("{eval}`numbers-1 ")


@pytest.mark.parametrize(
    ("words", "python"),
    [
        ("n", "n"),
        ("n:,", "format(n, ',')"),
        ("d['a:b']:.1f", "format(d['a:b'], '.1f')"),
        ("x[1:2]", "x[1:2]"),
        ("f'{x:.1f}'", "f'{x:.1f}'"),
        ("n +", "n +"),  # which Python will refuse in its own words
    ],
)
def test_a_format_after_a_colon_is_short_for_an_f_string(words, python):
    assert as_python(words) == python


@pytest.mark.slow
def test_numbers_stand_on_the_page_and_in_its_notebook_and_are_kept(small_book):
    page = """
{eval}`1 + 1` before any code.

COUNTING

Of {eval}`digits`, or {eval}`f"{digits:,}"`, or {eval}`digits:,`,
a share of {eval}`f'{shares["a b"]:.1%}'`.

:::{list-table} Of {eval}`digits + 1`
* - {eval}`digits + 2`
  - `{eval}`
:::

```{exercise}
:label: ex-one
Why {eval}`"two" +
  " words"`?
```
"""

    def read():
        result = build(small_book)
        assert result.returncode == 0, result.stdout[-4000:]
        runs = len((small_book / "book" / "runs.txt").read_text())
        html = (small_book / "_build/html/book/intro.html").read_text()
        text = " ".join(BeautifulSoup(html, "html.parser").select_one("article").get_text().split())
        return runs, text

    write_page(small_book, page.replace("COUNTING", COUNTING_CELL))
    runs, text = read()
    assert runs == 1
    assert "2 before any code." in text
    assert "Of 60000, or 60,000, or 60,000, a share of 12.5%." in text
    assert "Of 60001" in text
    assert "60002 {eval}" in text
    assert "Why two words?" in text

    cells = nbformat.read(small_book / "_build/html/notebooks/intro.ipynb", as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert "Of 60000, or 60,000, or 60,000, a share of 12.5%." in prose
    assert prose.count("as it was built") == 1
    assert "as it was built" in cells[1].source
    assert not any("user_expressions" in cell.source for cell in cells)

    write_page(
        small_book, page.replace("COUNTING", COUNTING_CELL).replace("Of {eval}", "From {eval}")
    )
    assert read()[0] == 1, "words around numbers were changed, and no expression"

    printed = build(small_book, "--builder", "singlehtml")
    assert printed.returncode == 0, printed.stdout[-4000:]
    assert "12.5%" in (small_book / "_build/singlehtml/book/intro.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("{eval}`digit`", "{eval}`digit`: NameError: name 'digit' is not defined"),
        ("{eval}`1 +`", "{eval}`1 +`: SyntaxError"),
        ("{eval}`shares`", "{eval}`shares`: gives {'a b': 0.125}, which does not read well"),
    ],
)
def test_an_expression_that_fails_stops_the_build_with_chapter_and_line(small_book, role, said):
    page = (
        f"{{eval}}`1 + 1`\n{COUNTING_CELL}\nFine: {{eval}}`digits`.\n\n```{{note}}\nA {role}.\n```"
    )
    write_page(small_book, page)
    lines = (small_book / "book/intro.md").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if role in text)
    result = build(small_book)
    assert result.returncode != 0
    assert f"intro.md:{line}: {said}" in result.stdout


@pytest.mark.slow
def test_warnings_name_the_line_of_the_source_below_unseen_cells(small_book):
    below = "{eval}`digits`\n\n{numref}`fig-nowhere`"
    page = f"{{eval}}`1 + 1`\n{COUNTING_CELL}\n{below}"
    write_page(small_book, page)
    lines = (small_book / "book/intro.md").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "nowhere" in text)
    result = build(small_book)
    assert re.search(rf"intro\.md:{line}: .*WARNING: .*fig-nowhere", result.stdout), result.stdout[
        -3000:
    ]
