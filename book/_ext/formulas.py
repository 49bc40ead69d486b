"""Formulas are set when the book is built: LaTeX becomes MathML, which browsers draw by themselves.

Nothing has to be loaded but the glyphs: sums, roots and brackets grow only in a font that knows
mathematics, and readers' devices may have none. So one travels along, cut to what the book uses.

Each formula keeps its LaTeX as an annotation, which no browser shows. Notebooks are made from it.
"""

from __future__ import annotations

import importlib.metadata
import re
import unicodedata
from html import unescape
from pathlib import Path
from typing import Any

from cut_fonts import cut_font
from docutils import nodes
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.locale import _
from sphinx.util.math import get_node_equation_number
from sphinx.util.nodes import get_node_line, get_node_source
from sphinx.util.typing import ExtensionMetadata

RENDERER = "mathml"  # its name in `html_math_renderer`
CONVERTER = LatexToMathML(annotation=True, xml_namespace=True, fancy_error=False)

# Sphinx counts the equations: these environments must not do so as well.
NUMBERED = re.compile(r"\\(begin|end)\{(align|equation|gather|multline)\}")
PARAGRAPH = re.compile(r"\n\s*\n")
# math-core 0.9 names invisible signs as HTML does, which XHTML (an EPUB) does not know.
NAMED_SIGN = re.compile(r"&(?!(?:amp|lt|gt|quot);)[A-Za-z]+;")

FONT_PACKAGE, FONT = "ziamath", "STIXTwoMath-Regular.ttf"  # STIX Two Math, SIL Open Font License
FONT_FILE = "_static/site/formulas.woff"  # what lenet.css names
FORMULA = re.compile(r"<math\b.*?</math>", re.DOTALL)
NOT_SHOWN = re.compile(r"<annotation\b.*?</annotation>|<[^>]*>", re.DOTALL)
PUNCTUATED = re.compile(
    r'<span class="math[^>]*><math\b(?:(?!</math>).)*</math></span>[.,;:!?)\]\u2019\u201d]+',
    re.DOTALL,
)
PRIMES = "\u2032\u2033\u2034\u2057"
ROOT = "√"  # what browsers draw for msqrt and mroot, in whose text there is none
# Browsers show a variable of one letter in italics, which are characters of their own.
UPRIGHT_AND_ITALIC = {
    unicodedata.normalize("NFKC", chr(code)): chr(code)
    for code in (0x210E, *range(0x1D434, 0x1D468), *range(0x1D6E2, 0x1D71C))
}


def setup(app: Sphinx) -> ExtensionMetadata:
    """Let Sphinx write formulas as below, and write the font when all pages are there."""
    app.add_html_math_renderer(RENDERER, (visit_formula, None), (visit_equation, None))
    app.connect("html-page-context", hold_punctuation, priority=960)  # once notebooks are written
    app.connect("build-finished", write_font)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


class FormulaError(SphinxError):
    """A formula that cannot be set; it stops the build."""

    category = "Formula error"


# --- From LaTeX to MathML ------------------------------------------------------------------------


def mathml(latex: str, block: bool = False) -> str:
    """Return a formula as MathML, its LaTeX inside.

    Raises
    ------
    LatexError
        If it is not LaTeX, or uses what MathML has no counterpart for.
    """
    if block:
        latex = NUMBERED.sub(r"\\\1{\2*}", one_block(latex))
    formula = CONVERTER.convert_with_local_state(latex, displaystyle=block)
    return NAMED_SIGN.sub(lambda sign: unescape(sign[0]), formula)


def one_block(latex: str) -> str:
    """Put several lines of a formula, or several formulas, below each other, as Sphinx does."""
    parts = [part.strip() for part in PARAGRAPH.split(latex) if part.strip()]
    if latex.lstrip().startswith(r"\begin"):
        return latex.strip()
    if len(parts) == 1 and r"\\" not in latex:
        return parts[0]
    return r"\begin{aligned}" + r" \\ ".join(parts) + r"\end{aligned}"


def set_formula(node: nodes.math | nodes.math_block) -> str:
    """Return a formula's MathML, or stop the build with the place and the formula."""
    latex = node.astext()
    try:
        return mathml(latex, block=isinstance(node, nodes.math_block))
    except LatexError as error:
        line = get_node_line(node)
        place = f"{get_node_source(node)}:{line}" if line else get_node_source(node)
        raise FormulaError(
            f"{place}: the formula {latex.strip()!r} cannot be set, at character {error}"
        ) from error


def visit_formula(translator: Any, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    opening = translator.starttag(node, "span", "", CLASS="math notranslate nohighlight")
    translator.body.append(f"{opening}{set_formula(node)}</span>")
    raise nodes.SkipNode


def visit_equation(translator: Any, node: nodes.math_block) -> None:
    """Write a formula of its own, with its number and a link to it if it has one."""
    attributes = {"class": "math notranslate nohighlight", "tabindex": "0"}  # a phone scrolls it
    translator.body.append(translator.starttag(node, "div", **attributes))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, _("Link to this equation"))
        translator.body.append("</span>")
    translator.body.append(f"{set_formula(node)}</div>\n")
    raise nodes.SkipNode


def hold_punctuation(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Keep a formula and the comma behind it on one line: browsers would break between them.

    (Chromium 156 does so even where a word joiner forbids it.)
    """
    if "body" in context:
        held = r'<span class="held">\g<0></span>'
        context["body"] = PUNCTUATED.sub(held, context["body"])


# --- The font ------------------------------------------------------------------------------------


def write_font(app: Sphinx, exception: Exception | None) -> None:
    """Write the font with the characters that the built pages use."""
    if exception is not None or app.builder.format != "html":
        return
    characters = used_characters(Path(app.outdir))
    if characters:
        cut_font(font_source(), characters, Path(app.outdir, FONT_FILE), prepare)


def used_characters(folder: Path) -> set[str]:
    """Return the characters in all formulas of the pages in ``folder``."""
    characters: set[str] = set()
    for page in folder.rglob("*.html"):
        for formula in FORMULA.findall(page.read_text(encoding="utf-8")):
            characters.update(unescape(NOT_SHOWN.sub("", formula)))
    characters.update(ROOT if characters else "")
    return characters | {UPRIGHT_AND_ITALIC.get(character, character) for character in characters}


def prepare(font: TTFont) -> None:
    """Change the whole font where browsers would set it badly."""
    draw_primes_large(font)
    draw_roots_narrow(font)


def draw_roots_narrow(font: TTFont) -> None:
    """Make all sizes of the root as wide as the smallest.

    By MathML Core a root takes as much room as its widest size would, whichever is drawn: a comma
    behind a small root would stand apart from it.
    """
    root = font.getBestCmap()[ord(ROOT)]
    variants = font["MATH"].table.MathVariants
    sizes = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(root)]
    names = {variant.VariantGlyph for variant in sizes.MathGlyphVariantRecord}
    names.update(part.glyph for part in sizes.GlyphAssembly.PartRecords)
    glyphs, widths = font.getGlyphSet(), font["hmtx"]
    for name in names:
        factor = widths[root][0] / widths[name][0]
        pen = TTGlyphPen(glyphs)
        glyphs[name].draw(TransformPen(pen, (factor, 0, 0, 1, 0, 0)))
        narrow = pen.glyph()
        narrow.recalcBounds(font["glyf"])
        font["glyf"][name] = narrow
        widths[name] = (widths[root][0], round(factor * widths[name][1]))


def draw_primes_large(font: TTFont) -> None:
    """Give primes the form that is meant to be set small, as exponents are.

    The font offers it as "ssty", which Firefox 153 takes by itself and Chromium 156 cannot be told
    to take: it is there for the script "math" only.
    """
    names = font.getBestCmap()
    large = {ord(prime): f"{names[ord(prime)]}.ssty" for prime in PRIMES}
    for table in font["cmap"].tables:
        table.cmap.update(large)


def font_source() -> Path:
    """Return the whole font; of the package that brings it along we use nothing else."""
    files = importlib.metadata.files(FONT_PACKAGE) or []
    return Path(str(next(file.locate() for file in files if file.name == FONT)))
