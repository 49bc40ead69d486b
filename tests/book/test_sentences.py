"""One sentence a line: paragraphs are put so, and everything else is left as it stands."""

import subprocess
import sys

import pytest
from building import ROOT
from one_way import formatted as numbers
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


TIMES = "\N{MULTIPLICATION SIGN}"
NUMBERS = {
    "Maps of 5x5 and 4 x 24 x 24.": "Maps of 5 ~ 5 and 4 ~ 24 ~ 24.",
    "# With 5x5\n\n| 16x16 | 5 % |\n|---|---|": "# With 5 ~ 5\n\n| 16 ~ 16 | 5% |\n|---|---|",
    "A 95 % interval, {eval}`f'{x:.1f}'` %.": "A 95% interval, {eval}`f'{x:.1f}'`%.",
    "Of 60000 digits 1998 of them, 340908.": "Of 60,000 digits 1998 of them, 340,908.",
    "```{caption} f\n:alt: A 5x5 window.\n5 % of 5x5.\n```": (
        "```{caption} f\n:alt: A 5 ~ 5 window.\n5% of 5 ~ 5.\n```"
    ),
}
NO_NUMBERS = [
    "`5x5`, {eval}`f'5x5 {60000} %'`, $5 x 5$, [a](5x5.md#12345) and <https://a.b/12345>.",
    "---\ntitle: 5x5\n---\n\nSee https://doi.org/10.1162/12345 and 10.1162/12345, 0x10, v12345.",
    "```{code-cell} ipython3\nprint('5x5 60000 5 %')\n```",
    "```python\n5x5\n```\n\n$$\n60000\n$$\n\n(fig-12345)=\nThe net 28x28-300-10; x 5.",
]


@pytest.mark.parametrize(("before", "after"), NUMBERS.items())
def test_numbers_are_written_in_one_way(before, after):
    after = after.replace("~", TIMES)
    assert numbers(before) == after
    assert numbers(after) == after


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_code_or_an_address_stays(text):
    assert numbers(text) == text


def test_the_program_names_the_line_and_puts_it_right(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\nOne. Two.\n\nA 5x5 one.\n")
    command = [sys.executable, str(ROOT / "book/_ext/sentences.py"), str(page)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert f"{page}:3: not one sentence a line; `make format` makes it: One." in found.stdout
    assert f"{page}:5: a size" in found.stdout
    subprocess.run([*command, "--write"], check=True)
    assert page.read_text() == "# Title\n\nOne.\nTwo.\n\nA 5 ~ 5 one.\n".replace("~", TIMES)
    assert subprocess.run(command, check=False).returncode == 0
