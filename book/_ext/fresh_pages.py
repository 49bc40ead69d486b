"""When all pages are made anew: after a change of our extensions, and after a build that failed.

A build that failed, or was stopped, is no starting point for the next.

Sphinx 7 saves what it has read before it is done, faults included, and with ``--keep-going`` it
keeps that even where a warning fails the build. The next build would read nothing again, hence see
no fault, and pass. So a mark lies beside what is saved from the first page that is read until a
build ends without a warning; a build that finds the mark starts from nothing. Chapters that ran
are not run again for it: their results are in the execution cache.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

UNFINISHED = "unfinished"
LOCKS: dict[str, FileLock] = {}  # held by this process, which may build more than once
LOGGER = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    """Look for the mark before Sphinx loads what it saved; set it and take it away."""
    # Sphinx makes all pages anew when a setting changes: an edit of our extensions counts as one.
    app.add_config_value("extension_sources", sources_digest(Path(__file__).parent), "env", str)
    app.connect("config-inited", wait_for_other_build, priority=100)
    app.connect("config-inited", keep_texts_apart, priority=200)
    app.connect("config-inited", forget_failed_build)
    # After the chapters have run: when one fails, nothing is read and nothing changes.
    app.connect("env-before-read-docs", set_mark, priority=900)
    app.connect("build-finished", remove_mark, priority=900)  # others may still warn before
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def sources_digest(folder: Path) -> str:
    """Return a hash of all Python files in a folder and below it."""
    sources = sorted(folder.rglob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def mark(app: Sphinx) -> Path:
    return Path(app.doctreedir) / UNFINISHED


def wait_for_other_build(app: Sphinx, config: Config) -> None:
    """Let one build at a time into the folder of built books; the lock ends with the process."""
    folder = Path(app.outdir).parent
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    if not LOCKS.setdefault(str(lock.lock_file), lock).is_locked:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            LOGGER.info("another build is at work in %s: this one waits for its end", folder)
            lock.acquire()


def keep_texts_apart(app: Sphinx, config: Config) -> None:
    """Give translators' texts saved pages of their own: Sphinx refuses those of HTML for them."""
    if Path(app.outdir).name == "gettext":  # the builder itself is made later
        app.doctreedir = app.doctreedir.parent / ".doctrees-gettext"
        app.doctreedir.mkdir(parents=True, exist_ok=True)


def forget_failed_build(app: Sphinx, config: Config) -> None:
    """Remove what a build saved that did not end well."""
    if mark(app).exists():
        (Path(app.doctreedir) / ENV_PICKLE_FILENAME).unlink(missing_ok=True)


def set_mark(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    """Note that a build is under way."""
    mark(app).touch()


def remove_mark(app: Sphinx, exception: Exception | None) -> None:
    """Note that a build ended without an exception or a warning."""
    if exception is None and not app._warncount:  # Sphinx 7 and 8 have no public name for it
        mark(app).unlink(missing_ok=True)
