"""Boosting as in 1998: three networks, of which the later ones learn what the earlier find hard."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .._checks import check_kind
from .base import LeNet

__all__ = ["Boosted"]


class Boosted(nn.Module):
    """Networks whose outputs "are simply added": LeCun et al. 1998, preprint p. 13.

    Boosted LeNet-4 is ``Boosted([LeNet4(), LeNet4(), LeNet4()])``, trained one after the other: the
    first as usual, the later ones on what ``experiments/boosting.py`` finds hard for the earlier.

    Parameters
    ----------
    networks
        At least one, all for images of the same size.

    Shape
    -----
    ``(N, 1, size, size)`` -> ``(N, 10)``

    Raises
    ------
    TypeError, ValueError
        If there is none, one is no `LeNet`, or their sizes differ.
    """

    def __init__(self, networks: Iterable[LeNet]) -> None:
        super().__init__()
        members = list(networks)
        for network in members:
            check_kind("each network", network, LeNet, "such as LeNet4()")
        sizes = sorted({network.size for network in members})
        if len(sizes) != 1 or len({network.channels for network in members}) != 1:
            raise ValueError(
                "boosting needs networks for images of one size and number of channels, got sizes "
                f"{sizes or 'of none'}"
            )
        self.networks, self.size = nn.ModuleList(members), sizes[0]

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([network(images) for network in self.networks]).sum(dim=0)
