"""The page to copy and keep: short, free of the package, and the same network as the package's."""

import re

import pytest
import torch
from building import ROOT

from lenet_utils import C3_TABLE, LeNet5, digit_codes, load_mnist

PAGE = ROOT / "book" / "one-page.md"
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OPTIONS = re.compile(r"\A(?:(?::[^\n]*\n)+|---\n.*?^---\n)", re.DOTALL | re.MULTILINE)


def shown_cells():
    cells = CELL.findall(PAGE.read_text(encoding="utf-8"))
    return [OPTIONS.sub("", cell) for cell in cells if "remove-cell" not in cell]


@pytest.fixture(scope="module")
def page():
    """Run the cells before the training, and return the names they define."""
    names = {}
    for cell in shown_cells():
        if ".backward()" in cell:
            return names
        exec(cell, names)
    pytest.fail(f"no cell of {PAGE} trains")


@pytest.fixture(scope="module")
def twins(page):
    """Return the page's network and the package's, with the same weights."""
    ours, package = page["model"], LeNet5()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for mine, theirs in zip(ours.parameters(), package.parameters(), strict=True):
            assert mine.shape == theirs.shape
            # Larger than at the start and with biases, so that no part's work goes unseen.
            mine.add_(0.1 * torch.randn(mine.shape, generator=generator))
            theirs.copy_(mine)
    return ours, package


def test_it_has_fewer_than_100_lines():
    lines = [line for cell in shown_cells() for line in cell.splitlines() if line.strip()]
    assert 50 < len(lines) < 100


def test_it_needs_only_pytorch_and_torchvision():
    code = "\n".join(shown_cells())
    imported = re.findall(r"^\s*(?:import|from) (\w+)", code, re.MULTILINE)
    assert set(imported) == {"torch", "torchvision"}
    assert "lenet_utils" not in code


def test_its_table_is_the_papers(page):
    assert [tuple(row) for row in page["TABLE_I"]] == [tuple(row) for row in C3_TABLE]


def test_its_codes_are_the_papers(page):
    assert page["codes"].equal(digit_codes())


def test_it_has_as_many_parameters_as_the_package(page):
    count = sum(parameter.numel() for parameter in page["model"].parameters())
    assert count == sum(parameter.numel() for parameter in LeNet5().parameters()) == 60_000


def test_it_starts_within_the_same_limits_as_the_package():
    fresh = {}
    for cell in shown_cells()[:3]:
        exec(cell, fresh)
    for mine, theirs in zip(fresh["model"].parameters(), LeNet5().parameters(), strict=True):
        reach = mine.abs().max().item()
        assert reach == pytest.approx(theirs.abs().max().item(), rel=0.15)


def test_its_squashing_function_keeps_small_values(page):
    a = torch.logspace(-8, 1, 1_001)
    expected = 1.7159 * torch.tanh(2 / 3 * a.double())
    torch.testing.assert_close(page["ScaledTanh"]()(a).double(), expected, rtol=1e-5, atol=0)


def test_with_the_same_weights_it_gives_the_same_scores(twins):
    ours, package = twins
    images = torch.randn(16, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), package(images), atol=1e-4, rtol=1e-4)


def test_with_the_same_weights_it_gets_the_same_gradients(twins):
    images, labels = torch.randn(8, 1, 32, 32), torch.arange(8)
    for network in twins:
        network.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
    for mine, theirs in zip(*(network.parameters() for network in twins), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-4, rtol=1e-3)


def test_it_loads_the_same_images_as_the_package(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = load_mnist(cache="data").test  # the files are there now: nothing to download
    images, labels = page["load"](train=False)
    assert labels.equal(expected.labels)
    torch.testing.assert_close(images, expected.images)
