"""A page of the book turned from HTML into the plain Markdown that every notebook program shows.

By the time a page is HTML, Sphinx and its extensions have understood all directives and roles:
numbers, citations and links are in their places. So whatever a chapter uses, no markup is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from textwrap import indent

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

# What no author types marks the places where the Markdown is taken apart.
CELL = "\ue000{}\ue001"
AROUND_CELLS = re.compile(r"\s*\ue000(\d+)\ue001\s*")
BEFORE_HEADING = "\ue002"

# A paragraph that begins like this would be taken for a list or a heading.
LIKE_A_LIST = re.compile(r"^(\d{0,9})(?=[.)#+>-]\s)")
# What the library leaves of the white space around blocks that it does not know for blocks.
EMPTY_LINE = re.compile(r"( *\n\n)? +\n\n")
# Inside dollars, an environment that numbers its lines must become one that does not.
NUMBERED = re.compile(r"\\(begin|end)\{(align|gather)\*?\}")
NO_LANGUAGE = {"default", "none", "text"}


class PageConverter(MarkdownConverter):
    """Knows the HTML that Sphinx, MyST-NB, sphinx-design and sphinx-exercise write.

    Parameters
    ----------
    link
        Gives the whole address for a link on the page, or None where the link should be dropped.
    embed
        Gives the ``data:`` address of an image on the page.
    works
        What a citation reads, by the identity of the footnote that it leads to.
    """

    class Options:
        heading_style = "atx"
        bullets = "-"
        sub_symbol = "<sub>"
        sup_symbol = "<sup>"
        wrap = True  # with no width: each paragraph becomes one line
        wrap_width = None

    def __init__(
        self,
        link: Callable[[str], str | None],
        embed: Callable[[str], str],
        works: Mapping[str, str],
    ) -> None:
        super().__init__(code_language_callback=code_language)
        self.link, self.embed, self.works = link, embed, works
        self.folded: set[int] = set()  # the numbers of the cells that belong to a solution

    def blocks(self, body: str) -> list[str | int]:
        """Return a page's parts in order: Markdown as text, a code cell as its number on it."""
        page = BeautifulSoup(body, "html.parser")
        for aside in page.select("aside"):
            aside.name = "div"  # which the library knows for a block
        for number, cell in enumerate(page.select("div.cell")):
            place = page.new_tag("p")
            place.string = CELL.format(number)
            captions = [caption.extract() for caption in cell.select("figcaption")]
            cell.replace_with(place, *captions)
        found: list[str | int] = []
        text = EMPTY_LINE.sub("\n\n", self.convert_soup(page))
        for index, piece in enumerate(AROUND_CELLS.split(text)):
            if index % 2:
                found.append(int(piece))
            else:
                found += [part.strip() for part in piece.split(BEFORE_HEADING) if part.strip()]
        return found

    # --- Text ------------------------------------------------------------------------------------

    def escape(self, text: str, parent_tags: set[str]) -> str:
        escaped = super().escape(text.replace("\\", "\\\\"), parent_tags)
        special = "`<~|" if is_in_table(parent_tags) else "`<~"
        # JupyterLab takes even an escaped dollar for the beginning of a formula.
        return re.sub(f"([{special}])", r"\\\1", escaped).replace("$", "&#36;")

    def convert_p(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if has_class(el, "run-note"):  # when and how long the page ran: a notebook runs elsewhere
            return ""
        if has_class(el, "admonition-title", "topic-title", "sidebar-title", "rubric"):
            in_solution = el.parent is not None and has_class(el.parent, "solution")
            return "" if in_solution else f"\n\n**{text.strip()}**\n\n"
        return super().convert_p(el, LIKE_A_LIST.sub(r"\1\\", text.strip()), parent_tags)

    def convert_hN(self, n: int, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: N802
        heading = super().convert_hN(n, el, text, parent_tags)
        return heading.replace("\n\n#", f"\n\n{BEFORE_HEADING}#", 1)

    def convert_code(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        code = super().convert_code(el, text, parent_tags)
        return code.replace("|", r"\|") if is_in_table(parent_tags) else code

    def convert_span(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if has_class(el, "math"):
            # A bar would end the table's cell.
            bar = r"\vert " if is_in_table(parent_tags) else "|"
            return f"${latex(el).replace('|', bar).strip()}$"
        if has_class(el, "eqno", "label", "backrefs"):
            return ""
        if has_class(el, "caption-number") and el.find_parent(["figcaption", "caption"]):
            return f"**{text.strip()}.** "
        return text

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if has_class(el, "headerlink"):
            return ""
        if has_class(el, "footnote-reference"):
            return self.citation(el)
        address = self.link(el.get("href", ""))
        if address is None or not text.strip() or "_noformat" in parent_tags:
            return text
        return f"[{text.strip()}]({address})"

    def citation(self, el: Tag) -> str:
        """Name the works cited in one place as ``[LeCun et al., 1989; Bottou, 1991]``."""
        opening = "; " if is_citation(el.previous_sibling) else "["
        closing = "" if is_citation(el.next_sibling) else "]"
        name = self.works.get(el["href"].removeprefix("#"), el.get_text().strip("[]"))
        return f"{opening}{name}{closing}"

    # --- Blocks ----------------------------------------------------------------------------------

    def convert_div(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if has_class(el, "math"):
            return display_math(el)
        if has_class(el, "solution"):
            return self.solution(el, text)
        if has_class(el, "admonition", "topic", "sidebar"):
            return around_cells(text, quote)
        if has_class(el, "sd-card"):
            return self.card(el)
        if has_class(el, "footnote"):
            return self.footnote(el, text)
        if has_class(el, "toctree-wrapper"):
            return ""
        return super().convert_div(el, text, parent_tags)

    def solution(self, el: Tag, text: str) -> str:
        """Fold a solution; one that holds cells in pieces, for no fold can reach over cells."""
        title = " ".join(el.select_one(".admonition-title").get_text(" ").split())
        self.folded |= {int(number) for number in AROUND_CELLS.findall(text)}
        first, *rest = AROUND_CELLS.split(text, maxsplit=1)
        if rest and not first.strip():
            opening = f"\n\n**{title}**: folded below. Try first.\n\n"
        else:
            opening = fold(title, first)
        if not rest:
            return opening
        number, text = rest
        continued = around_cells(text, lambda piece: fold(f"{title}, continued", piece))
        return f"{opening}{CELL.format(number)}\n\n{continued}"

    def card(self, el: Tag) -> str:
        """Make a card an entry of a list, its title the link."""
        title = el.select_one(".sd-card-title")
        name = f"**{' '.join(title.get_text().split())}**" if title else ""
        link = el.select_one("a.sd-stretched-link")
        address = self.link(link["href"]) if link else None
        if title:
            title.extract()
        if link:
            link.extract()
        words = self.process_tag(el.select_one(".sd-card-body") or el).strip()
        head = f"[{name}]({address})" if name and address else name
        return list_item(f"{head}: {words}" if head and words else head or words)

    def convert_section(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return super().convert_div(el, text, parent_tags)

    convert_figure = convert_section

    def convert_blockquote(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return around_cells(text, quote)

    def footnote(self, el: Tag, text: str) -> str:
        """Make a footnote an entry of a list; a work has its name there instead of a number."""
        label = el.select_one(".label").get_text().strip("[]")
        return list_item(f"**{self.works.get(el['id'], label)}.** {text.strip()}")

    def convert_dt(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n- **{text.strip()}**\n\n"

    def convert_dd(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{indent(text.strip(), '  ')}\n\n"

    def convert_details(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        summary = el.select_one("summary")
        title = " ".join(summary.get_text(" ").split()) if summary else "Details"
        return around_cells(text, lambda piece: fold(title, piece))

    def convert_label(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n**{text.strip()}**\n\n"  # the name of a tab

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        description = " ".join(el.get("alt", "").split()).replace("[", "(").replace("]", ")")
        return f"![{description}]({self.embed(el['src'])})"

    def nothing(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Leave out what needs the page's scripts or styles."""
        return ""

    convert_summary = convert_input = convert_button = convert_select = nothing
    convert_canvas = convert_svg = convert_iframe = convert_template = nothing


def has_class(el: Tag, *names: str) -> bool:
    return not set(names).isdisjoint(el.get("class", []))


def is_citation(el: object) -> bool:
    return isinstance(el, Tag) and has_class(el, "footnote-reference")


def is_in_table(parent_tags: set[str]) -> bool:
    return not parent_tags.isdisjoint({"td", "th"})


def code_language(pre: Tag) -> str:
    block = pre.find_parent(class_=re.compile("^highlight-"))
    names = [name.removeprefix("highlight-") for name in block["class"]] if block else []
    return next((n for n in names if n not in {*NO_LANGUAGE, "notranslate"}), "").rstrip("3")


def latex(el: Tag) -> str:
    """Return a formula on one line, without what looks like HTML."""
    source = el.select_one("annotation").get_text()  # the LaTeX that formulas.py left there
    formula = " ".join(source.replace("<", r" \lt ").replace(">", r" \gt ").split())
    return NUMBERED.sub(r"\\\1{\2ed}", formula).strip()


def display_math(el: Tag) -> str:
    """Return a formula of its own, with its number in the book."""
    number = el.select_one(".eqno")
    tag = rf" \tag{{{number.extract().get_text().strip('()#')}}}" if number else ""
    return f"\n\n$${latex(el)}{tag}$$\n\n"


def around_cells(text: str, wrap: Callable[[str], str]) -> str:
    """Wrap the pieces of text between the cells, and leave the cells where they are."""
    pieces = AROUND_CELLS.split(text)
    wrapped = [
        f"\n\n{CELL.format(piece)}\n\n" if index % 2 else wrap(piece) if piece.strip() else ""
        for index, piece in enumerate(pieces)
    ]
    return "".join(wrapped)


def quote(text: str) -> str:
    lines = text.replace(BEFORE_HEADING, "").strip().split("\n")
    return "\n\n" + "\n".join(f"> {line}".rstrip() for line in lines) + "\n\n"


def fold(title: str, text: str) -> str:
    text = text.replace(BEFORE_HEADING, "").strip()
    return f"\n\n<details>\n<summary><b>{title}</b></summary>\n\n{text}\n\n</details>\n\n"


def list_item(text: str) -> str:
    return f"\n\n- {indent(text, '  ').lstrip()}\n\n"
