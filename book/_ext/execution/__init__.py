"""Run the chapters before Sphinx reads them: side by side, and only those that must run.

myst-nb would run each chapter when its turn to be read comes, one after the other. This puts their
results into the cache where myst-nb looks first (see `cache`), so that it finds them all.

A chapter that measures time says ``execution: {alone: true}`` in its front matter, and nothing
runs beside it.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inline_numbers import reader_with_numbers
from jupyter_cache import get_cache
from myst_nb.core.config import NbParserConfig
from myst_nb.core.nb_to_tokens import nb_node_to_dict
from myst_nb.core.read import MystMetadataParsingError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from .cache import is_kept, keep, last_seconds
from .kernels import Failure, Run

LOGGER = logging.getLogger(__name__)
SETTINGS = {"alone", "timeout", "allow_errors"}  # the last two are jupyter-cache's own


def setup(app: Sphinx) -> dict[str, Any]:
    """Fill the cache before the pages are read."""
    app.add_config_value("chapters_at_once", 0, "", int)  # 0: as many as there are cores
    app.add_config_value("chapters_run_first", [], "", list)
    app.add_config_value("run_only", [], "", list)  # these pages, or all if it is empty
    app.connect("env-get-outdated", read_unrun_pages)
    app.connect("env-before-read-docs", run_chapters)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def executed_notebook(app: Sphinx, page: str) -> NotebookNode | None:
    """Return a page as the notebook that is executed, without outputs; None if it is plain text.

    It is what myst-nb makes of the page, numbers in its prose included, so that its code has the
    same key in the cache: other extensions may change the text first, as when Sphinx reads it.
    """
    path = app.env.doc2path(page)
    content = [Path(path).read_text(encoding="utf-8-sig")]
    app.emit("source-read", page, content)
    reader = reader_with_numbers(path, app.env.myst_config, app.env.mystnb_config, content[0])
    return None if reader is None else reader.read(content[0])


# --- Which chapters run --------------------------------------------------------------------------


@dataclass(frozen=True)
class Chapter:
    """A page with code to be run. ``path`` is its file."""

    page: str
    path: Path
    notebook: NotebookNode
    config: NbParserConfig

    @property
    def alone(self) -> bool:
        """Whether nothing may run beside it."""
        return bool(self.notebook.metadata.get("execution", {}).get("alone", False))

    @property
    def length(self) -> int:
        """Return how much code it has: a guess at how long it runs."""
        return sum(len(cell.source) for cell in self.notebook.cells if cell.cell_type == "code")


def read_unrun_pages(app: Sphinx, env: BuildEnvironment, *changes: set[str]) -> set[str]:
    """Have those pages read again that were left without outputs the last time."""
    return set(getattr(env, "unrun_pages", ()))


def run_chapters(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    """Run those of the pages to be read whose results the cache lacks; end the build if one fails.

    Raises:
        SystemExit: A chapter failed. Any other exception would be told once by Sphinx and twice by
            Jupyter Book 1.0, with their own tracebacks, and the author's error in between.
    """
    chapters, errors = chapters_to_run(app, pages)
    wanted = app.config.run_only
    env.unrun_pages = {c.page for c in chapters if wanted and c.page not in wanted}
    chapters = [chapter for chapter in chapters if chapter.page not in env.unrun_pages]
    leave_unrun(env)
    if chapters:
        errors += run_all(app, chapters)
    if errors:
        sys.stdout.flush()  # or what was printed before would come after the last words
        sys.stderr.flush()
        raise SystemExit("\n\n".join(errors))


def chapters_to_run(app: Sphinx, pages: list[str]) -> tuple[list[Chapter], list[str]]:
    """Return the chapters whose results the cache lacks, and what is wrong with unreadable ones."""
    cache = get_cache(app.config.nb_execution_cache_path)
    chapters, errors = [], []
    for page in pages:
        path = Path(app.env.doc2path(page))
        try:
            notebook = executed_notebook(app, page)
        except MystMetadataParsingError as error:
            errors.append(f"{path.relative_to(app.srcdir).as_posix()} cannot be read. {error}")
            continue
        except UnicodeDecodeError as error:
            errors.append(told_of_encoding(path.relative_to(app.srcdir), error))
            continue
        if notebook is None:
            continue
        if said := wrong_settings(notebook):
            errors.append(f"{path.relative_to(app.srcdir).as_posix()}: {said}")
            continue
        config = app.env.mystnb_config
        own = nb_node_to_dict(notebook.metadata.get(config.metadata_key, {}))
        own.pop("output_folder", None)
        config = config.copy(**own)
        excluded = any(path.match(pattern) for pattern in config.execution_excludepatterns)
        if config.execution_mode == "cache" and not excluded and not is_kept(cache, notebook):
            chapters.append(Chapter(page, path, notebook, config))
    return chapters, errors


def told_of_encoding(path: Path, error: UnicodeDecodeError) -> str:
    """Return where a page's file stops being UTF-8, and what to do."""
    line = error.object[: error.start].count(b"\n") + 1
    found = f"the byte {error.object[error.start]:#04x}"
    return f"{path.as_posix()}:{line}: {found} is not UTF-8. Save the file with the encoding UTF-8."


def wrong_settings(notebook: NotebookNode) -> str:
    """Return what is wrong with the settings of a chapter's run in its front matter, or nothing."""
    settings = notebook.metadata.get("execution", {})
    if isinstance(settings, dict) and set(settings) <= SETTINGS:
        return ""
    return (
        f"its front matter says `execution: {settings}`. Known are {', '.join(sorted(SETTINGS))}; "
        "write for example `execution: {alone: true}`."
    )


def leave_unrun(env: BuildEnvironment) -> None:
    """Have myst-nb show the pages without results as they are, instead of running them."""
    config = env.mystnb_config
    paths = [glob.escape(env.doc2path(page)) for page in sorted(env.unrun_pages)]
    patterns = [*config.execution_excludepatterns, *paths]
    env.mystnb_config = config.copy(execution_excludepatterns=patterns)


def in_order(chapters: list[Chapter], seconds: dict[str, float], first: list[str]) -> list[Chapter]:
    """Sort chapters: the longest first, so that none of them is left for the end alone.

    How long a chapter takes is known from its last run. One that never ran comes before those that
    did, since it may be long; among such, those named ``first`` lead, then those with more code.
    """

    def key(chapter: Chapter) -> tuple[float, int, int]:
        named = first.index(chapter.page) if chapter.page in first else len(first)
        return -seconds.get(chapter.path.name, float("inf")), named, -chapter.length

    return sorted(chapters, key=key)


# --- Running -------------------------------------------------------------------------------------


def run_all(app: Sphinx, chapters: list[Chapter]) -> list[str]:
    """Run chapters and keep their results; return what is to be said of those that failed."""
    cache = get_cache(app.config.nb_execution_cache_path)
    known = last_seconds(cache.path.parent)
    chapters = in_order(chapters, known, app.config.chapters_run_first)
    together = [chapter for chapter in chapters if not chapter.alone]
    at_once = max(1, min(app.config.chapters_at_once or cores(), len(together)))
    LOGGER.info("running %s chapters, %s at a time", len(chapters), at_once)
    # Kernels that share a machine have a core each. PyTorch, NumPy and scikit-learn all go by this.
    shared = {"OMP_NUM_THREADS": "1", **os.environ}
    batches = [(together, at_once, shared)]
    batches += [([chapter], 1, dict(os.environ)) for chapter in chapters if chapter.alone]
    errors, done = [], 0
    for batch, workers, environment in batches:
        for chapter, run, failure in run_side_by_side(batch, workers, environment):
            done += 1
            end = "failed after" if failure else "took"
            progress = f"{done} of {len(chapters)}"
            LOGGER.info("[%s] %s %s %.0f s", progress, chapter.page, end, run.seconds)
            if failure is None:
                keep(cache, chapter.notebook, chapter.path, run.seconds)
            elif chapter.config.execution_raise_on_error:
                errors.append(told(chapter, failure, Path(app.srcdir)))
    return errors


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_side_by_side(
    chapters: list[Chapter], workers: int, environment: dict[str, str]
) -> Iterator[tuple[Chapter, Run, Failure | None]]:
    """Run chapters in that order, so many at a time, and yield each as it ends."""
    runs = {
        chapter.page: Run(
            chapter.notebook,
            chapter.path.parent,
            timeout=chapter.config.execution_timeout,
            allow_errors=chapter.config.execution_allow_errors,
            environment=environment,
        )
        for chapter in chapters
    }
    with ThreadPoolExecutor(workers) as pool:
        ends: dict[Future[Failure | None], Chapter] = {
            pool.submit(runs[chapter.page].execute): chapter for chapter in chapters
        }
        try:
            for end in as_completed(ends):
                yield ends[end], runs[ends[end].page], end.result()
        except BaseException:  # Ctrl-C: the kernels are in a session of their own, hear nothing
            for end in ends:
                end.cancel()
            for run in runs.values():
                run.stop()
            raise


def told(chapter: Chapter, failure: Failure, root: Path) -> str:
    """Return which chapter failed, where, and why, as an author wants to read it."""
    cells = chapter.notebook.cells[: failure.cell + 1]
    number = sum(cell.cell_type == "code" for cell in cells)
    line = first_line(chapter, failure.cell) + (failure.line or 1) - 1
    where = f"{chapter.path.relative_to(root).as_posix()}:{line}"
    return f"{where}: code cell {number} failed. {failure.error}\n{failure.traceback}".rstrip()


def first_line(chapter: Chapter, index: int) -> int:
    """Return the line of the chapter's file, from 1, where the code of a cell begins.

    The notebook knows where cells begin; their options come before the code.
    """
    lines = chapter.path.read_text(encoding="utf-8-sig").splitlines()
    code = chapter.notebook.cells[index].source.splitlines()
    start = chapter.notebook.metadata["source_map"][index]
    for place in range(start, len(lines)):
        if lines[place : place + len(code)] == code:
            return place + 1
    return start + 1
