"""What chapters are written with, and the plain Markdown that notebooks should make of it.

Each is a section of one page. A code cell stands in the Markdown as its first line, in angles.
"""

PAGE = "https://me.github.io/lenet/book/intro.html"
NUMBERED = "https://me.github.io/lenet/book/intro.html#equation-eq-one"

CONSTRUCTS = {
    "characters": (
        "Five dollars ($5), a_b\\_c, 2 \\* 3, 3 < 4 | 5, `code|bar`, H{sub}`2`O, x{sup}`2`.",
        "Five dollars (&#36;5), a\\_b\\_c, 2 \\* 3, 3 \\< 4 | 5, `code|bar`, H<sub>2</sub>O, "
        "x<sup>2</sup>.",
    ),
    "a year first": ("1998\\. A year.\n\n\\# No heading.", "1998\\. A year.\n\n\\# No heading."),
    "citations": (
        "One {footcite}`lecun1998gradient` (p. 7), "
        "two {footcite}`lecun1998efficient,kingma2015adam`.",
        "One [LeCun et al., 1998a] (p. 7), two [LeCun et al., 1998b; Kingma and Ba, 2015].",
    ),
    "links": (
        "[out](https://example.org/a_b), [here](intro.md), {doc}`intro`, {ref}`there <target>`.",
        f"[out](https://example.org/a_b), [here]({PAGE}), [A page]({PAGE}), "
        f"[there]({PAGE}#target).",
    ),
    "numbers in prose": (
        "```{code-cell} ipython3\n:tags: [remove-cell]\nanswer = 4_200\nprint(answer)\n```\n\n"
        'The answer is {eval}`f"{answer:,}"`.',
        "The answer is 4,200.",
    ),
    "formulas": (
        "With $a < b$ and\n\n```{math}\n:label: eq-one\na < b\n  \\le c\n```\n\n$$E = mc^2$$\n\n"
        "\\begin{align}\nx &= y\n\\end{align}",
        "With $a \\lt b$ and\n\n$$a \\lt b \\le c \\tag{1}$$\n\n$$E = mc^2$$\n\n"
        "$$\\begin{aligned} x &= y \\end{aligned} \\tag{2}$$",
    ),
    "figures": (
        "```{code-cell} ipython3\nfrom matplotlib.pyplot import plot\nplot([0, 1]);\n```\n\n"
        "```{caption} fig-drawn\n:alt: A dot.\nDrawn.\n```\n\n"
        "```{figure} _static/dot.svg\n:name: fig-kept\n:alt: A dot.\nKept, $x$.\n```",
        "<from matplotlib.pyplot import plot>\n\n**Fig. 1.** Drawn.\n\n"
        "![A dot.](data:image/svg+xml;base64,PHN2Zy8+)\n\n**Fig. 2.** Kept, $x$.",
    ),
    "numbers": (
        "(target)=\n{numref}`fig-drawn`, {numref}`fig-kept`, {eq}`eq-one`, {numref}`tab-one`.",
        f"[Fig. 1]({PAGE}#fig-drawn), [Fig. 2]({PAGE}#fig-kept), [(1)]({NUMBERED}), "
        f"[Table 1]({PAGE}#tab-one).",
    ),
    "tables": (
        "| a | b |\n|---|---|\n| 1 | `p\\|q` |\n\n```{list-table} Words\n:header-rows: 1\n"
        ":name: tab-one\n* - left\n  - right\n* - $|x|$\n  - two words\n```",
        "| a | b |\n| --- | --- |\n| 1 | `p\\|q` |\n\n**Table 1.** Words\n\n"
        "| left | right |\n| --- | --- |\n| $\\vert x\\vert$ | two words |",
    ),
    "boxes": (
        "```{admonition} After this\n:class: tip\n- one **bold**\n- two\n```\n\n"
        ":::{note}\nWell.\n:::",
        "> **After this**\n>\n> - one **bold**\n> - two\n\n> **Note**\n>\n> Well.",
    ),
    "definitions": (
        "layer\n: It computes.\n\n```{glossary}\nkernel\n  It weighs.\n```\n\nA {term}`kernel`.",
        "- **layer**\n\n  It computes.\n\n- **kernel**\n\n  It weighs.\n\n"
        f"A [kernel]({PAGE}#term-kernel).",
    ),
    "cards": (
        "::::{grid} 2\n"
        ":::{grid-item-card} The page\n:link: intro\n:link-type: doc\nThis one.\n:::\n"
        ":::{grid-item-card} Bare\nNo link.\n:::\n::::",
        f"- [**The page**]({PAGE}): This one.\n\n- **Bare**: No link.",
    ),
    "tabs": (
        "::::{tab-set}\n:::{tab-item} Linux\nOne.\n:::\n:::{tab-item} Windows\nTwo.\n:::\n::::",
        "**Linux**\n\nOne.\n\n**Windows**\n\nTwo.",
    ),
    "fold": (
        ":::{dropdown} More\nHidden *words*.\n:::",
        "<details>\n<summary><b>More</b></summary>\n\nHidden *words*.\n\n</details>",
    ),
    "code to read": (
        '```python\nprint("$5 | *")  # not run\n```\n\n```bash\nmake book\n```',
        '```python\nprint("$5 | *")  # not run\n```\n\n```bash\nmake book\n```',
    ),
    "exercise": (
        "```{exercise-start}\n:label: ex-words\n```\nWhy?\n```{exercise-end}\n```\n\n"
        "````{solution-start} ex-words\n:class: dropdown\n````\nBecause.\n"
        "````{solution-end}\n````",
        "> **Exercise 1**\n>\n> Why?\n\n<details>\n<summary><b>Solution to Exercise 1</b></summary>"
        "\n\nBecause.\n\n</details>",
    ),
    "exercise with code": (
        "```{exercise-start}\n:label: ex-code\n```\nHow many?\n```{exercise-end}\n```\n\n"
        "````{solution-start} ex-code\n:class: dropdown\n````\n"
        "```{code-cell} ipython3\n6 * 7\n```\nCount.\n````{solution-end}\n````",
        "> **Exercise 2**\n>\n> How many?\n\n**Solution to Exercise 2**: folded below. Try first."
        "\n\n<6 * 7>\n\n<details>\n<summary><b>Solution to Exercise 2, continued</b></summary>"
        "\n\nCount.\n\n</details>",
    ),
    "hidden code": (
        "```{code-cell} ipython3\n:tags: [hide-input, remove-stderr]\nimport sys\n"
        'print("seen")\nprint("unseen", file=sys.stderr)\n```\n\nEnd.',
        "<import sys>\n\nEnd.",
    ),
    "what only a page can show": (
        '<p class="run-note">Ran for 3 seconds.</p>\n\n<div class="lenet-panel"></div>\n'
        "<div><p>Scripts are off.</p></div>\n<button>Go</button><canvas></canvas>",
        "Scripts are off.",
    ),
    "footnotes": ("A note.[^side]\n\n[^side]: Beside.", "A note.[4]"),
    "works": (
        "```{footbibliography}\n```",
        "- **LeCun et al., 1998a.** ",
    ),
}
