"""What a chapter says in whole words: its running text and captions, sentence by sentence.

Not among them are code and what it prints, formulas on lines of their own, tables, and exercises
with their solutions.
"""

import re
from textwrap import dedent

from inline_numbers import NAME, blocks
from sentences import PROSE, sentences

# Of the directives with prose inside, those that are no running text: the panels of the playground
# say there only what stands in their place where no script runs.
APART = {"exercise", "solution", "list-table", "glossary", "playground"}
BEGIN = re.compile(r"\s*\{(?:exercise|solution)-start\}")
END = re.compile(r"\s*\{(?:exercise|solution)-end\}")
ROLE = re.compile(r"\{[\w:-]+\}(?P<ticks>`+)(?P<words>.+?)(?P=ticks)(?!`)", re.DOTALL)
# What roles, links, code and formulas show, in as many words as it is read in.
SHOWN = [
    (re.compile(r"\{footcite\w*\}`[^`]*`"), ""),
    (re.compile(r"\{(?:term|ref|doc)\}`([^`<]+?)(?: <[^>]*>)?`"), r"\1"),
    (ROLE, "1"),
    (re.compile(r"\[([^\]\n]*)\]\([^)\n]*\)"), r"\1"),
    (re.compile(r"`+[^`\n]+`+|\$[^$\n]+\$"), "1"),
]


def paragraphs(text: str) -> list[str]:
    """Return a page's paragraphs, headings and captions, as they are written."""
    found: list[str] = []
    apart = tables = 0
    for token in blocks(text):
        if token.type in {"fence", "colon_fence"}:
            apart += bool(BEGIN.match(token.info)) - bool(END.match(token.info))
            name = NAME.match(token.info)
            if not apart and name and name[1] in PROSE - APART:
                if name[1] != "caption":  # there the figure's name follows
                    found.append(token.info[name.end() :].strip())
                inside = [line for line in token.content.split("\n") if not is_option(line)]
                found += paragraphs(dedent("\n".join(inside)))
        tables += (token.type == "table_open") - (token.type == "table_close")
        if token.type == "inline" and not apart and not tables:
            found.append(" ".join(token.content.split()))
    return found


def is_option(line: str) -> bool:
    return re.match(r"\s*:[\w-]+:", line) is not None


def shown(words: str) -> str:
    """Return words as they are read, a figure in the place of each number and formula."""
    for pattern, text in SHOWN:
        words = pattern.sub(text, words)
    return words


def count_words(text: str) -> int:
    """Count the words of a page's running text and captions."""
    words = " ".join(map(shown, paragraphs(text))).split()
    return sum(any(letter.isalnum() for letter in word) for word in words)


def running_sentences(text: str) -> list[str]:
    """Return the sentences of a page's running text and captions, as they are written."""
    return [one for paragraph in paragraphs(text) for one in sentences(paragraph)]
