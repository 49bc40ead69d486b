"""The Sphinx extension and the settings, tried on throw-away books of one page."""

import importlib.util
import re
from pathlib import Path

import pytest
from building import ROOT, build, write_page

# Each run leaves a mark, so that runs can be counted.
COUNTING_CELL = """
```{code-cell} ipython3
with open("runs.txt", "a") as runs:
    runs.write("x")
```
"""


@pytest.fixture(scope="module")
def extension():
    path = ROOT / "book" / "_ext" / "lenet_book.py"
    spec = importlib.util.spec_from_file_location("lenet_book", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("https://github.com/me/lenet.git", "https://github.com/me/lenet"),
        ("https://github.com/me/lenet/", "https://github.com/me/lenet"),
        ("https://someone:secret@github.com/me/lenet", "https://github.com/me/lenet"),
        ("git@github.com:me/le.net.git", "https://github.com/me/le.net"),
        ("ssh://git@github.com/me/lenet.git", "https://github.com/me/lenet"),
        (
            "ssh://git@gitlab.example.org:2222/group/me/lenet",
            "https://gitlab.example.org/group/me/lenet",
        ),
        ("https://gitlab.com/group/sub/lenet.git", "https://gitlab.com/group/sub/lenet"),
        ("/srv/git/lenet.git", None),
        ("../lenet", None),
        ("file:///srv/github.com/me/lenet", None),
        ("https://example.org/me/lenet.git", None),
        ("https://notgithub.example/me/lenet", None),
        ("", None),
    ],
)
def test_remotes_become_web_addresses(extension, origin, address):
    assert extension.web_address(origin) == address


def test_the_workflow_names_the_repository(extension, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/lenet")
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    assert extension.repository_address(tmp_path) == "https://github.com/me/lenet"
    monkeypatch.delenv("GITHUB_REPOSITORY")
    assert extension.repository_address(tmp_path) is None
