"""What authors and forks do with a book: it works, or one sentence says why not."""

import json
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from building import FRONT_MATTER, JUPYTER_BOOK, ROOT, build, start_book, write_page
from exercises import WHOLE_SOLUTION, slips
from mends import refuse_giscus
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from notebooks.buttons import take_over_launching

CELL = '\n```{code-cell} ipython3\nprint("forty", 40 + 2)\n```\n'
ODD_NAMES = ["two words", "it's", "50%", "größe"]
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
TITLE, AUTHOR = 'The "Le<i>Net" & Book', '<b>Me</b> "and" you'
EXERCISE = "```{exercise-start} Try\n:label: ex-a\n```\nDo.\n```{exercise-end}\n```\n"
SOLUTION = (
    "```{solution-start} ex-a\n:class: dropdown\n```\nA secret.\n\n"
    '```{code-cell} ipython3\nprint("also secret")\n```\n\n```{solution-end}\n```\n'
)
TASKS = "- [ ] to do\n- [x] done\n"


def settings(book, **changed):
    """Change settings of a book; what belongs to a part is merged into it."""
    path = book / "_config.yml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, value in changed.items():
        config[name] = {**config[name], **value} if isinstance(config.get(name), dict) else value
    path.write_text(yaml.safe_dump(config), encoding="utf-8")


@pytest.fixture(scope="module")
def fork(tmp_path_factory):
    """A book with everything at once that authors have tried, built on the first call."""
    book = tmp_path_factory.mktemp("it's 100% größer")
    start_book(book, *ODD_NAMES, "pasted", "marked")
    write_page(book, f"{TASKS}{CELL}\n{EXERCISE}\n{SOLUTION}")
    for name in ODD_NAMES:
        text = f"{FRONT_MATTER}\n# Page {name}\n{CELL}"
        (book / "book" / f"{name}.md").write_text(text, encoding="utf-8")
    marked = f"\ufeff{FRONT_MATTER}\n# Größe\n{CELL}"  # with a byte-order mark, as from Windows
    (book / "book" / "marked.md").write_text(marked, encoding="utf-8")
    picture = new_markdown_cell("# Pasted\n\n![a dot](attachment:a.png)")
    picture["attachments"] = {"a.png": {"image/png": DOT}}
    pasted = new_notebook(cells=[picture, new_code_cell("1 + 1")])
    pasted.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(pasted, book / "book" / "pasted.ipynb")
    sphinx = yaml.safe_load((book / "_config.yml").read_text(encoding="utf-8"))["sphinx"]
    sphinx["config"]["hide_solutions"] = True
    settings(book, title=TITLE, author=AUTHOR, sphinx=sphinx)
    settings(book, launch_buttons={"jupyterhub_url": "https://hub.example.org/"})
    settings(book, html={"comments": {"utterances": {"repo": "me/fork"}}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_REPOSITORY", "me/fork")
        result = build(book)
    assert result.returncode == 0, result.stdout[-4000:]
    return book


def page(book, name="intro"):
    text = (book / "_build" / "html" / "book" / f"{name}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser")


def notebook(book, name="intro"):
    return json.loads((book / "_build" / "html" / "notebooks" / f"{name}.ipynb").read_text("utf-8"))


@pytest.mark.parametrize("name", [*ODD_NAMES, "marked"])
def test_chapters_of_any_name_have_page_and_notebook(fork, name):
    assert "forty 42" in page(fork, name).select_one("article").get_text()
    assert any("forty" in "".join(cell["source"]) for cell in notebook(fork, name)["cells"])


def test_a_pasted_picture_is_on_the_page_and_in_the_notebook(fork):
    assert page(fork, "pasted").select_one("article img")["alt"] == "a dot"
    text = "".join("".join(cell["source"]) for cell in notebook(fork, "pasted")["cells"])
    assert f"![a dot](data:image/png;base64,{DOT})" in text


def test_task_lists_have_boxes(fork):
    assert len(page(fork).select("li input[type=checkbox]")) == 2


def test_titles_and_authors_are_shown_as_written(fork):
    for name in ("book/intro.html", "search.html", "404.html"):
        text = (fork / "_build" / "html" / name).read_text(encoding="utf-8")
        soup = BeautifulSoup(text, "html.parser")
        assert soup.select_one(".logo__title").get_text() == TITLE
        assert soup.select_one(".logo__image")["alt"] == f"Logo of {TITLE}"
        assert soup.select_one("title").get_text().endswith(TITLE)
        assert AUTHOR in soup.select_one(".component-author").get_text()
    assert r"Le\<i\>Net" in "".join(notebook(fork)["cells"][-1]["source"])


def test_solutions_can_be_left_out(fork):
    assert "Do." in page(fork).select_one("article").get_text()
    assert "secret" not in str(page(fork))
    assert "secret" not in json.dumps(notebook(fork))
    kept = (fork / "_build" / ".jupyter_cache").rglob("*.ipynb")
    assert not any("secret" in path.read_text(encoding="utf-8") for path in kept), "it was run"


def test_leaving_out_a_solution_moves_no_line():
    text = f"first\n\n{SOLUTION}\nlast\n\n:::{{solution}} ex-a\nIt.\n:::\nend"
    left = WHOLE_SOLUTION.sub(lambda found: "\n" * found[0].count("\n"), text)
    assert [line for line in left.split("\n") if line] == ["first", "last", "end"]
    assert len(left.split("\n")) == len(text.split("\n"))


def test_a_jupyterhub_opens_the_published_notebook(fork):
    links = {a["href"] for a in page(fork).select("a[href^='https://hub.example.org/']")}
    assert links == {
        "https://hub.example.org/hub/user-redirect/git-pull?repo=https%3A%2F%2Fgithub.com%2Fme"
        "%2Ffork&branch=gh-pages&targetpath=published"
        "&urlpath=lab%2Ftree%2Fpublished%2Fnotebooks%2Fintro.ipynb"
    }


def test_comments_find_their_place(fork, browser):
    tab = browser.new_page()
    tab.route("https://**", lambda route: route.abort())
    tab.goto((fork / "_build" / "html" / "book" / "intro.html").as_uri())
    tab.wait_for_selector("article section script[src*=utteranc]", state="attached")
    tab.close()


@pytest.mark.parametrize("name", ["thebe", "deepnote_url", "jupyterlite_url"])
def test_launch_settings_that_do_nothing_are_refused(name):
    config = SimpleNamespace(html_theme_options={"launch_buttons": {name: "https://example.org"}})
    with pytest.raises(SystemExit, match=f"launch_buttons: {name} does not work here: "):
        take_over_launching(None, config)


def test_comments_that_never_appear_are_refused():
    with pytest.raises(SystemExit, match="giscus does not work here"):
        refuse_giscus(None, SimpleNamespace(comments_config={"giscus": {"repo": "me/fork"}}))
    refuse_giscus(None, SimpleNamespace(comments_config={"utterances": {"repo": "me/fork"}}))


# --- Labels of exercises --------------------------------------------------------------------------


def test_a_label_given_twice_is_named_at_both_places():
    other = "````{exercise} Another\n:class: hard\n:label: ex-a\nDo.\n````\n"
    texts = {"a.md": f"# A\n\n{EXERCISE}", "b.md": other}
    assert list(slips(texts)) == ["b.md:3: the label ex-a is taken by a.md:4. Choose another."]


def test_a_solution_without_exercise_is_named_with_what_may_be_meant():
    texts = {"a.md": EXERCISE, "b.md": SOLUTION.replace("ex-a", "ex-b")}
    assert list(slips(texts)) == [
        "b.md:1: no exercise has the label ex-b that this solution is for. "
        "Is ex-a meant, at a.md:2?"
    ]


def test_slips_end_the_build_before_any_chapter_runs(small_book):
    write_page(small_book, f"{CELL}\n{EXERCISE}\n{EXERCISE}")
    result = build(small_book)
    assert result.returncode == 1
    assert "book/intro.md:27: the label ex-a is taken by book/intro.md:20." in result.stdout
    assert "running" not in result.stdout
    assert "Traceback" not in result.stdout


# --- CONTRIBUTING ---------------------------------------------------------------------------------


def test_the_chapter_that_contributing_shows_builds_as_it_stands(small_book):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (chapter,) = re.findall(r"^`````markdown\n(.*?)^`````$", text, re.MULTILINE | re.DOTALL)
    (small_book / "book" / "small-kernels.md").write_text(chapter, encoding="utf-8")
    (small_book / "book" / "lenet-5.md").write_text("# LeNet-5\n")
    write_page(small_book, "Text.")
    pages = [{"file": f"book/{name}"} for name in ("lenet-5", "small-kernels")]
    toc = {"format": "jb-book", "root": "book/intro", "chapters": pages}
    (small_book / "_toc.yml").write_text(yaml.safe_dump(toc))
    result = build(small_book)
    assert result.returncode == 0, result.stdout[-4000:]
    article = page(small_book, "small-kernels").select_one("article")
    assert "The 6 kernels of C1 before training" in article.select_one("figcaption").get_text()
    assert "156" in article.select_one(".solution").get_text()


# --- Other builders, and two builds at once -------------------------------------------------------


def test_pages_as_folders_have_their_notebooks(small_book):
    write_page(small_book, CELL)
    assert build(small_book, "--builder", "dirhtml").returncode == 0
    built = small_book / "_build" / "dirhtml"
    text = (built / "book" / "intro" / "index.html").read_text(encoding="utf-8")
    (link,) = BeautifulSoup(text, "html.parser").select("a[href$='.ipynb']")
    assert (built / "book" / "intro" / link["href"]).resolve().is_file()


def test_texts_for_translators_are_collected_beside_a_built_book(small_book):
    write_page(small_book, CELL)
    assert build(small_book).returncode == 0
    pot = build(small_book, "--builder", "custom", "--custom-builder", "gettext")
    assert pot.returncode == 0, pot.stdout[-4000:]
    assert 'msgid "A page"' in (small_book / "_build" / "gettext" / "book.pot").read_text("utf-8")
    after = build(small_book)
    assert after.returncode == 0
    assert "no targets are out of date" in after.stdout


HELD = """
import sys, time
from pathlib import Path
from filelock import FileLock
with FileLock(sys.argv[1]):
    Path(sys.argv[2]).touch()
    while not Path(sys.argv[3]).exists():
        time.sleep(0.05)
"""


def test_a_second_build_waits_for_the_first(small_book, tmp_path):
    write_page(small_book, "Text.")
    (small_book / "_build").mkdir()
    held, free = tmp_path / "held", tmp_path / "free"
    lock = small_book / "_build" / ".lock"
    other = subprocess.Popen([sys.executable, "-c", HELD, str(lock), str(held), str(free)])
    while not held.exists():
        time.sleep(0.05)
    waiting = subprocess.Popen(
        [sys.executable, "-c", JUPYTER_BOOK, "build", "."],
        cwd=small_book,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    for line in waiting.stdout:
        said += line
        if "another build is at work" in line:
            break
    assert not (small_book / "_build" / "html" / "book").exists()
    free.touch()
    said += waiting.communicate(timeout=300)[0]
    assert waiting.returncode == 0, said[-4000:]
    assert other.wait(timeout=60) == 0
    assert (small_book / "_build" / "html" / "book" / "intro.html").exists()
