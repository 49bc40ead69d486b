"""The search finds words and numbers, however they are written, and shows where they stand."""

import pytest
import search
from building import HTML
from test_pages import site, watched

__all__ = ["site"]  # the fixture

NUMBERS = ["60,000", "60000", "61,706", "61706", "340908", "340,908", "1998", "0.95"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("60,000 and 60000", ["#60000", "and", "#60000"]),
        (r"$10{,}000$ or $10\,000$", ["#10000", "or", "#10000"]),
        ("0.95% of 1,234,567.5.", ["#0.95", "of", "#1234567.5"]),
        ("in 1998, 2000 or 2015", ["in", "#1998", "#2000", "or", "#2015"]),
        ("C3 has 28x28, LeNet-5", ["C3", "has", "28x28", "LeNet", "#5"]),
        ("1998a 12,34 3.5x", ["1998a", "#12", "#34", "#3", "5x"]),
        ("1.7159 tanh_é", ["#1.7159", "tanh_é"]),
        ("", []),
    ],
)
def test_numbers_are_one_word_in_the_index_and_in_the_script(browser, text, words):
    language = search.EnglishWithNumbers({})
    assert language.split(text) == words
    page = browser.new_page()
    asked = page.evaluate(
        f"(text) => {{ {language.js_splitter_code}; return splitQuery(text); }}", text
    )
    page.close()
    assert asked == words


def test_a_text_belongs_to_its_own_section():
    body = """<section id="a"><h1>One<a class="headerlink" href="#a">#</a></h1><p>First.</p>
      <section id="b"><h2>Two</h2><table><tr><td>1</td><td>2</td></tr></table>
      <p><math><mi>x</mi><annotation>\\LaTeX</annotation></math></p></section></section>"""
    assert search.texts(body) == [("a", "One First."), ("b", "Two 1 2 x")]


def results(page, address, query):
    """Return titles and excerpts of what was found, once all excerpts are there."""
    page.goto(address)
    page.locator(".bd-search-container input").fill(query)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    page.wait_for_function("""() => document.querySelector(".search-summary")?.textContent
      && [...document.querySelectorAll("#search-results li")]
        .every((result) => result.querySelector(":scope > span, p.context"))""")
    found = page.locator("#search-results li").all()
    return [result.inner_text() for result in found]


@pytest.mark.parametrize("query", NUMBERS)
def test_numbers_are_found_as_they_are_written(browser, site, query):
    with watched(browser) as (page, wrong):
        found = results(page, f"{site}search.html", query)
        assert found
        bare = query.replace(",", "")
        assert all(bare in text.replace(",", "") for text in found)
        assert wrong == []


@pytest.mark.parametrize("query", ["C3", "60,000", "1998", "connection table"])
def test_from_a_folder_there_are_excerpts_and_no_errors(built, browser, query):
    with watched(browser) as (page, wrong):
        found = results(page, (HTML / "search.html").as_uri(), query)
        assert len(found) > 2
        assert page.locator("#search-results .context .highlighted").count() > 1
        assert wrong == []


def test_what_nobody_wrote_is_not_found(browser, site):
    with watched(browser) as (page, wrong):
        assert results(page, f"{site}search.html", "98765432") == []
        assert "did not match" in page.locator(".search-summary").inner_text()
        assert wrong == []


@pytest.mark.chapters("lenet-5")
def test_only_the_search_page_loads_the_index(built):
    for name in ("book/intro", "book/lenet-5", "genindex"):
        page = (HTML / f"{name}.html").read_text(encoding="utf-8")
        assert "searchindex.js" not in page
        assert "searchtools.js" not in page
    page = (HTML / "search.html").read_text(encoding="utf-8")
    assert page.count("searchindex.js") == page.count("searchtools.js") == 1
