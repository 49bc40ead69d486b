"""One sentence a line: paragraphs are put so, and everything else is left as it stands."""

import subprocess
import sys

import pytest
from building import ROOT
from sentences import formatted

CHANGED = {
    "One. Two\nthree.": "One.\nTwo three.",
    "Why? Because! So.": "Why?\nBecause!\nSo.",
    'He said "no." Then (yes.) Then *so.* Then.': 'He said "no."\nThen (yes.)\nThen *so.*\nThen.',
    "- One. Two.\n  Three\n- Four. Five.": "- One.\n  Two.\n  Three\n- Four.\n  Five.",
    "1. One. Two.\n2. Three.": "1. One.\n   Two.\n2. Three.",
    "> One. Two.": "> One.\n> Two.",
    "So it was. 1998. That is no list.": "So it was. 1998.\nThat is no list.",
    "A {eval}`f'{x:.1f}'` ends. {term}`So` begins. `x` too.": (
        "A {eval}`f'{x:.1f}'` ends.\n{term}`So` begins.\n`x` too."
    ),
    "It ends {footcite}`a1998b`. Next.": "It ends {footcite}`a1998b`.\nNext.",
    "It ends.{footcite}`a1998b` Next.": "It ends.{footcite}`a1998b`\nNext.",
    "At $a. B$. Then.": "At $a. B$.\nThen.",
    "```{note}\nOne. Two.\n```": "```{note}\nOne.\nTwo.\n```",
    "- a\n\n  ```{tip}\n  :class: x. Y\n  One. Two.\n  ```": (
        "- a\n\n  ```{tip}\n  :class: x. Y\n  One.\n  Two.\n  ```"
    ),
    "````{admonition} T.\nOne. Two.\n```{caption} f\n:alt: A. B.\nCee. Dee.\n```\n````": (
        "````{admonition} T.\nOne.\nTwo.\n```{caption} f\n:alt: A. B.\nCee.\nDee.\n```\n````"
    ),
    "No. Two.": "No.\nTwo.",
    "```{list-table} T. U.\n* - One. Two.\n  - Three.\n```": (
        "```{list-table} T. U.\n* - One.\n    Two.\n  - Three.\n```"
    ),
    "```{glossary}\nterm. T\n  One. Two\n  three.\n\nnext\n  Four. Five.\n```": (
        "```{glossary}\nterm. T\n  One.\n  Two three.\n\nnext\n  Four.\n  Five.\n```"
    ),
    "One. Two.\n\n- a. B.\n\nThree. Four.": "One.\nTwo.\n\n- a.\n  B.\n\nThree.\nFour.",
}
LEFT = [
    "See Fig. 3, p. 7, pp. 8, eq. 9, et al. A, i.e. B, J. Doe and eqs. 4.",
    "Half of 2.5 and v1.2 Beta.",
    "So ... it goes on. and on",
    "`One. Two.` and {eval}`'One. Two.'` and [a. B](c. D) and $a. B$",
    "One.  \nTwo. Three.",
    "One.\\\nTwo. Three.",
    "# One. Two.",
    "| One. Two. |\n|---|\n| Three. Four. |",
    "```python\n# One. Two.\n```",
    "```{code-cell} ipython3\n# One. Two.\n```",
    "    One. Two.",
    "$$\nOne. Two.\n$$",
    "% One. Two.",
    "---\ntitle: One. Two.\n---\n\nThree.",
]


@pytest.mark.parametrize(("before", "after"), CHANGED.items())
def test_paragraphs_get_one_sentence_a_line(before, after):
    assert formatted(before) == after
    assert formatted(after) == after


@pytest.mark.parametrize("text", LEFT)
def test_what_is_no_sentence_of_a_paragraph_stays(text):
    assert formatted(text) == text


def test_the_program_names_the_line_and_puts_it_right(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\nOne. Two.\n")
    command = [sys.executable, str(ROOT / "book/_ext/sentences.py"), str(page)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert f"{page}:3: not one sentence a line" in found.stdout
    subprocess.run([*command, "--write"], check=True)
    assert page.read_text() == "# Title\n\nOne.\nTwo.\n"
    assert subprocess.run(command, check=False).returncode == 0
