"""Distortions move the ink, keep the background, and differ from image to image."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from inventing import SEEDS, random_input
from refusing import IMAGES, refusals, spoiled

from lenet_utils import Digits, distort, load_mnist

STILL = {"translation": 0.0, "scaling": 0.0, "squeezing": 0.0, "shear": 0.0}


@pytest.fixture(scope="module")
def images():
    return load_mnist(size=32).test.images[:200]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def centres(images):
    """Return each image's centre of mass, (N, 2) in pixels: x and y."""
    ink = (images - images.amin())[:, 0]
    down, along = (torch.arange(side).float() for side in ink.shape[1:])
    total = ink.sum((1, 2))
    return torch.stack([(ink.sum(1) @ along) / total, (ink.sum(2) @ down) / total], dim=1)


def second_moments(images):
    """Return each image's central second moments xx, xy, yy."""
    ink = (images - images.amin())[:, 0]
    down, along = (torch.arange(side).float() for side in ink.shape[1:])
    middle, total = centres(images), ink.sum((1, 2))
    x, y = along[None] - middle[:, :1], down[None] - middle[:, 1:]
    pairs = [(x * x, torch.ones_like(y)), (x, y), (torch.ones_like(x), y * y)]
    return [torch.einsum("nyx,nx,ny->n", ink, a, b) / total for a, b in pairs]


def test_without_any_distortion_images_stay_as_they_are(images):
    torch.testing.assert_close(distort(images, **STILL), images)


def test_shape_background_and_range_are_kept(images):
    moved = distort(images, rotation=0.2, elasticity=1.0)
    assert moved.shape == images.shape
    assert moved.dtype == images.dtype
    assert moved[:, :, 0, 0].eq(images.amin()).float().mean() > 0.99
    assert moved.amin() >= images.amin() - 1e-6
    assert moved.amax() <= images.amax() + 1e-6


def test_every_image_has_its_own(images):
    same = images[:1].expand(20, -1, -1, -1).contiguous()
    moved = distort(same)
    assert len(torch.unique(moved.flatten(1), dim=0)) == 20


def test_the_same_seed_gives_the_same(images):
    first = distort(images)
    torch.manual_seed(0)
    torch.testing.assert_close(distort(images), first)


def test_translation_is_in_pixels_and_uniform(images):
    moved = distort(images, **{**STILL, "translation": 2.0})
    shift = centres(moved) - centres(images)
    assert shift.abs().max() < 2.05
    assert shift.abs().amax(0).min() > 1.8
    assert shift.std(0) == pytest.approx([4 / 12**0.5] * 2, rel=0.15)


def test_scaling_changes_both_directions_alike(images):
    xx, _, yy = second_moments(images)
    after_xx, _, after_yy = second_moments(distort(images, **{**STILL, "scaling": 0.2}))
    by_x, by_y = (after_xx / xx).sqrt(), (after_yy / yy).sqrt()
    assert 0.78 < by_y.min() < 0.85
    assert 1.15 < by_y.max() < 1.22
    assert torch.corrcoef(torch.stack([by_x, by_y]))[0, 1] > 0.9


def test_squeezing_trades_one_direction_for_the_other(images):
    xx, _, yy = second_moments(images)
    after_xx, _, after_yy = second_moments(distort(images, **{**STILL, "squeezing": 0.2}))
    by_x, by_y = (after_xx / xx).sqrt(), (after_yy / yy).sqrt()
    assert torch.corrcoef(torch.stack([by_x, by_y]))[0, 1] < -0.8


def test_shear_is_horizontal(images):
    _, xy, yy = second_moments(images)
    _, after_xy, after_yy = second_moments(distort(images, **{**STILL, "shear": 0.4}))
    slant = after_xy / after_yy - xy / yy
    assert 0.3 < slant.abs().max() < 0.45
    torch.testing.assert_close(after_yy, yy, rtol=0.05, atol=0.1)


@pytest.mark.parametrize("shape", [(32, 96), (96, 32), (32, 33)])
def test_wide_and_high_images_are_bent_as_square_ones_are(images, shape):
    """The same draws on the same ink in a square field, of which the rest is cut away."""
    side, (rows, columns) = 128, shape
    square = torch.full((len(images), 1, side, side), -0.1)
    square[:, :, 48:80, 48:80] = images
    top, left = (side - rows) // 2, (side - columns) // 2 + (columns % 2)

    def cut(field):
        return field[:, :, top : top + rows, left : left + columns]

    options = {"rotation": 0.3, "translation": 0.0}
    if columns % 2:  # then the middles are half a pixel apart
        options |= {"rotation": 0.0, "shear": 0.0, "scaling": 0.0, "squeezing": 0.0}
    torch.manual_seed(3)
    expected = cut(distort(square, **options))
    torch.manual_seed(3)
    torch.testing.assert_close(distort(cut(square), **options), expected, atol=1e-4, rtol=0)


def test_a_shift_is_as_many_pixels_in_a_wide_image(images):
    wide = torch.nn.functional.pad(images, (20, 20, 0, 0), value=-0.1)
    moved = distort(wide, **{**STILL, "translation": 1.0})
    shift = centres(moved) - centres(wide)
    assert shift.abs().max() < 1.05
    assert shift.abs().amax(0).min() > 0.9


def test_a_bar_in_a_wide_image_keeps_its_length_and_width():
    """Turned: its length was off by up to twice."""
    bar = torch.zeros(200, 1, 28, 56)
    bar[:, :, 4:24, 26:30] = 1
    turned = distort(bar, **{**STILL, "rotation": 0.6})
    xx, xy, yy = second_moments(turned)
    middle, half = (xx + yy) / 2, (((xx - yy) / 2) ** 2 + xy**2).sqrt()
    for moment, side in ((middle + half, 20), (middle - half, 4)):
        assert moment.sqrt().mul(12**0.5).sub(side).abs().max() < 0.5


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_distorted_as_float32_is(images, kind):
    halves = images.to(kind)
    torch.manual_seed(5)
    found = distort(halves, elasticity=1.0)
    torch.manual_seed(5)
    expected = distort(halves.float(), elasticity=1.0)
    assert found.dtype == kind
    assert torch.equal(found, expected.to(kind))


def test_it_serves_as_augment_of_fit():
    from lenet_utils import LeNet1, fit

    digits = Digits(torch.rand(20, 1, 28, 28), torch.arange(20) % 10)
    history = fit(LeNet1(), digits, epochs=1, augment=distort, progress=False)
    assert len(history.epochs) == 1


# --- what cannot be right ------------------------------------------------------------------------

NAN, INFINITY = math.nan, math.inf


def distorting(**options):
    return lambda: distort(IMAGES, **options)


test_what_cannot_be_right_is_refused = refusals(
    {
        "distort kind": (
            lambda: distort(IMAGES.numpy()),
            "images must be a float .* ndarray; torch.as_t",
        ),
        "distort bytes": (
            lambda: distort(IMAGES.byte()),
            "got torch.uint8; lenet_utils.scale turns",
        ),
        "distort empty": (lambda: distort(IMAGES[:0]), "must be a non-empty"),
        "distort NaN": (lambda: distort(spoiled(IMAGES, NAN)), "finite, got NaN or infinity"),
        "distort move": (distorting(translation=-1), "translation must be at least 0, got -1"),
        "distort shear": (distorting(shear=INFINITY), "shear must be a finite number, got inf"),
        "distort turn": (distorting(rotation="half"), "rotation must be a finite .* got 'half'"),
        "distort bend": (distorting(elasticity=NAN), "elasticity must be a finite number, got nan"),
        "distort scale": (distorting(scaling=1), "scaling must be at least 0 and below 1, got 1"),
        "distort squeeze": (distorting(squeezing=-0.1), "squeezing must be at least 0 .* got -0.1"),
        "distort bend less": (
            distorting(elasticity=-0.1),
            "elasticity must be at least 0, got -0.1",
        ),
    }
)


@given(
    SEEDS,
    st.tuples(st.integers(1, 4), st.integers(2, 20), st.integers(2, 20)),
    st.floats(0, 5),
    st.floats(0, 0.9),
    st.floats(0, 2),
)
def test_distorted_images_keep_their_shape_and_their_range(seed, shape, move, share, bend):
    count, height, width = shape
    images = random_input(seed, count, 1, height, width)
    torch.manual_seed(seed)
    options = {"scaling": share, "squeezing": share, "rotation": move, "elasticity": bend}
    distorted = distort(images, translation=move, shear=bend, **options)
    assert distorted.shape == images.shape
    assert distorted.isfinite().all()
    low, high = images.aminmax()
    assert low - 1e-4 <= distorted.min()
    assert distorted.max() <= high + 1e-4


@given(SEEDS, st.integers(2, 12))
def test_nothing_asked_for_changes_nothing(seed, side):
    images = random_input(seed, 2, 1, side, side)
    still = dict.fromkeys(("translation", "scaling", "squeezing", "shear"), 0)
    assert torch.allclose(distort(images, **still), images, atol=1e-4)
    assert math.isclose(distort(images, **still).amin(), images.amin(), abs_tol=1e-4)
