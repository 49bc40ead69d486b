"""A Python environment as a reader has it: a wheel of `lenet_utils`, what it asks for, a kernel.

Installing PyTorch anew would take minutes and 5 GB. So the packages are links to those that are
installed here: to `lenet_utils`' dependencies and to what these need in turn, and to no other.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

import nbformat
from building import ROOT
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(names: Iterable[str]) -> set[str]:
    """Return these packages and all that they need, directly or not, on this machine."""
    waiting, found = [canonicalize_name(name) for name in names], set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        needed = map(Requirement, distribution(name).requires or [])
        # An extra is only there for those who ask for it; nobody does.
        waiting += [
            canonicalize_name(requirement.name)
            for requirement in needed
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]
    return found


def build_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(folder: Path, wheel: Path, further: Iterable[str] = ()) -> Path:
    """Return the Python of an environment with the wheel, its dependencies and ``further``."""
    venv.create(folder, symlinks=True, with_pip=False)
    python = folder / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    names = closure(["lenet-utils", "ipykernel", *further]) - {"lenet-utils"}
    for package in map(distribution, names):
        for top in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
            link = site / top
            if not link.exists():
                link.symlink_to(package.locate_file(top))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*command, "--no-deps", "--no-index", str(wheel)], check=True)
    return python


def execute(notebook: Path, python: Path, home: Path, folder: Path) -> nbformat.NotebookNode:
    """Run a notebook by that Python in a new ``folder``; raise what one of its cells raises.

    The reader's ``home`` is where packages keep what they need the next time.
    """
    folder.mkdir()
    kernel = folder / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "fresh", "language": "python"}))
    specs = KernelSpecManager(kernel_dirs=[str(kernel.parent.parent)], ensure_native_kernel=False)
    manager = KernelManager(kernel_name="python3", kernel_spec_manager=specs)
    content = nbformat.read(notebook, as_version=4)
    settings = {"metadata": {"path": str(folder)}}
    client = NotebookClient(content, km=manager, timeout=3600, resources=settings)
    # Nothing of this process's settings may help it: no PYTHONPATH, no cache.
    environment = {"HOME": str(home), "OMP_NUM_THREADS": "1", "PATH": os.environ["PATH"]}
    try:
        return client.execute(env=environment)
    finally:
        manager.shutdown_kernel(now=True)  # nbclient ends only kernels that it started itself
