"""Writing files so that nothing is ever half-written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"  # what travels with the package

__all__ = ["atomic_path", "check_writable"]


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``target``; rename it to ``target`` once the block succeeds.

    The rename is atomic: another process sees the old file, or the whole new one, or none. If the
    block raises, the temporary file is removed and ``target`` is left as it was.

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
    temporary = _temporary_beside(target)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp made it private to this user
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


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
    if not isinstance(target, (str, os.PathLike)):
        raise TypeError(f"a file is named by a str or a Path, got {type(target).__name__}")
    name = os.fspath(target)
    if not name or "\0" in name:
        raise ValueError(f"a file's name must have letters and no zero byte, got {name!r}")
    path = Path(target)
    try:
        if path.is_dir():
            raise IsADirectoryError("it is a folder; name a file in it")
        if path.exists() and not path.is_file():  # /dev/zero never ends, and a pipe waits
            raise OSError("it is no regular file")
        _temporary_beside(path).unlink()
    except OSError as error:
        raise type(error)(f"cannot write {target}: {error}") from error


def _temporary_beside(target: Path) -> Path:
    """Make an empty file with a name of its own in the folder of ``target``."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept because writers such as matplotlib choose the format by it.
    handle, name = tempfile.mkstemp(
        prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent
    )
    os.close(handle)
    return Path(name)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
