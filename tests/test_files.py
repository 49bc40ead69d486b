"""A file is written whole or not at all."""

import multiprocessing
import os
import signal
import socket
import sys

import pytest

from lenet_utils._files import atomic_path, check_regular, check_writable, only_writer


def test_the_file_is_there_only_after_the_block(tmp_path):
    target = tmp_path / "new" / "folder" / "figure.png"
    with atomic_path(target) as temporary:
        temporary.write_text("all of it")
        assert not target.exists()
        assert temporary.suffix == ".png"  # writers choose the format by it
    assert target.read_text() == "all of it"
    assert os.listdir(target.parent) == ["figure.png"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_block_leaves_the_old_file_and_no_other(tmp_path, error):
    target = tmp_path / "weights.safetensors"
    target.write_text("old")

    def write():
        with atomic_path(target) as temporary:
            temporary.write_text("half of the n")
            raise error

    with pytest.raises(error):
        write()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["weights.safetensors"]


def test_a_writer_may_replace_the_temporary_file_by_its_own(tmp_path):
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.unlink()
        temporary.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_others_may_read_the_file_as_far_as_the_user_lets_them(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("x")
        assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode
        assert os.umask(umask) == umask  # and the setting itself is as it was
    finally:
        os.umask(before)


def test_a_folder_that_cannot_be_made_is_an_oserror(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), atomic_path(tmp_path / "file" / "x.txt"):
        pytest.fail("the block must not run")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("", ValueError, "must have letters and no zero byte, got ''$"),
        ("a\0b", ValueError, r"no zero byte, got 'a\\x00b'$"),
        (3, TypeError, "a file is named by a str or a Path, got int"),
        (b"bytes", TypeError, "a file is named by a str or a Path, got bytes"),
        (".", IsADirectoryError, "cannot write .: it is a folder; name a file in it"),
        ("/dev/zero", OSError, "cannot write /dev/zero: it is no regular file"),
        ("x" * 300, OSError, "cannot write x{300}: .*too long"),
        # Beside it there is no room for the file that is to become it.
        ("x" * 250, OSError, "cannot write x{250}: .*too long"),
    ],
)
def test_what_cannot_be_written_is_known_before(tmp_path, monkeypatch, name, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        check_writable(name)
    assert os.listdir(tmp_path) == []


def test_what_can_be_written_is_left_as_it_is(tmp_path):
    check_writable(tmp_path / "new" / "a.txt")
    assert os.listdir(tmp_path / "new") == []
    (tmp_path / "a.txt").write_text("old")
    check_writable(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "old"


def write_and_die(target):
    with atomic_path(target) as temporary:
        temporary.write_text("half of it")
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no locks of this kind")
def test_what_a_kill_left_is_removed_and_what_another_writes_is_not(tmp_path):
    target = tmp_path / "a b[1].txt"
    child = multiprocessing.get_context("fork").Process(target=write_and_die, args=(target,))
    child.start()
    child.join()
    (left,) = os.listdir(tmp_path)
    with atomic_path(target) as mine, atomic_path(target) as other:
        assert not (tmp_path / left).exists()
        other.write_text("the other's")
        mine.write_text("mine")
    assert target.read_text() == "mine"
    assert os.listdir(tmp_path) == [target.name]


def test_one_at_a_time_writes_and_then_the_next(tmp_path):
    target = tmp_path / "a.txt"
    for _ in range(2):
        with only_writer(target):
            with (
                pytest.raises(OSError, match=r"another training writes .*a.txt at this moment"),
                only_writer(target),
            ):
                pytest.fail("the block must not run")
            with only_writer(tmp_path / "b.txt"):
                pass
    assert os.listdir(tmp_path) == []


def test_what_does_not_end_or_keeps_one_waiting_is_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    (tmp_path / "file").touch()
    check_regular("file")
    places = [tmp_path]
    if sys.platform != "win32":
        os.mkfifo("pipe")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
        places += ["pipe", "socket", "/dev/zero"]
    for place in places:
        with pytest.raises(OSError, match=r"it is a folder|it is no regular file, but a device"):
            check_regular(place)
    with pytest.raises(FileNotFoundError):
        check_regular("missing")
