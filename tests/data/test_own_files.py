"""IDX files and folders of pictures that a reader brings, and what is no such thing."""

import gzip

import numpy as np
import pytest
import torch
from PIL import Image

from lenet_utils import LeNet5, load_mnist, prepare_digit, scale
from lenet_utils.data import load_idx, load_pictures


def write_idx(path, array, packed=False):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    content = head + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


@pytest.fixture
def letters(tmp_path):
    """Files of twelve images of 40x33 in 26 classes."""
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (12, 40, 33)), random.integers(0, 26, 12)
    paths = write_idx(tmp_path / "images", images), write_idx(tmp_path / "labels", labels)
    return *paths, images.astype(np.uint8), labels


# --- IDX files ------------------------------------------------------------------------------------


def test_files_of_any_size_and_number_of_classes_are_read(letters):
    images, labels, pixels, numbers = letters
    digits = load_idx(images, labels, classes="abcdefghijklmnopqrstuvwxyz", scaling="unit")
    assert digits.images.shape == (12, 1, 40, 40)
    assert digits.labels.tolist() == numbers.tolist()
    assert digits.classes[3] == "d"
    np.testing.assert_allclose(digits.images[:, 0, :, 3:36].numpy(), pixels / 255, atol=1e-6)
    assert digits.images[:, 0, :, :3].eq(0).all()  # background beside them


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_s_own_files_read_as_load_mnist_reads_them(tmp_path, cache, mnist, packed):
    raw = cache / "lenet_utils"
    files = [tmp_path / "images", tmp_path / "labels"]
    for path, name in zip(files, ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"), strict=True):
        content = (raw / name).read_bytes()
        path.write_bytes(gzip.compress(content, 1) if packed else content)
    mine = load_idx(*files, for_=LeNet5())
    assert torch.equal(mine.images, mnist.test.images)
    assert torch.equal(mine.labels, mnist.test.labels)
    small = load_idx(*files, size=16, scaling="signed")
    theirs = load_mnist(size=16, scaling="signed", cache=cache).test
    assert torch.equal(small.images, theirs.images)


def test_images_of_16_pixels_are_left_as_they_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.uint8)
    files = write_idx(tmp_path / "i", pixels), write_idx(tmp_path / "l", np.arange(3))
    digits = load_idx(*files, size=16, scaling="unit")
    np.testing.assert_allclose(digits.images[:, 0].numpy(), pixels / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda i, _: i.unlink(), FileNotFoundError, "cannot read .*images"),
        (lambda i, _: (i.unlink(), i.mkdir()), IsADirectoryError, "name a file in it"),
        (lambda i, _: i.write_bytes(i.read_bytes()[:-1]), ValueError, "images must be an IDX file"),
        (lambda i, _: i.write_bytes(b"\x1f\x8b\x08"), (ValueError, OSError), "images"),
        (lambda i, _: i.write_bytes(b"\x89PNG...."), ValueError, "must begin with 00 00 08"),
        (lambda i, x: i.write_bytes(x.read_bytes()), ValueError, "1 dimensions, where 3 were"),
        (lambda _, x: write_idx(x, np.arange(11)), ValueError, "12 images, .* 11 labels"),
        (lambda _, x: write_idx(x, np.arange(12).reshape(3, 4)), ValueError, r"labels, \(N,\)"),
    ],
)
def test_other_files_are_refused_by_name(letters, damage, error, message):
    images, labels, *_ = letters
    damage(images, labels)
    with pytest.raises(error, match=message):
        load_idx(images, labels)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 32}, ValueError, "at least 40, got 32"),
        ({"for_": LeNet5()}, ValueError, "size must be at least 40 for these images"),
        ({"classes": "abc"}, ValueError, "labels must be from 0 to 2"),
        ({"scaling": "standard"}, ValueError, "scaling must be one of"),
        ({"digit": 16}, ValueError, "digit=16 is for 28x28 images"),
    ],
)
def test_what_does_not_fit_the_files_is_refused(letters, options, error, message):
    with pytest.raises(error, match=message):
        load_idx(*letters[:2], **options)


def test_a_path_that_is_none_is_refused():
    with pytest.raises(TypeError, match="named by a str or a Path, got int"):
        load_idx(3, 4)


# --- folders of pictures --------------------------------------------------------------------------


def draw(path, box, ink="black"):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("L", (60, 80), "white")
    picture.paste(ink, box)
    picture.save(path)


@pytest.fixture
def photos(tmp_path):
    """Two ones and a dash that somebody calls a seven; a file and a folder that are hidden."""
    draw(tmp_path / "photos" / "7" / "a.png", (10, 30, 50, 40))
    draw(tmp_path / "photos" / "1" / "b.png", (25, 10, 32, 70))
    draw(tmp_path / "photos" / "1" / "a.jpg", (20, 5, 30, 75))
    (tmp_path / "photos" / "1" / ".DS_Store").write_bytes(b"?")
    (tmp_path / "photos" / ".thumbnails").mkdir()
    return tmp_path / "photos"


def test_pictures_are_prepared_and_named_by_their_folders(photos):
    digits = load_pictures(photos, for_=LeNet5())
    assert digits.labels.tolist() == [1, 1, 7]
    assert digits.classes == tuple("0123456789")
    for image, name in zip(digits.images, ("1/a.jpg", "1/b.png", "7/a.png"), strict=True):
        assert torch.equal(image, scale(prepare_digit(photos / name)[None], -0.1, 1.175)[0])


def test_other_names_are_classes_in_their_order(photos):
    (photos / "7").rename(photos / "dash")
    digits = load_pictures(photos)
    assert (digits.labels.tolist(), digits.classes) == ([0, 0, 1], ("1", "dash"))


def test_a_preparation_of_one_s_own_decides_the_size(photos):
    def whole(path):
        return torch.from_numpy(255 - np.asarray(Image.open(path).convert("L")))

    digits = load_pictures(photos, prepare=whole, scaling="unit")
    assert digits.images.shape == (3, 1, 80, 80)
    assert digits.images[2, 0, 35, 30] == 1


@pytest.mark.parametrize(
    ("alter", "options", "error", "message"),
    [
        (lambda p: (p / "1" / "notes.txt").write_text("!"), {}, ValueError, "prepare .*notes.txt"),
        (lambda p: (p / "2").mkdir(), {}, ValueError, "2 must have pictures, got none"),
        (lambda p: None, {"prepare": 3}, TypeError, "prepare must be something to call"),
        (lambda p: None, {"prepare": str}, TypeError, "uint8 tensor of shape .*got '"),
        (
            lambda p: (p / "1" / "b.png").rename(p / "1" / "longer.png"),
            {"prepare": lambda path: torch.zeros(len(path.name), 28, dtype=torch.uint8)},
            ValueError,
            r"of one size, got \[\(5, 28\), \(10, 28\)\]",
        ),
    ],
)
def test_what_is_no_folder_of_pictures_is_refused(photos, alter, options, error, message):
    alter(photos)
    with pytest.raises(error, match=message):
        load_pictures(photos, **options)


def test_a_folder_without_folders_is_refused(photos, tmp_path):
    with pytest.raises(ValueError, match="a folder of pictures for each class"):
        load_pictures(photos / "1")
    with pytest.raises(FileNotFoundError):
        load_pictures(tmp_path / "elsewhere")
