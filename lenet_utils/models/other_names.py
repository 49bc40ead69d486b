"""Weights of the same network under other names: told by their shapes, where these tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from torch import Tensor

__all__ = ["under_own_names"]

MOST = 8  # tensors that a message names
MAY_DIFFER = (2, 4)  # dimensions of the weights of a full layer and of a convolution
Kind = tuple[str, tuple[int, ...]]


def under_own_names(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """Return ``found`` with the names and shapes of ``wanted`` where each shape is there once.

    The popular networks call their layers "conv1" or "0" where ours are "c1". A full layer over
    maps that were flattened, ``(120, 400)``, is the convolution over all of them,
    ``(120, 16, 5, 5)``. Where names agree, ``found`` is returned as it is; also where some do and
    the shapes do not tell: what is wrong then has a name.

    Raises
    ------
    ValueError
        If no names agree, and shapes do not tell which is which.
    """
    if found.keys() == wanted.keys():
        return found
    there, here = _by_kind(found), _by_kind(wanted)
    pairs = {}
    for kind in there.keys() & here.keys():
        (own, *more), (name, *others) = here[kind], there[kind]
        if not more and not others and _same(found[name], wanted[own]):
            pairs[own] = name
    if len(pairs) == len(found) == len(wanted):
        return {own: found[pairs[own]].reshape(wanted[own].shape) for own in wanted}
    if found.keys() & wanted.keys():
        return found
    extra = _listed(found, found.keys() - {*pairs.values()})
    missing = _listed(wanted, wanted.keys() - pairs.keys())
    raise ValueError(
        f"its names are others, and shapes do not tell where {extra} should go, or what {missing} "
        "should be"
    )


def _by_kind(tensors: Mapping[str, Tensor]) -> dict[Kind, list[str]]:
    """Sort names by their last word, weight or bias, with how many units of how many inputs."""
    kinds = defaultdict(list)
    for name, tensor in tensors.items():
        of_full = tensor.ndim in MAY_DIFFER and 0 not in tensor.shape
        shape = (len(tensor), tensor[0].numel()) if of_full else tuple(tensor.shape)
        kinds[name.rpartition(".")[2], shape].append(name)
    return kinds


def _same(there: Tensor, here: Tensor) -> bool:
    return there.shape == here.shape or there.ndim != here.ndim


def _listed(tensors: Mapping[str, Tensor], names: Iterable[str]) -> str:
    all_names = sorted(names)
    shown = [f"{name} {tuple(tensors[name].shape)}" for name in all_names[:MOST]]
    more = len(all_names) - MOST
    return (", ".join(shown) or "nothing") + (f" and {more} more" if more > 0 else "")
