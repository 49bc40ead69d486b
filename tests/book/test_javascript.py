"""The book's own scripts, linted by eslint, which npm brings for the tests alone."""

import shutil

import npm
import pytest
from browsing import without
from building import ROOT

SCRIPTS = sorted((ROOT / "book" / "_static").rglob("*.js"))
CONFIG = "eslint.config.mjs"


@pytest.fixture(scope="module")
def eslint():
    """A function that lints what lies in a folder."""
    try:
        folder = npm.installed()
    except npm.NoPackagesError as error:
        without(f"no eslint: {error}")
    # Beside the packages, for it imports one.
    shutil.copy(npm.TOOLS / CONFIG, folder)
    program = folder / "node_modules" / "eslint" / "bin" / "eslint.js"

    def lint(folder_of_scripts):
        command = ("node", program, "--config", folder / CONFIG, "--max-warnings=0", ".")
        return npm.run(*command, cwd=folder_of_scripts)

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
    assert "resolved" not in (npm.TOOLS / "package-lock.json").read_text()
