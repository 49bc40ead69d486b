"""The first cell of a notebook: what the chapter imports is installed where it is missing."""

from __future__ import annotations

import ast
import json
import sys
from functools import cache
from importlib.metadata import packages_distributions, requires

from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = "lenet-utils"
INSTALL = """\
# What this notebook needs is installed where it is missing, as in Colab.
from importlib.util import find_spec

needed = {needed}
missing = [source for module, source in needed.items() if find_spec(module) is None]
if missing:
    %pip install --quiet {{" ".join(missing)}}"""
ASK = """\
# This notebook runs on lenet_utils, the package of the book it comes from.
from importlib.util import find_spec

if find_spec("lenet_utils") is None:
    raise ModuleNotFoundError(
        "lenet_utils is not installed. Run `pip install .` in the folder of the book's sources, "
        "restart the kernel, and run this cell again."
    )"""


def setup_source(cells: list[str], repository: str | None) -> str:
    """Return code that installs `lenet_utils` and what else these cells import, where missing.

    Parameters
    ----------
    cells
        The code of the chapter.
    repository
        The web address to install `lenet_utils` from. Where it is None, the code asks for it.
    """
    needed = {module: distribution(module) for module in sorted(further_modules(cells))}
    if repository is not None:
        return install({"lenet_utils": f"git+{repository}", **needed})
    return f"{ASK}\n\n{install(needed)}" if needed else ASK


def install(needed: dict[str, str]) -> str:
    lines = [f"    {json.dumps(module)}: {json.dumps(name)}," for module, name in needed.items()]
    return INSTALL.format(needed="\n".join(["{", *lines, "}"]))


def further_modules(cells: list[str]) -> set[str]:
    """Return what the cells import and neither Python nor installing `lenet_utils` brings."""
    return imported(cells) - sys.stdlib_module_names - brought_along()


def imported(cells: list[str]) -> set[str]:
    """Return the top-level modules that the cells import."""
    modules = set()
    for cell in cells:
        for node in ast.walk(ast.parse(TransformerManager().transform_cell(cell))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add((node.module or "").partition(".")[0])
    return modules


@cache
def brought_along() -> set[str]:
    """Return the modules of `lenet_utils`, of its dependencies and of the notebook itself."""
    needed = map(Requirement, requires(PACKAGE) or [])
    names = {  # an extra is only there for those who ask for it
        canonicalize_name(requirement.name)
        for requirement in needed
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
    of_dependencies = {
        module
        for module, owners in packages_distributions().items()
        if names & {canonicalize_name(owner) for owner in owners}
    }
    return of_dependencies | {"lenet_utils", "IPython"}


def distribution(module: str) -> str:
    """Return the name under which a module is installed."""
    return packages_distributions().get(module, [module])[0]
