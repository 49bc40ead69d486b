"""What all tests share: MNIST loaded once, a fixed seed, a browser, and no network."""

import socket

import pytest
import torch
from browsing import FLAGS, MISSING, find_chromium, without
from building import ROOT, build, start_book
from playwright.sync_api import sync_playwright

from lenet_utils import load_mnist

# Tests of the built book and its scripts, of experiments and whole programs; see `make check`.
SLOW = {
    "test_book",
    "test_brand",
    "test_experiments",
    "test_javascript",
    "test_lenet_book",
    "test_main",
    "test_notebooks",
    "test_one_page",
    "test_pages",
    "test_paper_table",
    "test_parallel",
    "test_pdf",
    "test_playground",
    "test_popular_versions",
    "test_reading_aids",
    "test_rivals",
    "test_sharing",
    "test_speed",
}
LOCAL = ("127.", "localhost", "::1", "0.0.0.0")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items):
    """Mark as slow what needs the built book, or trains for longer than a moment.

    A module's tests stay in one process, where they share what they prepare; so do all modules that
    read or write the built book.
    """
    on_the_book = {item.module for item in items if "built" in item.fixturenames}
    for item in items:
        if item.module.__name__ in SLOW:
            item.add_marker(pytest.mark.slow)
        group = "book" if item.module in on_the_book else item.module.__name__
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session", autouse=True)
def _no_network():
    """Let no test of this process reach another machine; processes it starts are left alone."""

    def guarded(original):
        def connect(self, address):
            if isinstance(address, tuple) and not str(address[0]).startswith(LOCAL):
                raise OSError(f"a test tried to reach {address}: tests download nothing")
            return original(self, address)

        return connect

    def resolve(host, *arguments, **options):
        if host and not str(host).startswith(LOCAL):
            raise socket.gaierror(f"a test tried to look up {host}: tests download nothing")
        return look_up(host, *arguments, **options)

    look_up = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        patch.setattr(socket, "getaddrinfo", resolve)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """The networks are small: threads that wait for each other cost more than they bring."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A folder of unpacked files, apart from the user's own; tests must not alter it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def mnist(cache):
    """All of MNIST as the papers scaled it, 32x32; tests must not alter it."""
    return load_mnist(cache=cache)


@pytest.fixture(scope="session")
def built():
    """Build the book, in place so that `make book` and `make test` share the executed chapters."""
    result = build(ROOT)
    assert result.returncode == 0, result.stdout[-8000:]


@pytest.fixture
def small_book(tmp_path, monkeypatch):
    """A book of one page with the settings of the real one, in a folder with a space."""
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    book = tmp_path / "small book"
    start_book(book)
    return book


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; each test opens pages of its own with ``browser.new_page()``."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            without(MISSING)
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()
