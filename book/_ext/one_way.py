"""Numbers are written in one way in prose: 0.8%, 60,000, and sizes with a sign for "times".

`sentences.py` says where it is otherwise, and with `--write` puts it right; `tables` writes tables
so. Only words are touched, those of headings, tables and alternative texts included: no code, role,
formula or address.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from inline_numbers import SPAN, without_code

CELL = re.compile(r"^[ \t]*(`{3,})\{code-cell\}.*?^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
# What keeps its form, besides cells and blocks of code; each is one mark, as long as it is.
KEPT = (
    re.compile(r"\A---\n.*?^---$", re.MULTILINE | re.DOTALL),
    re.compile(r"\{[\w:-]+\}(?=`)"),
    SPAN,
    re.compile(r"\$[^$\n]+\$|\]\([^)\n]*\)|<[^>\n]+>|\([\w-]+\)=|https?://\S+"),
)
TIMES = "\N{MULTIPLICATION SIGN}"
WAYS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    # Not in the name of a network such as 28x28-300-10.
    (
        re.compile(r"(?<![\w.,])(?!0x)(\d+)(?:x| x )(?=\d)(?!\d+-\d)"),
        lambda found: f"{found[1]} {TIMES} ",
    ),
    (re.compile(r"(?<=[\d\0]) %(?!\w)"), lambda found: "%"),
    (re.compile(r"(?<![\w.,/-])\d{5,}(?![\w/-])"), lambda found: f"{int(found[0]):,}"),
)


def formatted(text: str) -> str:
    """Return Markdown in which sizes, percentages and thousands look the same everywhere."""
    for pattern, way in WAYS:
        masked = without_code(text)
        for cell in CELL.finditer(text):
            masked = masked[: cell.start()] + "\0" * len(cell[0]) + masked[cell.end() :]
        for kept in KEPT:
            masked = kept.sub(lambda found: "\0" * len(found[0]), masked)
        for found in reversed(list(pattern.finditer(masked))):
            text = text[: found.start()] + way(found) + text[found.end() :]
    return text


def written(words: str) -> str:
    """Return words, none of which is code, with their numbers in the book's form."""
    for pattern, way in WAYS:
        words = pattern.sub(way, words)
    return words
