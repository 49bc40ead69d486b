"""The rooms of the package: who may import from whom."""

import ast
from pathlib import Path

import pytest

import lenet_utils

PACKAGE = Path(lenet_utils.__file__).parent
GROUND = {"_checks", "_devices", "_files", "_inputs", "_seeding"}
BELOW = {  # what each room may import from
    "data": GROUND,
    "models": GROUND,
    "training": GROUND | {"data", "models"},
    "visualization": GROUND | {"data", "models", "training"},
}


def rooms_imported(path: Path) -> set[str]:
    """Return what a module imports of the package, each by the first part of its name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 2:
            found |= (
                {node.module.partition(".")[0]} if node.module else {a.name for a in node.names}
            )
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names]
            assert not any(name.startswith("lenet_utils") for name in names), "relative, inside"
    return found


@pytest.mark.parametrize("room", BELOW)
def test_imports_go_one_way(room):
    modules = sorted((PACKAGE / room).glob("*.py"))
    assert modules
    assert {path.name: rooms_imported(path) - BELOW[room] for path in modules} == {
        path.name: set() for path in modules
    }


def test_the_ground_floor_imports_nothing_of_the_package():
    for name in GROUND:
        tree = ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]


def test_every_folder_of_code_is_a_room():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(BELOW)
