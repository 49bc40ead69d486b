"""Running times, the list of exercises, the glossary, and the thread from chapter to chapter."""

import re
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup, Tag
from building import CHAPTERS, HTML, ROOT, TOC

pytestmark = pytest.mark.usefixtures("built")

STORY = [
    chapter["file"] for part in TOC["parts"] if part.get("numbered") for chapter in part["chapters"]
]
EXERCISE = re.compile(r"^`{3,}\{exercise(?:-start)?\}", re.M)


def article(chapter: str) -> Tag:
    text = (HTML / f"{chapter}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser").select_one("article.bd-article")


def source(chapter: str) -> str:
    return (ROOT / f"{chapter}.md").read_text(encoding="utf-8")


def recorded_runs() -> dict[str, tuple[str, float]]:
    """Return the day and the seconds of each run, from the table that myst-nb makes."""
    rows = article("book/status").select_one("table").select("tbody tr")
    cells = [[cell.get_text(strip=True) for cell in row.select("td")] for row in rows]
    return {page: (when.split()[0], float(took)) for page, when, _, took, *_ in cells}


@pytest.mark.chapters("status")
def test_every_run_is_stated_on_its_page():
    runs = recorded_runs()
    assert set(runs) == {chapter for chapter in CHAPTERS if "{code-cell}" in source(chapter)}
    for chapter, (day, took) in runs.items():
        note = article(chapter).select_one(".run-note").get_text()
        stated = int(re.search(r"ran for (\d+) second", note)[1])
        # What was recorded is rounded to tenths, so that 24.5 may be stated as 24 or 25.
        assert stated == 1 if took < 1 else abs(stated - took) < 0.56
        assert day in note


@pytest.mark.chapters("exercises")
def test_all_exercises_are_listed_with_their_solutions():
    listed = article("book/exercises").select("ul > li")
    assert len(listed) == sum(len(EXERCISE.findall(source(chapter))) for chapter in CHAPTERS)
    pages = {}
    for item in listed:
        exercise, solution = item.select("a")[0], item.select("a")[-1]
        file, label = exercise["href"].split("#")
        page = pages.setdefault(file, article(f"book/{file.removesuffix('.html')}"))
        there = page.find(id=label)
        assert there.select_one(".caption-number").get_text(strip=True) == exercise.get_text()
        assert solution.get_text() == "Solution"
        answer = page.find(id=solution["href"].split("#")[1])
        assert "solution" in answer["class"]
        assert answer.select_one(".admonition-title a")["href"] == f"#{label}"


@pytest.mark.chapters("exercises")
def test_exercises_are_numbered_through_the_book():
    numbers = [item.a.get_text().split()[1] for item in article("book/exercises").select("ul > li")]
    places = [tuple(map(int, number.split("."))) for number in numbers]
    assert places == sorted(set(places))


@pytest.mark.chapters("glossary")
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_words_are_explained_where_they_are_in_the_glossary(chapter):
    glossary = {term["id"] for term in article("book/glossary").select("dl.glossary dt")}
    linked = [link["href"] for link in article(chapter).select("a.reference[href*='#term-']")]
    if chapter != "book/exercises":  # it repeats what chapters say
        assert len(linked) == source(chapter).count("{term}`")
    assert {address.split("#")[1] for address in linked} <= glossary


def test_chapters_use_the_glossary():
    assert all("{term}`" in source(chapter) for chapter in STORY)


@pytest.mark.chapters(*(page.stem for page in (ROOT / "book").glob("*.md")))
def test_chapters_tell_one_story():
    """Each chapter's text leads on to the next; the first is led to by the welcome page."""
    for before, after in pairwise([CHAPTERS[0], *STORY]):
        name = f"{after.split('/')[1]}.html"
        assert article(before).select(f"p a[href^='{name}'], a.sd-stretched-link[href^='{name}']")
