"""The package as a whole: importing it, its public names, and what travels in its wheel."""

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import zipfile

import pytest
from fresh_environment import build_wheel
from PIL import Image

import lenet_utils
from lenet_utils.data.idx import MNIST_FILES, PACKED

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(lenet_utils.__path__, "lenet_utils.")
)
PUBLIC = sorted(lenet_utils.__all__)

LOOK_AROUND = """
import json, logging, os, random, sys, warnings
import matplotlib, numpy, torch, torchvision, seaborn, pandas
def state():
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(numpy.random.get_state()),
        "python": str(random.getstate()),
        "rcParams": str(dict(matplotlib.rcParams)),
        "backend": matplotlib.rcParams._get("backend").__class__.__name__,
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "dtype": str(torch.get_default_dtype()),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn": [torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic],
        "precision": torch.get_float32_matmul_precision(),
        "filters": str(warnings.filters),
        "logging": [logging.root.level, str(logging.root.handlers)],
        "pandas": str(pandas.describe_option(_print_desc=False)),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }
before = state()
"""


@pytest.mark.slow
def test_importing_seeds_nothing_prints_nothing_and_changes_no_setting():
    program = LOOK_AROUND + f"import {', '.join(MODULES)}\n"
    program += "print(json.dumps([k for k, v in state().items() if v != before[k]]))"
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:lenet_utils", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout) == []
    assert result.stderr == ""


# --- what must not be imported at the start ----------------------------------------------------

DRAWING = {"matplotlib", "seaborn", "scipy"}
NOT_TO_PREDICT = {*DRAWING, "torchvision", "torch._dynamo", "torch._inductor", "pandas", "filelock"}
STARTS = {
    "import lenet_utils": {*NOT_TO_PREDICT, "torch", "numpy", "PIL", "safetensors", "tqdm"},
    "from lenet_utils import LeNet5": NOT_TO_PREDICT,
    "from lenet_utils import *": NOT_TO_PREDICT - {"pandas"},
    "import lenet_utils; lenet_utils.load_mnist()": NOT_TO_PREDICT,
    "import lenet_utils.visualization": {"seaborn", "scipy", "torchvision"},
}
COMMANDS = {
    "--help": STARTS["import lenet_utils"],
    "train --help": STARTS["import lenet_utils"],
    "train --out run --model lenet7": STARTS["import lenet_utils"],
    "predict": STARTS["import lenet_utils"],
    "predict digit.png": NOT_TO_PREDICT - {"scipy"},  # which finds the ink
    "evaluate --weights lenet1": NOT_TO_PREDICT - {"pandas"},
    "info": NOT_TO_PREDICT - {"pandas"},
}
TELL = "\nimport sys; print(*sys.modules, sep='\\n')"


def imported(program, folder):
    """Return the modules of a fresh process at the end of ``program``."""
    command = [sys.executable, "-c", program + TELL]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("program", STARTS)
def test_importing_leaves_to_later_what_takes_long(program, tmp_path):
    assert imported(program, tmp_path) & STARTS[program] == set()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_command_imports_only_what_it_needs(arguments, tmp_path):
    picture = Image.new("L", (40, 50), 250)
    picture.paste(10, (18, 8, 22, 42))
    picture.save(tmp_path / "digit.png")
    program = f"""
import runpy, sys
sys.argv = ["lenet_utils", *{arguments.split()!r}]
try:
    runpy.run_module("lenet_utils", run_name="__main__", alter_sys=True)
except SystemExit as ended:
    assert ended.code in (0, 2), ended.code
"""
    assert imported(program, tmp_path) & COMMANDS[arguments] == set()


# --- public names ------------------------------------------------------------------------------


def names_for_type_checkers():
    """Return each name of the block that only type checkers read, with its module."""
    tree = ast.parse(inspect.getsource(lenet_utils))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    return {alias.asname: line.module for line in block.body for alias in line.names}


def test_all_names_everything_public():
    assert lenet_utils.__all__ == list(lenet_utils._ROOM_OF)
    assert names_for_type_checkers() == lenet_utils._ROOM_OF
    assert set(lenet_utils.__all__) <= set(dir(lenet_utils))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_name_of_the_package_is_that_of_its_room_and_public_there(name):
    module = importlib.import_module(f"lenet_utils.{lenet_utils._ROOM_OF[name]}")
    assert getattr(lenet_utils, name) is getattr(module, name)
    assert name in module.__all__


def test_a_name_that_is_not_there_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'lenet_utils' has no attribute 'LeNet7'"):
        _ = lenet_utils.LeNet7
    with pytest.raises(ImportError, match="cannot import name 'LeNet7' from 'lenet_utils'"):
        exec("from lenet_utils import LeNet7")


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_is_public_in_it(name):
    module = importlib.import_module(name)
    assert module.__doc__.strip().endswith((".", "``"))
    assert [entry for entry in module.__all__ if not hasattr(module, entry)] == []
    assert inspect.getsource(module).startswith('"""')


def documented_parameters(thing):
    """Return the names of arguments, or of a dataclass's fields, that a reader meets."""
    if dataclasses.is_dataclass(thing):
        return [field.name for field in dataclasses.fields(thing)]
    if inspect.isclass(thing) and "__init__" not in vars(thing):
        return []
    signature = inspect.signature(thing)
    return [name for name in signature.parameters if name != "self"]


@pytest.mark.parametrize("name", [name for name in PUBLIC if callable(getattr(lenet_utils, name))])
def test_every_public_object_is_documented(name):
    thing = getattr(lenet_utils, name)
    text = inspect.getdoc(thing)
    assert text
    assert text.splitlines()[0].endswith((".", ":", "``"))
    parameters = documented_parameters(thing)
    if parameters:
        assert re.search(r"^(Parameters|Attributes)\n-{10}", text, re.M)
    for parameter in parameters:
        assert re.search(rf"^(\w+, )*{parameter}(, \w+)*$", text, re.M), parameter


@pytest.mark.parametrize("name", [n for n in PUBLIC if inspect.isclass(getattr(lenet_utils, n))])
def test_every_method_is_documented(name):
    owner = getattr(lenet_utils, name)
    for method_name, method in vars(owner).items():
        function = method.fget if isinstance(method, property) else method
        file = getattr(getattr(function, "__code__", None), "co_filename", None)
        if file != inspect.getsourcefile(owner):  # not a function, or one that dataclasses wrote
            continue
        text = inspect.getdoc(function) or ""
        public = not method_name.startswith("_") and method_name not in ("forward", "extra_repr")
        assert text or not public, method_name


@pytest.mark.parametrize("name", ["C3_TABLE", "H3_TABLE"])
def test_the_tables_cannot_be_altered_by_accident(name):
    table = getattr(lenet_utils, name)
    assert isinstance(table, tuple)
    assert all(isinstance(row, tuple) for row in table)


@pytest.mark.parametrize("name", MODULES)
def test_modules_stay_under_300_lines_and_functions_under_50(name):
    source = inspect.getsource(importlib.import_module(name))
    assert source.count("\n") < 300
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or node.end_lineno - body[0].lineno < 50, node.name


# --- what travels ------------------------------------------------------------------------------


def test_the_wheel_contains_mnist(tmp_path):
    with zipfile.ZipFile(build_wheel(tmp_path)) as archive:
        for name in MNIST_FILES:
            packed = archive.read(f"lenet_utils/assets/mnist/{name}.gz")
            assert packed == (PACKED / f"{name}.gz").read_bytes()
