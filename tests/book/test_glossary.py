"""The glossary has the words that a beginner lacks, and chapters link each where it comes first."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

import pytest
from building import CHAPTERS, ROOT
from inline_numbers import blocks
from sentences import PROSE, directive

# How the text speaks of an entry, where that is not its own name or its plural.
TERMS = {
    "Adam": r"Adam",
    "AdamW": r"AdamW",
    "autograd": r"autograd",
    "back-propagation": r"back-?propagat(?:ion|es?|ed|ing)",
    "batch": r"batch(?:es)?(?! normali[sz])",
    "batch normalisation": r"batch normali[sz]ation",
    "breaking the symmetry": r"break(?:s|ing)? (?:a|the|of) symmetry",
    "C1": r"(?:C[135]|S[24]|F6)",
    "connection table": r"connection tables?",
    "convolution": r"convolutions?",
    "cross-correlation": r"cross-correlations?",
    "cross-entropy": r"cross-entrop(?:y|ies)",
    "curvature": r"curvatures?",
    "deslanting": r"deslant(?:s|ed|ing)?",
    "dropout": r"dropout",
    "epoch": r"epochs?",
    "equivariance": r"equivarian(?:ce|t)",
    "fan-in": r"fan-ins?",
    "feature map": r"feature maps?",
    "gradient": r"gradients?(?! descent)",
    "gradient descent": r"gradient descent",
    "H1": r"H[1-4]",
    "invariance": r"invarian(?:ces?|t)",
    "kernel": r"kernels?",
    "label smoothing": r"label smoothing",
    "learning rate": r"learning rates?",
    "logistic function": r"logistic(?: functions?)?",
    "loss": r"loss(?:es)?",
    "Lush": r"Lush",
    "one-cycle schedule": r"one-cycle(?: schedules?)?",
    "over-fitting": r"over-?fit(?:s|ted|ting)?",
    "padding": r"pad(?:s|ded|ding)?",
    "RBF unit": r"RBF(?: units?)?",
    "receptive field": r"receptive fields?",
    "rejection": r"reject(?:s|ed|ing|ions?)?",
    "ReLU": r"ReLUs?",
    "rubbish class": r"rubbish class",
    "saturation": r"saturat(?:ion|es?|ed|ing)",
    "scaled tanh": r"scaled tanh",
    "seed": r"seeds?",
    "softmax": r"softmax",
    "squashing function": r"squashing functions?",
    "stochastic diagonal Levenberg-Marquardt": r"(?:SDLM|Levenberg-Marquardt)",
    "stride": r"strides?",
    "Student's t": r"(?-i:Student's)(?: t)?",
    "subsampling layer": r"subsampl(?:es?|ed|ing)(?: layers?)?",
    "test set": r"test set",
    "validation set": r"validation (?:set|digits?)",
    "weight decay": r"weight decay",
    "weight sharing": r"(?:weight sharing|shared weights|shar(?:es?|ing) (?:the |their )?weights)",
    "Wilson's interval": r"Wilson's(?: interval)?",
}
NOT_LINKED = {
    "book/glossary": "it is what the links lead to",
    "book/api": "made from docstrings, which are read in editors, too",
    "book/exercises": "made from the chapters",
    "book/references": "a list of works",
    "book/status": "a table of run times",
}
CARDS = {"grid-item-card", "card"}  # each is one link already
GLOSSARY = ROOT / "book/glossary.md"

TERM = re.compile(r"\{term\}`(?:[^`<]*<)?([^`<>]+)>?`")
# What is no running text: code, roles, formulas, links to elsewhere.
SILENT = re.compile(
    r"(?:\{[\w:-]+\})?(`+)(?!`).+?(?<!`)\1(?!`)|\$[^$\n]+\$|\[[^\]\n]*\]\([^)\n]*\)"
)

Place = tuple[int, int]  # a line and a column
Lines = Iterable[tuple[int, str]]  # each with its number


class Entry(NamedTuple):
    names: list[str]
    meaning: str


def entries() -> list[Entry]:
    """Return the glossary's entries; several names may share one meaning."""
    text = GLOSSARY.read_text(encoding="utf-8")
    inside = re.search(r"^```\{glossary\}\n(.*?)^```$", text, re.M | re.S)[1]
    parts = re.findall(r"((?:^\S.*\n)+)((?:^[ ].*\n|^\n)+)", inside + "\n", re.M)
    return [Entry(names.split("\n")[:-1], meaning) for names, meaning in parts]


def running_text(text: str, before: int = 0) -> Iterator[tuple[int, str]]:
    """Name each line of prose, tables, captions and exercises included, with its number."""
    lines = text.split("\n")
    kind = ""
    for token in blocks(text):
        if token.type != "inline":
            kind = token.type
        if token.map is None:
            continue
        first, after = token.map
        if token.type == "inline" and kind != "heading_open":
            yield from ((before + n + 1, lines[n]) for n in range(first, after))
        elif token.type in {"fence", "colon_fence"}:
            name = directive(token.info)
            if name in PROSE - CARDS:
                inside = lines[first + 1 : after - 1]
                # Its options, such as the words for who cannot see a picture, cannot hold a link.
                inside = ["" if re.match(r"\s*:[\w-]+:", line) else line for line in inside]
                margin = min((len(s) - len(s.lstrip()) for s in inside if s.strip()), default=0)
                inside = [line[margin:] for line in inside]
                yield from running_text("\n".join(inside), before + first + 1)


@cache
def silenced(line: str) -> str:
    """Return a line with spaces for what is no running text."""
    return SILENT.sub(lambda span: " " * len(span[0]), line)


def first_uses(lines: Lines, pattern: str, names: list[str]) -> tuple[Place | None, Place | None]:
    """Return where a term comes first in running text, and where it is linked first."""
    use: Place | None = None
    link: Place | None = None
    word = re.compile(rf"(?<![\w-]){pattern}(?![\w-])", re.I)
    wanted = {name.lower() for name in names}
    for number, line in lines:
        for role in TERM.finditer(line):
            if link is None and role[1].strip().lower() in wanted:
                link = (number, role.start())
        found = word.search(silenced(line))
        if use is None and found:
            use = (number, found.start())
    return use, link


def missing_links(chapter: str) -> list[str]:
    """Name each term whose first use in a chapter is no link, with the line where it stands."""
    lines = list(running_text((ROOT / f"{chapter}.md").read_text(encoding="utf-8")))
    by_name = {name: entry.names for entry in entries() for name in entry.names}
    missing = []
    for term, pattern in TERMS.items():
        use, link = first_uses(lines, pattern, by_name.get(term, [term]))
        if use is not None and (link is None or use < link):
            missing.append(f"{chapter}.md:{use[0]}: {term}")
    return missing


@pytest.mark.parametrize("term", TERMS)
def test_the_glossary_has_it(term):
    assert term in [name for entry in entries() for name in entry.names]


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.names[0])
def test_each_entry_leads_to_a_chapter_that_speaks_of_it(entry):
    chapters = re.findall(r"\]\(([\w-]+)\.md\)", entry.meaning)
    assert chapters, f"{entry.names[0]}: no chapter named"
    known = entry.names[0] in TERMS
    pattern = TERMS[entry.names[0]] if known else rf"{re.escape(entry.names[0])}\w*"
    for chapter in chapters:
        text = (ROOT / f"book/{chapter}.md").read_text(encoding="utf-8")
        assert re.search(rf"(?<!\w){pattern}(?!\w)", text, re.I), f"{entry.names[0]}: {chapter}"


@pytest.mark.parametrize("chapter", [name for name in CHAPTERS if name not in NOT_LINKED])
def test_a_term_is_linked_where_a_chapter_uses_it_first(chapter):
    missing = missing_links(chapter)
    assert not missing, "not linked to the glossary at first use:\n" + "\n".join(missing)


@pytest.mark.parametrize(
    ("text", "use", "link"),
    [
        ("A softmax. A {term}`softmax`.", (1, 2), (1, 13)),
        ("A {term}`share <softmax>`.\nThe Softmax.", (2, 4), (1, 2)),
        ("# Softmax\n\n`softmax`, [softmax](a.md), $softmax$, {ref}`softmax <a>`.", None, None),
        ("```{caption} fig-a\n:alt: A softmax.\nOne\nsoftmax.\n```", (4, 0), None),
        ("1. a softmax-like\n2. thing\n\n| a | softmax |\n|--|--|\n| b | c |", (4, 6), None),
        ("```{code-cell}\n# softmax\n```\n\n:::{card}\nsoftmax\n:::", None, None),
        ("```{list-table}\n* - one\n  - softmax\n```", (3, 4), None),
        ("- one\n\n  ```{note}\n  two softmaxes, a softmax\n  ```", (4, 17), None),
    ],
)
def test_what_counts_as_a_first_use(text, use, link):
    assert first_uses(running_text(text), "softmax", ["softmax"]) == (use, link)
