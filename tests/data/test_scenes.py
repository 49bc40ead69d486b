"""Digits photographed on all kinds of paper, in all kinds of light: read, or refused with a reason.

The pictures in ``pictures/`` show test digits of MNIST, drawn into scenes by a program.
"""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lenet_utils import LeNet5, prepare_digit, scale

PICTURES = Path(__file__).parent / "pictures"
with (PICTURES / "pictures.csv").open() as file:
    ROWS = list(csv.DictReader(file))
# A pen as wide as a third of the digit fills what tells digits apart.
READ = [row for row in ROWS if len(row["digit"]) == 1 and row["scene"] != "pen 1/3"]
REFUSED = [row for row in ROWS if len(row["digit"]) != 1]
H, W = 240, 320


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
def digits(mnist):
    """Twenty test digits, ``(20, 28, 28)`` of ink from 0 to 1, and what they are."""
    ink = (mnist.test.images[:20, 0, 2:-2, 2:-2] + 0.1) / 1.275
    return ink.clamp(0, 1).numpy(), mnist.test.labels[:20]


def on_page(ink, random):
    large = Image.fromarray(ink.astype(np.float32)).resize((168, 168), Image.Resampling.BICUBIC)
    page = np.zeros((H, W))
    top, left = random.integers(10, H - 178), random.integers(10, W - 178)
    page[top : top + 168, left : left + 168] = np.asarray(large)
    return page.clip(0, 1)[..., None]


def light(random, low):
    across, down = np.meshgrid(np.linspace(0, 1, W), np.linspace(0, 1, H))
    angle = random.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * across + np.sin(angle) * down
    return (low + (1 - low) * (slope - slope.min()) / np.ptp(slope))[..., None]


def shadow(random, low):
    edge = random.uniform(0.3, 0.7) * W
    return (low + (1 - low) / (1 + np.exp((np.arange(W) - edge) / 5)))[None, :, None]


def lines(random):
    page = np.zeros((H, W, 1))
    page[random.integers(40) :: 40] = page[:, random.integers(40) :: 40] = 1
    return 1 - 0.3 * page


PAPER, INK = (225, 222, 215), (50, 52, 60)
SCENES = {
    "even": (PAPER, INK, lambda random: 1, 2),
    "noise": (PAPER, INK, lambda random: 1, 9),
    "slanting light": (PAPER, INK, lambda random: light(random, 0.5), 2),
    "shadow": (PAPER, INK, lambda random: shadow(random, 0.6), 2),
    "squared": (PAPER, INK, lines, 2),
    "pencil, slanting light": (PAPER, (140, 140, 145), lambda random: light(random, 0.8), 2),
    "colour alone": ((90, 150, 215), (235, 125, 40), lambda random: 1, 2),
    "colour, slanting light": (
        (120, 185, 110),
        (215, 70, 60),
        lambda random: light(random, 0.7),
        2,
    ),
    "chalk": ((52, 70, 60), (205, 210, 205), lambda random: light(random, 0.75), 3),
}


def drawn(name, ink, random):
    paper, pen, shining, noise = SCENES[name]
    page = on_page(ink, random)
    colours = (np.array(paper) * (1 - page) + np.array(pen) * page) * shining(random)
    colours = colours + random.normal(0, noise, (H, W, 1))
    return Image.fromarray(colours.clip(0, 255).round().astype(np.uint8))


@pytest.mark.parametrize("name", SCENES)
def test_of_twenty_digits_in_a_scene_one_may_be_misread(model, digits, name):
    random = np.random.default_rng(5)
    prepared = [prepare_digit(drawn(name, ink, random)) for ink in digits[0]]
    assert int((read(model, prepared) != digits[1]).sum()) <= 1


def test_the_steps_can_be_looked_at(digits):
    picture = drawn("slanting light", digits[0][0], np.random.default_rng(5))
    steps = prepare_digit(picture, steps=True)
    assert torch.equal(steps.digit, prepare_digit(picture))
    assert np.array_equal(steps.picture, np.asarray(picture))
    found = steps.found
    assert found.paper.shape == found.ink.shape == found.parts.shape == found.digit.shape == (H, W)
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
