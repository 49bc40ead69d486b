"""How chapters are run: side by side, each once, and what the build says when one of them fails."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from building import FRONT_MATTER, JUPYTER_BOOK, build, start_book, write_page
from execution import Chapter, in_order, kernels
from execution.cache import (
    hashed_by_code,
    is_kept,
    keep,
    last_seconds,
    outputs_merged,
    package_digest,
    prune,
)
from jupyter_cache import get_cache
from jupyter_cache.cache.main import JupyterCacheBase
from nbformat.v4 import new_code_cell, new_notebook, new_output

ALONE = FRONT_MATTER.replace("---\n", "---\nexecution: {alone: true}\n", 1)
PATIENCE = 300  # seconds until a test gives up waiting for what must come


def write_chapter(book: Path, name: str, text: str, front_matter: str = FRONT_MATTER) -> None:
    (book / "book" / f"{name}.md").write_text(f"{front_matter}\n# {name}\n\n{text}\n")


def cell(code: str) -> str:
    return f"```{{code-cell}} ipython3\n{code}\n```\n"


def counting(name: str) -> str:
    """Return a cell that leaves a mark each time it runs, and says so."""
    return cell(f"with open('{name}.txt', 'a') as f:\n    f.write('x')\nprint('{name} ran')")


def runs(book: Path, name: str) -> int:
    path = book / "book" / f"{name}.txt"
    return len(path.read_text()) if path.exists() else 0


def progress(output: str) -> list[str]:
    return re.findall(r"^\[\d+ of \d+\] book/(\S+ \S+)", output, re.M)


def html(book: Path, name: str, folder: str = "html") -> str:
    return (book / "_build" / folder / "book" / f"{name}.html").read_text()


@pytest.fixture
def larger_book(tmp_path, monkeypatch):
    """A book of three chapters, two of which run at once, however many cores there are."""
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    book = tmp_path / "larger book"
    start_book(book, "two", "three")
    config = book / "_config.yml"
    config.write_text(config.read_text().replace("chapters_at_once: 0", "chapters_at_once: 2", 1))
    return book


# --- Side by side --------------------------------------------------------------------------------

MEETING = """
import time
from pathlib import Path

Path("{me}-is-here").touch()
deadline = time.monotonic() + {patience}
while not Path("{other}-is-here").exists():
    assert time.monotonic() < deadline, "{other} never came"
    time.sleep(0.05)
assert not Path("alone").exists()
Path("{me}-is-gone").touch()
"""
BY_ITSELF = """
from pathlib import Path

Path("alone").touch()
for name in ("intro", "two"):
    assert Path(f"{name}-is-gone").exists() == Path(f"{name}-is-here").exists(), name
Path("alone").unlink()
"""
THREADS = "import os\nprint('threads:', os.environ.get('OMP_NUM_THREADS'))"
TOLERATED = """
```{code-cell} ipython3
:tags: [raises-exception]
raise ValueError("shown to readers")
```
```{code-cell} ipython3
:tags: [skip-execution]
raise ValueError("never run")
```
"""


def test_chapters_run_side_by_side_with_a_thread_each_and_one_alone(larger_book, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    # A socket's address has room for 107 bytes, and this is where temporary files are to go.
    long = larger_book.parent / ("long" * 20) / ("longer" * 20)
    long.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(long))
    meet = {"patience": PATIENCE}
    write_page(larger_book, cell(MEETING.format(me="intro", other="two", **meet)) + cell(THREADS))
    write_chapter(larger_book, "two", cell(MEETING.format(me="two", other="intro", **meet)))
    write_chapter(larger_book, "three", cell(BY_ITSELF) + cell(THREADS) + TOLERATED, ALONE)

    result = build(larger_book)
    assert result.returncode == 0, result.stdout[-4000:]
    assert progress(result.stdout)[-1] == "three took"
    assert sorted(progress(result.stdout)) == ["intro took", "three took", "two took"]
    assert "running 3 chapters, 2 at a time" in result.stdout
    assert "Executing notebook" not in result.stdout, "myst-nb looked under another key"
    assert "threads: 1" in html(larger_book, "intro")
    assert "threads: None" in html(larger_book, "three")
    assert "shown to readers" in html(larger_book, "three")
    assert "encryption" not in result.stdout

    printed = build(larger_book, "--builder", "singlehtml")
    assert printed.returncode == 0, printed.stdout[-4000:]
    assert progress(printed.stdout) == [], "both builders share the results"


def test_a_setting_of_the_user_is_left_alone(small_book, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    write_page(small_book, cell(THREADS))
    assert build(small_book).returncode == 0
    assert "threads: 3" in html(small_book, "intro")


def chapter(name: str, code: str = "") -> Chapter:
    return Chapter(
        f"book/{name}", Path(f"{name}.md"), new_notebook(cells=[new_code_cell(code)]), None
    )


def test_the_longest_come_first_and_unknown_ones_before_them():
    chapters = [chapter("short"), chapter("new", "1"), chapter("long"), chapter("newer", "12345")]
    chapters.append(chapter("named"))
    seconds = {"short.md": 3.0, "long.md": 40.0}
    ordered = in_order(chapters, seconds, ["book/named", "book/short"])
    assert [c.path.stem for c in ordered] == ["named", "newer", "new", "long", "short"]


def test_the_last_run_counts_and_its_time_is_local(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "HST+10")
    time.tzset()
    try:
        for name, seconds in [("older", 5.0), ("newer", 7.0)]:
            cache = get_cache(str(tmp_path / name))
            keep(cache, chapter("intro").notebook, Path("intro.md"), seconds)
            (record,) = cache.list_cache_records()
            assert abs(record.created - datetime.now()) < timedelta(hours=5)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert last_seconds(tmp_path) == {"intro.md": 7.0}


def test_a_result_that_was_not_written_whole_does_not_count(tmp_path):
    cache, ran = get_cache(str(tmp_path)), chapter("intro", "1 + 1").notebook
    assert not is_kept(cache, ran)
    keep(cache, ran, Path("intro.md"), 1.0)
    assert is_kept(cache, ran)
    (written,) = tmp_path.glob("executed/*/base.ipynb")
    whole = written.read_text()
    written.write_text(whole[: len(whole) // 2])
    assert not is_kept(cache, ran)
    keep(cache, ran, Path("intro.md"), 1.0)
    assert is_kept(cache, ran)
    written.unlink()
    assert not is_kept(cache, ran)


def test_a_chapter_is_run_as_other_extensions_leave_it(small_book):
    (small_book / "book" / "_ext" / "fill.py").write_text(
        "def setup(app):\n    app.connect('source-read', fill)\n\n"
        "def fill(app, page, content):\n    content[0] = content[0].replace('NUMBER', '6 * 7')\n"
    )
    config = small_book / "_config.yml"
    ours = "  local_extensions:\n"
    config.write_text(config.read_text().replace(ours, ours + "    fill: book/_ext\n", 1))
    write_page(small_book, cell("print(NUMBER)"))
    result = build(small_book)
    assert result.returncode == 0, result.stdout[-4000:]
    assert "Executing notebook" not in result.stdout
    assert "42" in html(small_book, "intro")
    assert "6 * 7" in (small_book / "_build" / "html" / "notebooks" / "intro.ipynb").read_text()


def test_an_interrupted_build_leaves_no_kernel_behind(small_book):
    write_page(
        small_book,
        cell(
            "import os, time\nwith open('pid.new', 'w') as f:\n    f.write(str(os.getpid()))\n"
            f"os.rename('pid.new', 'pid')\ntime.sleep({PATIENCE})"
        ),
    )
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", "."]
    process = subprocess.Popen(
        command,
        cwd=small_book,
        stderr=subprocess.DEVNULL,
        # A shell's job in the background ignores Ctrl-C, and so would all that it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    pid = small_book / "book" / "pid"
    try:
        wait_for(pid.exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) != 0
        wait_for(lambda: not Path(f"/proc/{pid.read_text()}").exists())
    finally:
        process.kill()


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


# --- Kernels -------------------------------------------------------------------------------------


def test_sockets_lie_where_their_names_are_short_enough(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/short")
    monkeypatch.setattr(kernels.os, "access", lambda *_: True)
    assert kernels.folder_for_sockets() == "/tmp/short"
    monkeypatch.setattr(tempfile, "tempdir", "/" + "x" * 90)
    assert kernels.folder_for_sockets() == "/tmp"
    monkeypatch.setattr(kernels.os, "access", lambda *_: False)
    assert kernels.folder_for_sockets() is None
    with kernels.connection() as settings:
        assert not settings  # Jupyter's own way
    monkeypatch.setattr(kernels.zmq, "has", lambda _: False)
    monkeypatch.setattr(kernels.os, "access", lambda *_: True)
    assert kernels.folder_for_sockets() is None


@pytest.mark.parametrize(
    ("cells", "timeout", "said"),
    [
        (["import time\ntime.sleep(600)"], 1, "not done after 1 seconds"),
        (["1 + 1", "import os\nos._exit(1)"], PATIENCE, "its kernel died"),
    ],
)
def test_a_cell_that_never_ends_or_ends_its_kernel_is_named(tmp_path, cells, timeout, said):
    notebook = new_notebook(
        cells=[new_code_cell(code) for code in cells],
        metadata={"execution": {"timeout": timeout}},
    )
    run = kernels.Run(notebook, tmp_path, timeout=2, allow_errors=False, environment=os.environ)
    with ThreadPoolExecutor(1) as pool:  # as in a build; browsers' tests leave a loop in this one
        failure = pool.submit(run.execute).result()
    assert failure.cell == len(cells) - 1
    assert said in failure.error
    assert run.seconds > 0


# --- Failures ------------------------------------------------------------------------------------

FAILING = """
```{code-cell} ipython3
:tags: [hide-input]

def divide(x):
    return 1 / x
```

Text between.

```{code-cell} ipython3
---
mystnb:
  figure: {name: fig-none, caption: None.}
---
print("before")
divide(0)
```
"""


def line_of(book: Path, page: str, text: str) -> int:
    return (book / "book" / f"{page}.md").read_text().splitlines().index(text) + 1


def test_failed_chapters_are_the_last_words_of_a_build(larger_book):
    write_page(larger_book, FAILING)
    write_chapter(larger_book, "two", cell("x = = 2"))
    write_chapter(larger_book, "three", counting("three"))
    result = build(larger_book)
    assert result.returncode == 1
    said = result.stdout
    first = f"book/intro.md:{line_of(larger_book, 'intro', 'divide(0)')}: code cell 2 failed. "
    second = f"book/two.md:{line_of(larger_book, 'two', 'x = = 2')}: code cell 1 failed. "
    assert said.count(first + "ZeroDivisionError: division by zero\n") == 1
    assert said.count(second + "SyntaxError: invalid syntax") == 1
    # The traceback of the cell, and no other after it or before.
    *_, last = progress(said)
    end = said[said.index(last) :]
    assert end.count("----> ") == 2  # divide(0) and the line in divide
    assert end.rstrip().splitlines()[-1] in (
        "ZeroDivisionError: division by zero",
        "SyntaxError: invalid syntax",
    )
    for noise in ("sphinx-doc", "Jupyter-Book", "site-packages", "\x1b["):
        assert noise not in end
    assert sorted(progress(said)) == ["intro failed", "three took", "two failed"]

    write_page(larger_book, FAILING.replace("divide(0)", "divide(1)"))
    write_chapter(larger_book, "two", cell("x = 2"))
    mended = build(larger_book)
    assert mended.returncode == 0, mended.stdout[-4000:]
    assert sorted(progress(mended.stdout)) == ["intro took", "two took"]
    assert runs(larger_book, "three") == 1


def test_pages_that_cannot_be_read_are_named(larger_book):
    write_page(larger_book, counting("intro"))
    write_chapter(larger_book, "two", "```{code-cell} ipython3\n:tags: [a\n1\n```")
    write_chapter(larger_book, "three", counting("three"), ALONE.replace("{alone: true}", "alone"))
    text = f"{FRONT_MATTER}\n# Größe\n"
    line = text.count("\n")
    (larger_book / "book" / "latin.md").write_bytes(text.encode("latin-1"))
    toc = larger_book / "_toc.yml"
    toc.write_text(toc.read_text().replace("chapters:\n", "chapters:\n- file: book/latin\n"))
    result = build(larger_book)
    assert result.returncode == 1
    end = result.stdout[result.stdout.index("[1 of 1] book/intro took") :]
    assert end.count("book/two.md cannot be read. ") == 1
    assert end.count(f"book/latin.md:{line}: the byte 0xf6 is not UTF-8. Save the file ") == 1
    assert (
        "three.md: its front matter says `execution: alone`. Known are allow_errors, alone, " in end
    )
    assert "Traceback" not in end
    assert runs(larger_book, "three") == 0


def test_a_failed_build_fails_until_it_is_mended(small_book):
    read = "{footcite}`nobody2099`\n\n```{footbibliography}\n```\n\n"
    written = "[here](#nowhere-else)\n\n"  # noticed only when pages are written
    write_page(small_book, read + written + counting("intro"))
    for result in (build(small_book), build(small_book)):
        assert result.returncode == 1
        assert len(re.findall(r"intro\.md:\d+: .*WARNING", result.stdout)) == 2
    write_page(small_book, counting("intro"))
    assert build(small_book).returncode == 0
    after = build(small_book)
    assert after.returncode == 0
    assert "no targets are out of date" in after.stdout
    assert runs(small_book, "intro") == 1


# --- One page ------------------------------------------------------------------------------------


def make_page(book: Path, name: str) -> subprocess.CompletedProcess[str]:
    script = "book/_ext/make_page.py"
    return subprocess.run(
        [sys.executable, script, name], cwd=book, capture_output=True, text=True, check=False
    )


def test_one_page_runs_alone_and_has_its_numbers(larger_book):
    write_page(larger_book, "Text.")
    write_chapter(larger_book, "two", "(a-title)=\n## A title\n\n" + counting("two"))
    write_chapter(larger_book, "three", "See [](#a-title).\n\n" + counting("three"))
    result = make_page(larger_book, "three")
    assert result.returncode == 0, result.stderr
    page = "_build/page/book/three.html"
    assert result.stdout.rstrip().endswith(page)
    assert "three ran" in html(larger_book, "three", "page")
    assert ">A title<" in html(larger_book, "three", "page").replace("</span>", "<")
    assert (runs(larger_book, "two"), runs(larger_book, "three")) == (0, 1)

    book = build(larger_book)
    assert book.returncode == 0, book.stdout[-4000:]
    assert (runs(larger_book, "two"), runs(larger_book, "three")) == (1, 1)

    result = make_page(larger_book, "book/two.md")
    assert result.returncode == 0, result.stderr
    assert "two ran" in html(larger_book, "two", "page"), "it had been read without its results"
    assert (runs(larger_book, "two"), runs(larger_book, "three")) == (1, 1)


def test_one_page_that_fails_says_so_and_a_wrong_name_is_refused(larger_book):
    for name in ("fourth", "", "../two"):
        result = make_page(larger_book, name)
        assert result.returncode == 1
        assert f"There is no chapter {name!r} in _toc.yml" in result.stderr
        assert result.stderr.rstrip().endswith("intro, two, three")
    write_page(larger_book, "Text.")
    write_chapter(larger_book, "two", cell("1 / 0"))
    write_chapter(larger_book, "three", cell("1 / 0"))
    result = make_page(larger_book, "two")
    assert result.returncode == 1
    assert result.stderr.count("code cell 1 failed. ZeroDivisionError") == 1
    assert "book/three" not in result.stderr


# --- The cache -----------------------------------------------------------------------------------


def test_the_digest_follows_sources_assets_and_lock(tmp_path):
    package = tmp_path / "lenet_utils"
    (package / "assets").mkdir(parents=True)
    digests = {package_digest(tmp_path)}
    for changed in (package / "a.py", package / "assets" / "a.csv", tmp_path / "requirements.txt"):
        changed.write_text("1")
        digests.add(package_digest(tmp_path))
    (package / "a.py").rename(package / "b.py")
    digests.add(package_digest(tmp_path))
    assert len(digests) == 5

    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "b.pyc").write_text("1")
    assert package_digest(tmp_path) in digests


def test_a_run_is_kept_by_its_code_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(JupyterCacheBase, "create_hashed_notebook", hashed_by_code)
    monkeypatch.setattr(JupyterCacheBase, "merge_match_into_notebook", outputs_merged)
    cache = get_cache(str(tmp_path))
    spec = {"name": "python3", "display_name": "Python 3"}
    cell = new_code_cell("1 + 1", metadata={"tags": ["hide-input"], "mystnb": {"image": {}}})
    book = new_notebook(cells=[cell], metadata={"kernelspec": spec})
    done = deepcopy(book)
    done.cells[0].outputs = [new_output("stream", text="2")]
    keep(cache, done, tmp_path / "a.md", 1.0)

    edited = deepcopy(book)
    edited.cells[0].metadata = {"tags": ["hide-output"]}
    edited.metadata.kernelspec.display_name = "Another name"
    assert is_kept(cache, edited)
    _, merged = cache.merge_match_into_notebook(edited)
    assert merged.cells[0].outputs[0].text == "2"
    assert merged.cells[0].metadata == {"tags": ["hide-output"]}
    assert merged.metadata.kernelspec.display_name == "Another name"

    for tag in ("raises-exception", "skip-execution"):
        edited.cells[0].metadata = {"tags": [tag]}
        assert not is_kept(cache, edited), f"{tag} changes how a cell runs"
    edited.cells[0].metadata = {}
    edited.cells[0].source = "1 + 2"
    assert not is_kept(cache, edited)


def test_old_caches_are_removed(tmp_path):
    for age, name in enumerate(["newest", "second", "third", "old", "older"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    prune(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"newest", "second", "third"}
