"""Boosting as in 1998: three networks, of which the later ones learn what the earlier find hard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from .checks import check_kind, check_whole
from .data import Digits
from .distortions import distort
from .evaluation import evaluate
from .parts import LeNet
from .seeding import seeded

__all__ = ["Boosted", "disagreed", "distorted_forever", "half_wrong"]

CHUNK = 5_000  # digits judged at once


class Boosted(nn.Module):
    """Networks whose outputs "are simply added": LeCun et al. 1998, preprint p. 13.

    Boosted LeNet-4 is ``Boosted([LeNet4(), LeNet4(), LeNet4()])``, trained one after the other: the
    first as usual, the second on `half_wrong`, the third on `disagreed`.

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
        if len(sizes) != 1:
            raise ValueError(
                f"boosting needs networks for images of one size, got sizes {sizes or 'of none'}"
            )
        self.networks, self.size = nn.ModuleList(members), sizes[0]

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([network(images) for network in self.networks]).sum(dim=0)


def distorted_forever(digits: Digits, seed: int) -> Iterator[Digits]:
    """Give ``digits`` in chunks, each time distorted anew, without end.

    "It was necessary to use the artificially distorted images" to find enough hard ones (LeCun et
    al. 1998, preprint p. 13). Leaves the caller's random state alone.

    Raises
    ------
    TypeError, ValueError
        At the first chunk, if ``digits`` is something else or ``seed`` is negative.
    """
    check_kind("digits", digits, Digits, "load_mnist().train is one")
    check_whole("seed", seed, least=0)
    pass_seed = seed
    while True:
        for positions in torch.arange(len(digits)).split(CHUNK):
            part = digits[positions]
            with seeded(pass_seed):
                images = distort(part.images)
            pass_seed += 1
            yield Digits(images, part.labels)


def half_wrong(first: nn.Module, stream: Iterator[Digits], count: int) -> Digits:
    """Collect what a second network learns from: half of it the ``first`` got right, half wrong.

    LeCun et al. 1998, preprint p. 13. It ends only when enough mistakes have been found.

    Parameters
    ----------
    first
        A trained network.
    stream
        Chunks of `Digits`, such as `distorted_forever`.
    count
        How many to collect; not given in the paper.

    Returns
    -------
    Digits
        ``count`` of them, in random order.

    Raises
    ------
    TypeError, ValueError
        If an argument is something else, ``count`` is not a positive even number, or the
        ``stream`` ends too early.
    """
    check_kind("first", first, nn.Module, "a trained network")
    check_whole("count", count)
    if count % 2:
        raise ValueError(f"count must be even, half right and half wrong, got {count}")

    def mistaken(part: Digits) -> Tensor:
        return evaluate(first, part).predictions != part.labels

    wrong = _collect(stream, mistaken, count // 2)
    right = _collect(stream, lambda part: ~mistaken(part), count // 2)
    return _shuffled(wrong, right)


def disagreed(first: nn.Module, second: nn.Module, stream: Iterator[Digits], count: int) -> Digits:
    """Collect what a third network learns from: digits on which the first two disagree.

    LeCun et al. 1998, preprint p. 13. Parameters, result and errors are those of `half_wrong`;
    ``count`` may be odd.
    """
    check_kind("first", first, nn.Module, "a trained network")
    check_kind("second", second, nn.Module, "a trained network")
    check_whole("count", count)

    def undecided(part: Digits) -> Tensor:
        return evaluate(first, part).predictions != evaluate(second, part).predictions

    return _collect(stream, undecided, count)


def _collect(stream: Iterator[Digits], chosen: Callable[[Digits], Tensor], count: int) -> Digits:
    images, labels, found = [], [], 0
    for part in stream:
        check_kind("each part of stream", part, Digits, "distorted_forever gives them")
        mask = chosen(part)
        images.append(part.images[mask])
        labels.append(part.labels[mask])
        found += int(mask.sum())
        if found >= count:
            return Digits(torch.cat(images)[:count], torch.cat(labels)[:count])
    raise ValueError(f"the stream of digits ended with {found} of the {count} wanted")


def _shuffled(*parts: Digits) -> Digits:
    images = torch.cat([part.images for part in parts])
    labels = torch.cat([part.labels for part in parts])
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    return Digits(images[order], labels[order])
