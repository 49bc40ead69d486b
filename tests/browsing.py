"""What the tests do without a program they need, and what they all ask of a Chromium."""

import os

import pytest
from chromium import FLAGS, MISSING, find_chromium

__all__ = ["FLAGS", "MISSING", "find_chromium", "without"]


def without(what: str) -> None:
    """Skip, saying what is missing; on a machine that tests for everybody (CI=true), fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
