"""Bytes made into the numbers that networks read."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from inventing import FINITE, SIDES
from refusing import refusals

from lenet_utils import scale

PIXELS = torch.zeros(3, 28, 28, dtype=torch.uint8)


@given(
    st.tuples(SIDES, SIDES, SIDES).flatmap(lambda shape: arrays(np.uint8, shape)),
    FINITE,
    FINITE,
    st.integers(0, 8),
)
def test_scaling_can_be_undone_and_pads_with_the_background(pixels, background, ink, more):
    size = max(pixels.shape[1:]) + more
    assume(abs(ink - background) > 1e-3 * max(abs(ink), abs(background), 1e-3))
    images = scale(torch.from_numpy(pixels), background, ink, size)
    assert images.shape == (len(pixels), 1, size, size)
    assert images.dtype == torch.float32
    top, left = ((size - side) // 2 for side in pixels.shape[1:])
    rows, columns = slice(top, top + pixels.shape[1]), slice(left, left + pixels.shape[2])
    inner = images[:, 0, rows, columns].double().numpy()
    expected = background + (ink - background) * (pixels / 255)
    np.testing.assert_allclose(inner, expected, atol=1e-5 * max(abs(ink), abs(background), 1))
    images[:, 0, rows, columns] = background
    assert (images == torch.tensor(background)).all()


test_what_cannot_be_right_is_refused = refusals(
    {
        "scale kind": (
            lambda: scale(PIXELS.numpy(), 0, 1),
            "pixels .* got ndarray; torch.from_numpy makes one of an array$",
        ),
        "scale dtype": (
            lambda: scale(PIXELS.int(), 0, 1),
            r"uint8 .* got torch.int32 \(3, 28, 28\)",
        ),
        "scale empty": (lambda: scale(PIXELS[:0], 0, 1), r"not be empty, got \(0, 28, 28\)"),
        "scale size": (lambda: scale(PIXELS, 0, 1, -1), "size must be a whole number .* got -1"),
        "scale ink": (lambda: scale(PIXELS, 0, math.nan), "ink must be a finite number, got nan"),
        "scale paper": (
            lambda: scale(PIXELS, "0", 1),
            "background must be a finite number, got '0'",
        ),
        "scale kind of numbers": (
            lambda: scale(torch.zeros(1, 28, 28), 0, 1),
            r"must be uint8 of shape \(N, H, W\), .* got torch.float",
        ),
        "scale colours last": (
            lambda: scale(torch.zeros(2, 9, 9, 3, dtype=torch.uint8), 0, 1),
            r"got torch.uint8 \(2, 9, 9, 3\); pixels.permute\(0, 3, 1, 2\)",
        ),
        "scale channels": (
            lambda: scale(torch.zeros(2, 3, 9, 9, dtype=torch.uint8), 0, 1, channels=2),
            "colours have 3 channels, got channels=2",
        ),
        "scale wide": (
            lambda: scale(PIXELS, -3e38, 3e38),
            "float32 holds them .* -3e.38 and 3e.38; -0",
        ),
        "scale huge": (lambda: scale(PIXELS, 0, 10**400), "ink must be a finite number, got 10000"),
        "scale one image": (lambda: scale(PIXELS[0], 0, 1), r"got torch.uint8 \(28, 28\)"),
        "scale tall": (
            lambda: scale(torch.zeros(3, 30, 28, dtype=torch.uint8), 0, 1, 29),
            "size must be at least 30 for these .* got 29",
        ),
        "scale broad": (
            lambda: scale(torch.zeros(1, 28, 33, dtype=torch.uint8), 0, 1),
            "size must be at least 33",
        ),
    }
)


def test_colours_are_scaled_each_by_itself_and_grey_is_repeated():
    colours = torch.randint(256, (2, 3, 5, 7)).byte()
    images = scale(colours, -1.0, 1.0, 8)
    for channel in range(3):
        own = scale(colours[:, channel], -1.0, 1.0, 8)
        assert torch.equal(images[:, channel : channel + 1], own)
    grey = scale(colours[:, 0], -1.0, 1.0, 8, channels=3)
    assert torch.equal(grey, images[:, :1].expand(-1, 3, -1, -1))


@pytest.mark.parametrize("extent", [(21, 1), (1, 21), (28, 28)])
def test_ink_that_does_not_fit_into_the_box_is_not_cut_off(extent):
    pixels = torch.zeros(2, 28, 28, dtype=torch.uint8)
    pixels[1, : extent[0], 0] = pixels[1, 0, : extent[1]] = 255
    with pytest.raises(ValueError, match=f"is {max(extent)} pixels high or wide; use size=28"):
        scale(pixels, 0.0, 1.0, 16)
