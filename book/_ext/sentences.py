"""One sentence a line in the chapters, so that a change of words shows as a change of one sentence.

    python book/_ext/sentences.py book/*.md            says where it is otherwise
    python book/_ext/sentences.py --write book/*.md    puts it right

It does the same for numbers, which `one_way` has in one form each.

Only paragraphs are touched, those in lists, quotations and directives with prose included: no code,
formula, table, heading or option. A line break is a space to the page, so its text stays the same.
"""

from __future__ import annotations

import argparse
import re
import sys
from itertools import groupby
from pathlib import Path

import one_way
from inline_numbers import NAME, SPAN, blocks

PROSE = {
    *("admonition", "note", "tip", "hint", "important", "warning", "seealso", "dropdown"),
    *("caption", "figure", "exercise", "solution", "playground", "epigraph", "margin"),
    *("glossary", "list-table"),
    *("grid", "grid-item", "grid-item-card", "card", "tab-set", "tab-item"),
}
# A sentence ends in a full stop and what may follow it, before a space and what one begins with.
END = re.compile(r"[.!?][\"')\]*_]*\x00* +(?=[\"'(\[*_]*[A-Z0-9\x00])")
# A full stop that ends no sentence, though a capital or a figure follows.
ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|pp?|Figs?|figs?|[Ee]qs?|al|e\.g|i\.e|cf|vs|vol|ch|St|Dr|ed|eds)|^\d+)\.$"
)
# What a line must not begin with, for it would be a list, a heading, a quotation or a block.
BLOCK = re.compile(r"\d+[.)]( |$)|[-+*#>|:%=]( |$)|\$\$|\||```|:::|---|\+\+\+|\([^)]*\)=")
SPECIAL = re.compile(
    r"\$[^$\n]+\$|\[[^\]\n]*\]\([^)\n]*\)|<[^>\n]+>"
)  # besides code spans and roles
HARD_BREAK = re.compile(r"(?:\\| {2})\n")


def formatted(text: str) -> str:
    """Return Markdown with one sentence a line."""
    lines = text.split("\n")
    # From the end, so that the numbers of the lines before stay right.
    for token in reversed(blocks(text)):
        if token.map is None:
            continue
        first, after = token.map
        if token.type == "inline" and is_paragraph(lines[first:after], token.content):
            lines[first:after] = paragraph(lines[first], token.content)
        elif token.type in {"fence", "colon_fence"} and directive(token.info) in PROSE:
            inside = lines[first + 1 : after - 1]
            is_glossary = directive(token.info) == "glossary"
            lines[first + 1 : after - 1] = glossary(inside) if is_glossary else content(inside)
    return "\n".join(lines)


def directive(info: str) -> str:
    name = NAME.match(info)
    return name[1] if name else ""


def is_paragraph(lines: list[str], words: str) -> bool:
    """Say whether these lines are the words, each after what its place in a list asks for."""
    parts = words.split("\n")
    if not lines:  # a figure of HTML has words that stand in no line of their own
        return False
    is_whole = len(parts) == len(lines) and all(
        line.rstrip().endswith(part.strip()) for line, part in zip(lines, parts, strict=True)
    )
    is_table_or_heading = lines[0].lstrip(" >").startswith(("|", "#"))
    return is_whole and not is_table_or_heading and not HARD_BREAK.search(words)


def paragraph(line: str, words: str) -> list[str]:
    """Return a paragraph's lines; ``line`` is its first one, which may begin with a list's mark."""
    start = words.split("\n")[0].strip()
    mark = line[: line.rindex(start)]
    further = re.sub(r"[^>\s]", " ", mark)
    first, *others = sentences(" ".join(part.strip() for part in words.split("\n")))
    return [mark + first, *(further + other for other in others)]


def sentences(words: str) -> list[str]:
    """Return the sentences of a paragraph."""
    # Code, roles, formulas and addresses are one mark each, as long as they are.
    masked = SPAN.sub(lambda span: "\0" * len(span[0]), re.sub(r"\{[\w:-]+\}(?=`)", mask, words))
    masked = SPECIAL.sub(mask, masked)
    found, last = [], 0
    for end in END.finditer(masked):
        stop = end.start() + 1
        if ABBREVIATION.search(masked[last:stop]) or BLOCK.match(words[end.end() :]):
            continue
        found.append(words[last : end.end()].rstrip())
        last = end.end()
    return [*found, words[last:]]


def mask(match: re.Match[str]) -> str:
    return "\0" * len(match[0])


def content(lines: list[str]) -> list[str]:
    """Return a directive's content with its prose formatted, its options left alone."""
    begin = 0
    if lines and lines[0].strip() == "---":
        begin = next((n for n, line in enumerate(lines[1:], 2) if line.strip() == "---"), 1)
    else:
        while begin < len(lines) and re.match(r"\s*:[\w-]+:", lines[begin]):
            begin += 1
    body = lines[begin:]
    margin = min((len(line) - len(line.lstrip()) for line in body if line.strip()), default=0)
    inside = formatted("\n".join(line[margin:] for line in body)).split("\n") if body else []
    return [*lines[:begin], *(" " * margin + line if line else line for line in inside)]


def glossary(lines: list[str]) -> list[str]:
    """Return a glossary's content, in which what a term means stands further in than the term."""
    result: list[str] = []
    for is_meaning, group in groupby(lines, key=lambda line: line.startswith(" ")):
        part = list(group)
        result += content(part) if is_meaning else part
    return result


RULES = {
    formatted: "not one sentence a line",
    one_way.formatted: "a size, a percentage or thousands as nowhere else",
}


def main() -> int:
    """Check the files named on the command line, or write them anew."""
    parser = argparse.ArgumentParser(description="One sentence a line in Markdown.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true", help="put it right")
    options = parser.parse_args()
    found = 0
    for path in options.files:
        before = path.read_text(encoding="utf-8")
        if options.write:
            after = one_way.formatted(formatted(before))
            if before != after:
                path.write_text(after, encoding="utf-8", newline="\n")
            continue
        for rule, slip in RULES.items():
            after = rule(before)
            if before == after:
                continue
            found += 1
            pairs = zip(before.split("\n"), after.split("\n"), strict=False)
            line, right = next((n, b) for n, (a, b) in enumerate(pairs, 1) if a != b)
            print(f"{path}:{line}: {slip}; `make format` makes it: {right.strip()}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
