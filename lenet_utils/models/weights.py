"""Weights on disk: safetensors files, never pickles, with what they are written beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import safetensors
import safetensors.torch
from torch import Tensor, nn

from .._checks import check_kind
from .._files import atomic_path
from .layers import SparseConv2d

__all__ = ["load_weights", "read_metadata", "save_weights"]

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
    """
    check_kind("model", model, nn.Module, "such as LeNet5()")
    for name, note in (metadata or {}).items():
        check_kind(f"metadata[{name!r}]", note, str, "notes are text: str(...) makes it of others")
    write_tensors(
        model.state_dict(), path, {**(metadata or {}), TABLES: json.dumps(_tables(model))}
    )


def write_tensors(
    tensors: Mapping[str, Tensor], path: str | os.PathLike[str], metadata: Mapping[str, str]
) -> None:
    """Write ``tensors`` by name with notes beside them; the file is complete or not there."""
    # Copies, for safetensors refuses tensors that share memory, as tied weights do.
    whole = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            safetensors.torch.save_file(whole, temporary, metadata=dict(metadata))
        except safetensors.SafetensorError as error:  # a full disk, for one
            raise OSError(f"cannot write {path}: {error}") from error


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Read weights into ``model``, which must be built of the same parts as when they were saved.

    Parameters
    ----------
    model
        Changed in place, or left as it was if anything is wrong.
    path
        A file written by `save_weights`.

    Raises
    ------
    TypeError
        If ``model`` is no module.
    OSError
        If the file cannot be opened.
    ValueError
        If it is no safetensors file or holds the weights of another network, be it only one whose
        maps read others. Files from before tables were kept say nothing of theirs.
    """
    check_kind("model", model, nn.Module, "such as LeNet5()")
    with opening(path):
        tensors = safetensors.torch.load_file(path)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != wanted:
        different = sorted(set(wanted.items()) ^ set(found.items()))
        raise ValueError(
            f"{path} does not fit this {type(model).__name__}: {different[0][0]} differs "
            f"({found.get(different[0][0])} in the file, {wanted.get(different[0][0])} wanted); "
            "build the model with the parts it was trained with"
        )
    _check_tables(model, _all_notes(path).get(TABLES, "{}"), path)
    model.load_state_dict(tensors)


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the notes kept with the weights in ``path``.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no safetensors file.
    """
    return {name: note for name, note in _all_notes(path).items() if name != TABLES}


def _all_notes(path: str | os.PathLike[str]) -> dict[str, str]:
    with opening(path), safetensors.safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def _tables(model: nn.Module) -> dict[str, list[list[int]]]:
    """Return what says which map reads which: it decides what weights mean, but is none itself."""
    parts = dict(model.named_modules()).items()
    return {n: list(map(list, p.table)) for n, p in parts if isinstance(p, SparseConv2d)}


def _check_tables(model: nn.Module, kept: str, path: str | os.PathLike[str]) -> None:
    """Refuse weights that have learned with other connection tables than those of ``model``."""
    for name, own in _tables(model).items():
        if json.loads(kept).get(name, own) != own:
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
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file, or is damaged: {error}") from error
