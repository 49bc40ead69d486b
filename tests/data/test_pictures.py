"""Pictures of MNIST's own digits, disguised, must come back as what they were."""

import gc
import io
import os
import re
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps
from refusing import refusals
from scipy import ndimage

from lenet_utils import prepare_digit

BICUBIC, BOX = Image.Resampling.BICUBIC, Image.Resampling.BOX


@pytest.fixture(scope="module")
def digits(mnist):
    """The first test digit of each class, ``(10, 28, 28)`` bytes."""
    first = [int((mnist.test.labels == label).nonzero()[0]) for label in range(10)]
    inner = mnist.test.images[first, 0, 2:-2, 2:-2]
    return ((inner + 0.1) * (255 / 1.275)).round().to(torch.uint8).numpy()


def stored(picture, kind="PNG", **options):
    """Write a picture as a file and open it again."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return Image.open(file)


def on_paper(digit):
    return ImageOps.invert(Image.fromarray(digit))


def enlarged(digit):
    return on_paper(digit).resize((280, 280), BICUBIC)


def transparent(digit, mode, ink=0):
    """Black ink, more or less opaque, on nothing."""
    alpha = Image.fromarray(digit)
    picture = Image.merge("RGBA", [alpha.point(lambda _: ink)] * 3 + [alpha])
    return stored(picture.convert(mode))


def photographed_sideways(digit):
    """As a telephone does it: stored turned, with a note to turn it back."""
    note = Image.Exif()
    note[0x0112] = 6  # orientation: turn a quarter clockwise to see it upright
    turned = enlarged(digit).transpose(Image.Transpose.ROTATE_90)
    return stored(turned, "JPEG", quality=90, exif=note)


def sixteen_bit(digit):
    return stored(Image.fromarray(digit.astype(np.uint16) * 257))


DISGUISES = {
    "plain": lambda d: stored(on_paper(d)),
    "light on dark": lambda d: stored(Image.fromarray(d)),
    "enlarged": lambda d: stored(enlarged(d)),
    "enlarged, light on dark": lambda d: stored(ImageOps.invert(enlarged(d))),
    "JPEG": lambda d: stored(enlarged(d), "JPEG", quality=50),
    "CMYK": lambda d: stored(on_paper(d).convert("CMYK"), "TIFF"),
    "GIF": lambda d: stored(on_paper(d), "GIF"),
    "margins": lambda d: stored(ImageOps.expand(on_paper(d), (5, 100, 300, 40), "white")),
    "no margins": lambda d: stored(on_paper(d).crop(Image.fromarray(d).getbbox())),
    "tiny": lambda d: stored(on_paper(d).resize((14, 14), BOX)),
    "transparent": lambda d: transparent(d, "RGBA"),
    "transparent grey": lambda d: transparent(d, "LA"),
    "white on transparent": lambda d: transparent(d, "RGBA", 255),
    "sideways photograph": photographed_sideways,
    "pencil on grey": lambda d: stored(on_paper(d).point(lambda v: 90 + v * 100 // 255)),
    "photographed in the dark": lambda d: stored(on_paper(d).point(lambda v: 10 + v * 100 // 255)),
    "chalk on a light board": lambda d: stored(
        Image.fromarray(d).point(lambda v: 140 + v * 2 // 5)
    ),
    "16 bits": lambda d: sixteen_bit(255 - d),
    "16 bits, light on dark": sixteen_bit,
    "8 bits in 32": lambda d: Image.fromarray(255 - d.astype(np.int32)),
}


# The least likeness to the original; no two of these digits are more alike than 0.62.
BLURRED = ("enlarged", "enlarged, light on dark", "JPEG", "sideways photograph")
LIKENESS = {"tiny": 0.75, **dict.fromkeys(BLURRED, 0.9)}


def likeness(result, digit):
    """Correlation with the digit where it fits best: rounding may move it by one pixel."""
    moves = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)]
    return max(
        np.corrcoef(np.roll(result, move, (0, 1)).ravel(), digit.ravel())[0, 1] for move in moves
    )


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguised_digit_comes_back_nearly_as_it_was(digits, disguise):
    for digit in digits:
        result = prepare_digit(DISGUISES[disguise](digit)).numpy()
        assert likeness(result, digit) > LIKENESS.get(disguise, 0.99)


@pytest.mark.parametrize("disguise", DISGUISES)
def test_any_picture_gets_mnists_box_and_centre(digits, disguise):
    for digit in digits:
        result = prepare_digit(DISGUISES[disguise](digit))
        assert (result.shape, result.dtype) == ((28, 28), torch.uint8)
        rows, columns = result.sum(dim=1).double(), result.sum(dim=0).double()
        extents = [int(side.nonzero().max() - side.nonzero().min()) + 1 for side in (rows, columns)]
        assert max(extents) == 20
        for side in (rows, columns):
            centre = (side @ torch.arange(28.0, dtype=torch.float64) / side.sum()).item()
            assert centre == pytest.approx(14, abs=0.51)
        assert result.max() > 190


def test_a_plain_digit_loses_only_its_faintest_pixels(digits):
    differences = [
        np.abs(prepare_digit(on_paper(digit)).numpy().astype(int) - digit) for digit in digits
    ]
    assert max(difference.max() for difference in differences) <= 0.1 * 255 + 1


def test_a_bar_keeps_its_proportions():
    """80 x 8 of ink becomes 20 x 2, whichever way it stands."""
    page = np.full((100, 100), 255, dtype=np.uint8)
    page[10:90, 70:78] = 0
    for picture in (page, page.T):
        result = prepare_digit(Image.fromarray(picture))
        assert int((result == 255).sum()) == int((result > 0).sum()) == 40


def disc_drawn(points, radius):
    """A page on which a round pen was led past the points, ``(P, 2)``."""
    down, right = np.mgrid[:200, :200]
    nearest = np.min([np.hypot(down - y, right - x) for y, x in points], axis=0)
    return Image.fromarray(np.where(nearest <= radius, 0, 255).astype(np.uint8))


def test_strokes_of_a_wide_pen_are_narrowed_and_a_loop_it_filled_is_opened():
    turns = np.linspace(0, 2 * np.pi, 200)
    ring = np.stack([100 + 28 * np.sin(turns), 100 + 28 * np.cos(turns)], axis=1)
    stem = np.stack([np.linspace(40, 160, 100), np.full(100, 100.0)], axis=1)
    assert 2 < int(prepare_digit(disc_drawn(stem, 25))[14].sum()) / 255 < 4  # of 6, as drawn
    stem[:, 1] += 28
    nine = np.concatenate([ring - (25, 0), stem])
    for radius in (16, 20, 24):
        digit = prepare_digit(disc_drawn(nine, radius)).numpy()
        holes = ndimage.label(np.pad(digit, 1) < 128)[1] - 1
        assert holes == 1


def test_a_hatched_bar_is_as_dark_as_a_full_one():
    """Its lines are too fine to be measured, and what is too faint for that is not narrowed."""
    page = np.full((400, 400), 255, dtype=np.uint8)
    page[40:360:4, 150:250] = page[40:360, 150] = 0
    digit = prepare_digit(Image.fromarray(page))
    assert digit.max() == 255
    assert digit.any(dim=1).sum() == 20


def test_a_path_is_as_good_as_a_picture(digits, tmp_path):
    on_paper(digits[3]).save(tmp_path / "three.png")
    expected = prepare_digit(on_paper(digits[3]))
    assert torch.equal(prepare_digit(tmp_path / "three.png"), expected)
    assert torch.equal(prepare_digit(str(tmp_path / "three.png")), expected)


# --- what is refused ---------------------------------------------------------------------------


def huge_png():
    """A small file that says it has 40,000 x 40,000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13)
    return start + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT"


def encoded(kind):
    file = io.BytesIO()
    Image.effect_noise((64, 64), 80).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.png", b"not a picture at all\n"),
        ("empty.png", b""),
        ("truncated.png", encoded("PNG")[:700]),
        ("truncated.jpg", encoded("JPEG")[:700]),
        ("damaged.png", encoded("PNG")[:100] + bytes(500) + encoded("PNG")[600:]),
        ("huge.png", huge_png()),
    ],
)
def test_a_file_that_is_no_whole_picture_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"cannot read .*{name} as a picture: .* PNG or JPEG"):
        prepare_digit(tmp_path / name)


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("L", (28, 28), 255),
        Image.new("RGB", (28, 28), "black"),
        Image.new("RGBA", (28, 28), (0, 0, 0, 0)),
        Image.new("L", (1, 1), 0),
    ],
)
def test_a_blank_picture_is_refused(picture):
    with pytest.raises(ValueError, match="found no digit: the picture is blank"):
        prepare_digit(picture)


def test_a_picture_too_faint_to_see_is_refused():
    page = np.full((30, 30), 200, dtype=np.uint8)
    page[10:20, 14:16] = 190
    with pytest.raises(ValueError, match="too faint to tell ink from paper"):
        prepare_digit(Image.fromarray(page))


def test_specks_far_apart_are_no_digit():
    """The box around both shrinks to 20 pixels, and each of them to nothing."""
    page = np.full((1900, 1900), 255, dtype=np.uint8)
    page[5, 5] = page[-6, -6] = 0
    with pytest.raises(ValueError, match=r"found no digit: only specks.*crop the picture"):
        prepare_digit(Image.fromarray(page))


def test_files_are_closed_again_when_read_and_when_refused(tmp_path):
    """Pillow keeps one open that has further frames, and one whose pixels were never read."""
    page = Image.new("L", (40, 40), 255)
    page.paste(0, (15, 10, 20, 30))
    page.save(tmp_path / "frames.tiff", save_all=True, append_images=[page])
    Image.new("1", (6000, 5001)).save(tmp_path / "large.png")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        prepare_digit(tmp_path / "frames.tiff")
        with pytest.raises(ValueError, match="6000 x 5001 pixels"):
            prepare_digit(tmp_path / "large.png")
        gc.collect()
    assert not [str(warning.message) for warning in seen]


def test_no_program_is_run_that_a_picture_brings(tmp_path, monkeypatch):
    """Neither by its name nor by what is in it; Pillow would have Ghostscript draw it."""
    monkeypatch.setattr("PIL.EpsImagePlugin.EpsImageFile._open", lambda self: pytest.fail("opened"))
    Image.new("L", (40, 40)).save(tmp_path / "a.eps")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.eps").read_bytes())
    for path in (tmp_path / "a.eps", tmp_path / "a.png"):
        with pytest.raises(ValueError, match=r"cannot read .* as a picture: cannot identify image"):
            prepare_digit(path)


def with_scans(path, count, size):
    """Write a progressive JPEG whose last scan comes again and again, as libjpeg allows."""
    picture = Image.new("L", size, 250)
    picture.paste(10, (8, 8, 30, 12))
    picture.save(path, "JPEG", progressive=True)
    content = path.read_bytes()
    last = content.rindex(b"\xff\xda")
    path.write_bytes(content[:-2] + content[last:-2] * count + content[-2:])


def test_a_jpeg_is_not_gone_through_thousands_of_times(tmp_path):
    with_scans(tmp_path / "usual.jpg", 100, (60, 60))
    assert prepare_digit(tmp_path / "usual.jpg").max() == 255
    for name, scans, size in (("many.jpg", 2_000, (60, 60)), ("large.jpg", 150, (5000, 3000))):
        with_scans(tmp_path / name, scans, size)
        with pytest.raises(ValueError, match=r"as a picture: it is a JPEG of (2|1)\d+ scans"):
            prepare_digit(tmp_path / name)


def test_a_jpeg_of_more_bytes_than_any_is_not_read(tmp_path):
    """A hundred scans of noise are 300 million bytes, and take more than ten seconds."""
    with_scans(tmp_path / "heavy.jpg", 1, (60, 60))
    with (tmp_path / "heavy.jpg").open("ab") as file:
        file.truncate(100_000_001)
    with pytest.raises(ValueError, match="as a picture: it is a JPEG of 100,000,001 bytes"):
        prepare_digit(tmp_path / "heavy.jpg")


def test_a_picture_of_one_long_line_is_refused(tmp_path):
    Image.new("1", (1, 20_000_000)).save(tmp_path / "line.png")
    with pytest.raises(ValueError, match="it has 1 x 20000000 pixels"):
        prepare_digit(tmp_path / "line.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_a_device_or_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        with pytest.raises(ValueError, match="it is no regular file, but a device, a pipe"):
            prepare_digit(path)


def test_missing_files_and_folders_are_oserrors(tmp_path):
    for path in (tmp_path / "missing.png", tmp_path):
        with pytest.raises(OSError, match=path.name):
            prepare_digit(path)


# --- what cannot be right ------------------------------------------------------------------------

test_what_cannot_be_right_is_refused = refusals(
    {
        "prepare kind": (lambda: prepare_digit(5), "image must be a path or a picture .* got int"),
        "prepare array": (
            lambda: prepare_digit(np.zeros((28, 28), dtype=np.uint8)),
            "got ndarray; PIL.Image.open makes a picture of an open file, PIL.Image.froma",
        ),
        "prepare no pixels": (lambda: prepare_digit(Image.new("L", (0, 9))), "it has 0 x 9 pixels"),
        "prepare large": (
            lambda: prepare_digit(Image.new("1", (6000, 5001))),
            "it has 6000 x 5001 pixels; .* at most 20,000,000",
        ),
    }
)


GREY = st.tuples(st.integers(1, 60), st.integers(1, 60)).flatmap(
    lambda shape: arrays(np.uint8, shape, fill=st.sampled_from([0, 128, 255]))
)


@given(GREY, st.sampled_from(["L", "RGB", "RGBA", "LA", "P", "1", "I", "F", "CMYK"]))
def test_every_picture_becomes_a_digit_or_one_clear_error(grey, mode):
    picture = Image.fromarray(grey).convert(mode)
    try:
        digit = prepare_digit(picture)
    except ValueError as refused:
        if re.match("found no (single )?digit", str(refused)):
            return
        raise
    assert (digit.shape, digit.dtype) == ((28, 28), torch.uint8)
    rows, columns = digit.any(dim=1).nonzero(), digit.any(dim=0).nonzero()
    height, width = (int(lines.max() - lines.min()) + 1 for lines in (rows, columns))
    assert max(height, width) <= 20
    assert digit.max() >= 254


STROKES = arrays(np.bool_, (12, 9), fill=st.just(False)).filter(lambda ink: ink.sum() >= 3)


@given(STROKES, st.integers(2, 20), st.integers(2, 20), st.integers(2, 4))
def test_where_a_digit_stands_and_which_is_the_paper_does_not_matter(ink, top, left, factor):
    ink = np.kron(ink, np.ones((factor, factor), dtype=bool))
    paper = np.full((ink.shape[0] + 40, ink.shape[1] + 40), 250, dtype=np.uint8)
    here, there = paper.copy(), paper.copy()
    here[10 : 10 + ink.shape[0], 10 : 10 + ink.shape[1]][ink] = 10
    there[top : top + ink.shape[0], left : left + ink.shape[1]][ink] = 10
    expected = digit_or_refusal(here)
    for page in (there, 255 - here):
        found = digit_or_refusal(page)
        assert found == expected if isinstance(found, str) else torch.equal(found, expected)


def digit_or_refusal(page):
    try:
        return prepare_digit(Image.fromarray(page))
    except ValueError as refused:  # strokes side by side, with a gap, are two digits
        return str(refused)
