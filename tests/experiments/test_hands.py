"""Digits as strokes, and drawn anew: thinning, following, marks, pens, the passes made of them."""

import itertools

import numpy as np
import pytest
import torch
from hands.marks import CORNER, mark, resampled, with_lifts
from hands.passes import Passes, widened, write_anew
from hands.redrawing import HAND, PEN, SIDE, Hand, Pen, draw, redrawn, rewritten
from hands.strokes import followed, length, packed, strokes_of, thin
from scipy import ndimage

from lenet_utils import Digits, LeNet5, evaluate, load_mnist
from lenet_utils.data import recovered_aspect

pytestmark = pytest.mark.usefixtures("one_thread")

COUNT = 300
UNMOVED = Pen(0, slant=0, turn=0, squeeze=0, thinnest=2.5, thickest=2.5, softest=1, smallest=1)
UNCHANGED = Hand(marks=0, lifts=0, angular=0)
EIGHT = np.ones((3, 3))  # pixels that touch at corners are connected, too


@pytest.fixture(scope="module")
def digits() -> Digits:
    return load_mnist().validation[:COUNT]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    unit = load_mnist(size=28, scaling="unit").validation.images[:COUNT, 0]
    return (unit * 255).round().to(torch.uint8).numpy()


@pytest.fixture(scope="module")
def strokes(pixels):
    return strokes_of(pixels)


def line(*points: tuple[float, float], pieces: int = 20) -> np.ndarray:
    """Return a stroke along these corners."""
    return resampled(np.array(points, np.float32), pieces)


# --- Strokes --------------------------------------------------------------------------------------


def test_thinning_leaves_a_bar_its_middle_line() -> None:
    ink = np.zeros((11, 30), bool)
    ink[3:8, 2:28] = True
    kept = thin(ink)
    assert set(np.nonzero(kept)[0]) == {5}
    assert 20 <= kept.sum() <= 26


def test_thinning_keeps_parts_and_holes_and_is_thin(pixels) -> None:
    for image in pixels[:100]:
        ink = np.pad(image > 110, 1)
        kept = thin(ink)
        assert not (kept & ~ink).any()
        assert ndimage.label(kept, EIGHT)[1] == ndimage.label(ink, EIGHT)[1]
        assert ndimage.label(~kept)[1] == ndimage.label(~ink)[1]
        squares = ndimage.convolve(kept.astype(int), np.ones((2, 2), int))
        assert (squares == 4).mean() < 0.01
        assert np.array_equal(thin(kept), kept)


def test_thinning_takes_ink_at_the_border_and_none() -> None:
    assert thin(np.ones((5, 9), bool)).any()
    assert not thin(np.zeros((5, 9), bool)).any()


def test_a_cross_is_followed_as_two_straight_strokes() -> None:
    skeleton = np.zeros((40, 40), bool)
    skeleton[20, 4:36] = skeleton[4:36, 20] = True
    found = followed(skeleton)
    assert len(found) == 2
    for stroke in found:
        assert min(np.ptp(stroke, axis=0)) < 0.6
        assert max(np.ptp(stroke, axis=0)) == pytest.approx(15.5, abs=0.6)


def test_a_ring_is_followed_round_and_closed() -> None:
    y, x = np.mgrid[:50, :50]
    ring = thin(np.abs(np.hypot(y - 25, x - 25) - 15) < 2)
    (stroke,) = followed(ring)
    assert np.abs(stroke[0] - stroke[-1]).max() <= 0.5
    assert length(stroke) == pytest.approx(2 * np.pi * 15 / 2, rel=0.1)  # in pixels half as many
    assert np.hypot(*(stroke - 12.25).T) == pytest.approx(7.5, abs=0.8)


def test_redrawn_by_the_same_pen_a_digit_is_as_it_was(pixels, strokes) -> None:
    """Where its strokes are, as wide as its ink is on average."""
    alike = []
    for digit, image in enumerate(pixels):
        parts = strokes[digit]
        ink = image / 255
        width = ink.sum() / sum(map(length, parts))
        again = np.zeros((SIDE, SIDE), np.float32)
        begins = np.cumsum([0, *map(len, parts)])
        draw(np.concatenate(parts), begins, width, 1.0, again)
        alike.append(np.corrcoef(again.ravel(), ink.ravel())[0, 1])
    assert np.median(alike) > 0.95
    assert np.mean(np.array(alike) > 0.85) > 0.97


def test_redrawn_digits_are_read_as_before(strokes, digits) -> None:
    model = LeNet5.from_pretrained("dist")
    images = Passes(digits, [strokes], UNMOVED, share=1.0).images("hands", 0, 0)
    assert evaluate(model, Digits(images, digits.labels)).errors <= 0.03 * COUNT


def test_strokes_of_a_digit_are_found_again(strokes) -> None:
    again = packed(strokes[i] for i in range(len(strokes)))
    assert np.array_equal(again.points, strokes.points)
    assert np.array_equal(again.digits, strokes.digits)
    assert len(strokes) == COUNT


# --- Marks ----------------------------------------------------------------------------------------


def test_a_seven_gets_a_bar_across_its_stem_and_only_one() -> None:
    seven = [line((4, 4), (20, 4), (10, 24))]
    for seed in range(20):
        bar = mark(seven, 7, np.random.default_rng(seed))[1]
        y = bar[:, 1].mean()
        stem_x = 20 - (y - 4) / 2
        assert 4 + 0.4 * 20 < y < 4 + 0.76 * 20
        assert bar[0, 0] < stem_x < bar[1, 0]
    barred = [*seven, line((2, 14), (26, 14))]
    wide_there = [mark(barred, 7, np.random.default_rng(seed)) for seed in range(40)]
    near = [m for m in wide_there if len(m) == 3]
    assert len(near) < len(wide_there)  # where the bar would come, there is one
    assert all(abs(m[2][:, 1].mean() - 14) > 1 for m in near)


def test_a_one_gets_a_flag_to_the_left_a_base_or_both() -> None:
    kinds = set()
    for seed in range(40):
        one = mark([line((14, 24), (14, 4))], 1, np.random.default_rng(seed))
        flagged, based = one[0][:, 0].min() < 13, len(one) == 2
        kinds.add((flagged, based))
        if flagged:
            tip = one[0][one[0][:, 0].argmin()]
            assert 4 < tip[1] < 4 + 0.7 * 20
            assert one[0][-1, 1] == 24  # downwards
        if based:
            assert one[1][:, 1] == pytest.approx(24, abs=1.1)
            assert one[1][0, 0] < 14 < one[1][1, 0]
    assert kinds == {(True, False), (False, True), (True, True)}


def test_a_nine_gets_a_hook_to_the_left_at_its_foot() -> None:
    nine = [line((18, 8), (10, 6), (10, 12), (18, 10), (18, 24), pieces=40)]
    for seed in range(20):
        (hooked,) = mark(nine, 9, np.random.default_rng(seed))
        assert np.array_equal(hooked[: len(nine[0])], nine[0])
        assert hooked[-1, 0] < 18 - 0.24 * 18
        assert hooked[-1, 1] > 15


def test_a_four_gets_a_stem_that_begins_lower() -> None:
    four = [line((8, 4), (6, 15), (22, 15)), line((18, 4), (18, 24), pieces=40)]
    for seed in range(20):
        angle, stem = mark(four, 4, np.random.default_rng(seed))
        assert angle is four[0]
        assert 4 + 0.14 * 20 < stem[:, 1].min() < 4 + 0.5 * 20
        assert stem[:, 1].max() == 24


@pytest.mark.parametrize("label", [0, 2, 3, 5, 6, 8])
def test_other_digits_have_no_marks(label) -> None:
    given = [line((4, 4), (20, 24))]
    assert mark(given, label, np.random.default_rng(0)) is given


def test_the_lifted_pen_leaves_its_way() -> None:
    stem, bar = line((4, 4), (20, 4), (10, 24)), line((8, 15), (20, 13))
    (path,) = with_lifts([bar, stem], 7, np.random.default_rng(0))
    assert np.array_equal(path, np.concatenate([stem, bar]))  # the bar last, from the left
    parted = [with_lifts([stem], 5, np.random.default_rng(seed))[0] for seed in range(10)]
    assert any(len(path) > len(stem) for path in parted)
    assert with_lifts([bar, stem], 3, np.random.default_rng(0)) == [bar, stem]
    assert CORNER < 90


def test_pieces_are_equally_long() -> None:
    even = resampled(np.array([[0, 0], [3, 0], [3, 9]], np.float32), 4)
    assert np.allclose(even, [[0, 0], [3, 0], [3, 3], [3, 6], [3, 9]])


def test_the_aspect_of_an_angular_digit_is_recovered(strokes) -> None:
    """Stretched to a square, as pens' paths are: their points lie at equal distances before it."""
    known, paths = [], []
    for digit in range(COUNT):
        if len(strokes[digit]) == 1:
            path = resampled(strokes[digit][0], 7)
            across, down = np.ptp(path, axis=0)
            if min(across, down) > 3:
                known.append(across / down)
                low = path.min(axis=0)
                square = (path - low) / (across, down) * 100
                paths.append(np.stack([square[:, 0], 100 - square[:, 1]], axis=1))
    found = recovered_aspect(torch.tensor(np.array(paths))).numpy()
    assert len(paths) > 100
    off = np.abs(np.log(found / np.array(known)))
    assert np.median(off) < 0.1
    assert np.quantile(off, 0.9) < 0.35


# --- Pens -----------------------------------------------------------------------------------------


def test_a_line_covers_what_a_fine_grid_says() -> None:
    points = np.array([[6.3, 5.1], [20.4, 11.7], [14.2, 22.6]], np.float32)
    image = np.zeros((SIDE, SIDE), np.float32)
    draw(points, np.array([0, 3]), 3.0, 1.0, image)
    fine = (np.arange(SIDE * 16) + 0.5) / 16 - 0.5
    y, x = np.meshgrid(fine, fine, indexing="ij")
    near = np.full(y.shape, np.inf)
    for (x0, y0), (x1, y1) in itertools.pairwise(points.tolist()):
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        near = np.minimum(near, np.hypot(x0 + along * dx - x, y0 + along * dy - y))
    covered = (near <= 1.5).reshape(SIDE, 16, SIDE, 16).mean(axis=(1, 3))
    assert np.abs(image - covered).max() < 0.15
    assert image.sum() == pytest.approx(covered.sum(), rel=0.02)


def test_strokes_are_not_connected_and_a_point_is_a_dot() -> None:
    points = np.array([[4, 4], [4, 20], [20, 4], [20, 20], [12, 12]], np.float32)
    image = np.zeros((SIDE, SIDE), np.float32)
    draw(points, np.array([0, 2, 4, 5]), 2.0, 1.0, image)
    assert ndimage.label(image > 0.5)[1] == 3
    assert image[12, 12] == 1


def test_redrawn_digits_are_in_mnists_form(strokes) -> None:
    images = redrawn(strokes, np.arange(COUNT), PEN, np.random.default_rng(0))
    assert images.shape == (COUNT, SIDE, SIDE)
    assert images.min() >= 0 < images.max() <= 1
    numbers = np.arange(SIDE)
    for image in images:
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        longer = max(np.ptp(rows), np.ptp(columns)) + 1
        assert 0.9 * 20 - 1 <= longer <= 20 + 4  # a soft edge reaches further
        centre = (image.sum(axis=1) @ numbers) / image.sum()
        assert abs(centre - 13.5) <= 0.51 or rows[0] == 0 or rows[-1] == SIDE - 1
    stretched = redrawn(
        strokes, np.arange(COUNT), UNMOVED._replace(stretched=1), np.random.default_rng(0)
    )
    across, down = stretched.any(axis=1).sum(axis=1), stretched.any(axis=2).sum(axis=1)
    assert np.mean(across == down) > 0.55


def test_a_digit_without_strokes_comes_out_empty() -> None:
    nothing = packed([[], [line((4, 4), (20, 24))]])
    images = redrawn(nothing, np.array([0, 1]), PEN, np.random.default_rng(0))
    assert not images[0].any()
    assert images[1].any()
    again = rewritten(nothing, np.array([7, 7]), HAND, np.random.default_rng(0))
    assert again[0] == []


def test_angular_digits_have_as_many_pieces_as_asked(strokes, digits) -> None:
    hand = UNCHANGED._replace(angular=1.0, fewest=7, most=7)
    again = rewritten(strokes, digits.labels.numpy(), hand, np.random.default_rng(0))
    single = [digit for digit in range(COUNT) if len(strokes[digit]) == 1]
    assert {len(again[digit][0]) for digit in single} == {8}


# --- Passes ---------------------------------------------------------------------------------------


def test_what_each_step_shows(digits, strokes) -> None:
    passes = Passes(digits, [strokes, strokes])
    plain, distorted, widths, hands = (
        passes.images(step, 0, 0) for step in ("plain", "distorted", "widths", "hands")
    )
    assert plain is digits.images
    for images in (distorted, widths, hands):
        assert images.shape == plain.shape
        assert (images != plain).flatten(1).any(dim=1).all()
        assert images.amin() >= -0.1001
        assert images.amax() <= 1.1751
    ink = [(images + 0.1).flatten(1).sum(dim=1) for images in (plain, distorted, widths)]
    assert (ink[2] / ink[0]).std() > 2 * (ink[1] / ink[0]).std()


def test_half_of_the_digits_are_redrawn_by_chance(digits, strokes) -> None:
    passes = Passes(digits, [packed([[]] * COUNT)])  # redrawn, each is empty
    empty = [(passes.images("hands", 0, k) < 0).flatten(1).all(dim=1) for k in (0, 1)]
    for pass_ in empty:
        assert 0.4 * COUNT < pass_.sum() < 0.6 * COUNT
    assert not torch.equal(*empty)


def test_a_pass_is_drawn_from_its_seed_and_number(digits, strokes) -> None:
    passes = Passes(digits, [strokes])
    state = torch.get_rng_state()
    first = passes.images("hands", 3, 1)
    assert torch.equal(passes.images("hands", 3, 1), first)
    assert not torch.equal(passes.images("hands", 3, 2), first)
    assert not torch.equal(passes.images("hands", 4, 1), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_strokes_are_widened_between_erosion_and_dilation(digits) -> None:
    torch.manual_seed(0)
    images = digits.images
    again = widened(images).numpy()[:, 0]
    grey = images.numpy()[:, 0]
    assert (again <= ndimage.grey_dilation(grey, (1, 3, 3), mode="nearest") + 1e-6).all()
    assert (again >= ndimage.grey_erosion(grey, (1, 3, 3), mode="nearest") - 1e-6).all()
    grown = (again - grey).sum(axis=(1, 2))
    assert 0.4 < (grown > 0).mean() < 0.8


def test_each_writing_is_another(digits) -> None:
    one, other = write_anew(digits[:50], times=2)
    assert len(one) == len(other) == 50
    assert one.points.shape != other.points.shape
