"""A notebook for every executed chapter, for Jupyter, Colab and Binder.

It is made when the chapter's page is written. The page gives the prose (see `page_markdown`), the
chapter the code, the execution cache the outputs. It is never read back, and lies in `notebooks/`
in the built book. It holds no time, path or random identity: the same results give the same bytes.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import posixpath
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import nbformat
from docutils import nodes
from docutils.nodes import make_id
from execution import executed_notebook
from inline_numbers import is_unseen
from jupyter_cache import get_cache
from myst_nb.sphinx_ import NbMetadataCollector
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from .buttons import add_buttons, take_over_launching
from .first_cell import setup_source
from .page_markdown import PageConverter

BUILDERS = ("html", "dirhtml")
FOLDER = "notebooks"  # in the built book
MARKUP = re.compile(r"[\\`*_<>\[\]]")  # in Markdown
NOT_IN_IDENTITY = re.compile(r"[^a-zA-Z0-9_-]")  # of a cell
# The page's numbers are text here: few programs would compute them anew.
AS_BUILT = (
    "*The numbers in the text are those of the book as it was built. "
    "What you run here shows its own results below each cell.*"
)
HIDDEN_SOURCE = {"remove-cell", "remove-input", "hide-input", "hide-cell"}
HIDDEN_OUTPUT = {"hide-output", "hide-cell"}


def setup(app: Sphinx) -> dict[str, Any]:
    """Write a notebook whenever Sphinx writes a chapter's page."""
    app.add_config_value("launch", {}, "html", dict)
    app.connect("config-inited", take_over_launching)
    app.connect("html-page-context", write_notebook, priority=950)  # when the page is mended
    app.connect("html-page-context", show_buttons, priority=600)  # after the theme's own
    app.connect("build-finished", remove_left_over)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def has_notebook(app: Sphinx, page: str) -> bool:
    """Say whether a page was executed, and its front matter does not say ``notebook: false``."""
    wanted = str(app.env.metadata.get(page, {}).get("notebook")).lower() != "false"
    executed = NbMetadataCollector.get_exec_data(app.env, page) is not None
    return wanted and executed and app.builder.name in BUILDERS  # not when the book is printed


def notebook_path(page: str) -> str:
    """Return where a chapter's notebook lies in the built book."""
    return f"{FOLDER}/{page.removeprefix('book/')}.ipynb"


def written_files(page: str) -> tuple[str, str]:
    """Return where a notebook lies, and the same as a script (see `notebook-download.js`)."""
    path = notebook_path(page)
    return path, f"_static/{path.removesuffix('.ipynb')}.js"


def write_notebook(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Make a chapter's notebook out of its page, its source and its kept outputs."""
    if doctree is None or not has_notebook(app, page):
        return
    works = cited_works(app, doctree)
    converter = PageConverter(
        link=lambda address: published(app, page, address),
        embed=lambda address: embedded(app, page, address),
        works={identity(key): name for key, name in works.items()},
    )
    blocks = converter.blocks(context["body"])
    executed = executed_cells(app, page)
    code = [cell for cell in executed if not is_unseen(cell)]
    if sum(isinstance(block, int) for block in blocks) != len(shown(code)):
        raise ExtensionError(f"{page} shows other cells than its source has: no notebook")
    cells = arrange(blocks, code, converter.folded)
    install = setup_source([cell.source for cell in code], repository(app))
    path, script = (Path(app.outdir) / path for path in written_files(page))
    note = [new_markdown_cell(AS_BUILT)] if len(code) < len(executed) else []
    text = as_text([new_code_cell(install), *note, *cells, origin(app, page)], path.stem)
    write(path, text)
    write(script, f"saveNotebook({json.dumps(path.name)}, {json.dumps(text)});\n")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def origin(app: Sphinx, page: str) -> NotebookNode:
    """Return a last cell that says where the notebook comes from."""
    address = published(app, page, "")
    chapter = f"[a chapter]({address})" if address else "a chapter"
    title = MARKUP.sub(r"\\\g<0>", app.config.html_title)
    return new_markdown_cell(f"*Made from {chapter} of {title}.*")


def as_text(cells: list[NotebookNode], name: str) -> str:
    """Return the file of a notebook with these cells."""
    for index, cell in enumerate(cells):
        cell.id = f"{NOT_IN_IDENTITY.sub('-', name)[:50]}-{index}"
    metadata = {
        "colab": {"name": f"{name}.ipynb", "provenance": [], "toc_visible": True},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
    }
    notebook = new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def show_buttons(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put the buttons that open a chapter's notebook on its page."""
    if doctree is not None and has_notebook(app, page):
        add_buttons(context, notebook_path(page), repository(app), app.config.launch)
        app.add_js_file("site/notebook-download.js")  # on this page only


def remove_left_over(app: Sphinx, exception: Exception | None) -> None:
    """Remove the notebooks of chapters that are gone."""
    if exception is not None or app.builder.name not in BUILDERS:
        return
    chapters = [page for page in app.env.found_docs if has_notebook(app, page)]
    made = {path for page in chapters for path in written_files(page)}
    for folder in (FOLDER, f"_static/{FOLDER}"):
        for path in (Path(app.outdir) / folder).rglob("*.*"):
            if path.relative_to(app.outdir).as_posix() not in made:
                path.unlink()


# --- Code and outputs ----------------------------------------------------------------------------


def executed_cells(app: Sphinx, page: str) -> list[NotebookNode]:
    """Read a chapter's code cells, with the outputs that the execution cache keeps for them."""
    notebook = executed_notebook(app, page)
    try:
        cache = get_cache(app.config.nb_execution_cache_path)
        _, notebook = cache.merge_match_into_notebook(notebook)
    except KeyError as error:
        raise ExtensionError(f"{page} has no kept outputs: no notebook") from error
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags_of(cell: NotebookNode) -> set[str]:
    return {tag.replace("_", "-") for tag in cell.metadata.get("tags", [])}


def shown(code: list[NotebookNode]) -> list[int]:
    """Return the places of the cells that appear on the page."""
    return [index for index, cell in enumerate(code) if "remove-cell" not in tags_of(cell)]


def arrange(
    blocks: list[str | int], code: list[NotebookNode], folded: set[int]
) -> list[NotebookNode]:
    """Return prose and code in order.

    A cell that the page leaves out stands before the next one, for later cells may use its names.
    """
    cells, places, done = [], shown(code), 0
    for block in blocks:
        if isinstance(block, str):
            cells.append(new_markdown_cell(block))
            continue
        until = places[block] + 1
        cells += [code_cell(cell, block in folded) for cell in code[done:until]]
        done = until
    return cells + [code_cell(cell, True) for cell in code[done:]]


def code_cell(cell: NotebookNode, folded: bool) -> NotebookNode:
    """Return a cell with what the page shows of it; what the page hides is folded."""
    tags = tags_of(cell)
    metadata: dict[str, Any] = {"tags": sorted(tags)} if tags else {}
    if folded or tags & HIDDEN_SOURCE:
        metadata["jupyter"] = {"source_hidden": True}
        metadata["cellView"] = "form"  # the same for Colab
    outputs = [output for output in cell.outputs if is_shown(output, tags)]
    if outputs and (folded or tags & HIDDEN_OUTPUT):
        metadata.setdefault("jupyter", {})["outputs_hidden"] = True
        metadata["collapsed"] = True  # the same for older programs
    return new_code_cell(
        cell.source, metadata=metadata, outputs=outputs, execution_count=cell.execution_count
    )


def is_shown(output: NotebookNode, tags: set[str]) -> bool:
    """Say whether an output is for readers: what tags remove is not."""
    if tags & {"remove-cell", "remove-output"}:
        return False
    return output.output_type != "stream" or f"remove-{output.name}" not in tags


# --- Links and images ----------------------------------------------------------------------------


def repository(app: Sphinx) -> str | None:
    """Return the web address of the repository, as `lenet_book` found it."""
    return app.config.html_theme_options.get("repository_url") or None


def published(app: Sphinx, page: str, address: str) -> str | None:
    """Return the address of a link on the web; None where the book's own is not known."""
    if urlsplit(address).scheme:
        return address
    if not app.config.html_baseurl:
        return None
    here = urljoin(app.config.html_baseurl, app.builder.get_target_uri(page))
    return urljoin(here, address)


def embedded(app: Sphinx, page: str, address: str) -> str:
    """Return an image's content as an address. Colab shows no attachments, but it shows these."""
    if address.startswith("data:"):  # as of a picture that was pasted into a notebook
        return address
    name = posixpath.basename(unquote(urlsplit(address).path))
    # Sphinx copies images after the pages are written: so look where they come from.
    sources = [Path(app.srcdir) / path for path, copy in app.builder.images.items() if copy == name]
    sources += [Path(app.srcdir) / folder / name for folder in app.config.html_static_path]
    source = next((path for path in sources if path.is_file()), None)
    if source is None:
        raise ExtensionError(f"{page}: the image {address} is not found: no notebook")
    kind = mimetypes.guess_type(name)[0] or "image/svg+xml"
    return f"data:{kind};base64,{base64.b64encode(source.read_bytes()).decode()}"


# --- Works ---------------------------------------------------------------------------------------


def cited_works(app: Sphinx, doctree: nodes.document) -> dict[str, str]:
    """Return the works cited on a page as "LeCun et al., 1998b", by their keys."""
    entries = app.env.get_domain("cite").bibdata.data.entries
    listed = {name for footnote in doctree.findall(nodes.footnote) for name in footnote["ids"]}
    names = {key: author_year(entries[key]) for key in entries if identity(key) in listed}
    alike = Counter(names.values())
    letters: Counter[str] = Counter()
    for key, name in names.items():
        if alike[name] > 1:
            names[key] = f"{name}{'abcdefghij'[letters[name]]}"
            letters[name] += 1
    return names


def identity(key: str) -> str:
    """Return the identity that sphinxcontrib-bibtex gives to the footnote of a work."""
    return make_id(f"footcite-{key}")


def author_year(entry: Any) -> str:
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [" ".join(map(str, [*p.rich_prelast_names, *p.rich_last_names])) for p in people]
    first = names[0] if names else entry.fields.get("organization", entry.key)
    who = f"{first} et al." if len(names) > 2 else " and ".join(names) or first
    return f"{who}, {entry.fields.get('year', 'n. d.')}"
