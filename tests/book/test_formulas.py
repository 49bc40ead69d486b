"""Formulas: set at build time, each as MathML with its LaTeX inside, in a font cut to them."""

import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import formulas
import pytest
from browsing import DESK, PHONE
from bs4 import BeautifulSoup
from building import CHAPTERS, HTML, book_pages, build, write_page
from fontTools.ttLib import TTFont
from math_core import LatexError

# The widths and heights of drawn formulas, by their LaTeX.
BOXES = """() => Object.fromEntries([...document.querySelectorAll("math")].map((formula) => {
  const box = (part) => part ? [part.getBoundingClientRect().width,
    part.getBoundingClientRect().height] : null;
  return [formula.querySelector("annotation").textContent.trim(), {
    whole: box(formula), sum: box(formula.querySelector("munderover > mo")),
    bracket: box([...formula.querySelectorAll("mo")].find((sign) => sign.textContent === "("))}];
}))"""


@cache
def chapter(name):
    return BeautifulSoup((HTML / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


# --- What becomes of LaTeX ------------------------------------------------------------------------


def parts(latex, block=False):
    """Return the elements of a formula in MathML, and the LaTeX noted inside."""
    root = ElementTree.fromstring(formulas.mathml(latex, block))
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    (note,) = (element for element in root.iter() if element.tag.endswith("annotation"))
    return names, note.text


@pytest.mark.parametrize(
    ("latex", "elements"),
    [
        ("x", {"mi"}),
        (r"\frac{a}{b} < \sqrt{2}", {"mfrac", "msqrt"}),
        (r"\sum_{j=1}^{84} (x_j - w_{ij})^2", {"msub", "msup", "munderover"}),
        (r"1.7159 \tanh(\tfrac{2}{3} a)", {"mfrac"}),
        (r"\begin{cases} a & b \\ c & d \end{cases}", {"mtable"}),
    ],
)
def test_a_formula_becomes_mathml_with_its_latex(latex, elements):
    names, note = parts(latex, block="sum" in latex)
    assert names[0] == "math"
    assert elements <= set(names)
    assert note == latex


def test_several_lines_stand_below_each_other():
    for latex in (r"a &= b \\ c &= d", "a &= b\n\nc &= d"):
        names, _ = parts(latex, block=True)
        assert names.count("mtr") == 2


@pytest.mark.parametrize("environment", ["align", "gather", "multline", "equation"])
def test_environments_leave_the_numbers_to_sphinx(environment):
    latex = rf"\begin{{{environment}}} a \end{{{environment}}}"
    assert "(1)" not in formulas.mathml(latex, block=True)


@pytest.mark.parametrize("latex", [r"\frac{1", r"\unheard x", "a & b", r"\begin{align} a", "{"])
def test_what_is_no_latex_is_refused(latex):
    with pytest.raises(LatexError):
        formulas.mathml(latex, block=True)


def test_a_formula_that_cannot_be_set_stops_the_build(small_book):
    write_page(small_book, "Well: $x$.\n\nNot so: $\\unheard{x} + 1$.")
    result = build(small_book)
    assert result.returncode != 0
    said = " ".join(result.stdout.split())
    assert re.search(r"book/intro\.md:\d+: the formula '\\\\unheard\{x\} \+ 1'", said), said
    assert "Unknown command" in said


# --- The font -------------------------------------------------------------------------------------


def test_the_font_has_the_letters_and_the_sizes_that_are_used(tmp_path):
    page = formulas.mathml(r"x' = \sum_\alpha \left( \frac{y}{2} \right)", block=True)
    (tmp_path / "page.html").write_text(f"<p>words Q</p>{page}", encoding="utf-8")
    characters = formulas.used_characters(tmp_path)
    assert set("xy\u03b1\U0001d465\U0001d466\U0001d6fc\u2211()2\u2032\u221a") <= characters
    assert not set("wordsQ") & characters
    target = tmp_path / "font.woff"
    formulas.cut_font(formulas.font_source(), characters, target, formulas.prepare)
    font = TTFont(target)
    assert set(map(ord, characters)) - font.getBestCmap().keys() <= {0x2061}  # has no shape
    variants = font["MATH"].table.MathVariants
    growing = dict(
        zip(variants.VertGlyphCoverage.glyphs, variants.VertGlyphConstruction, strict=True)
    )
    for sign in "(√":
        assert len(growing[font.getBestCmap()[ord(sign)]].MathGlyphVariantRecord) > 2
    root = growing[font.getBestCmap()[ord("√")]].MathGlyphVariantRecord
    assert len({font["hmtx"][size.VariantGlyph][0] for size in root}) == 1
    assert "Open Font License" in font["name"].getDebugName(13)
    assert target.stat().st_size < 40_000


def test_a_book_without_formulas_needs_no_font(tmp_path):
    (tmp_path / "page.html").write_text("<p>words</p>")
    assert formulas.used_characters(tmp_path) == set()


# --- The built book -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_formula_of_a_chapter_is_set(built, name):
    page = chapter(name)
    for formula in page.select("article .math"):
        (drawn,) = formula.select("math")
        assert drawn.select_one("annotation").get_text(strip=True)
        assert bool(drawn.get("display")) == (formula.name == "div")
    left = BeautifulSoup(str(page.select_one("article")), "html.parser")
    for part in left.select("annotation, code, pre"):
        part.decompose()
    assert not re.search(r"\\[a-zA-Z]{2,}|\\[()\[\]]", left.get_text())


def test_no_script_draws_formulas(built):
    for page in book_pages():
        scripts = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select("script")
        assert not [script for script in scripts if "mathjax" in str(script).lower()], page


def test_references_lead_to_numbered_formulas(built):
    links = chapter("book/mnist").select("a[href='#equation-eq-mnist-bound']")
    number = chapter("book/mnist").select_one("#equation-eq-mnist-bound .eqno")
    assert links
    assert {link.get_text() for link in links} >= {number.get_text().removesuffix("#")}


def test_the_book_has_all_characters_of_its_formulas(built):
    font = TTFont(HTML / formulas.FONT_FILE)
    missing = set(map(ord, formulas.used_characters(HTML))) - font.getBestCmap().keys()
    assert {chr(code) for code in missing if not chr(code).isspace()} <= {"\u2061", "\u2063"}


@pytest.mark.chapters("lenet-5")
def test_sums_and_brackets_grow(built, browser):
    page = browser.new_page()
    page.goto((HTML / "book" / "lenet-5.html").as_uri())
    page.evaluate("() => document.fonts.ready")
    assert page.evaluate("() => document.fonts.check('16px \"Book Formulas\"')")
    boxes = page.evaluate(BOXES)
    page.close()
    small = boxes["x"]["whole"][1]
    (loss,) = (box for latex, box in boxes.items() if latex.startswith("E =") and "\\Big" in latex)
    assert loss["sum"][1] > 1.2 * small
    assert loss["bracket"][1] > 1.8 * small


APART = """() => {
    const apart = [];
    for (const formula of document.querySelectorAll("article span.math")) {
        const next = formula.nextSibling;
        if (!/^[.,;:!?)]/.test(next?.data ?? "")) continue;
        const sign = document.createRange();
        sign.setStart(next, 0);
        sign.setEnd(next, 1);
        const gap = sign.getBoundingClientRect().left - formula.getBoundingClientRect().right;
        if (Math.abs(gap) > 2) apart.push([formula.textContent, next.data.slice(0, 20)]);
    }
    return apart;
}"""


UNFOLD = """() => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    for (const fold of document.querySelectorAll(".toggle-hidden"))
        fold.classList.remove("toggle-hidden");
}"""
# Formulas in a line that are wider than it, tables apart, which scroll.
CUT = """() => [...document.querySelectorAll("article span.math > math")]
    .filter((formula) => formula.checkVisibility() && !formula.closest("table"))
    .filter((formula) => formula.getBoundingClientRect().right > innerWidth)
    .map((formula) => formula.querySelector("annotation").textContent)"""


def pages_with_formulas() -> list[Path]:
    """Others need not be opened; index.html goes on to the first page while the next is opened."""
    return [path for path in book_pages() if "<math" in path.read_text(encoding="utf-8")]


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_formulas_fit_their_line_and_keep_their_punctuation(browser, size):
    page = browser.new_page(viewport=size)
    for path in pages_with_formulas():
        page.goto(path.as_uri())
        if page.locator("article span.math").count():
            page.evaluate(UNFOLD)
            assert page.evaluate(APART) == [], path
            assert page.evaluate(CUT) == [], path
    page.close()


# How much of a formula in a line is left free behind its last part.
FREE = """() => [...document.querySelectorAll("article span.math > math")]
    .filter((formula) => formula.querySelector("msqrt") && formula.checkVisibility())
    .map((formula) => {
        const parts = [...formula.querySelectorAll("mi, mn, mo")];
        const ends = parts.map((part) => part.getBoundingClientRect().right);
        return formula.getBoundingClientRect().right - Math.max(...ends);
    })"""


@pytest.mark.usefixtures("built")
def test_a_root_takes_no_more_room_than_it_fills(browser):
    page = browser.new_page()
    for path in pages_with_formulas():
        page.goto(path.as_uri())
        if page.locator("article span.math > math msqrt").count():
            page.evaluate("() => document.fonts.ready")
            free = page.evaluate(FREE)
            assert max(free, default=0) < 3, path  # pixels
    page.close()
