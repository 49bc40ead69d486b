"""The notebooks made from the chapters: complete, plain, the same at every build, and they run."""

import ast
import base64
import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
from browsing import PATIENCE
from bs4 import BeautifulSoup
from building import HTML, ROOT, build, long, start_book, write_page
from constructs import CONSTRUCTS
from fresh_environment import build_wheel, execute, make_environment
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from notebooks.first_cell import setup_source

# What single chapters import and readers need not have: the first cell installs it.
FURTHER = {
    "lightning": ("lightning", "torchmetrics"),
    "rivals": ("scikit-learn",),
    "training-fast": ("numba",),
}
# Notebooks that `make test` runs as a reader does: short ones, one of which needs more packages.
SOME = ("history", "popular-versions", "lightning")


def chapters() -> list[str]:
    """Return the names of the chapters in the table of contents that have code to run."""
    files = re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    sources = {Path(file).name: (ROOT / f"{file}.md").read_text("utf-8") for file in files}
    return [
        name
        for name, text in sources.items()
        if "```{code-cell}" in text and "\nnotebook: false\n" not in text
    ]


@cache
def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def notebook(chapter: str) -> nbformat.NotebookNode:
    return read(HTML / "notebooks" / f"{chapter}.ipynb")


@pytest.fixture
def no_repository(monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)


# --- A small book with all that chapters are written with ----------------------------------------


def sample_book(folder: Path) -> Path:
    book = folder / "small book"
    start_book(book)
    config = book / "_config.yml"
    address = "baseurl: https://me.github.io/lenet/"
    config.write_text(config.read_text().replace('baseurl: ""', address, 1))
    (book / "book" / "_static" / "dot.svg").write_text("<svg/>")
    sections = [f"## {name}\n\n{source}" for name, (source, _) in CONSTRUCTS.items()]
    write_page(book, "\n\n".join(sections))
    return book


def build_sample(book: Path) -> bytes:
    result = build(book)
    assert result.returncode == 0, result.stdout[-4000:]
    return (book / "_build" / "html" / "notebooks" / "intro.ipynb").read_bytes()


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The small book, built, and the bytes of its notebook."""
    book = sample_book(tmp_path_factory.mktemp("sample"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GITHUB_REPOSITORY", raising=False)
        return book, build_sample(book)


@pytest.fixture(scope="module")
def sample_sections(sample):
    """The prose and the first lines of code in each section of the small book's notebook."""
    sections, name = {}, ""
    for cell in nbformat.reads(sample[1].decode(), as_version=4).cells:
        if cell.cell_type == "code":
            text = f"<{cell.source.splitlines()[0]}>"
        else:
            heading, text = re.fullmatch(r"(?:#+ (.+)\n*)?([\s\S]*)", cell.source).groups()
            name = heading or name
        if "remove-cell" not in cell.metadata.get("tags", []):
            sections.setdefault(name, []).append(text)
    return {name: "\n\n".join(filter(None, texts)) for name, texts in sections.items()}


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_what_chapters_are_written_with_becomes_plain_markdown(sample_sections, name):
    markdown = CONSTRUCTS[name][1]
    if name == "works":  # whose entries are long; the page's other footnote follows them
        for work in ("LeCun et al., 1998a", "LeCun et al., 1998b", "Kingma and Ba, 2015"):
            assert f"- **{work}.** " in sample_sections[name]
        assert "- **4.** Beside." in sample_sections[name]
    else:
        assert sample_sections[name] == markdown


def test_cells_keep_what_the_page_shows_of_them(sample):
    cells = {cell.source: cell for cell in nbformat.reads(sample[1].decode(), as_version=4).cells}
    removed = next(cell for source, cell in cells.items() if "answer = " in source)
    assert removed.outputs == []
    assert removed.metadata.jupyter.source_hidden
    solution = cells["6 * 7"]
    assert solution.outputs[0].data["text/plain"] == "42"
    assert solution.metadata.jupyter == {"source_hidden": True, "outputs_hidden": True}
    assert solution.metadata.cellView == "form"
    folded = next(cell for source, cell in cells.items() if source.startswith("import sys"))
    assert [output.text for output in folded.outputs] == ["seen\n"]
    assert folded.metadata.jupyter == {"source_hidden": True}


def test_a_cached_build_and_one_elsewhere_give_the_same_bytes(sample, tmp_path, no_repository):
    """And what a chapter that is gone has left is gone, too."""
    book, first = sample
    for folder in ("html", ".doctrees", "jupyter_execute"):
        shutil.rmtree(book / "_build" / folder)
    stale = [
        book / "_build/html" / name for name in ("notebooks/x.ipynb", "_static/notebooks/x.js")
    ]
    for path in stale:
        path.parent.mkdir(parents=True)
        path.write_text("old")
    assert build_sample(book) == first
    assert not any(path.exists() for path in stale)
    elsewhere = sample_book(tmp_path)
    assert build_sample(elsewhere) == first
    assert elsewhere != book


# --- Buttons -------------------------------------------------------------------------------------


def buttons(book: Path) -> dict[str, str]:
    """Return the addresses that the buttons of the small book's page lead to, by their text."""
    page = BeautifulSoup((book / "_build/html/book/intro.html").read_text("utf-8"), "html.parser")
    links = page.select(".article-header-buttons a.btn")
    return {link.get_text(strip=True): link["href"] for link in links}


def test_without_a_repository_there_is_a_download_and_nothing_else(sample):
    found = buttons(sample[0])
    assert found[".ipynb"] == "../notebooks/intro.ipynb"
    assert not {"Colab", "Binder"} & set(found)


def test_with_a_repository_colab_and_binder_open_what_is_published(sample, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/lenet")
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    book = shutil.copytree(sample[0], tmp_path / "book")  # and what was executed with it
    first_cell = nbformat.reads(build_sample(book).decode(), as_version=4).cells[0].source
    assert '"lenet_utils": "git+https://github.com/me/lenet"' in first_cell

    found = buttons(book)
    assert found[".ipynb"] == "../notebooks/intro.ipynb"
    colab = "https://colab.research.google.com/github/me/lenet/blob/gh-pages/notebooks/intro.ipynb"
    assert found["Colab"] == colab
    binder = urlsplit(found["Binder"])
    assert (binder.netloc, binder.path) == ("mybinder.org", "/v2/gh/me/lenet/main")
    (pull,) = parse_qs(binder.query)["urlpath"]
    assert pull.startswith("git-pull?")
    assert parse_qs(pull.removeprefix("git-pull?")) == {
        "repo": ["https://github.com/me/lenet"],
        "branch": ["gh-pages"],
        "targetpath": ["published"],
        "urlpath": ["lab/tree/published/notebooks/intro.ipynb"],
    }


def test_the_button_downloads_the_notebook_from_a_folder(sample, browser, tmp_path):
    book, content = sample
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto((book / "_build/html/book/intro.html").as_uri())
    page.click(".dropdown-download-buttons > button")
    with page.expect_download() as download:
        page.click("a.btn-download-notebook-button")
    download.value.save_as(tmp_path / "downloaded")
    assert download.value.suggested_filename == "intro.ipynb"
    assert (tmp_path / "downloaded").read_bytes() == content
    page.close()


# --- The first cell ------------------------------------------------------------------------------


@pytest.fixture
def shell():
    """An IPython whose `%pip` only writes down what it is asked for."""
    shell = InteractiveShell()
    shell.asked = []
    shell.register_magic_function(shell.asked.append, magic_name="pip")
    return shell


def test_only_what_is_missing_is_installed(shell):
    cells = ["%time import os\nimport numpy, sklearn.svm", "from nowhere.at import all"]
    source = setup_source(cells, "https://github.com/me/lenet")
    needed = ast.literal_eval(re.search(r"needed = (\{[^}]*\})", source)[1])
    assert needed == {
        "lenet_utils": "git+https://github.com/me/lenet",
        "nowhere": "nowhere",
        "sklearn": "scikit-learn",
    }
    shell.run_cell(source).raise_error()
    assert shell.asked == ["install --quiet nowhere"]
    shell.run_cell(source.replace("find_spec(module)", "None")).raise_error()
    assert shell.asked[1] == "install --quiet git+https://github.com/me/lenet nowhere scikit-learn"


def test_without_a_repository_the_cell_says_what_to_do(shell):
    source = setup_source(["import torch"], None)
    shell.run_cell(source).raise_error()
    assert shell.asked == []
    result = shell.run_cell(source.replace('"lenet_utils")', '"lenet_utils_is_not_here")'))
    assert isinstance(result.error_in_exec, ModuleNotFoundError)
    assert "pip install" in str(result.error_in_exec)


def test_binder_installs_what_the_chapters_import():
    lines = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = {line.partition("#")[0].strip() for line in lines}
    assert {".", "nbgitpuller", *(name for names in FURTHER.values() for name in names)} <= names


# --- The book's notebooks ------------------------------------------------------------------------


def prose(chapter: str) -> str:
    """Return a notebook's Markdown without code, formulas and the contents of images."""
    cells = [cell.source for cell in notebook(chapter).cells if cell.cell_type == "markdown"]
    text = re.sub(r"^```.*?^```$", "", "\n\n".join(cells), flags=re.M | re.S)
    return re.sub(r"`[^`\n]+`|base64,[\w+/=]+|\$\$[^$]+\$\$|\$[^$\n]+\$", "", text)


def test_every_chapter_has_a_notebook(built):
    made = {path.stem for path in (HTML / "notebooks").rglob("*.ipynb")}
    assert made == set(chapters())


@pytest.mark.parametrize("chapter", chapters())
def test_a_notebook_is_valid_and_tells_nothing_about_this_machine(built, chapter):
    content = notebook(chapter)
    nbformat.validate(content)
    assert len({cell.id for cell in content.cells}) == len(content.cells)
    assert content.metadata.colab.name == f"{chapter}.ipynb"
    assert content.metadata.kernelspec.name == "python3"
    text = json.dumps(content)
    assert str(ROOT) not in text
    assert str(Path.home()) not in text


@pytest.mark.parametrize("chapter", chapters())
def test_no_directive_and_no_role_is_left(built, chapter):
    text = prose(chapter)
    assert not re.findall(r"\{[a-z][a-z:_-]*\}|^\s*(?:```|:::).*|^\(\S+\)=$|\{\{", text, re.M)
    assert not re.findall("[\ue000-\uf8ff]", text), "marks of our own are left"
    assert not re.findall(r"\\[(\[]|\$", text), "a formula has no dollars around it, or only one"


@pytest.mark.parametrize("chapter", chapters())
def test_images_are_inside(built, chapter):
    for address in re.findall(r"!\[[^\]]*\]\(([^)]*)\)|<img", prose(chapter)):
        assert address.startswith("data:image/")
    images = [
        content
        for cell in notebook(chapter).cells
        for output in cell.get("outputs", [])
        for kind, content in output.get("data", {}).items()
        if kind == "image/png"
    ]
    for content in images:
        assert base64.b64decode(content).startswith(b"\x89PNG")


@pytest.mark.parametrize("chapter", chapters())
def test_outputs_are_there_where_the_page_has_them(built, chapter):
    page = BeautifulSoup((HTML / "book" / f"{chapter}.html").read_text("utf-8"), "html.parser")
    on_page = [cell.select_one(".cell_output") is not None for cell in page.select("div.cell")]
    in_notebook = [
        bool(cell.outputs)
        for cell in notebook(chapter).cells[1:]  # the first one is not on the page
        if cell.cell_type == "code" and "remove-cell" not in cell.metadata.get("tags", [])
    ]
    assert any(on_page)
    assert in_notebook == on_page


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A function: the Python of a reader's environment, in which ``further`` is installed too."""
    folder = tmp_path_factory.mktemp("fresh")
    wheel = build_wheel(folder)

    @cache
    def python(further=()):
        return make_environment(folder / "-".join(["env", *further]), wheel, further)

    return python


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize(
    "chapter", [chapter if chapter in SOME else long(chapter) for chapter in chapters()]
)
def test_a_notebook_runs_where_only_lenet_utils_is_installed(built, python, home, chapter):
    further = FURTHER.get(chapter, ())
    path = HTML / "notebooks" / f"{chapter}.ipynb"
    done = execute(path, python(further), home, home / chapter)
    assert all(cell.execution_count for cell in done.cells if cell.cell_type == "code")
    installed = set(re.findall(r'": "([\w-]+)"', done.cells[0].source))
    assert installed == set(further)


def imports(chapter: str) -> set[str]:
    """Return the import statements of a notebook, each as a line of its own."""
    cells = [cell.source for cell in notebook(chapter).cells if cell.cell_type == "code"]
    code = "\n".join(map(TransformerManager().transform_cell, cells))
    found = [
        node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    return {ast.unparse(node) for node in found}


@pytest.mark.parametrize(
    "further", sorted({(), *FURTHER.values()}), ids=lambda names: "-".join(names)
)
def test_what_notebooks_import_is_there_in_a_readers_environment(built, python, further):
    readers = [chapter for chapter in chapters() if FURTHER.get(chapter, ()) == further]
    wanted = set().union(*map(imports, readers))
    assert len(wanted) >= len(readers)
    subprocess.run([python(further), "-I", "-c", "\n".join(sorted(wanted))], check=True)


def test_the_environment_of_a_reader_holds_nothing_else(python):
    """Else the tests above would prove little."""
    program = """
import importlib.util, sys, lenet_utils
print([name for name in sys.argv[1:] if importlib.util.find_spec(name)], lenet_utils.__file__)
"""
    others = ["myst_nb", "sphinx", "lightning", "sklearn", "pytest", "nbclient", "pip"]
    command = [str(python()), "-I", "-c", program, *others]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.startswith(f"[] {python().parent.parent}")
