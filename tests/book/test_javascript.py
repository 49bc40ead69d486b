"""The book's own scripts, linted by eslint, which npm brings for the tests alone."""

import hashlib
import shutil
import subprocess

import pytest
from browsing import without
from building import ROOT

TOOLS = ROOT / "tests" / "javascript"
NEEDED = ("package.json", "package-lock.json", ".npmrc", "eslint.config.mjs")
SCRIPTS = sorted((ROOT / "book" / "_static").rglob("*.js"))


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def eslint():
    """A function that lints what lies in a folder; eslint itself is kept in _build."""
    if not shutil.which("npm"):
        without("no npm found, which brings eslint: install Node.js (Debian: apt install npm)")
    files = {name: (TOOLS / name).read_bytes() for name in NEEDED}
    digest = hashlib.sha256(b"\0".join(files.values())).hexdigest()[:16]
    folder = ROOT / "_build" / f"eslint-{digest}"
    program = folder / "node_modules" / "eslint" / "bin" / "eslint.js"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        installed = run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        if installed.returncode:
            without(f"npm could not bring eslint: {installed.stderr[-300:]}")

    def lint(folder_of_scripts):
        config = folder / "eslint.config.mjs"
        return run(
            "node", program, "--config", config, "--max-warnings=0", ".", cwd=folder_of_scripts
        )

    return lint


def test_scripts_are_clean(eslint):
    assert SCRIPTS
    result = eslint(ROOT / "book" / "_static")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("slip", "rule"),
    [
        ("var a = 1;\nwindow.a = a;", "no-var"),
        ("window.a = nobody;", "no-undef"),
        ("function unused() {}", "no-unused-vars"),
    ],
)
def test_a_slip_is_found(eslint, tmp_path, slip, rule):
    (tmp_path / "slip.js").write_text(f'(function () {{\n"use strict";\n{slip}\n}})();\n')
    result = eslint(tmp_path)
    assert result.returncode == 1
    assert rule in result.stdout


def test_the_lock_names_no_registry():
    """Where packages come from is the reader's setting, not this project's."""
    assert "resolved" not in (TOOLS / "package-lock.json").read_text()
