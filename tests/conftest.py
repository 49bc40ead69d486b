"""What all tests share: MNIST loaded once, a fixed seed, a browser, and no network."""

import socket

import pytest
import torch
from browsing import FLAGS, MISSING, find_chromium, without
from building import CHAPTERS, ROOT, build, kept_runs, start_book
from filelock import FileLock
from playwright.sync_api import sync_playwright

from lenet_utils import load_mnist

# Tests of the built book and its scripts, of experiments and whole programs; see `make check`.
SLOW = {
    "test_absent_pages",
    "test_authors",
    "test_book",
    "test_brand",
    "test_builds",
    "test_compiled",
    "test_digits_of_1989",
    "test_engines",
    "test_execution",
    "test_experiments",
    "test_formulas",
    "test_hands",
    "test_hands_runs",
    "test_javascript",
    "test_kernels",
    "test_main",
    "test_natural_calls",
    "test_notebooks",
    "test_one_page",
    "test_page_weight",
    "test_page_weights",
    "test_pages",
    "test_paper_table",
    "test_parallel",
    "test_parts_of_1998",
    "test_pdf",
    "test_playground",
    "test_playground_pictures",
    "test_popular_versions",
    "test_printed_recipe",
    "test_reading_aids",
    "test_rivals",
    "test_rubbish",
    "test_search",
    "test_sharing",
    "test_speed",
    "test_tables",
    "test_train_it",
    "test_trainer",
}
LOCAL = ("127.", "localhost", "::1", "0.0.0.0")


# Modules whose tests share nothing that is dear: each test goes to the worker that is free.
APART = {"test_pages", "test_damaged_pictures"}


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items):
    """Mark as slow what needs the built book, or trains for longer than a moment.

    A module's tests stay in one process, where they share what they prepare. The slow ones begin,
    so that no long module is left for the end, where the other worker would have nothing to do.
    """
    for item in items:
        for marker in item.iter_markers("chapters"):
            gone = sorted({f"book/{name}" for name in marker.args} - set(CHAPTERS))
            if gone:  # a fork may leave chapters out
                item.add_marker(pytest.mark.skip(f"{', '.join(gone)} is left out of _toc.yml"))
        name = item.module.__name__
        if name in SLOW:
            item.add_marker(pytest.mark.slow)
        if name not in APART:
            item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: item.module.__name__ not in SLOW)


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
def once(tmp_path_factory, worker_id):
    """A function that does something once for all workers, and no two things at a time."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder if worker_id == "master" else folder.parent

    def once(name, do):
        done = folder / f"{name}.done"
        with FileLock(folder / "once.lock"):
            if not done.exists():
                do()
                done.touch()

    return once


def build_the_book(*options):
    result = build(ROOT, *options)
    assert result.returncode == 0, result.stdout[-8000:]


def build_again(*options):
    """Build the book with nothing changed since it was built: no chapter is run."""
    before = kept_runs()
    build_the_book(*options)
    assert kept_runs() == before


@pytest.fixture(scope="session")
def built(once):
    """Build the book, in place so that `make book` and `make test` share the executed chapters."""

    def do():
        before = kept_runs()
        build_the_book()
        if kept_runs() != before:  # it had not been built before
            build_again()

    once("built", do)


@pytest.fixture(scope="session")
def one_page(once, built):
    """Build the page with all chapters."""
    once("one-page", lambda: build_again("--builder", "singlehtml"))


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
