"""No chapter is longer than one sitting: its running text and captions are counted."""

import pytest
from building import CHAPTERS, ROOT
from prose import count_words, running_sentences

LIMIT = 3_000  # words, without code, outputs, tables, exercises and their solutions


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_is_no_longer_than_its_limit(chapter):
    words = count_words((ROOT / f"{chapter}.md").read_text(encoding="utf-8"))
    assert words <= LIMIT, f"{chapter} has {words:,} words; what is side matter could go elsewhere"


CELL = "```{code-cell} ipython3\nprint('one two three')\n```\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# One two\n\nThree, four - five.", 5),
        ("- one two\n- three\n\n> four", 4),
        (f"One.\n\n{CELL}\nTwo.", 2),
        ("It has {eval}`f'{a} {b}'` and {term}`two words <two>`, {term}`three`.", 7),
        ("As [said there](a.md) {footcite}`a1998` in `a b` and $a + b$.", 7),
        ("```{caption} fig-a\n:alt: Not counted.\nOne two.\nThree.\n```", 3),
        ("```{admonition} One two\n:class: tip\n- three\n- four\n```", 4),
        ("````{admonition} One\n```{note}\ntwo\n```\n````", 2),
        ("```{playground} layers\nWithout scripts this stands here.\n```", 0),
        ("| one | two |\n|---|---|\n| three | four |\n\nFive.", 1),
        ("```{list-table} Of two\n* - one\n  - two\n```", 0),
        ("$$one two$$\n\n```{math}\n:label: eq-a\na b\n```", 0),
        (
            "One.\n```{exercise-start}\n:label: ex-a\n```\nTwo?\n```{exercise-end}\n```\n"
            f"````{{solution-start}} ex-a\n````\nThree.\n{CELL}```{{note}}\nFour.\n```\n"
            "````{solution-end}\n````\nFive.",
            2,
        ),
    ],
)
def test_words_are_those_of_running_text_and_captions(text, words):
    assert count_words(text) == words


def test_sentences_are_as_written():
    text = "One {eval}`n`. Two\nlines.\n\n| three. |\n|---|\n\n- Four."
    assert running_sentences(text) == ["One {eval}`n`.", "Two lines.", "Four."]
