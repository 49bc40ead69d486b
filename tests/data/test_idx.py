"""Damaged files, caches that cannot be written, two processes at once, and the relatives."""

import errno
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from filelock import FileLock, Timeout
from torchvision import datasets

from lenet_utils import load_mnist
from lenet_utils.data import DamagedFileError, idx, read_idx, relatives
from lenet_utils.data.idx import read_pixels

NAMES = list(idx.MNIST_FILES)
LABELS = "t10k-labels-idx1-ubyte"  # the smallest file


@pytest.fixture
def assets(tmp_path, monkeypatch):
    """A copy of the package's files that a test may damage."""
    copy = shutil.copytree(idx.PACKED, tmp_path / "assets")
    monkeypatch.setattr(idx, "PACKED", copy)
    return copy


@pytest.fixture
def own_cache(mnist, cache, tmp_path):
    """A cache that a test may alter, its files linked to the ones unpacked before."""
    raw = tmp_path / "cache" / "lenet_utils"
    raw.mkdir(parents=True)
    for name in NAMES:
        (raw / name).symlink_to(cache / "lenet_utils" / name)
    return tmp_path / "cache"


@pytest.fixture
def unwritable(tmp_path):
    """A folder that nobody can make, root neither: it lies below a regular file."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "cache"


def files_below(folder):
    return sorted(path.name for path in Path(folder).rglob("*") if not path.is_dir())


def test_labels(cache):
    return read_pixels("mnist", cache)[3]


test_labels.__test__ = False


# --- the package's own files -------------------------------------------------------------------


def flipped(content):
    return content[:99] + bytes([content[99] ^ 1]) + content[100:]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "damage", [flipped, lambda c: c[: len(c) // 2], lambda c: b"", lambda c: c + b"\0"]
)
def test_a_damaged_file_of_the_package_is_named_with_both_hashes(assets, tmp_path, name, damage):
    path = assets / f"{name}.gz"
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(damage(path.read_bytes()))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DamagedFileError) as caught:
        read_pixels("mnist", tmp_path / "cache")
    for words in (str(path), found, expected, "Install lenet_utils again"):
        assert words in str(caught.value)
    assert name not in files_below(tmp_path / "cache")
    assert set(files_below(tmp_path / "cache")) <= set(NAMES)


def test_a_zip_bomb_is_not_unpacked(assets, monkeypatch):
    """Its hash is looked at first."""
    (assets / f"{LABELS}.gz").write_bytes(gzip.compress(bytes(2**24), 1))
    monkeypatch.setattr(gzip, "decompress", lambda packed: pytest.fail("it is unpacked"))
    with pytest.raises(DamagedFileError, match=f"{LABELS}.gz is damaged"):
        idx._unpacked(LABELS)


def test_swapped_files_of_the_package_are_refused(assets, tmp_path):
    shutil.copy(assets / "train-labels-idx1-ubyte.gz", assets / f"{LABELS}.gz")
    with pytest.raises(DamagedFileError, match=f"{LABELS}.gz is damaged"):
        read_pixels("mnist", tmp_path / "cache")


def test_a_missing_file_of_the_package_is_named(assets, tmp_path):
    (assets / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(OSError, match=r"cannot read .*train-images-idx3-ubyte.gz.*Install"):
        load_mnist(cache=tmp_path / "cache")
    assert files_below(tmp_path / "cache") == []


# --- the cache ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        lambda c: c[:5000],
        lambda c: b"",
        lambda c: c[:8] + bytes(len(c) - 8),
        lambda c: b"\0\0\x0d" + c[3:],
        lambda c: c[3::-1] + c[7:3:-1] + c[8:],
        lambda c: gzip.compress(c),
        None,
    ],
    ids=["flipped", "truncated", "empty", "zeros", "magic", "endian", "packed", "missing"],
)
def test_a_damaged_file_of_the_cache_is_repaired(own_cache, mnist, damage):
    path = own_cache / "lenet_utils" / LABELS
    original = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(original))
    assert torch.equal(read_pixels("mnist", own_cache)[3], mnist.test.labels)
    assert path.read_bytes() == original
    assert files_below(own_cache / "lenet_utils") == sorted(NAMES)


def test_swapped_files_of_the_cache_are_repaired(own_cache, mnist):
    raw = own_cache / "lenet_utils"
    ours, theirs = raw / LABELS, raw / "train-labels-idx1-ubyte"
    ours.rename(raw / "x")
    theirs.rename(ours)
    (raw / "x").rename(theirs)
    assert torch.equal(read_pixels("mnist", own_cache)[3], mnist.test.labels)


def test_what_an_old_torchvision_left_in_the_cache_is_not_believed(own_cache, mnist):
    """It kept tensors in MNIST/processed, and torchvision still reads those first."""
    processed = own_cache / "MNIST" / "processed"
    processed.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        fake = torch.zeros(20, 28, 28, dtype=torch.uint8), torch.zeros(20, dtype=torch.int64)
        torch.save(fake, processed / name)
    assert torch.equal(read_pixels("mnist", own_cache)[3], mnist.test.labels)


def test_files_of_the_readers_own_where_torchvision_looks_are_left_as_they_are(own_cache, mnist):
    raw = own_cache / "MNIST" / "raw"
    for name in NAMES:
        write_idx(raw / Path(name).name, np.zeros((3, 2), dtype=np.uint8))
    before = {path: path.read_bytes() for path in raw.iterdir()}
    assert torch.equal(read_pixels("mnist", own_cache)[3], mnist.test.labels)
    assert {path: path.read_bytes() for path in raw.iterdir()} == before


def test_torchvision_finds_the_files_where_it_looks(tmp_path, mnist):
    read_pixels("mnist", tmp_path)
    there = datasets.MNIST(tmp_path, train=False)  # without a download
    assert torch.equal(there.targets, mnist.test.labels)


def test_an_intact_cache_is_only_read(own_cache, monkeypatch):
    monkeypatch.setattr(idx, "atomic_path", lambda path: pytest.fail(f"{path} is written"))
    monkeypatch.setattr(idx, "PACKED", Path("nowhere"))
    read_pixels("mnist", own_cache)


def test_a_cache_that_cannot_be_written_is_done_without(unwritable, mnist):
    splits = load_mnist(cache=unwritable)
    assert torch.equal(splits.test.images, mnist.test.images)


def test_a_folder_in_the_place_of_a_file_is_done_without(own_cache, mnist):
    path = own_cache / "lenet_utils" / LABELS
    path.unlink()
    path.mkdir()
    assert torch.equal(read_pixels("mnist", own_cache)[3], mnist.test.labels)


def test_a_disk_that_fills_up_leaves_no_half_file(tmp_path, mnist, monkeypatch):
    write, cache = Path.write_bytes, tmp_path / "small disk"

    def write_half(path, content):
        if cache not in path.parents:
            return write(path, content)
        write(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    assert torch.equal(read_pixels("mnist", cache)[3], mnist.test.labels)
    assert files_below(cache) == []


def test_a_home_that_cannot_be_written_is_done_without(unwritable, mnist, monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(unwritable))
    assert torch.equal(load_mnist().test.images, mnist.test.images)


def test_a_really_full_disk_is_done_without_and_gets_no_half_file(tmp_path, mnist):
    """A limit on the size of files stands in for the disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        splits = load_mnist(cache=tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert torch.equal(splits.test.labels, mnist.test.labels)
    assert set(files_below(tmp_path / "cache")) == {name for name in NAMES if "labels" in name}


@pytest.mark.slow
def test_two_processes_may_unpack_into_the_same_cache_at_once(tmp_path, mnist):
    """Both have imported everything and wait for one file, so that they really collide."""
    program = f"""
import hashlib, pathlib, time
from lenet_utils.data.idx import read_pixels
here = pathlib.Path({str(tmp_path)!r})
(here / f"ready-{{time.monotonic_ns()}}").touch()
deadline = time.monotonic() + 120
while not (here / "go").exists() and time.monotonic() < deadline:
    time.sleep(0.001)
for tensor in read_pixels("mnist", here / "cache"):
    print(hashlib.sha256(tensor.numpy().tobytes()).hexdigest())
"""
    command = [sys.executable, "-c", program]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("ready-*"))) < 2 and time.monotonic() < deadline:
        assert all(process.poll() is None for process in both)
        time.sleep(0.01)
    (tmp_path / "go").touch()
    printed = [process.communicate(timeout=120)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    last = hashlib.sha256(mnist.test.labels.numpy().tobytes()).hexdigest()
    assert printed[0] == printed[1]
    assert printed[0][3] == last
    assert files_below(tmp_path / "cache" / "lenet_utils") == sorted(NAMES)


# --- IDX files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 28, 28)])
def test_an_idx_file_is_read_as_torchvision_reads_it(tmp_path, shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    write_idx(tmp_path / "file", array)
    read = read_idx((tmp_path / "file").read_bytes())
    assert (read.dtype, read.shape) == (np.uint8, shape)
    assert np.array_equal(read, array)
    theirs = torchvision.datasets.mnist.read_sn3_pascalvincent_tensor(str(tmp_path / "file"))
    assert np.array_equal(read, theirs.numpy())


IDX = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + b"pixels"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begin with 00 00 08 and .*, got nothing"),
        (IDX[:3], "begin with 00 00 08 and .*, got 00 00 08"),
        (gzip.compress(IDX, mtime=0), "begin with 00 00 08 and .*, got 1f 8b 08"),
        (IDX[:2] + b"\x0d" + IDX[3:], "begin with 00 00 08 and .*, got 00 00 0d"),
        (IDX[:-1], r"lengths \[2, 3\] must have 18 bytes, got 17"),
        (IDX + b"s", r"lengths \[2, 3\] must have 18 bytes, got 19"),
        (IDX[:9], "must have .* bytes, got 9"),
        (IDX[:3] + b"\xff" + bytes(400), "must have .* bytes, got 404"),
    ],
)
def test_what_is_no_whole_idx_file_of_bytes_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        read_idx(content)


# --- the relatives, without their downloads ----------------------------------------------------


def write_idx(path, array):
    kind = {"uint8": 8, ">i4": 12}[array.dtype.str if array.dtype.str == ">i4" else "uint8"]
    header = bytes([0, 0, kind, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + array.tobytes())


def make_relative(cache, folder):
    """Write twelve training and six test images where torchvision looks for them."""
    random = np.random.default_rng(0)
    made = {}
    for kind, old, count in (("train", "train", 12), ("test", "t10k", 6)):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = random.integers(0, 10, count)
        made[kind] = images, labels
        if folder == "EMNIST":  # columns before rows
            raw = cache / folder / "raw"
            turned = np.ascontiguousarray(images.transpose(0, 2, 1))
            write_idx(raw / f"emnist-digits-{kind}-images-idx3-ubyte", turned)
            write_idx(raw / f"emnist-digits-{kind}-labels-idx1-ubyte", labels.astype(np.uint8))
        elif folder == "QMNIST":  # eight columns: the class, then the writer, the form, ...
            columns = random.integers(10, 99, (count, 8)).astype(">i4")
            columns[:, 0] = labels
            write_idx(cache / folder / "raw" / f"qmnist-{kind}-images-idx3-ubyte", images)
            write_idx(cache / folder / "raw" / f"qmnist-{kind}-labels-idx2-int", columns)
        else:
            raw = cache / folder / "raw"
            write_idx(raw / f"{old}-images-idx3-ubyte", images)
            write_idx(raw / f"{old}-labels-idx1-ubyte", labels.astype(np.uint8))
    return made


RELATIVES = [
    *(("emnist", "EMNIST"), ("fashion", "FashionMNIST")),
    *(("kmnist", "KMNIST"), ("qmnist", "QMNIST")),
]


@pytest.mark.parametrize(("name", "folder"), RELATIVES)
def test_a_relative_comes_through_the_same_function(tmp_path, name, folder):
    made = make_relative(tmp_path, folder)
    splits = load_mnist(name, size=28, scaling="unit", validation=4, cache=tmp_path)
    assert (len(splits.train), len(splits.validation)) == (8, 4)
    images, labels = made["test"]
    np.testing.assert_allclose(splits.test.images[:, 0].numpy(), images / 255, atol=1e-6)
    assert splits.test.labels.tolist() == labels.tolist()
    labels = torch.cat([splits.train.labels, splits.validation.labels])
    assert sorted(labels.tolist()) == sorted(made["train"][1].tolist())


def test_one_program_downloads_at_a_time(tmp_path, monkeypatch):
    made = make_relative(tmp_path, "KMNIST")
    read = relatives._read

    def reading(name, cache):
        with pytest.raises(Timeout):
            FileLock(cache / "download.lock").acquire(timeout=0)
        return read(name, cache)

    monkeypatch.setattr(relatives, "_read", reading)
    assert idx.read_pixels("kmnist", tmp_path)[3].tolist() == made["test"][1].tolist()


@pytest.mark.parametrize(("name", "folder"), RELATIVES)
def test_a_failed_download_is_a_clear_oserror(tmp_path, name, folder):
    """The tests have no network, so the download fails by itself."""
    with pytest.raises(OSError, match=f"(?s)cannot get '{name}' into .* 'mnist' needs no network"):
        load_mnist(name, cache=tmp_path)


@pytest.mark.parametrize(("name", "folder"), RELATIVES)
@pytest.mark.parametrize("left", [0, 3, 100, -1], ids=lambda left: f"left={left}")
def test_a_truncated_relative_is_a_clear_oserror(tmp_path, name, folder, left):
    make_relative(tmp_path, folder)
    for path in (tmp_path / folder / "raw").glob("*t*-images-idx3-ubyte"):
        path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(OSError, match=f"(?s)cannot get '{name}' .* delete what is damaged there"):
        load_mnist(name, validation=4, cache=tmp_path)


def pack_beside(raw):
    """Leave the archives that torchvision unpacked the files from, as it does."""
    for path in list(raw.iterdir()):
        (raw / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))


@pytest.mark.parametrize(("name", "folder"), RELATIVES)
@pytest.mark.parametrize("kind", ["magic", "endian", "swapped", "labels", "bomb"])
def test_a_relative_that_cannot_be_digits_is_a_clear_oserror(tmp_path, name, folder, kind):
    make_relative(tmp_path, folder)
    raw = tmp_path / folder / "raw"
    images = next(raw.glob("*train-images*"))
    labels = next(raw.glob("*train-labels*"))
    content = images.read_bytes()
    if kind == "magic":
        images.write_bytes(b"\1\2\3\4" + content[4:])
    elif kind == "endian":  # each of the three lengths, the low byte first
        lengths = [content[i : i + 4][::-1] for i in (4, 8, 12)]
        images.write_bytes(content[:4] + b"".join(lengths) + content[16:])
    elif kind == "swapped":
        test = next(path for path in raw.glob("*images*") if path != images)
        images.write_bytes(test.read_bytes())
    elif kind == "labels":
        labels.write_bytes(labels.read_bytes()[:-32] + bytes([255]) * 32)
    else:
        images.unlink()
        (raw / f"{images.name}.gz").write_bytes(gzip.compress(bytes(2**24), 1) * 60)
    with pytest.raises(OSError, match=f"(?s)cannot get '{name}' .* delete what is damaged there"):
        load_mnist(name, validation=4, cache=tmp_path)


@pytest.mark.parametrize(("name", "folder"), RELATIVES)
def test_an_altered_file_of_a_relative_is_unpacked_again(tmp_path, monkeypatch, name, folder):
    """Its archive is checked by torchvision, whose own unpacking is called: no network here."""
    made = make_relative(tmp_path / "lenet_utils", folder)
    raw = tmp_path / "lenet_utils" / folder / "raw"
    pack_beside(raw)
    unpacked = []

    def download(data_set):
        for archive in raw.glob("*.gz"):
            if not archive.with_suffix("").exists():
                unpacked.append(archive.name)
                archive.with_suffix("").write_bytes(gzip.decompress(archive.read_bytes()))

    monkeypatch.setattr(relatives.RELATIVES[name], "download", download)
    altered = next(raw.glob("*t*-images*ubyte"))
    altered.write_bytes(flipped(altered.read_bytes()))
    splits = load_mnist(name, size=28, scaling="unit", validation=4, cache=tmp_path)
    assert unpacked == [f"{altered.name}.gz"]
    images, _ = made["test"]
    np.testing.assert_allclose(splits.test.images[:, 0].numpy(), images / 255, atol=1e-6)


@pytest.mark.parametrize(("name", "folder"), RELATIVES)
@pytest.mark.parametrize("own", ["all", "some", "beside archives"])
def test_no_file_where_torchvision_looks_is_written(tmp_path, monkeypatch, name, folder, own):
    """A reader may keep files of his own there: whole sets are read, and nothing is put beside."""
    make_relative(tmp_path, folder)
    raw = tmp_path / folder / "raw"
    if own == "some":
        next(raw.glob("*t*-labels*")).unlink()
        next(raw.glob("*t*-images*")).with_suffix(".gz").write_bytes(b"somebody's archive")
    elif own == "beside archives":
        pack_beside(raw)
        mine = next(raw.glob("*t*-images*ubyte"))
        mine.write_bytes(flipped(mine.read_bytes()))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    asked = []

    def download(data_set):
        asked.append(data_set.root)
        make_relative(tmp_path / "lenet_utils", folder)

    monkeypatch.setattr(relatives.RELATIVES[name], "download", download)
    if own == "beside archives":
        with pytest.raises(
            OSError, match=r"(?s)not what the archive beside it holds.*move it away"
        ):
            load_mnist(name, validation=4, cache=tmp_path)
    else:
        assert len(load_mnist(name, validation=4, cache=tmp_path).test) == 6
    assert {str(root) for root in asked} <= {str(tmp_path), str(tmp_path / "lenet_utils")}
    assert (str(tmp_path / "lenet_utils") in map(str, asked)) == (own == "some")
    assert {path: path.read_bytes() for path in before} == before


def test_standard_scaling_is_that_of_the_training_images_at_28x28(tmp_path):
    made = make_relative(tmp_path, "KMNIST")
    splits = load_mnist("kmnist", scaling="standard", validation=4, cache=tmp_path)
    levels = made["train"][0] / 255
    assert splits.background == pytest.approx(-levels.mean() / levels.std(), abs=1e-3)
    assert splits.ink == pytest.approx((1 - levels.mean()) / levels.std(), abs=1e-3)
    assert (splits.test.images[:, :, 0] == np.float32(splits.background)).all()


def test_our_gzip_files_hold_no_name_and_no_date():
    """So that packing the same bytes again gives the same file."""
    for name in NAMES:
        packed = (idx.PACKED / f"{name}.gz").read_bytes()
        assert packed[3] == 0  # no flags: no file name, no comment
        assert packed[4:8] == bytes(4)  # no time
        assert len(gzip.decompress(packed)) == idx.MNIST_FILES[name][0]


def test_the_assets_are_the_four_files():
    assert sorted(os.listdir(idx.PACKED)) == sorted(f"{name}.gz" for name in NAMES)
