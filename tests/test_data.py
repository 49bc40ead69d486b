"""MNIST against its published hashes and counts and a reading of the raw bytes by NumPy alone."""

import gzip
import hashlib
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from lenet_utils import Digits, load_mnist, scale, sources

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
        name: gzip.decompress((sources.ASSETS / f"{name}.gz").read_bytes()) for name in ORIGINALS
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


def test_images_of_16_are_the_central_20_shrunk_by_area(mnist, cache):
    """Against Pillow, whose bilinear filter averages over the area when it shrinks."""
    small = load_mnist(cache=cache, size=16, scaling="signed", validation=10)
    assert (small.background, small.ink) == (-1.0, 1.0)
    assert small.test.images.shape == (10_000, 1, 16, 16)
    assert small.test.images.min() == -1
    for index in range(20):
        middle = Image.fromarray(pixels(mnist.test[index : index + 1])[0, 4:24, 4:24])
        expected = np.asarray(middle.resize((16, 16), Image.Resampling.BILINEAR), dtype=float)
        levels = (small.test.images[index, 0].double().numpy() + 1) * 127.5
        assert np.abs(levels - expected).max() < 1.5  # Pillow rounds twice, to whole levels


def test_images_of_16_keep_97_hundredths_of_the_ink(mnist):
    inside = mnist.test.images[:, 0, 6:26, 6:26] + 0.1
    everywhere = mnist.test.images + 0.1
    assert (inside.sum() / everywhere.sum()).item() == pytest.approx(0.97, abs=0.005)


def test_scale_leaves_its_input_alone():
    levels = torch.full((1, 4, 4), 7, dtype=torch.uint8)
    scale(levels, 0.0, 1.0, 4)
    assert (levels == 7).all()


@pytest.mark.parametrize(
    ("levels", "error", "message"),
    [
        (torch.zeros(1, 28, 28), TypeError, r"must be uint8 of shape \(N, H, W\), got torch.float"),
        (torch.zeros(28, 28, dtype=torch.uint8), TypeError, r"got torch.uint8 \(28, 28\)"),
        (torch.zeros(1, 28, 33, dtype=torch.uint8), ValueError, "size must be at least 33"),
    ],
)
def test_scale_refuses_other_tensors(levels, error, message):
    with pytest.raises(error, match=message):
        scale(levels, 0.0, 1.0)


def test_digits_are_selected_by_slice_positions_or_mask():
    digits = Digits(torch.arange(6.0).reshape(6, 1, 1, 1), torch.arange(6))
    assert len(digits) == 6
    assert digits[2:4].labels.tolist() == [2, 3]
    assert digits[torch.tensor([5, 0])].images.flatten().tolist() == [5, 0]
    assert digits[digits.labels > 3].labels.tolist() == [4, 5]
    with pytest.raises(TypeError, match=r"write digits\[3:3 \+ 1\]"):
        digits[3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "cifar"}, "name must be one of 'mnist', .* got 'cifar'"),
        ({"scaling": "2024"}, "scaling must be one of '1998', .* got '2024'"),
        ({"size": 27}, "size, if it is not 16, must be a whole number of at least 28, got 27"),
        ({"size": 32.0}, "size.* must be .* got 32.0"),
        ({"validation": 0}, "validation must be .* at least 1, got 0"),
        ({"validation": 60_000}, "leave some of the 60000 images to train on, got 60000"),
    ],
)
def test_arguments_out_of_range_are_refused(cache, options, message):
    with pytest.raises(ValueError, match=message):
        load_mnist(cache=cache, **options)
