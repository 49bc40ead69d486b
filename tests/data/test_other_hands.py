"""Digits of other hands against their sources, and against slow, separate ways to the same."""

import gzip
import hashlib

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from lenet_utils import LeNet1, LeNet5, LeNet1989, evaluate, load_digits_of
from lenet_utils.data import (
    draw_paths,
    envelopes,
    lifted_ways,
    pen_paths,
    pictures,
    recovered_aspect,
    scaling,
)

# What UCI's page of the pen digits says of each class.
PEN_COUNTS = [1143, 1143, 1144, 1055, 1144, 1055, 1056, 1142, 1055, 1055]


def box_of(image):
    rows, columns = np.nonzero(image)
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def pixels(digits):
    return (digits.images[:, 0] * 255).round().byte()


@pytest.fixture(scope="module")
def optical():
    return load_digits_of("optical", size=28, scaling="unit")


@pytest.fixture(scope="module")
def pen():
    return load_digits_of("pen", size=28, scaling="unit")


# --- what they are --------------------------------------------------------------------------------


def test_the_optical_digits_are_those_of_scikit_learn(optical):
    theirs = load_digits()
    assert optical.labels.tolist() == theirs.target.tolist()
    for mine, image in zip(pixels(optical)[:200].numpy(), theirs.images, strict=False):
        box = box_of(np.round(image * 255 / 16).astype(np.uint8))
        height, width = (round(side * 20 / max(box.shape)) for side in box.shape)
        large = np.asarray(Image.fromarray(box).resize((width, height), Image.Resampling.BICUBIC))
        np.testing.assert_array_equal(mine, pictures._centre(large))


def test_the_pen_digits_are_uci_s():
    paths, labels = pen_paths()
    assert (paths.shape, paths.dtype, labels.dtype) == ((10_992, 8, 2), torch.float32, torch.int64)
    assert labels.bincount().tolist() == PEN_COUNTS
    # Each axis goes from 0 to 100, as UCI's page says: that is what was done to them.
    assert paths.amin(dim=1).eq(0).all()
    assert paths.amax(dim=1).eq(100).all()
    assert len({tuple(path.flatten().tolist()) for path in paths}) == 10_992
    # The first line of UCI's pendigits.tra.
    first = [47, 100, 27, 81, 57, 37, 26, 0, 0, 23, 56, 53, 100, 90, 40, 98]
    assert (paths[0].flatten().tolist(), labels[0].item()) == (first, 8)


@pytest.mark.parametrize("name", ["optical", "pen"])
def test_all_digits_have_mnist_s_form(name, request):
    ink = pixels(request.getfixturevalue(name)).double()
    rows, columns = ink.sum(dim=2) > 0, ink.sum(dim=1) > 0
    longest = torch.stack([side.sum(dim=1) for side in (rows, columns)]).amax(dim=0)
    assert longest.max() == 20
    assert (longest >= 19).all()  # a box whose last line rounds to no ink
    lines = torch.arange(28.0, dtype=torch.float64)
    for sums in (ink.sum(dim=2), ink.sum(dim=1)):
        middle = (sums @ lines) / sums.sum(dim=1)
        at_the_edge = (sums[:, 0] > 0) | (sums[:, -1] > 0)  # further it does not go
        assert (middle - 14).abs()[~at_the_edge].max() <= 0.5 + 1e-9
        assert at_the_edge.float().mean() < 0.05


def test_a_network_reads_its_own_form():
    for network, size in ((LeNet5(), 32), (LeNet1(), 28), (LeNet1989(), 16)):
        digits = load_digits_of("optical", for_=network)
        assert digits.images.shape == (1797, 1, size, size)
        assert digits.images.amin(dim=(1, 2, 3)).eq(network.input.background).all()


def test_the_shipped_network_reads_them_as_often_as_recorded():
    """Errors counted when the loaders were made; a few may go another way on another machine."""
    network = LeNet5.from_pretrained("dist")
    assert abs(evaluate(network, load_digits_of("optical", for_=network)).errors - 88) <= 3
    some = load_digits_of("pen", for_=network)[:2_000]
    assert evaluate(network, some).error_rate == pytest.approx(0.25, abs=0.03)


# --- paths ----------------------------------------------------------------------------------------


def random_paths(count, seed=0):
    return torch.rand((count, 8, 2), generator=torch.Generator().manual_seed(seed)) * 100


def test_drawing_is_that_of_a_pen_with_a_round_tip():
    """Each pixel by the distance of its middle to the nearest of ten thousand points of the way."""
    paths = random_paths(3)
    width = 3.0
    for path, drawn in zip(paths.double().numpy(), draw_paths(paths, width=width), strict=True):
        low, high = path.min(axis=0), path.max(axis=0)
        way = (path - (low + high) / 2) * (20 - width) / (high - low).max() * [1, -1] + 13.5
        steps = np.linspace(0, 7, 10_001)
        way = np.stack([np.interp(steps, range(8), way[:, axis]) for axis in (0, 1)], axis=1)
        row, column = np.mgrid[:28, :28]
        places = np.stack([column, row], axis=-1)[:, :, None]
        nearest = np.sqrt(((places - way) ** 2).sum(axis=-1)).min(axis=-1)
        ink = 255 * np.clip(width / 2 + 0.5 - nearest, 0, 1)
        expected = pictures._centre(box_of(np.round(ink).astype(np.uint8)))
        np.testing.assert_allclose(drawn.numpy().astype(int), expected.astype(int), atol=2)


def test_y_goes_up_in_a_path_and_down_in_a_picture():
    seven = torch.tensor([[[0.0, 100.0], [100.0, 100.0], [40.0, 0.0]]])
    drawn = draw_paths(seven)[0]
    inked = drawn.count_nonzero(dim=1)
    top, bottom = inked.nonzero()[0].item(), inked.nonzero()[-1].item()
    assert inked[top + 1] > 2 * inked[bottom - 1]


def test_a_lifted_way_leaves_no_ink():
    cross = torch.tensor([[[0.0, 0.0], [100.0, 100.0], [0.0, 100.0], [100.0, 0.0]]])
    whole, parts = draw_paths(cross), draw_paths(cross, torch.tensor([[False, True, False]]))
    assert whole[0, 4:7, 12:16].sum() > 0  # the way along the top
    assert parts[0, 4:7, 12:16].sum() == 0
    # What is left over is placed anew: a step far out that leaves no ink does not count.
    tail = torch.cat([cross, torch.tensor([[[900.0, 0.0]]])], dim=1)
    hidden = torch.tensor([[False, True, False, True]])
    assert torch.equal(draw_paths(tail, hidden), parts)


@pytest.mark.parametrize("aspect", [0.1, 0.3, 0.7, 1.0, 1.7])
def test_the_aspect_of_an_equally_divided_way_is_found_again(aspect):
    """Along straight strokes, whose chords are as long as the way, there is nothing to estimate."""
    angles = torch.rand((200, 7), generator=torch.Generator().manual_seed(1)) * 6.283
    steps = torch.stack([angles.cos(), angles.sin()], dim=2)  # all of length 1
    paths = torch.cat([torch.zeros(200, 1, 2), steps.cumsum(dim=1)], dim=1)
    found = recovered_aspect(paths * torch.tensor([1 / aspect, 1.0]))
    assert ((found / aspect).log().abs() < 0.04).float().mean() > 0.95


def turned_seven(turns):
    """A barred 7 in eight points: the top, the stem, the lifted pen's way up, the bar."""
    path = [(0, 100), (50, 100), (100, 100), (80, 60), (60, 20), (40, -20), (0, 50), (80, 50)]
    return torch.tensor([path], dtype=torch.float32)


def test_the_lifted_way_to_the_bar_of_a_7_is_found_and_no_other():
    assert lifted_ways(turned_seven(0)).tolist() == [[False] * 5 + [True, False]]
    t = torch.linspace(0, 6.283, 8)
    zero = torch.stack([-t.sin(), t.cos()], dim=1)[None]
    assert not lifted_ways(zero).any()
    one = torch.stack([torch.zeros(8), torch.linspace(1, 0, 8)], dim=1)[None]
    assert not lifted_ways(one).any()


def by_hand(path):
    """The rule of `lifted_ways` for one path, from its words."""
    steps = np.diff(path, axis=0)
    angle = np.degrees(np.arctan2(steps[:, 1], steps[:, 0]))
    height = path[:, 1].max() - path[:, 1].min()
    lifted = [False] * 7

    def turn(before):
        return abs((angle[before + 1] - angle[before] + 180) % 360 - 180)

    for first in range(2, 6):
        for last in range(first, min(first + 2, 5) + 1):
            after = 6 - last
            if not 1 <= after <= 3:
                continue
            straight = [turn(k) < 30 for k in range(first, 6) if k != last]
            x, y = path[last + 1] - path[first]
            to_x, to_y = path[7] - path[last + 1]
            ends = to_x > abs(to_y) or -to_y > 0.8 * abs(to_x)
            sharp = turn(first - 1) > 55 and turn(last) > 55
            if all(straight) and sharp and y > -0.1 * height and y - x > 0.1 * height and ends:
                lifted[first : last + 1] = [True] * (last + 1 - first)
    return lifted


def test_the_rule_of_the_lifted_pen_is_as_written():
    paths, _ = pen_paths()
    wide = paths * torch.stack([recovered_aspect(paths), torch.ones(len(paths))], dim=1)[:, None]
    found = lifted_ways(wide)
    assert 0.02 < found.any(dim=1).float().mean() < 0.3
    for path, lifted in zip(wide[:600].double().numpy(), found[:600], strict=True):
        assert lifted.tolist() == by_hand(path)


def test_each_way_of_drawing_has_its_own_pixels(pen):
    kinds = [pixels(load_digits_of("pen", drawn=kind, size=28, scaling="unit")[:500])
             for kind in ("given", "aspect", "lifted")]  # fmt: skip
    assert torch.equal(kinds[0], pixels(pen)[:500])
    wide, own, _ = [(kind.sum(dim=1) > 0).sum(dim=1).float() for kind in kinds]
    assert (wide == 20).float().mean() > 0.95
    assert own[pen_paths()[1][:500] == 1].median() < 15  # ones are narrow again
    assert 0 < (kinds[1] != kinds[2]).flatten(1).any(dim=1).float().mean() < 0.3


# --- the digits of 1989, without their download ---------------------------------------------------


def write_envelopes(folder, monkeypatch, count=10):
    """Write files of the published form, and make theirs the right checksum."""
    random = np.random.default_rng(0)
    thousandths = random.integers(-1_000, 1_001, (count, 256)).astype("<i2")
    thousandths[:, :40] = -1_000
    labels = random.integers(0, 10, count).astype(np.uint8)
    lines = [
        f"{label:.4f} " + " ".join(f"{level / 1_000:.4f}" for level in levels) + " \n"
        for label, levels in zip(labels, thousandths, strict=True)
    ]
    for name, part in zip(envelopes.FILES, (lines[:7], lines[7:]), strict=True):
        (folder / name).write_bytes(gzip.compress("".join(part).encode()))
    digest = hashlib.sha256(thousandths.tobytes() + labels.tobytes()).hexdigest()
    monkeypatch.setattr(envelopes, "SHA256", digest)
    return thousandths.reshape(-1, 16, 16) / 1_000, labels


def test_the_digits_of_1989_are_as_they_were_for_their_network(tmp_path, monkeypatch):
    levels, labels = write_envelopes(tmp_path, monkeypatch)
    digits = load_digits_of("1989", for_=LeNet1989(), cache=tmp_path)
    assert digits.labels.tolist() == labels.tolist()
    np.testing.assert_allclose(digits.images[:, 0].numpy(), levels, atol=1.01 / 255)
    framed = load_digits_of("1989", size=28, digit=16, scaling="unit", cache=tmp_path).images
    np.testing.assert_allclose(framed[:, 0, 6:22, 6:22].numpy(), (levels + 1) / 2, atol=0.51 / 255)
    large = load_digits_of("1989", size=28, scaling="unit", cache=tmp_path)
    assert (pixels(large).sum(dim=1) > 0).sum(dim=1).eq(20).all()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "cannot get the digits of 1989"),
        (lambda path: path.write_bytes(b"zip"), "cannot get the digits of 1989"),
        (lambda path: path.write_bytes(gzip.compress(b"6 0.5\n")), "lines of 2 numbers"),
        (lambda path: path.write_bytes(gzip.compress(b"6 2" + b" 0" * 255)), "from -1 to 1"),
        (lambda path: path.write_bytes(gzip.compress(b"6" + b" 0" * 256)), "other digits"),
        (lambda path: path.unlink(), "network"),
    ],
)
def test_what_is_not_the_digits_of_1989_is_refused_and_left_alone(
    tmp_path, monkeypatch, damage, message
):
    write_envelopes(tmp_path, monkeypatch)
    damage(tmp_path / "zip.test.gz")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OSError, match=f"(?s){message}.*move away what has their names"):
        load_digits_of("1989", cache=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_download_is_kept_whole(tmp_path, monkeypatch):
    there = tmp_path / "there"
    there.mkdir()
    levels, _ = write_envelopes(there, monkeypatch)
    asked = []

    def opened(address, timeout):
        asked.append(address.removeprefix(envelopes.ADDRESS))
        return (there / asked[-1]).open("rb")

    monkeypatch.setattr(envelopes, "urlopen", opened)
    for _ in range(2):  # the second time they are there
        assert len(load_digits_of("1989", cache=tmp_path / "cache")) == len(levels)
    assert asked == list(envelopes.FILES)
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == sorted(envelopes.FILES)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": "usps"}, ValueError, "must be one of 'optical', 'pen', '1989'"),
        ({"name": "optical", "drawn": "given"}, ValueError, "only 'pen' is drawn"),
        ({"name": "pen", "drawn": "thin"}, ValueError, "must be one of 'given', 'aspect'"),
        ({"name": "optical", "scaling": "standard"}, ValueError, "must be one of '1998'"),
        ({"name": "optical", "size": 20}, ValueError, "at least 28"),
        ({"name": "optical", "digit": 20}, ValueError, "digit must be 16 or 28"),
        ({"name": "optical", "for_": "LeNet5"}, TypeError, "for_ must be a network"),
        ({"name": "optical", "for_": LeNet5(), "size": 32}, ValueError, "for_ decides"),
    ],
)
def test_other_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        load_digits_of(**arguments)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: draw_paths([[0, 1]]), TypeError, "paths must be of type Tensor"),
        (lambda: draw_paths(torch.zeros(3, 1, 2)), ValueError, "must have shape"),
        (lambda: draw_paths(torch.zeros(3, 8, 2).long()), TypeError, "must be floats"),
        (lambda: draw_paths(torch.zeros(0, 8, 2)), TypeError, "at least one path"),
        (lambda: draw_paths(torch.full((1, 8, 2), torch.nan)), ValueError, "finite"),
        (lambda: draw_paths(random_paths(1), width=0), ValueError, "positive"),
        (lambda: draw_paths(random_paths(1), width=20), ValueError, "below 20"),
        (lambda: draw_paths(random_paths(1), torch.zeros(1, 7)), ValueError, "must be bool"),
        (lambda: draw_paths(random_paths(1), torch.ones(1, 7).bool()), ValueError, "a step with"),
        (lambda: recovered_aspect(torch.zeros(3, 7, 2)), ValueError, r"\(N, 8, 2\)"),
        (lambda: lifted_ways(torch.zeros(3, 8)), ValueError, r"\(N, 8, 2\)"),
    ],
)
def test_other_paths_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_centres_of_mass_are_put_where_prepare_digit_puts_them():
    random = torch.Generator().manual_seed(0)
    images = torch.zeros(300, 28, 28, dtype=torch.uint8)
    for image in images:
        height, width, row, column = torch.randint(1, 15, (4,), generator=random).tolist()
        ink = torch.randint(1, 256, (height, width), generator=random, dtype=torch.uint8)
        image[row : row + height, column : column + width] = ink
    for image, centred in zip(images, scaling.centred(images), strict=True):
        np.testing.assert_array_equal(centred, pictures._centre(box_of(image.numpy())))
