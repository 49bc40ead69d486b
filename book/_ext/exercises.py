"""Exercises: labels are checked before anything runs, and solutions can be left out of the book.

sphinx-exercise 1.2 reports a label that two exercises share with a file that does not exist, then
ends in a traceback on an innocent page; with its own `hide_solutions: true` it crashes on every
solution that has cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata

EXERCISE = re.compile(
    r"^[`:]{3,}\{exercise(?:-start)?\}.*\n(?:\s*:(?!label:)\w+:.*\n)*\s*:label: *(\S+)",
    re.MULTILINE,
)
SOLUTION = re.compile(r"^[`:]{3,}\{solution(?:-start)?\} *(\S+)", re.MULTILINE)
# A solution with cells lies between two directives, one without cells inside a single one.
WHOLE_SOLUTION = re.compile(
    r"^([`:]{3,})\{solution-start\}.*?^[`:]{3,}\{solution-end\}.*?^[`:]{3,}[ \t]*$"
    r"|^([`:]{3,})\{solution\}.*?^\2[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Check before chapters run, and take solutions out of what Sphinx reads."""
    app.add_config_value("without_solutions", False, "env", bool)
    app.connect("config-inited", take_over_hiding, priority=400)
    app.connect("source-read", leave_out_solutions)
    app.connect("env-before-read-docs", check_labels, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def take_over_hiding(app: Sphinx, config: Config) -> None:
    """Do what sphinx-exercise's setting `hide_solutions` says in its place."""
    config.without_solutions = bool(config.hide_solutions)
    config.hide_solutions = False


def leave_out_solutions(app: Sphinx, page: str, content: list[str]) -> None:
    """Put empty lines in the place of solutions: warnings still name the right lines."""
    if app.config.without_solutions:
        content[0] = WHOLE_SOLUTION.sub(lambda found: "\n" * found[0].count("\n"), content[0])


class Label(NamedTuple):
    """Where a page names an exercise."""

    exercise: str
    place: str


def check_labels(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    """End the build if an exercise has another's label, or a solution no exercise.

    Raises:
        SystemExit: With one line for each slip.
    """
    files = [Path(env.doc2path(page)) for page in sorted(env.found_docs)]
    texts = {
        path.relative_to(app.srcdir).as_posix(): path.read_text("utf-8-sig", errors="replace")
        for path in files
        if path.suffix == ".md"
    }
    errors = list(slips(texts))
    if errors:
        raise SystemExit("\n".join(errors))


def slips(texts: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with the labels of exercises in the texts of pages, by their names."""
    first: dict[str, str] = {}
    for label, place in found(EXERCISE, texts):
        if label in first:
            yield f"{place}: the label {label} is taken by {first[label]}. Choose another."
        first.setdefault(label, place)
    for label, place in found(SOLUTION, texts):
        if label not in first:
            near = get_close_matches(label, first, n=1)
            hint = f" Is {near[0]} meant, at {first[near[0]]}?" if near else ""
            yield f"{place}: no exercise has the label {label} that this solution is for.{hint}"


def found(pattern: re.Pattern[str], texts: dict[str, str]) -> Iterator[Label]:
    """Yield the labels that a pattern finds, with file and line."""
    for name, text in texts.items():
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start(1)) + 1
            yield Label(match[1], f"{name}:{line}")
