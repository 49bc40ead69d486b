"""Which maps each map reads: the papers' connection tables, and a matrix made of one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .._checks import check_kind, check_whole

__all__ = ["C3_TABLE", "H2_TABLE", "H3_TABLE", "LENET4_TABLE", "connection_matrix"]

ConnectionTable = Sequence[Sequence[int]]  # for each output map, the input maps it reads

# Which maps of S2 each of C3's sixteen maps reads. LeCun et al. 1998, Table I (preprint p. 8).
C3_TABLE: ConnectionTable = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)

# Which maps of H2 each of H3's twelve maps reads. LeCun et al. 1990, Table 1 (p. 5).
H3_TABLE: ConnectionTable = (
    *((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1)),
    *((2,), (2, 3), (2, 3), (3,), (2, 3), (2, 3)),
)

# Which maps of H1 each of H2's twelve maps reads in the 1989 network. The paper says "eight of the
# 12" and that the scheme "will not be described here" (p. 546). Ours: eight in a row, on a ring, so
# that every map of H1 is read equally often.
H2_TABLE: ConnectionTable = tuple(
    tuple(sorted((first + step) % 12 for step in range(8))) for first in range(12)
)

# Which maps of S2 each of LeNet-4's sixteen C3 maps reads: unpublished. Ours has 47 kernels, which
# bring the connections to the paper's 260,000: eight contiguous triples on the ring of eight maps,
# seven spread triples, and one pair.
LENET4_TABLE: ConnectionTable = (
    *(tuple(sorted((i, (i + 1) % 8, (i + 2) % 8))) for i in range(8)),
    *(tuple(sorted((i, (i + 2) % 8, (i + 5) % 8))) for i in range(7)),
    (3, 7),
)


def connection_matrix(table: ConnectionTable, in_maps: int) -> Tensor:
    """Turn a connection table into a matrix of yes and no.

    Parameters
    ----------
    table
        For each output map, the input maps it reads, counted from 0.
    in_maps
        Number of input maps.

    Returns
    -------
    Tensor
        ``(len(table), in_maps)`` bool, True where an output map reads an input map.

    Raises
    ------
    TypeError, ValueError
        If the table is none, is empty, has an empty or repeating row, or names a map that does not
        exist.

    Examples
    --------
    >>> connection_matrix([(0, 1), (2,)], in_maps=3)
    tensor([[ True,  True, False],
            [False, False,  True]])
    """
    check_whole("in_maps", in_maps)
    check_kind("table", table, Sequence, "C3_TABLE is one, a row of numbers for each map")
    if not len(table):
        raise ValueError("the connection table is empty: give one row of input maps per output map")
    matrix = torch.zeros(len(table), in_maps, dtype=torch.bool)
    for out_map, row in enumerate(table):
        check_kind(f"row {out_map} of table", row, Sequence, "such as (0, 1, 2)")
        if any(isinstance(number, bool) for number in row):
            raise ValueError(
                f"row {out_map} of the connection table must name input maps by their numbers, got "
                f"{list(row)}; [i for i, reads in enumerate(row) if reads] names them"
            )
        if not len(row) or len(set(row)) < len(row) or not _are_maps(row, in_maps):
            raise ValueError(
                f"row {out_map} of the connection table must name different input maps "
                f"from 0 to {in_maps - 1}, at least one, got {list(row)}"
            )
        matrix[out_map, list(row)] = True
    return matrix


def _are_maps(row: Sequence[int], count: int) -> bool:
    return all(isinstance(number, int) and 0 <= number < count for number in row)
