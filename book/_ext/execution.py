"""Run the chapters before Sphinx reads them: side by side, and only those that must run.

myst-nb would run each chapter when its turn to be read comes, one after the other. This puts their
results into the cache where myst-nb looks first, so that it finds them all. What runs is decided
by two things: a chapter's code, which is the cache's key, and the state of `lenet_utils`, which
names the cache's folder.

A chapter that measures time says ``execution: {alone: true}`` in its front matter, and nothing
runs beside it.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.cache.db import NbCacheRecord, session_context
from kernels import Failure, Run
from myst_nb.core.config import NbParserConfig
from myst_nb.core.nb_to_tokens import nb_node_to_dict
from myst_nb.core.read import MystMetadataParsingError, create_nb_reader
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
CACHES_KEPT = 3  # the present state of lenet_utils and the two before it


def setup(app: Sphinx) -> dict[str, Any]:
    """Choose the cache when the settings are read, and fill it before the pages are."""
    app.add_config_value("chapters_at_once", 0, "", int)  # 0: as many as there are cores
    app.add_config_value("chapters_run_first", [], "", list)
    app.add_config_value("run_only", [], "", list)  # these pages, or all if it is empty
    app.connect("config-inited", choose_execution_cache)
    app.connect("env-get-outdated", read_unrun_pages)
    app.connect("env-before-read-docs", run_chapters)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


# --- The cache -----------------------------------------------------------------------------------


def choose_execution_cache(app: Sphinx, config: Config) -> None:
    """Keep executed cells in a folder named by the state of `lenet_utils`.

    jupyter-cache looks at a chapter's code only. With one folder per state of the package, an edit
    of the package starts with an empty folder, and an undo finds the former results again.
    """
    caches = Path(app.outdir).parent / ".jupyter_cache"
    cache = caches / package_digest(Path(app.srcdir))
    cache.mkdir(parents=True, exist_ok=True)
    os.utime(cache)  # the time of its last use, which is what pruning goes by
    prune(caches)
    config.nb_execution_cache_path = str(cache)


def package_digest(root: Path) -> str:
    """Return a short hash of what cells depend on: `lenet_utils`, its colours, and the lock."""
    package = root / "lenet_utils"
    files = [p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    digest = hashlib.sha256(os.environ.get("LENET_COLORS", "").encode())
    for path in sorted([*files, root / "requirements.txt"]):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"")
    return digest.hexdigest()[:16]


def prune(caches: Path) -> None:
    """Remove all but the caches used last."""
    by_last_use = sorted(caches.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for cache in by_last_use[CACHES_KEPT:]:
        shutil.rmtree(cache, ignore_errors=True)


def executed_notebook(app: Sphinx, page: str) -> NotebookNode | None:
    """Return a page as the notebook that is executed, without outputs; None if it is plain text.

    It is what myst-nb makes of the page, so that its code has the same key in the cache: other
    extensions may change the text first, as they do when Sphinx reads it.
    """
    path = app.env.doc2path(page)
    content = [Path(path).read_text(encoding="utf-8-sig")]
    app.emit("source-read", page, content)
    reader = create_nb_reader(path, app.env.myst_config, app.env.mystnb_config, content[0])
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
            errors.append(f"{path.relative_to(app.srcdir)} cannot be read. {error}")
            continue
        if notebook is None:
            continue
        config = app.env.mystnb_config
        own = nb_node_to_dict(notebook.metadata.get(config.metadata_key, {}))
        own.pop("output_folder", None)
        config = config.copy(**own)
        excluded = any(path.match(pattern) for pattern in config.execution_excludepatterns)
        if config.execution_mode == "cache" and not excluded and not is_kept(cache, notebook):
            chapters.append(Chapter(page, path, notebook, config))
    return chapters, errors


def is_kept(cache: JupyterCacheAbstract, notebook: NotebookNode) -> bool:
    """Say whether the cache has a notebook's outputs."""
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True


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


def last_seconds(caches: Path) -> dict[str, float]:
    """Return how long each chapter's file took the last time, in any state of `lenet_utils`."""
    records = [
        record
        for cache in caches.iterdir()
        if (cache / "global.db").is_file()
        for record in get_cache(str(cache)).list_cache_records()
    ]
    records.sort(key=lambda record: record.created)
    return {Path(r.uri).name: r.data["execution_seconds"] for r in records if r.data}


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
                keep(cache, chapter, run.seconds)
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


def keep(cache: JupyterCacheAbstract, chapter: Chapter, seconds: float) -> None:
    """Put a chapter's outputs where myst-nb looks for them."""
    bundle = CacheBundleIn(chapter.notebook, str(chapter.path), data={"execution_seconds": seconds})
    record = cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    # jupyter-cache 1.0 notes the time in UTC without saying so, and myst-nb 1.4 takes it for local.
    with session_context(cache.db) as session:
        row = session.get(NbCacheRecord, record.pk)
        row.created = datetime.now()
        session.commit()


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
