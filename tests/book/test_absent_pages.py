"""A chapter left out of `_toc.yml`: every reference to it reads as plain text."""

import re

from absent_pages import labels
from bs4 import BeautifulSoup
from building import CHAPTERS, ROOT, build, write_page

ROLE = re.compile(r"\{(?:ref|numref|eq)\}`(?:[^`<]*<)?([^`>]+)>?`|\]\(#([^)]+)\)")

ABSENT = """# The part left out

(a-section)=
## A section

```{math}
:label: eq-of-it
a = b
```

```{list-table}
:name: tab-of-it
* - 1
```
"""
REFERENCES = """
[Its words](left-out.md), [](left-out.md), {doc}`left-out`, [a part](left-out.md#a-section),
{ref}`there <a-section>`, {ref}`a-section`, {eq}`eq-of-it`, {numref}`tab-of-it`, [so](#a-section).
"""
READ = (
    "Its words, “The part left out” (left out here), “The part left out” (left out here), a part, "
    "there, “The part left out” (left out here), an equation of “The part left out” (left out "
    "here), a figure of “The part left out” (left out here), so."
)


def test_references_to_a_page_left_out_are_plain_text(small_book):
    write_page(small_book, REFERENCES)
    (small_book / "book" / "left-out.md").write_text(ABSENT)
    result = build(small_book)
    assert result.returncode == 0, result.stdout[-4000:]
    page = (small_book / "_build" / "html" / "book" / "intro.html").read_text(encoding="utf-8")
    paragraph = BeautifulSoup(page, "html.parser").select_one("section p:not(.run-note)")
    assert " ".join(paragraph.get_text().split()) == READ
    assert not paragraph.select("a")


def test_a_slip_is_still_reported(small_book):
    write_page(small_book, "{ref}`nowhere`, {numref}`tab-of-them`, [so](nowhere.md).")
    (small_book / "book" / "left-out.md").write_text(ABSENT)
    result = build(small_book)
    assert result.returncode != 0
    assert all(f"'{slip}'" in result.stdout for slip in ("nowhere", "nowhere.md")), result.stdout
    assert "tab-of-them" in result.stdout


def test_what_defines_each_reference_is_known_for_all_chapters():
    """The real book's build resolves all references; so whichever chapter goes, its are known."""
    texts = {page: (ROOT / f"{page}.md").read_text(encoding="utf-8") for page in CHAPTERS}
    defined = {page: labels(text) for page, text in texts.items()}
    used = {
        target.lower()
        for text in texts.values()
        for pair in ROLE.findall(text)
        for target in pair
        if target
    }
    assert len(used) > 20
    for target in sorted(used):
        pages = [page for page, found in defined.items() if target in found]
        assert len(pages) == 1, f"{target} is defined in {pages}"
