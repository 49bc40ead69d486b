"""Writing files so that nothing is ever half-written, and reading only what ends."""

from __future__ import annotations

import glob
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"  # what travels with the package
UNFINISHED = ".unfinished-"  # in the names of files that are being written

__all__ = ["atomic_path", "check_regular", "check_writable", "only_writer"]


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``target``; rename it to ``target`` once the block succeeds.

    The rename is atomic: another process sees the old file, or the whole new one, or none. If the
    block raises, the temporary file is removed and ``target`` is left as it was. What a killed
    process could not remove, the next one that writes ``target`` does.

    Parameters
    ----------
    target
        The file to write. Its folder is created where it is missing.

    Raises
    ------
    OSError
        If the folder cannot be created or written.
    """
    target = Path(target)
    with _temporary_beside(target) as temporary:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp made it private to this user
        temporary.replace(target)


def check_writable(target: str | os.PathLike[str]) -> None:
    """Refuse a ``target`` that could not be written later; its folder is made where it is missing.

    Raises
    ------
    TypeError, ValueError
        If it is no name of a file.
    OSError
        If the folder cannot be created, nothing of that name can be written into it, or the name is
        that of a folder or a device.
    """
    _check_name(target)
    path = Path(target)
    try:
        if path.is_dir():
            raise IsADirectoryError("it is a folder; name a file in it")
        if path.exists():
            check_regular(path)
        with _temporary_beside(path):
            pass
    except OSError as error:
        raise type(error)(f"cannot write {target}: {error}") from error


def check_regular(path: str | os.PathLike[str]) -> None:
    """Refuse to read what does not end, as /dev/zero, or keeps one waiting, as a pipe does.

    Raises
    ------
    TypeError, ValueError
        If it is no name of a file.
    OSError
        If it is not there, or is a folder, a device, a pipe or a socket.
    """
    _check_name(path)
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError("it is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        raise OSError("it is no regular file, but a device, a pipe or a socket")


@contextmanager
def only_writer(target: str | os.PathLike[str]) -> Iterator[None]:
    """Let nobody else write ``target`` under this lock as long as the block runs.

    Raises
    ------
    OSError
        If somebody does already.
    """
    from filelock import FileLock, Timeout  # only trainings need it

    target = Path(target)
    place = target.with_name(f".{target.name}.lock")
    try:
        lock = FileLock(place, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise OSError(
            f"another training writes {target} at this moment; name another place, or wait until "
            "it has ended"
        ) from error
    try:
        yield
    finally:
        # filelock 4.2 leaves the file, and takes no lock on one that was removed meanwhile. Windows
        # removes no open file.
        with suppress(OSError):
            place.unlink()
        lock.release()


def _check_name(target: object) -> None:
    if not isinstance(target, (str, os.PathLike)):
        raise TypeError(f"a file is named by a str or a Path, got {type(target).__name__}")
    name = os.fspath(target)
    if not name or "\0" in name:
        raise ValueError(f"a file's name must have letters and no zero byte, got {name!r}")


@contextmanager
def _temporary_beside(target: Path) -> Iterator[Path]:
    """Make an empty file with a name of its own in the folder of ``target``, for the block."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_over(target)
    # The suffix is kept because writers such as matplotlib choose the format by it.
    handle, name = tempfile.mkstemp(
        prefix=f".{target.stem}{UNFINISHED}", suffix=target.suffix, dir=target.parent
    )
    temporary = Path(name)
    # The lock says that this file is being written. A kill takes it away.
    held = _locks(handle)
    if not held:
        os.close(handle)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        if held:
            os.close(handle)


def _remove_left_over(target: Path) -> None:
    """Remove the temporary files of those who were killed while they wrote ``target``."""
    names = f".{glob.escape(target.stem)}{UNFINISHED}*{glob.escape(target.suffix)}"
    for path in target.parent.glob(names):
        with suppress(OSError), path.open("rb") as file:
            if _locks(file.fileno()):
                path.unlink()


def _locks(handle: int) -> bool:
    """Lock an open file, if nobody else has, and if this system and disk can."""
    if sys.platform == "win32":  # which, besides, renames no file that is open
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
