"""Where a chapter compares networks over several seeds, it says over how many, and how surely.

`python tests/book/test_comparisons.py` lists every sentence that shows what a comparison gave.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "book/_ext"), str(ROOT / "tests/support")]  # when it is run by itself

from inline_numbers import as_python  # noqa: E402
from prose import running_sentences  # noqa: E402

IMPORT = re.compile(r"^from lenet_utils\.training import [^\n]*(?:\n    [^\n]*)*difference\b", re.M)
COMPARE = {"difference", "paired_difference"}
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```", re.M | re.S)
OPTIONS = re.compile(r"\A(?:(?::[^\n]*\n)+|---\n.*?\n---\n)", re.S)
EVAL = re.compile(r"\{eval\}(`+)(.+?)\1(?!`)", re.S)
IN_WORDS = re.compile(r"told apart|interval\w* .*\bzero\b", re.S)
COUNT = r"(?:\{eval\}`[^`]+`|\d+|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty)"
# What has to stand in the section of such a sentence, and what somewhere in its chapter.
BESIDE = {"the number of seeds": COUNT + r" (?:\{term\}`)?seeds", "an interval": r"\binterval"}
IN_CHAPTER = {
    "the interval's level": r"95 ?%",
    "the interval's name": "Student|Welch",
}
CORRECTION = {"the correction for their number": "Holm"}  # where there are several
MANY = ast.For | ast.FunctionDef | ast.ListComp | ast.DictComp | ast.GeneratorExp


def chapters() -> dict[str, str]:
    """Return the text of each chapter that compares over seeds."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in ROOT.glob("book/*.md")}
    return {name: text for name, text in sorted(texts.items()) if IMPORT.search(text)}


def names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def code(text: str) -> list[ast.AST]:
    """Return all nodes of a chapter's cells, cell by cell."""
    cells = (ast.parse(OPTIONS.sub("", cell)) for cell in CELL.findall(text))
    return [node for cell in cells for node in ast.walk(cell)]


def makes_several(text: str) -> bool:
    """Say whether a chapter makes more than one comparison, as far as its code shows."""
    nodes = code(text)
    calls = [node for node in nodes if isinstance(node, ast.Call) and names(node.func) & COMPARE]
    return len(calls) > 1 or any(isinstance(node, MANY) and names(node) & COMPARE for node in nodes)


def root(value: ast.expr) -> str:
    """Return the name that an expression begins with: `d` of `d["a"].mean`, `f` of `f(x)`."""
    while isinstance(value, ast.Attribute | ast.Subscript | ast.Call):
        value = value.func if isinstance(value, ast.Call) else value.value
    return value.id if isinstance(value, ast.Name) else ""


def compared(text: str) -> set[str]:
    """Return the names in a chapter's cells that hold what comparisons gave."""
    comparing, found = set(COMPARE), set()  # functions, and what they gave
    for node in code(text):
        if isinstance(node, ast.FunctionDef) and names(node) & comparing:
            comparing.add(node.name)
        elif isinstance(node, ast.Assign) and (
            names(node.value) & comparing or root(node.value) in found
        ):
            found |= set().union(*(names(target) for target in node.targets))
    return found


def sections(text: str) -> list[str]:
    """Return a chapter's sections, without its exercises."""
    return [part for part in re.split(r"^(?=## )", text, flags=re.M) if "## Exercises" not in part]


def comparisons(text: str) -> Iterator[tuple[str, str]]:
    """Return each sentence that says what a comparison gave, and its section."""
    known = compared(text)
    for section in sections(text):
        for sentence in running_sentences(section):
            shown = [as_python(" ".join(words.split())) for _, words in EVAL.findall(sentence)]
            if IN_WORDS.search(sentence) or any(names(ast.parse(one)) & known for one in shown):
                yield sentence, section


def missing(text: str) -> list[str]:
    """Name what a chapter does not say of its comparisons."""
    found = list(comparisons(text))
    gaps = [
        f"no word of {what} in the section of: {sentence}"
        for sentence, section in found
        for what, pattern in BESIDE.items()
        if not re.search(pattern, section)
    ]
    wanted = IN_CHAPTER | (CORRECTION if makes_several(text) else {})
    gaps += [f"nowhere {what}" for what, words in wanted.items() if not re.search(words, text)]
    return gaps if found else ["compares in its cells, and says nowhere what came out"]


@pytest.mark.parametrize("chapter", chapters())
def test_a_comparison_names_its_seeds_its_interval_and_the_correction(chapter):
    gaps = missing(chapters()[chapter])
    assert not gaps, f"book/{chapter}.md:\n" + "\n".join(gaps)


CHAPTER = """
```{code-cell} ipython3
:tags: [remove-cell]

from lenet_utils.training import difference
gain = difference(a, b)
rest = difference(b, c)
```

## Result

Over {eval}`n` seeds A makes {eval}`gain.mean:.0f` errors more; the 95 % interval is Welch's.
With Holm's correction they are told apart.

## Exercises

What is {eval}`gain.low`?
"""


@pytest.mark.parametrize(
    ("there", "instead", "gap"),
    [
        ("", "", None),
        ("{eval}`n` seeds", "all seeds", "no word of the number of seeds"),
        ("interval is Welch's", "spread is Welch's", "no word of an interval"),
        ("95 %", "wide", "nowhere the interval's level"),
        ("Welch's", "ours", "nowhere the interval's name"),
        ("Holm's", "no", "nowhere the correction"),
        ("rest = difference(b, c)\n", "", None),
        ("## Result", "Over three seeds: an interval.\n\n## Result", None),
        ("With Holm's", "## Apart\n\nWith Holm's", "no word of the number of seeds"),
        ("{eval}`gain.mean:.0f`", "{eval}`mean`", None),
    ],
)
def test_what_is_missing_is_named(there, instead, gap):
    gaps = missing(CHAPTER.replace(there, instead) if there else CHAPTER)
    assert any(one.startswith(gap) for one in gaps) if gap else not gaps


def test_sentences_are_found_by_their_numbers_and_by_their_words():
    assert [sentence.split()[0] for sentence, _ in comparisons(CHAPTER)] == ["Over", "With"]


def test_what_a_comparison_gave_is_followed_through_the_cells():
    cells = """
```{code-cell} ipython3
def against(x, level=0.95):
    return difference(x, b, level)

all_of_them = {name: against(x) for name, x in kinds.items()}
first, second = all_of_them.values()
low = first.low
table = frame(all_of_them)
```
"""
    follow = {"gain", "rest", "all_of_them", "first", "second", "low"}
    assert compared(CHAPTER + cells) == follow


if __name__ == "__main__":
    for name, text in chapters().items():
        print(f"\n{name}")
        print(*(f"- {sentence}" for sentence, _ in comparisons(text)), sep="\n")
