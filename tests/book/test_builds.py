"""What a build says, runs and makes anew, tried on throw-away books of one page."""

import re
from pathlib import Path

from building import build, write_page
from fresh_pages import sources_digest

# Each run leaves a mark, so that runs can be counted.
COUNTING_CELL = """
```{code-cell} ipython3
with open("runs.txt", "a") as runs:
    runs.write("x")
```
"""


def runs(book: Path) -> int:
    return len((book / "book" / "runs.txt").read_text())


# What an author may get wrong, and what the build says about it.
MISTAKES = {
    "{footcite}`nobody2099`\n\n```{footbibliography}\n```": 'find bibtex key "nobody2099"',
    "[here](nowhere.md)": "'nowhere.md'",
    "[here](#nowhere-else)": "'nowhere-else'",
    "{numref}`fig-nowhere`": "fig-nowhere",
    "```{playground} chess\nNo.\n```": 'There is no panel "chess"; choose one of draw, layers',
}


def test_each_mistake_is_named_and_fails_the_build(small_book):
    write_page(small_book, "\n\n".join(MISTAKES))
    result = build(small_book)
    assert result.returncode != 0
    reports = re.findall(r"intro\.md:\d+: .*(?:WARNING|ERROR): (.*)", result.stdout)
    for text, said in MISTAKES.items():
        assert any(said in report for report in reports), f"nothing is said about {text}"
    assert len(reports) == len(MISTAKES), reports


def test_cells_run_again_only_when_they_must(small_book):
    package = small_book / "lenet_utils" / "__init__.py"

    def build_and_count() -> int:
        result = build(small_book)
        assert result.returncode == 0, result.stdout[-4000:]
        return runs(small_book)

    write_page(small_book, COUNTING_CELL)
    assert build_and_count() == 1
    assert build_and_count() == 1, "nothing was changed"
    write_page(small_book, "Other prose." + COUNTING_CELL)
    assert build_and_count() == 1, "only prose was changed"
    package.write_text("changed = True\n")
    assert build_and_count() == 2, "the package was changed"
    package.write_text("")
    assert build_and_count() == 2, "the change was undone"

    page = (small_book / "_build" / "html" / "book" / "intro.html").read_text()
    assert "thebe" not in page
    assert "source-repository-button" not in page


def test_an_edit_of_an_extension_counts_wherever_it_lies(tmp_path):
    module = tmp_path / "below" / "module.py"
    module.parent.mkdir()
    module.write_text("before")
    before = sources_digest(tmp_path)
    assert sources_digest(tmp_path) == before
    module.write_text("after")
    assert sources_digest(tmp_path) != before
