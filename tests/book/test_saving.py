"""Chapters opened and saved as notebooks, as jupytext does it for editors, stay as they are."""

import shutil
from pathlib import Path

import pytest
from building import CHAPTERS, ROOT
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

# What JupyterLab fills in when a chapter has run.
LANGUAGE = {
    "name": "python",
    "version": "3.11.7",
    "mimetype": "text/x-python",
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
# How JupyterLab names the kernel that ipykernel installs, in this order.
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
# What jupyterlab-myst writes into a cell of prose whose numbers it has shown.
SHOWN = [{"expression": "n", "result": {"status": "ok", "data": {"text/plain": "1"}}}]


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    """What JupyterLab reads and writes files with, on a copy of the chapters and their settings."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for chapter in CHAPTERS:
        (folder / chapter).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / f"{chapter}.md", folder / f"{chapter}.md")
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)()
    manager.root_dir = str(folder)
    return manager


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_opening_and_saving_changes_nothing(manager, chapter):
    path = f"{chapter}.md"
    notebook = manager.get(path, type="notebook", content=True)["content"]
    notebook["metadata"]["language_info"] = LANGUAGE
    notebook["metadata"]["kernelspec"] = KERNEL
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
        else:
            cell["metadata"]["user_expressions"] = SHOWN
    manager.save({"type": "notebook", "format": "json", "content": notebook, "path": path}, path)
    saved = Path(manager.root_dir, path).read_bytes()
    assert saved.decode() == (ROOT / path).read_bytes().decode()
