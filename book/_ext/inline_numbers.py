"""`{eval}` in prose: a number where it stands, computed by the page's own code and cached with it.

    LeNet-5 has {eval}`f"{parameters:,}"` parameters in {eval}`len(layers)` layers.

What stands between the backticks is one Python expression. It sees the names of all cells before
it, changes nothing, and gives text, a whole number, or another number as Python's own; everything
else is put into an f-string, which says how it is to look. Then JupyterLab (with jupyterlab-myst)
shows the same number live. ``{eval}`parameters:,` `` is short for the f-string, for the built book
only. It works wherever roles do: in captions, tables, admonitions and exercises, but not in a
directive's options, and not in code that only mentions it.

MyST-NB's own role of this name needs a live kernel (`execution_mode: inline`), which keeps nothing.
Here each stretch of prose between two cells gets one unseen cell before it, which asks what the
stretch wants to know; the execution cache keeps its answers. `with_numbers` adds these cells, and
whoever runs or looks up a chapter's cells calls it first. An expression that fails stops the build.
"""

from __future__ import annotations

import ast
import re
from copy import deepcopy
from dataclasses import replace
from functools import cache
from textwrap import dedent
from typing import Any

import myst_nb.sphinx_
from docutils import nodes
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_nb.core.read import NbReader, create_nb_reader
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxRole

TAG = "inline-numbers"  # on the unseen cells
KIND = "numbers+json"
# What MyST-NB takes out of a cell's outputs and keeps for the page's roles.
GLUE = "application/papermill.record/"
ASK = """\
display({{"{glue}{kind}": get_ipython().user_expressions({{
{questions}
}})}}, raw=True, metadata={{"scrapbook": {{"name": "{name}", "mime_prefix": "{glue}"}}}})"""

# A code span, or a role, whose content is one: as many backticks at its end as at its beginning.
SPAN = re.compile(
    r"(?P<role>(?<!\\)\{eval\})?(?<![\\`])(?P<ticks>`+)(?!`)"
    r"(?P<words>(?:[^\n]|\n(?!\s*\n))+?)(?<!`)(?P=ticks)(?!`)"
)
NAME = re.compile(r"\s*\{([^}\s]+)\}")  # of the directive that a fence is
FENCE = re.compile(r"^[ \t>]*(?:[-*+] +)?`{3,}", re.MULTILINE)  # not the beginning of a span
VERBATIM = {"code", "code-block", "sourcecode", "literalinclude", "math", "raw", "eval-rst"}
BLOCKS = {"code_block", "math_block", "math_block_label", "amsmath", "html_block"}
COMMENTS = {"myst_line_comment", "myst_block_break", "front_matter"}
SYNTAX = MdParserConfig(
    enable_extensions={"amsmath", "colon_fence", "deflist", "dollarmath"},
    disable_syntax=["inline"],  # blocks are enough
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Put our role and our reader of chapters in the place of MyST-NB's."""
    app.setup_extension("myst_nb")  # first: it has a role of the same name
    app.add_role("eval", Answer(), override=True)
    # MyST-NB 1.4.0 lets nobody in between reading a chapter and running it. To change the text that
    # it reads (at `source-read`) would move the lines that warnings name.
    myst_nb.sphinx_.create_nb_reader = reader_with_numbers
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def reader_with_numbers(*args: Any) -> NbReader | None:
    """Return MyST-NB's reader of a page, which adds the unseen cells as well."""
    reader = create_nb_reader(*args)
    if reader is not None:
        # Where cells begin does not hang on tasks, and MyST-NB 1.4 leaves the text of items
        # unparsed when it looks for cells, which mdit-py-plugins' tasklists do not bear.
        path, syntax, *others = args
        extensions = set(syntax.enable_extensions) - {"tasklist"}
        read = create_nb_reader(path, replace(syntax, enable_extensions=extensions), *others).read
        reader.read = lambda text: with_numbers(with_attachments(read(text)))
    return reader


def with_attachments(notebook: NotebookNode) -> NotebookNode:
    """Put pictures that were pasted into a notebook's text where they stand; in place."""
    for cell in notebook.cells:
        for name, forms in cell.get("attachments", {}).items():
            kind, data = next(iter(forms.items()))
            address = f"data:{kind};base64,{''.join(data.split())}"
            cell.source = cell.source.replace(f"(attachment:{name})", f"({address})")
    return notebook


# --- Questions -----------------------------------------------------------------------------------


def with_numbers(notebook: NotebookNode) -> NotebookNode:
    """Return a chapter with an unseen cell before each stretch of prose that asks for numbers.

    Its `{eval}` roles then name their cell, too. Where the chapter knows the lines at which its
    cells begin, those of the prose stay as they are.
    """
    result = deepcopy(notebook)
    known = notebook.metadata.get("source_map", [0] * len(notebook.cells))
    cells, lines, stretches = [], [], 0
    for cell, line in zip(result.cells, known, strict=True):
        questions: dict[str, str] = {}
        if cell.cell_type == "markdown":
            name = f"numbers-{stretches}"
            cell.source = numbered(cell.source, name, questions)
        if questions:
            stretches += 1
            cells.append(unseen_cell(name, questions))
            lines.append(line)
        cells.append(cell)
        lines.append(line)
    result.cells = cells
    if "source_map" in notebook.metadata:
        result.metadata["source_map"] = lines
    return result


def numbered(prose: str, name: str, questions: dict[str, str]) -> str:
    """Put a cell's name into the `{eval}` roles of its prose, and note what they ask."""

    if "{eval}" not in prose:
        return prose

    def named(span: re.Match[str]) -> str:
        if not span["role"]:
            return span[0]
        questions[on_one_line(span["words"])] = as_python(" ".join(span["words"].splitlines()))
        return f"{{eval}}{span['ticks']}{name} {span['words']}{span['ticks']}"

    # Spans are found where code is blanked out, and at the same places in the text itself.
    blanked = without_code(prose)
    pieces, last = [], 0
    for span in SPAN.finditer(blanked):
        pieces += [prose[last : span.start()], named(span)]
        last = span.end()
    return "".join([*pieces, prose[last:]])


def unseen_cell(name: str, questions: dict[str, str]) -> NotebookNode:
    """Return a cell that answers all questions, each by itself, failures included."""
    asked = [f"    {words!r}: {code!r}," for words, code in questions.items()]
    source = ASK.format(glue=GLUE, kind=KIND, name=name, questions="\n".join(asked))
    return new_code_cell(source, metadata={"tags": ["remove-cell", TAG]})


def is_unseen(cell: NotebookNode) -> bool:
    """Say whether a cell is one that `with_numbers` has added."""
    return TAG in cell.metadata.get("tags", [])


def on_one_line(words: str) -> str:
    """Return an expression as the page knows it: Markdown may have broken and indented it."""
    return " ".join(words.split())


def as_python(words: str) -> str:
    """Return ``words`` as they are if they are an expression, else ``format`` for ``value:,``."""
    words = words.strip()
    if is_expression(words):
        return words
    value, colon, form = words.rpartition(":")
    # No expression ends in a colon and a format, so the two cannot be confused.
    return f"format({value}, {form!r})" if colon and is_expression(value.strip()) else words


def is_expression(words: str) -> bool:
    try:
        ast.parse(words, mode="eval")
    except SyntaxError:
        return False
    return True


def without_code(prose: str) -> str:
    """Return prose of the same length in which blocks of code and fences are blanks."""
    lines = prose.split("\n")
    for number in lines_of_code(prose):
        lines[number] = " " * len(lines[number])
    return FENCE.sub(lambda fence: " " * len(fence[0]), "\n".join(lines))


@cache
def parser() -> MarkdownIt:
    """Return the parser of blocks, which takes longer to make than a page to parse."""
    return create_md_parser(SYNTAX, RendererHTML)


def blocks(text: str) -> list[Token]:
    """Return what blocks a text has, with their lines."""
    return parser().parse(text)


def lines_of_code(prose: str) -> set[int]:
    """Return the numbers of the lines that are code or comments."""
    lines, found = prose.split("\n"), set()
    for token in blocks(prose):
        if token.map is None:
            continue
        first, after = token.map
        if token.type in BLOCKS | COMMENTS:
            found |= set(range(first, after))
        elif token.type in {"fence", "colon_fence"}:
            directive = NAME.match(token.info)
            if directive is None or directive[1] in VERBATIM:
                found |= set(range(first, after))
                continue
            # The directive's content is prose; within a list or a quotation it begins further in.
            content = [re.sub(r"^\s*(> ?)+", "", line) for line in lines[first + 1 : after - 1]]
            found |= {first + 1 + n for n in lines_of_code(dedent("\n".join(content)))}
    return found


# --- Answers -------------------------------------------------------------------------------------


class Answer(SphinxRole):
    """Shows the answer that the unseen cell before this stretch of prose has given."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the answer as text."""
        name, _, words = self.text.partition(" ")
        words = on_one_line(words)
        page = self.inliner.document
        kept = page["nb_renderer"].renderer.nb_client.glue_data if "nb_renderer" in page else {}
        answer = kept[name]["data"][KIND].get(words) if name in kept else None
        if answer is None:
            self.fail(
                self.text, "there is no such number: it needs prose of a page whose code runs"
            )
        if answer["status"] == "error":
            self.fail(words, f"{answer['ename']}: {answer['evalue']}")
        shown = answer["data"].get("text/plain", "")
        try:
            value = ast.literal_eval(shown)
        except (SyntaxError, ValueError):
            value = None
        if not isinstance(value, int | float | str):
            self.fail(words, f'gives {shown}, which does not read well: write f"{{...}}"')
        text = str(value)
        number = nodes.inline(text, text, classes=["pasted-text"])
        self.set_source_info(number)
        return [number], []

    def fail(self, words: str, why: str) -> None:
        source, line = self.get_source_info()
        raise ExtensionError(f"{source}:{line}: {{eval}}`{words}`: {why}")
