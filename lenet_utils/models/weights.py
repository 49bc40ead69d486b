"""Weights on disk: safetensors files, never pickles, with what they are written beside them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor, nn

from .._checks import check_kind
from .._files import atomic_path, check_regular
from .layers import SparseConv2d
from .other_names import under_own_names

__all__ = ["load_weights", "read_metadata", "save_weights"]

CHECKSUM = "lenet_utils_checksum"  # the note with the sha256 of tensors and other notes
TABLES = "connection_tables"  # the note with each sparse layer's table, not one of the caller's


def save_weights(
    model: nn.Module, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write the weights of ``model``, and its connection tables; the file is complete or not there.

    Parameters
    ----------
    model
        Any module.
    path
        The file, by custom ``*.safetensors``.
    metadata
        Notes to keep with the weights, such as recipe and seed.

    Raises
    ------
    TypeError
        If ``model`` is no module, or a note no text.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> save_weights(LeNet5(), "lenet5.safetensors", {"recipe": "none: it has not learned"})
    >>> load_weights(LeNet5(), "lenet5.safetensors")
    """
    check_kind("model", model, nn.Module, "such as LeNet5()")
    for name, note in (metadata or {}).items():
        check_kind(f"metadata[{name!r}]", note, str, "notes are text: str(...) makes it of others")
    write_tensors(
        model.state_dict(), path, {**(metadata or {}), TABLES: json.dumps(_tables(model))}
    )


def write_tensors(
    tensors: Mapping[str, Tensor], path: str | os.PathLike[str], notes: Mapping[str, str]
) -> None:
    """Write ``tensors`` by name with ``notes``; the file is complete or not there.

    The same tensors and notes make the same bytes.
    """
    # Copies, for safetensors refuses tensors that share memory, as tied weights do.
    whole = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    header, data = _parts(safetensors.torch.save(whole))
    notes = {name: note for name, note in sorted(notes.items()) if name != CHECKSUM}
    # safetensors 0.8 would write the notes in an order that changes from run to run.
    notes = {**notes, CHECKSUM: _checksum(header, notes, data)}
    head = json.dumps({"__metadata__": notes, **header}, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)  # for safetensors, data begin at a multiple of 8
    with atomic_path(path) as temporary:
        try:
            temporary.write_bytes(len(head).to_bytes(8, "little") + head + data)
        except OSError as error:  # a full disk, for one
            raise type(error)(f"cannot write {path}: {error}") from error


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a safetensors file, which has its name in what goes wrong."""
    with opening(path):
        check_regular(path)
        with Path(path).open("rb") as file:
            start = file.read(9)
        # A head's length may begin as a pickle does, 640 for one; but then comes the head.
        if start.startswith((b"PK", b"\x80")) and not start.endswith(b"{"):
            raise ValueError(
                "it is a pickle, as torch.save makes them and .pt and .pth files are. If you trust "
                "it, safetensors.torch.save_file(torch.load(path, weights_only=True), "
                '"weights.safetensors") writes its weights as they can be read here'
            )
        with safetensors.safe_open(path, framework="pt"):
            pass  # its head fits its length: not everything that is large is read
        return Path(path).read_bytes()


def unpack(
    content: bytes, path: str | os.PathLike[str]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors and notes of a safetensors file that was read whole.

    Raises
    ------
    ValueError
        If it is none, or not the one that was written.
    """
    with opening(path):
        tensors = safetensors.torch.load(content)
        header, data = _parts(content)
        notes: dict[str, str] = header.pop("__metadata__", None) or {}
    kept = notes.pop(CHECKSUM, None)
    # Files from before there were checksums have none. Those in ``assets/weights`` are among them:
    # they stay, byte for byte, what their recorded runs wrote.
    if kept is not None and kept != _checksum(header, notes, data):
        raise ValueError(
            f"{path} is damaged: its content has not the checksum with which it was written; take "
            "a copy, or train anew"
        )
    return tensors, notes


def check_like(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Refuse tensors that have not the names, shapes and types of those ``wanted``.

    Raises
    ------
    ValueError
        Which says in what the first of them differs.
    """
    for name in sorted(found.keys() | wanted.keys()):
        there, here = found.get(name), wanted.get(name)
        shapes = [None if t is None else tuple(t.shape) for t in (there, here)]
        if there is None or here is None or shapes[0] != shapes[1]:
            raise ValueError(f"{name} differs ({shapes[0]} in the file, {shapes[1]} wanted)")
        if there.dtype != here.dtype:
            raise ValueError(f"{name} differs ({there.dtype} in the file, {here.dtype} wanted)")


def check_finite_like(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Refuse tensors with NaN or infinity where those ``wanted`` have none, as a mask may have.

    Raises
    ------
    ValueError
        Which names the first of them.
    """
    for name, there in found.items():
        if not _is_finite(there) and _is_finite(wanted[name]):
            raise ValueError(f"{name} has NaN or infinity")


def _is_finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Read weights into ``model``, which must be built of the same parts as when they were saved.

    Where the names differ, as in weights of the popular network of 61,706 parameters, which is
    ``LeNet5(nn.ReLU(), None, lambda maps: nn.MaxPool2d(2), output=nn.Linear(84, 10))``, the shapes
    tell what is what; with a shape that is there twice they do not, and the file is refused. A file
    does not say which activations and poolings its weights have learned with.

    Parameters
    ----------
    model
        Changed in place, or left as it was if anything is wrong.
    path
        A file written by `save_weights`, or any other safetensors file of such weights.

    Raises
    ------
    TypeError
        If ``model`` is no module.
    OSError
        If the file cannot be opened.
    ValueError
        If it is no safetensors file, is damaged, or holds the weights of another network (be it
        only one whose maps read others; files from before tables were kept say nothing of theirs),
        of another type, or NaN or infinity where the model has none.
    """
    check_kind("model", model, nn.Module, "such as LeNet5()")
    tensors, notes = unpack(read_file(path), path)
    own = model.state_dict()
    try:
        tensors = dict(under_own_names(tensors, own))
        check_like(tensors, own)
    except ValueError as error:
        hint = "build the model with the parts it was trained with"
        if any(name.endswith("_orig") for name in tensors.keys() ^ own.keys()):
            hint = (
                'one of the two is pruned: torch.nn.utils.prune.remove(layer, "weight") makes of '
                "each pruned layer one that is not"
            )
        raise ValueError(
            f"{path} does not fit this {type(model).__name__}: {error}; {hint}"
        ) from error
    _check_tables(model, notes.get(TABLES, "{}"), path)
    try:
        check_finite_like(tensors, own)
    except ValueError as error:
        raise ValueError(
            f"{path} is of no use: {error}. Most likely its training diverged: train it anew, with "
            "a tenth of the learning rate."
        ) from error
    model.load_state_dict(tensors)


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the notes kept with the weights in ``path``.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no safetensors file, or is damaged.
    """
    notes = unpack(read_file(path), path)[1]
    return {name: note for name, note in notes.items() if name != TABLES}


def _tables(model: nn.Module) -> dict[str, list[list[int]]]:
    """Return what says which map reads which: it decides what weights mean, but is none itself."""
    parts = dict(model.named_modules()).items()
    return {n: list(map(list, p.table)) for n, p in parts if isinstance(p, SparseConv2d)}


def _check_tables(model: nn.Module, kept: str, path: str | os.PathLike[str]) -> None:
    """Refuse weights that have learned with other connection tables than those of ``model``."""
    try:
        tables = dict(json.loads(kept))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: its connection tables are {kept!r}") from error
    for name, own in _tables(model).items():
        if tables.get(name, own) != own:
            raise ValueError(
                f"{path} holds weights for another connection table than that of {name or 'it'}: "
                "build the model with the connections it was trained with"
            )


@contextmanager
def opening(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in what goes wrong when it is read."""
    try:
        yield
    except OSError as error:
        raise type(error)(f"cannot open {path}: {error}") from error
    # Of a damaged head safetensors 0.8 makes nearly every kind of error.
    except (
        *(safetensors.SafetensorError, AttributeError, KeyError, OverflowError, RuntimeError),
        *(TypeError, ValueError),
    ) as error:
        raise ValueError(f"{path} is not a safetensors file, or is damaged: {error}") from error


def _parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return head and data of a safetensors file: JSON after its length, and what it describes."""
    start = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:start]), content[start:]


def _checksum(header: Mapping[str, Any], notes: Mapping[str, str], data: bytes) -> str:
    head = json.dumps([header, notes], sort_keys=True).encode()
    return hashlib.sha256(head + data).hexdigest()
