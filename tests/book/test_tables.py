"""pandas' tables as the pages show them: one row of heads, numbers written as in the prose."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from building import CHAPTERS, HTML, build, write_page
from one_way import TIMES, written
from tables import mended


def heads(html):
    rows = BeautifulSoup(html, "html.parser").select("thead tr")
    return [[cell.get_text(strip=True) for cell in row.find_all(["th", "td"])] for row in rows]


TABLE = pd.DataFrame({"a": [60000, 7], "b": ["5 %", "4 x 24x24"]}, index=["x", "y"])


def test_the_name_of_the_index_heads_its_column():
    html = TABLE.rename_axis("name").to_html()
    assert heads(html) == [["", "a", "b"], ["name", "", ""]]
    assert heads(mended(html)) == [["name", "a", "b"]]


def test_so_do_the_names_of_several():
    html = TABLE.rename_axis("name").set_index("b", append=True).to_html()
    assert heads(mended(html)) == [["name", "b", "a"]]


def test_other_heads_stay():
    two_names = TABLE.rename_axis(index="name", columns="column").to_html()
    groups = pd.concat({"left": TABLE, "right": TABLE}, axis="columns").to_html()
    for html in (TABLE.to_html(), TABLE.rename_axis(columns="column").to_html(), two_names, groups):
        assert heads(mended(html)) == heads(html)


def test_numbers_are_written_as_in_the_prose():
    found = BeautifulSoup(mended(TABLE.to_html()), "html.parser")
    cells = [cell.get_text() for cell in found.select("td")]
    assert cells == ["60,000", "5%", "7", f"4 {TIMES} 24 {TIMES} 24"]


def test_a_cell_with_markup_keeps_it():
    html = '<table class="dataframe"><tr><td><b>5</b> of 60000</td></tr></table>'
    assert mended(html) == html


def test_a_page_has_them_so(small_book):
    code = "import pandas as pd\n\npd.DataFrame({'a': [60000]}).rename_axis('row')"
    write_page(small_book, f"```{{code-cell}} ipython3\n{code}\n```")
    result = build(small_book)
    assert result.returncode == 0, result.stdout[-2000:]
    page = (small_book / "_build/html/book/intro.html").read_text("utf-8")
    assert heads(page) == [["row", "a"]]
    assert "<td>60,000</td>" in page


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("name", CHAPTERS)
def test_all_tables_of_the_book(name):
    page = BeautifulSoup((HTML / f"{name}.html").read_text("utf-8"), "html.parser")
    for table in page.select("table.dataframe"):
        assert len(table.select("thead tr")) == 1
        for cell in table.select("td, th"):
            assert written(cell.get_text()) == cell.get_text()
