"""Kept numbers look to the book as MyST-NB's own do."""

import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from myst_nb import glue as their_glue

from lenet_utils.notes import glue


@pytest.mark.parametrize("value", [3, 0.25, "table", None, [1, 2]])
def test_it_leaves_what_myst_nb_leaves(value):
    InteractiveShell.instance()
    with capture_output() as captured:
        glue("a-name", value)
        their_glue("a-name", value, display=False)
    ours, theirs = captured.outputs
    assert (ours.data, ours.metadata) == (theirs.data, theirs.metadata)


@pytest.mark.slow
def test_the_package_does_not_import_ipython():
    from subprocess import run

    code = "import sys, lenet_utils.notes; assert 'IPython' not in sys.modules"
    run([sys.executable, "-c", code], check=True)
