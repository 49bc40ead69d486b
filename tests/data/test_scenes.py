"""Digits photographed on all kinds of paper, in all kinds of light: read, or refused with a reason.

The pictures in ``pictures/`` show test digits of MNIST, drawn into scenes by a program.
"""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from more_scenes import MORE_SCENES
from photographs import H, W, mixed, taken, wood, written
from PIL import Image
from scenes import BEFORE, SCENES, drawn

from lenet_utils import LeNet5, load_mnist, prepare_digit, scale

PICTURES = Path(__file__).parent / "pictures"
with (PICTURES / "pictures.csv").open() as file:
    ROWS = list(csv.DictReader(file))
READ = [row for row in ROWS if len(row["digit"]) == 1]
REFUSED = [row for row in ROWS if len(row["digit"]) != 1]
FEW = 5  # digits


@pytest.fixture(scope="module")
def model():
    return LeNet5.from_pretrained("dist")


def read(model, digits):
    with torch.inference_mode():
        return model(scale(torch.stack(digits), -0.1, 1.175, 32)).argmax(dim=1)


@pytest.mark.parametrize("row", READ, ids=lambda row: row["scene"])
def test_a_digit_in_a_scene_is_read(model, row):
    assert int(read(model, [prepare_digit(PICTURES / row["file"])])) == int(row["digit"])


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row["scene"])
def test_what_is_no_single_digit_is_said(row):
    says = "several side by side" if row["digit"] else "the picture is blank"
    with pytest.raises(ValueError, match=f"found no .*{says}"):
        prepare_digit(PICTURES / row["file"])


# --- Scenes drawn here ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    """A few test digits, ``(5, 28, 28)`` of ink from 0 to 1, and what they are."""
    few = load_mnist(size=28, scaling="unit").test[:FEW]
    return few.images[:, 0].numpy(), few.labels


@pytest.mark.parametrize("name", SCENES)
def test_of_a_few_digits_in_a_scene_one_may_be_misread(model, digits, name):
    prepared = [prepare_digit(picture) for picture in drawn(name, digits[0])]
    assert int((read(model, prepared) != digits[1]).sum()) <= 1


def test_there_are_figures_of_before_for_every_scene_of_then():
    with BEFORE.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["scene"] for row in rows] == [name for name in SCENES if name not in MORE_SCENES]
    assert sum(int(row["wrong"]) for row in rows) > 20 * len(rows)


@pytest.mark.parametrize("desk", [(110, 80, 55), (30, 30, 30), (190, 170, 140), (60, 90, 150)])
def test_two_digits_on_a_sheet_on_a_desk_are_two(digits, desk):
    """Not the sheet, taken for one digit."""
    random = np.random.default_rng(0)
    page = np.zeros((H, W))
    for digit, left in zip(digits[0], (190, 340), strict=False):
        shape = written(digit, 150)
        page[150 : 150 + shape.shape[0], left : left + shape.shape[1]] = shape
    sheet = np.zeros((H, W, 1))
    sheet[60:420, 90:560] = 1
    picture = taken(mixed(page) * sheet + wood(random, desk) * (1 - sheet), random)
    with pytest.raises(ValueError, match="there are several side by side"):
        prepare_digit(picture)


def test_pieces_of_a_digit_are_one_and_two_digits_in_pieces_two():
    """Pieces as high as others beside them, but further ones bridge the gaps."""
    page = np.full((300, 300), 255, dtype=np.uint8)
    for top, left, bottom, right in [(60, 80, 80, 130), (60, 140, 120, 160), (130, 80, 190, 100)]:
        page[top:bottom, left:right] = 0
    page[125:140, 108:160] = page[200:220, 80:160] = 0
    whole = prepare_digit(Image.fromarray(page))
    assert whole[4:24].any(dim=1).all()  # 20 pixels high, but for gaps that have shrunk away
    two = np.concatenate([page[:, 60:180], page[:, 60:180]], axis=1)
    with pytest.raises(ValueError, match="there are several side by side"):
        prepare_digit(Image.fromarray(two))


def test_the_steps_can_be_looked_at(digits):
    picture = next(drawn("light down to 0.5", digits[0]))
    steps = prepare_digit(picture, steps=True)
    assert torch.equal(steps.digit, prepare_digit(picture))
    assert np.array_equal(steps.picture, np.asarray(picture))
    found = steps.found
    assert (
        found.paper.shape == found.ink.shape == found.parts.shape == found.digit.shape == (480, 640)
    )
    assert np.ptp(found.paper) > 50  # it follows the light
    assert set(np.unique(found.parts[found.digit > 0.5])) == {1}


@pytest.mark.parametrize("size", [(5712, 4284), (9248, 6936)])
def test_a_large_photograph_is_unpacked_at_a_part_of_its_size(tmp_path, size):
    page = Image.new("L", size, 240)
    page.paste(20, (size[0] // 2, size[1] // 3, size[0] // 2 + 200, size[1] // 3 + 1500))
    page.save(tmp_path / "large.jpg", quality=60)
    digit = prepare_digit(tmp_path / "large.jpg")
    assert digit.count_nonzero(dim=0).max() == 20
    assert digit.count_nonzero(dim=1).max() <= 5


def test_floats_are_taken_by_their_own_range(digits):
    ink = digits[0][0]
    expected = prepare_digit(Image.fromarray((ink * 255).round().astype(np.uint8)))
    for levels in (ink, ink * 255, ink * 2 - 1):
        found = prepare_digit(Image.fromarray(levels.astype(np.float32)))
        torch.testing.assert_close(found.int(), expected.int(), atol=2, rtol=0)
    ones = prepare_digit(Image.fromarray((ink > 0.5).astype(np.uint8)))
    assert torch.equal(ones, prepare_digit(Image.fromarray((ink > 0.5).astype(np.uint8) * 255)))
    with pytest.raises(ValueError, match="values that are no numbers"):
        prepare_digit(Image.fromarray(np.full((9, 9), np.nan, dtype=np.float32)))


@pytest.mark.parametrize("name", ["photo.heic", "photo.jpg"])
def test_heic_is_named_with_what_to_do_whatever_the_file_is_called(tmp_path, name):
    for brand in (b"heic", b"mif1"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic" + bytes(99))
        with pytest.raises(
            ValueError, match=f"{name} as a picture: it is HEIC.*pip install pillow"
        ):
            prepare_digit(tmp_path / name)


def test_a_sheet_with_nothing_but_lines_is_refused():
    page = np.full((240, 320), 225, dtype=np.uint8)
    page[30::50] = page[31::50] = 150
    noise = np.random.default_rng(0).normal(0, 2, page.shape)
    with pytest.raises(ValueError, match="found no digit: only lines"):
        prepare_digit(Image.fromarray((page + noise).astype(np.uint8)))
