"""Writing files so that nothing is ever half-written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    target.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept because writers such as matplotlib choose the format by it.
    handle, name = tempfile.mkstemp(
        prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent
    )
    os.close(handle)
    temporary = Path(name)
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
    OSError
        If the folder cannot be created, or nothing can be written into it.
    """
    folder = Path(target).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise type(error)(f"cannot write {target}: {error}") from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
