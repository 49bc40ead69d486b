"""What the networks of a boosted one learn from: digits that the earlier ones find hard."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from lenet_utils._checks import check_kind, check_whole
from lenet_utils._seeding import seeded
from lenet_utils.data import Digits, distort
from lenet_utils.training import evaluate

CHUNK = 5_000  # digits judged at once


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
