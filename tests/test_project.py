"""The project's own rules: commands, lock, chapters, workflows and versions agree."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from building import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lenet_utils

CHAPTERS = sorted((ROOT / "book").glob("*.md"))
MODULES = sorted((ROOT / "lenet_utils").rglob("*.py"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.name


def phony_targets() -> list[str]:
    return re.search(r"^\.PHONY: (.*)$", read("Makefile"), re.M)[1].split()


def test_make_help_lists_every_target():
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(r"^ +make (\S+) +\S", result.stdout, re.M)
    assert sorted(listed) == sorted(phony_targets())
    assert {"book", "test", "lab", "results", "clean", "help"} <= set(listed)


def test_make_without_a_target_is_help():
    result = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make book" in result.stdout


@pytest.fixture
def made(tmp_path):
    """Return a function that makes a small book with a builder that only notes its calls."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    files = ("requirements.txt", "pyproject.toml", "_config.yml", "_toc.yml", "references.bib")
    for name in (*files, "book/intro.md", "lenet_utils/data/mnist.py", ".venv/ready"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    builder = tmp_path / ".venv/bin/jupyter-book"
    builder.parent.mkdir()
    builder.write_text("#!/bin/sh\nmkdir -p _build/html; echo >> calls; test ! -e book/broken.md\n")
    builder.chmod(0o755)

    def make():
        code = subprocess.run(["make", "book"], cwd=tmp_path, capture_output=True).returncode
        return code, len((tmp_path / "calls").read_text())

    return make


@pytest.mark.parametrize("changed", ["book/intro.md", "lenet_utils/data/mnist.py", "book/new.md"])
def test_make_book_builds_again_only_after_a_change(made, tmp_path, changed):
    assert made() == (0, 1)
    assert made() == (0, 1)
    later = (tmp_path / "_build/html/.built").stat().st_mtime + 1
    (tmp_path / changed).touch()
    for path in (tmp_path / changed, (tmp_path / changed).parent):
        os.utime(path, (later, later))
    assert made() == (0, 2)


def test_make_book_builds_again_after_a_failure_and_after_a_deletion(made, tmp_path):
    (tmp_path / "book/broken.md").touch()
    assert made() == (2, 1)
    assert made() == (2, 2)
    (tmp_path / "book/broken.md").unlink()
    assert made() == (0, 3)
    shutil.rmtree(tmp_path / "_build/html")
    assert made() == (0, 4)


def test_ci_runs_the_makefile():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert re.findall(r"^make (\w+)$", read(".ci/run"), re.M) == ["book", "test"]
    assert set(re.findall(r"make (\w+)", read(".ci/run"))) <= set(phony_targets())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name_of)
def test_workflow_is_pinned_and_runs_our_commands(workflow):
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    steps = [step for job in jobs for step in job["steps"]]
    actions = [step["uses"] for step in steps if "uses" in step]
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in actions)
    assert any(re.match(r"make \w+|\.ci/run", step.get("run", "")) for step in steps)


def chosen() -> list[Requirement]:
    """Return what requirements.in names, without this package itself."""
    lines = (line.split("#")[0].strip() for line in read("requirements.in").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-e")]


def locked() -> dict[str, list[str]]:
    """Return the versions each package is locked to (several where Pythons differ)."""
    versions: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", read("requirements.txt"), re.M):
        versions.setdefault(canonicalize_name(name), []).append(version)
    return versions


@pytest.mark.parametrize("requirement", chosen(), ids=str)
def test_lock_holds_what_was_chosen(requirement):
    versions = locked().get(canonicalize_name(requirement.name))
    assert versions, f"requirements.txt lacks {requirement.name}: compile it again"
    assert all(requirement.specifier.contains(version) for version in versions)


def test_lock_pins_everything():
    lines = [
        line for line in read("requirements.txt").splitlines() if line[:1] not in ("", "#", " ")
    ]
    assert [line for line in lines if "==" not in line] == ["-e ."]


def test_jupyter_book_stays_below_2():
    assert [version.split(".")[0] for version in locked()["jupyter-book"]] == ["1"]


def test_versions_agree():
    citation = yaml.safe_load(read("CITATION.cff"))
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert lenet_utils.__version__ == project["version"] == citation["version"]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=name_of)
def test_chapter_opens_as_a_notebook(chapter):
    text = chapter.read_text(encoding="utf-8")
    if "{code-cell}" not in text:
        return
    front_matter = yaml.safe_load(text.split("---\n")[1])
    assert front_matter["jupytext"]["text_representation"]["format_name"] == "myst"
    assert front_matter["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("page", [*CHAPTERS, ROOT / "README.md"], ids=name_of)
def test_no_image_is_hot_linked(page):
    text = page.read_text(encoding="utf-8")
    pattern = r"!\[[^\]]*\]\(\s*(?:https?:)?//|(?:src=[\"']|\{(?:image|figure)\}\s+)(?:https?:)?//"
    assert not re.findall(pattern, text)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_module_is_short(module):
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 300
