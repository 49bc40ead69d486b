"""The project's own rules: commands, lock, chapters, workflows and versions agree."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from building import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lenet_utils

CHAPTERS = sorted((ROOT / "book").glob("*.md"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.name


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


# --- The set-up ----------------------------------------------------------------------------------

# A Python whose environments are folders, and whose pip believes a half-unpacked package, as the
# real one does. Where a file "stop" lies, that pip and all around it are killed while it unpacks.
PYTHON = """#!/bin/sh
case "$*" in
"-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && touch .venv/pyvenv.cfg ;;
*"pip install"*)
    test -e .venv/lib && exit
    mkdir .venv/lib
    test -e stop && rm stop && kill -9 0
    touch .venv/lib/whole ;;
esac
"""


@pytest.fixture
def set_up(tmp_path):
    """Return a function that runs ``make setup`` in a folder and returns its code and messages."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)

    def run():
        command = ["make", "setup", f"PYTHON={python}"]
        result = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, start_new_session=True
        )
        return result.returncode, result.stdout + result.stderr

    return run


def test_a_set_up_that_was_killed_is_begun_anew(set_up, tmp_path):
    (tmp_path / "stop").touch()
    assert set_up()[0] == -9
    assert not (tmp_path / ".venv" / "lib" / "whole").exists()
    code, said = set_up()
    assert code == 0
    assert "was not finished: it is made anew" in said
    assert (tmp_path / ".venv" / "lib" / "whole").exists()
    assert "Nothing to be done" in set_up()[1]


def test_a_new_lock_is_installed_into_the_environment_there_is(set_up, tmp_path):
    assert set_up()[0] == 0
    (tmp_path / ".venv" / "mine").touch()
    later = (tmp_path / ".venv" / "ready").stat().st_mtime + 1
    os.utime(tmp_path / "requirements.txt", (later, later))
    assert set_up()[0] == 0
    assert (tmp_path / ".venv" / "mine").exists()


@pytest.mark.parametrize("begun", ["", "bin", "lib/python3.11"])
def test_what_is_left_of_an_environment_is_replaced(set_up, tmp_path, begun):
    (tmp_path / ".venv" / begun).mkdir(parents=True)
    assert set_up()[0] == 0
    assert (tmp_path / ".venv" / "lib" / "whole").exists()


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_no_environment_of_ours_is_not_deleted(set_up, tmp_path, kind):
    place = tmp_path / ".venv"
    kept = tmp_path / "notes"
    if kind == "folder":
        place.mkdir()
        kept = place / "notes"
    kept.mkdir()
    (kept / "pyvenv.cfg").write_text("mine")
    if kind == "file":
        place.write_text("mine")
    elif kind == "link":
        place.symlink_to(kept)
    code, said = set_up()
    assert code == 2
    assert ".venv is not an environment that make made" in said
    assert (kept / "pyvenv.cfg").read_text() == "mine"
    assert place.exists()


def fake_wheel(index: Path, name: str, version: str, needs: tuple[str, ...] = ()) -> None:
    """Put a package without content into a folder that pip can read as an index."""
    folder = index / name
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    files = {
        "METADATA": "\n".join([*metadata, *(f"Requires-Dist: {need}" for need in needs), ""]),
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for file, text in files.items():
            wheel.writestr(f"{stem}.dist-info/{file}", text)
    links = [f'<a href="{wheel.name}">{wheel.name}</a>' for wheel in folder.glob("*.whl")]
    (folder / "index.html").write_text("<!DOCTYPE html><html><body>" + "".join(links))


@pytest.mark.slow
@pytest.mark.parametrize(("options", "has_cuda"), [([], True), (["CPU=1"], False)])
def test_set_up_takes_the_small_pytorch_if_asked(tmp_path, options, has_cuda):
    """Two folders stand for PyPI and for PyTorch's own index; pip and the versions are real."""
    cuda = ("nvidia-cublas", "cuda-toolkit", "triton")
    versions = {name: locked()[name][0] for name in ("torch", *cuda)}
    needs = tuple(f"{name}=={versions[name]}" for name in cuda)
    for name in cuda:
        fake_wheel(tmp_path / "pypi", name, versions[name])
    fake_wheel(tmp_path / "pypi", "torch", versions["torch"], needs)
    fake_wheel(tmp_path / "pytorch", "torch", versions["torch"] + "+cpu")

    project = tmp_path / "a project"
    project.mkdir()
    shutil.copy(ROOT / "Makefile", project)
    (project / "pyproject.toml").touch()
    lock = "".join(f"{name}=={version}\n    # via torch\n" for name, version in versions.items())
    (project / "requirements.txt").write_text(lock)
    indexes = {"PIP_INDEX_URL": (tmp_path / "pypi").as_uri(), "PIP_CONFIG_FILE": os.devnull}
    environment = {**os.environ, **indexes, "PIP_FIND_LINKS": ""}
    small = f"CPU_INDEX={(tmp_path / 'pytorch').as_uri()}"
    command = ["make", "setup", f"PYTHON={sys.executable}", small, *options]
    subprocess.run(command, cwd=project, env=environment, check=True)

    listing = [".venv/bin/python", "-m", "pip", "list", "--format=freeze"]
    result = subprocess.run(listing, cwd=project, capture_output=True, text=True, check=True)
    installed = dict(line.split("==") for line in result.stdout.split())
    assert installed["torch"] == versions["torch"] + ("" if has_cuda else "+cpu")
    assert (set(cuda) <= set(installed)) == has_cuda
    assert has_cuda or not set(cuda) & set(installed)


def test_no_line_of_the_lock_needs_what_is_left_out_without_cuda():
    """What depends on a CUDA library is one itself, or PyTorch, whose other build does without."""
    left_out = re.compile(re.search(r"^CUDA\s*:= (.*)$", read("Makefile"), re.M)[1])
    package, needed_by = "", {}
    for line in read("requirements.txt").splitlines():
        if match := re.match(r"([\w.-]+)==", line):
            package = match[1]
        elif match := re.match(r" +# +(?:via )?([\w.-]+)$", line):
            needed_by.setdefault(package, set()).add(match[1])
    small = {user for name, users in needed_by.items() if left_out.match(name) for user in users}
    assert {user for user in small if not left_out.match(user)} - {"via"} == {"torch"}


# --- The rest ------------------------------------------------------------------------------------


def test_ci_runs_the_makefile():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert re.findall(r"^make (\w+)$", read(".ci/run"), re.M) == ["book", "test"]


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


def test_versions_agree():
    citation = yaml.safe_load(read("CITATION.cff"))
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert lenet_utils.__version__ == project["version"] == citation["version"]


@pytest.mark.parametrize("page", [*CHAPTERS, ROOT / "README.md"], ids=name_of)
def test_no_image_is_hot_linked(page):
    text = page.read_text(encoding="utf-8")
    pattern = r"!\[[^\]]*\]\(\s*(?:https?:)?//|(?:src=[\"']|\{(?:image|figure)\}\s+)(?:https?:)?//"
    assert not re.findall(pattern, text)
