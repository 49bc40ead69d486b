"""MNIST against its published hashes and counts and a reading of the raw bytes by NumPy alone."""

import gzip
import hashlib
from collections import Counter

import numpy as np
import platformdirs
import pytest
import torch
from PIL import Image
from torchvision.datasets import KMNIST, MNIST, FashionMNIST

from lenet_utils import LeNet1, LeNet5, LeNet1989, load_mnist, scale
from lenet_utils.data import CLASSES, idx

# sha256 of the original, unpacked files.
ORIGINALS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture(scope="module")
def raw():
    """The files of the package, unpacked and cut by hand: no torchvision, no lenet_utils."""
    content = {
        name: gzip.decompress((idx.PACKED / f"{name}.gz").read_bytes()) for name in ORIGINALS
    }

    def part(kind):
        images = np.frombuffer(content[f"{kind}-images-idx3-ubyte"], np.uint8, offset=16)
        labels = np.frombuffer(content[f"{kind}-labels-idx1-ubyte"], np.uint8, offset=8)
        return images.reshape(-1, 28, 28), labels

    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    return {"hashes": hashes, "train": part("train"), "test": part("t10k")}


def pixels(digits):
    """Undo scaling and padding."""
    inner = digits.images[:, 0, 2:-2, 2:-2]
    return ((inner + 0.1) * (255 / 1.275)).round().to(torch.uint8).numpy()


def checksums(images, labels):
    return Counter(
        image.tobytes() + bytes([label]) for image, label in zip(images, labels, strict=True)
    )


def test_the_package_holds_the_original_files(raw):
    assert raw["hashes"] == ORIGINALS


def test_mnist_has_its_published_counts(mnist):
    both = torch.cat([mnist.train.labels, mnist.validation.labels])
    assert both.bincount().tolist() == TRAIN_COUNTS
    assert mnist.test.labels.bincount().tolist() == TEST_COUNTS
    assert [len(part) for part in (mnist.train, mnist.validation, mnist.test)] == [
        55_000,
        5_000,
        10_000,
    ]


def test_without_validation_there_are_all_60000_to_learn_from(cache, mnist):
    splits = load_mnist(cache=cache, size=28, validation=0)
    assert splits.validation is None
    assert splits.train.images.shape == (60_000, 1, 28, 28)
    both = torch.cat([mnist.train.labels, mnist.validation.labels])
    assert torch.equal(splits.train.labels.bincount(), both.bincount())


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_images_are_32x32_float32_and_labels_int64(mnist, part):
    digits = getattr(mnist, part)
    assert digits.images.shape[1:] == (1, 32, 32)
    assert (digits.images.dtype, digits.labels.dtype) == (torch.float32, torch.int64)


def test_the_test_set_is_the_raw_one_in_its_order(mnist, raw):
    images, labels = raw["test"]
    assert np.array_equal(pixels(mnist.test), images)
    assert np.array_equal(mnist.test.labels.numpy(), labels)


def test_training_and_validation_are_together_all_60000_each_once(mnist, raw):
    parts = [checksums(pixels(d), d.labels.tolist()) for d in (mnist.train, mnist.validation)]
    assert not parts[0].keys() & parts[1].keys()
    assert parts[0] + parts[1] == checksums(*raw["train"])


def test_the_split_is_the_same_for_everyone(mnist):
    """Pinned: a split that moved would silently mix old and new results."""
    labels = bytes(mnist.validation.labels.tolist())
    assert hashlib.sha256(labels).hexdigest()[:16] == "d6337ef293cec223"


def test_the_1998_scaling_is_exact_in_the_background_and_reaches_the_full_ink(mnist):
    images = mnist.test.images
    assert (mnist.background, mnist.ink) == (-0.1, 1.175)
    assert images.min() == torch.tensor(-0.1)
    assert images.max().item() == pytest.approx(1.175, abs=1e-6)
    edge = images.clone()
    edge[:, :, 2:-2, 2:-2] = -0.1
    assert (edge == torch.tensor(-0.1)).all()  # the padding is background, not 0


def test_the_1998_scaling_has_the_mean_and_variance_measured_on_mnist(mnist):
    """On all training digits at 32x32: 0.028 and 0.123, not the paper's 0 and 1."""
    images = mnist.train.images.double()
    assert images.mean().item() == pytest.approx(0.028, abs=1e-3)
    assert images.var().item() == pytest.approx(0.123, abs=1e-3)


def test_standard_scaling_of_mnist_has_the_constants_everybody_uses(cache):
    splits = load_mnist(cache=cache, scaling="standard", size=28, validation=10)
    assert len(splits.train) == 59_990
    assert splits.background == pytest.approx(-0.1307 / 0.3081)
    assert splits.ink == pytest.approx((1 - 0.1307) / 0.3081)
    assert splits.train.images.mean().item() == pytest.approx(0, abs=1e-3)
    assert splits.train.images.std().item() == pytest.approx(1, abs=1e-3)


# --- scale, Digits -----------------------------------------------------------------------------


def test_scale_is_a_straight_line_through_background_and_ink():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16)
    expected = [-0.1 + 1.275 * level / 255 for level in range(256)]
    assert scale(levels, -0.1, 1.175, 16).flatten().tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "size", "top", "left"),
    [((2, 28, 28), 32, 2, 2), ((1, 28, 28), 31, 1, 1), ((1, 20, 16), 28, 4, 6)],
)
def test_scale_centres_and_pads_with_the_background(shape, size, top, left):
    padded = scale(torch.full(shape, 255, dtype=torch.uint8), -0.5, 2.0, size)
    expected = torch.full((shape[0], 1, size, size), -0.5)
    expected[:, :, top : top + shape[1], left : left + shape[2]] = 2.0
    torch.testing.assert_close(padded, expected)


def test_images_of_16_are_the_box_of_the_ink_shrunk_by_area(mnist, cache):
    """Against Pillow, which finds the box, and averages over the area when it shrinks."""
    small = load_mnist(cache=cache, size=16, scaling="signed", validation=10)
    assert (small.background, small.ink) == (-1.0, 1.0)
    assert small.test.images.shape == (10_000, 1, 16, 16)
    assert small.test.images.min() == -1
    for index in range(20):
        digit = Image.fromarray(pixels(mnist.test[index : index + 1])[0])
        left, top, right, bottom = digit.getbbox()
        x, y = (left + right - 20) // 2, (top + bottom - 20) // 2
        box = digit.crop((x, y, x + 20, y + 20))
        expected = np.asarray(box.resize((16, 16), Image.Resampling.BILINEAR), dtype=float)
        levels = (small.test.images[index, 0].double().numpy() + 1) * 127.5
        assert np.abs(levels - expected).max() < 1.5  # Pillow rounds twice, to whole levels


def test_images_of_16_keep_all_the_ink(mnist, cache):
    small = load_mnist(cache=cache, size=16, scaling="unit", validation=10).test.images
    ink = (mnist.test.images + 0.1).sum((1, 2, 3)) / 1.275
    kept = small.sum((1, 2, 3)) * (20 / 16) ** 2
    # Antialiasing counts pixels at the rim of the box a little differently, but loses none.
    assert (kept / ink).mean().item() == pytest.approx(1, abs=0.01)
    assert (kept / ink).min() > 0.9


def test_smaller_digits_are_framed_by_the_background(cache):
    small = load_mnist(cache=cache, size=16, validation=10).test
    framed = load_mnist(cache=cache, size=28, digit=16, validation=10)
    assert (framed.background, framed.ink) == (-0.1, 1.175)
    expected = torch.full((10_000, 1, 28, 28), -0.1)
    expected[:, :, 6:22, 6:22] = small.images
    assert torch.equal(framed.test.images, expected)


def test_a_network_gets_the_images_it_is_for(cache):
    for model, options in {
        LeNet5(): {},
        LeNet1(): {"size": 28},
        LeNet1.from_pretrained(): {"size": 28, "digit": 16},
        LeNet1989(): {"size": 16, "scaling": "signed"},
    }.items():
        wanted = load_mnist(cache=cache, for_=model)
        expected = load_mnist(cache=cache, **options)
        assert torch.equal(wanted.test.images, expected.test.images)
        assert (wanted.background, wanted.ink) == (expected.background, expected.ink)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"digit": 20}, ValueError, "digit must be 16 or 28, got 20"),
        ({"digit": 16, "size": 15}, ValueError, "size.* must be a whole number of at least 16"),
        ({"for_": LeNet1, "size": 28}, TypeError, r"for_ must be a network .* such as LeNet1\(\)"),
        ({"for_": "lenet1"}, TypeError, "for_ must be a network of this package, .* got str"),
        ({"for_": LeNet1(), "size": 28}, ValueError, "for_ decides size, digit and scaling"),
    ],
)
def test_what_images_cannot_be_like_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        load_mnist(**options)


def test_scale_leaves_its_input_alone():
    levels = torch.full((1, 4, 4), 7, dtype=torch.uint8)
    scale(levels, 0.0, 1.0, 4)
    assert (levels == 7).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": 3}, "name must be one of .* got 3"),
        ({"name": "cifar"}, "name must be one of 'mnist', .* got 'cifar'"),
        ({"scaling": "2024"}, "scaling must be one of '1998', .* got '2024'"),
        ({"size": 27}, "size, if it is not 16, must be a whole number of at least 28, got 27"),
        ({"size": 32.0}, "size.* must be .* got 32.0"),
        ({"validation": -1}, "validation must be .* at least 0, got -1"),
        ({"validation": 60_000}, "leave some of the 60000 images to train on, got 60000"),
    ],
)
def test_arguments_out_of_range_are_refused(cache, options, message):
    with pytest.raises(ValueError, match=message):
        load_mnist(cache=cache, **options)


@pytest.mark.parametrize("corner", [(4, 14), (14, 4)])
def test_the_faintest_ink_counts_for_the_box_of_an_image_of_16(corner):
    """The strong pixel lands at the same place, however strong the one that moves the box is."""
    pixels = torch.zeros(2, 28, 28, dtype=torch.uint8)
    pixels[:, 20, 20] = 255
    for image, level in enumerate((1, 254)):
        pixels[image][corner] = level
    faint, strong = scale(pixels, 0.0, 1.0, 16)
    place = faint[0].flatten().argmax()
    assert strong[0].flatten()[place] == pytest.approx(faint[0].flatten()[place].item(), abs=1e-3)


@pytest.mark.parametrize(("corner", "place"), [(0, 0), (27, 15)])
def test_ink_at_the_edge_stays_at_the_edge_of_an_image_of_16(corner, place):
    """The box around it cannot reach beyond the image."""
    pixels = torch.zeros(1, 28, 28, dtype=torch.uint8)
    pixels[0, corner, corner] = 255
    small = scale(pixels, 0.0, 1.0, 16)[0, 0]
    assert small[place, place] == small.max() > 0


def test_images_of_16_may_be_empty_and_fill_the_box():
    pixels = torch.zeros(2, 28, 28, dtype=torch.uint8)
    pixels[1, 8:, 8:] = 255
    blank, full = scale(pixels, -1.0, 1.0, 16)
    assert (blank == -1).all()
    torch.testing.assert_close(full, torch.ones(1, 16, 16))


def test_images_are_scaled_where_they_are():
    pixels = torch.zeros(2, 28, 28, dtype=torch.uint8)
    with torch.device("meta"):  # where tensors are made, if nothing else is said
        assert scale(pixels, -1.0, 1.0, 16).device == pixels.device


@pytest.fixture
def sixty(monkeypatch):
    """Sixty faint images in MNIST's place; the folders that were asked for."""
    pixels, labels = torch.randint(0, 100, (60, 28, 28)).byte(), torch.arange(60) % 10

    def read_pixels(name, cache):
        caches.append(cache)
        return pixels, labels, pixels, labels

    caches = []
    monkeypatch.setattr("lenet_utils.data.mnist.read_pixels", read_pixels)
    return caches


def test_standard_scaling_needs_no_full_ink(sixty):
    splits = load_mnist(size=28, scaling="standard", validation=10)
    images = torch.cat([splits.train.images, splits.validation.images])
    assert images.mean().item() == pytest.approx(0, abs=1e-3)
    assert images.std().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", CLASSES)
def test_each_data_set_has_the_names_of_its_classes(sixty, name):
    """Against torchvision's, which has MNIST's as "0 - zero"."""
    digits = dict.fromkeys(("mnist", "emnist", "qmnist"), MNIST)
    known = {**digits, "fashion": FashionMNIST, "kmnist": KMNIST}[name]
    splits = load_mnist(name, validation=10)
    names = [text.partition(" - ")[0] for text in known.classes]
    assert list(splits.classes) == names
    assert splits.validation.classes == splits.test.classes == splits.classes


def test_the_cache_is_the_users_own_or_the_one_asked_for(sixty, tmp_path):
    load_mnist(validation=10)
    load_mnist(validation=10, cache=str(tmp_path))
    assert sixty == [platformdirs.user_cache_path("lenet_utils"), tmp_path]


def test_the_split_depends_on_no_seed_and_changes_none(sixty):
    state = torch.get_rng_state()
    labels = load_mnist(validation=10).validation.labels
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(77)
    assert torch.equal(load_mnist(validation=10).validation.labels, labels)
    drawn = torch.randperm(60, generator=torch.Generator().manual_seed(1998))[:10]
    assert torch.equal(labels, drawn.sort().values % 10)
