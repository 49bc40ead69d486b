"""What npm brings for tests and measurements alone, once for each lock; it is kept in _build."""

import hashlib
import shutil
import subprocess

from building import ROOT

__all__ = ["NoPackagesError", "installed", "run"]

TOOLS = ROOT / "tests" / "javascript"
NEEDED = ("package.json", "package-lock.json", ".npmrc")


class NoPackagesError(Exception):
    """npm is missing, or could not bring them."""


def run(*command, cwd):
    """Run a program; return code and messages."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def installed():
    """Return a folder with ``node_modules``, the packages of the lock."""
    if not shutil.which("npm"):
        raise NoPackagesError("no npm found: install Node.js (Debian: apt install npm)")
    files = {name: (TOOLS / name).read_bytes() for name in NEEDED}
    digest = hashlib.sha256(b"\0".join(files.values())).hexdigest()[:16]
    folder = ROOT / "_build" / f"npm-{digest}"
    whole = folder / "whole"  # made last
    if not whole.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        result = run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        if result.returncode:
            raise NoPackagesError(f"npm could not bring its packages: {result.stderr[-300:]}")
        whole.touch()
    return folder
