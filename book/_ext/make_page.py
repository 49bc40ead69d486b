"""Build one chapter's page while it is written: ``python book/_ext/make_page.py lenet-5``.

It is the whole book, in `_build/page`, with one difference: no other chapter is run. Those show the
results of their last run, if they have any. After the first time only changed pages are made anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml
from jupyter_book.sphinx import build_sphinx

FOLDER = "_build/page"


def main() -> None:
    """Build the chapter that the command names; end with 1 if there is none, or if it fails."""
    root = Path(__file__).parents[2]
    page = find_page(root, " ".join(sys.argv[1:]))
    settings = {
        "external_toc_path": "_toc.yml",
        "latex_individualpages": False,
        "nitpicky": True,
        "run_only": [page],
    }
    # Jupyter Book 1.0's own command for one page would build it without its book, hence without
    # numbers and references to other pages.
    result = build_sphinx(
        root,
        root / FOLDER,
        path_config=root / "_config.yml",
        noconfig=True,
        confoverrides=settings,
        doctreedir=root / "_build" / ".page-doctrees",  # the book's own has all chapters' results
    )
    if result != 0:  # a code, or an exception that was told already
        sys.exit(1)
    print(f"The page is built. Open: {root / FOLDER / page}.html")


def find_page(root: Path, name: str) -> str:
    """Return the page in the table of contents that a name stands for.

    Raises:
        SystemExit: There is none.
    """
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    pages = [contents["root"], *files_of(contents)]
    names = {Path(page).name: page for page in pages}
    wanted = name.removesuffix(".md").removeprefix("book/")
    if wanted not in names:
        raise SystemExit(
            f"There is no chapter {name!r} in _toc.yml. Say: make page CHAPTER=NAME, with one of\n"
            + ", ".join(names)
        )
    return names[wanted]


def files_of(part: dict) -> list[str]:
    """Return all pages below a part of the table of contents, whichever way it is nested."""
    pages = []
    for kind in ("parts", "chapters", "sections", "subtrees", "entries"):
        for entry in part.get(kind, []):
            pages += [entry["file"]] if "file" in entry else []
            pages += files_of(entry)
    return pages


if __name__ == "__main__":
    main()
