"""The cache of executed chapters: one folder for each state of `lenet_utils`.

A chapter's results are kept by its code. With one folder per state of the package, an edit of
the package starts with an empty folder, and an undo finds the former results again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.cache.db import NbCacheRecord, session_context
from jupyter_cache.cache.main import JupyterCacheBase
from nbformat import NotebookNode
from nbformat.reader import NotJSONError
from sphinx.application import Sphinx
from sphinx.config import Config

from .kernels import ARGUMENTS

RUN_OTHERWISE = {"raises-exception", "skip-execution"}  # the tags of a cell that change its run
CACHES_KEPT = 3  # the present state of lenet_utils and the two before it


def setup(app: Sphinx) -> dict[str, Any]:
    """Choose the folder when the settings are read."""
    app.connect("config-inited", choose_execution_cache)
    JupyterCacheBase.create_hashed_notebook = hashed_by_code
    JupyterCacheBase.merge_match_into_notebook = outputs_merged
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def choose_execution_cache(app: Sphinx, config: Config) -> None:
    """Keep executed cells in a folder named by the state of `lenet_utils`."""
    caches = Path(app.outdir).parent / ".jupyter_cache"
    cache = caches / package_digest(Path(app.srcdir))
    cache.mkdir(parents=True, exist_ok=True)
    os.utime(cache)  # the time of its last use, which is what pruning goes by
    prune(caches)
    config.nb_execution_cache_path = str(cache)


def package_digest(root: Path) -> str:
    """Return a short hash of what cells depend on: `lenet_utils`, colours, kernel and lock."""
    package = root / "lenet_utils"
    files = [p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    digest = hashlib.sha256(os.environ.get("LENET_COLORS", "").encode())
    digest.update(" ".join(ARGUMENTS).encode())
    for path in sorted([*files, root / "requirements.txt"]):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"")
    return digest.hexdigest()[:16]


# jupyter-cache 1.0 counts the metadata of cells and the kernel's display name as code, so that an
# edited tag would run a chapter again; and it gives back the metadata of the former run.
HASHED = JupyterCacheBase.create_hashed_notebook
MERGED = JupyterCacheBase.merge_match_into_notebook


def hashed_by_code(
    cache: JupyterCacheBase, notebook: NotebookNode, *_: object
) -> tuple[NotebookNode, str]:
    """Return a notebook as it is kept, and the key: its code, its kernel, and how cells run."""
    kept = deepcopy(notebook)
    kernel = kept.metadata.get("kernelspec", {}).get("name", "")
    kept.metadata["kernelspec"] = {"name": kernel, "display_name": ""}
    for cell in kept.cells:
        tags = sorted(RUN_OTHERWISE & set(cell.metadata.get("tags", [])))
        cell.metadata = {"tags": tags} if tags else {}
    return HASHED(cache, kept)


def outputs_merged(cache: JupyterCacheBase, notebook: NotebookNode) -> tuple[int, NotebookNode]:
    """Return a notebook with its kept outputs and its own metadata."""
    return MERGED(cache, notebook, nb_meta=("language_info", "widgets"), cell_meta=())


def prune(caches: Path) -> None:
    """Remove all but the caches used last."""
    by_last_use = sorted(caches.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for cache in by_last_use[CACHES_KEPT:]:
        shutil.rmtree(cache, ignore_errors=True)


def is_kept(cache: JupyterCacheAbstract, notebook: NotebookNode) -> bool:
    """Say whether the cache has a notebook's outputs, whole.

    jupyter-cache 1.0 notes a result before it writes it: a build that is killed may leave the note
    without its file, or with half of it, on which myst-nb would stumble for ever after.
    """
    try:
        cache.get_cache_bundle(cache.match_cache_notebook(notebook).pk)
    except (KeyError, NotJSONError):
        return False
    return True


def keep(cache: JupyterCacheAbstract, notebook: NotebookNode, path: Path, seconds: float) -> None:
    """Put the outputs of the notebook made from a file where myst-nb looks for them."""
    bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
    record = cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    # jupyter-cache 1.0 notes the time in UTC without saying so, and myst-nb 1.4 takes it for local.
    with session_context(cache.db) as session:
        row = session.get(NbCacheRecord, record.pk)
        row.created = datetime.now()
        session.commit()


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
