"""Building a book in a process of its own, as its users do, and finding its pages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [
    TOC["root"],
    *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]),
]
# JupyterLab brings rfc3987_syntax: its import takes a third of a small build, it checks what no
# setting of a book is, and jsonschema does without.
JUPYTER_BOOK = """
import sys
sys.modules["rfc3987_syntax"] = None
from jupyter_book.cli.main import main
main()
"""


def kept_runs() -> dict[Path, int]:
    """Return the kept results of the chapters, and when each was written."""
    kept = (ROOT / "_build" / ".jupyter_cache").glob("*/executed/*/*.ipynb")
    return {path: path.stat().st_mtime_ns for path in kept}


def long(*values: object) -> object:
    """A case of a parametrized test that only `make test-all` looks at."""
    return pytest.param(*values, marks=pytest.mark.long)


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Build the book in ``folder`` as strictly as `make book` does; return code and messages."""
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", ".", "-W", "-n", "--keep-going"]
    return subprocess.run(
        [*command, *options],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def book_pages() -> list[Path]:
    """Return all built pages but the theme's templates, which land among its static files."""
    pages = sorted(HTML.rglob("*.html"))
    return [page for page in pages if "_static" not in page.relative_to(HTML).parts]


# --- Throw-away books -----------------------------------------------------------------------------

FRONT_MATTER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""


def start_book(book: Path, *further: str) -> None:
    """Begin a book in the folder ``book``, with the settings of the real one.

    Its pages, which are still to be written, are the intro and those named ``further``.
    """
    for name in ("_ext", "_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, book / "book" / name)
    for name in ("_config.yml", "references.bib"):
        shutil.copy(ROOT / name, book / name)
    toc = {"format": "jb-book", "root": "book/intro"}
    if further:
        toc["chapters"] = [{"file": f"book/{name}"} for name in further]
    (book / "_toc.yml").write_text(yaml.safe_dump(toc))
    (book / "lenet_utils").mkdir()
    (book / "lenet_utils" / "__init__.py").write_text("")


def write_page(book: Path, text: str) -> None:
    """Write the page of a throw-away book."""
    (book / "book" / "intro.md").write_text(f"{FRONT_MATTER}\n# A page\n\n{text}\n")
