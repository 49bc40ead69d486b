"""What is no digit, drawn into pictures: is it refused, or its reading in doubt?

    python experiments/no_digits.py

counts of 200 pictures of each kind how many are refused or in doubt, by two LeNet-5 that travel
with the package, and how many digits are: those of MNIST's test set, and some in the scenes. It
prints the shares, and writes the counts to lenet_utils/assets/results/no_digits.csv.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from photographs import BLACK, WHITE, Array, Random, mixed, rules, slanting, taken, written
from PIL import Image, ImageDraw, ImageFont
from recording import RESULTS, provenance
from scenes import SCENES, drawn
from torch import Tensor

from lenet_utils import Digits, evaluate, load_mnist, predict
from lenet_utils._files import atomic_path
from lenet_utils.training import Trained, load_trained

__all__ = [
    "KINDS",
    "LETTERS",
    "NETWORKS",
    "PICTURES",
    "counted",
    "doubted",
    "doubted_images",
    "main",
    "pictures",
]

NETWORKS = ("lenet5-dist", "lenet5-hands")
PICTURES, DIGITS = 200, 10  # of each kind, and in each scene
LETTERS = "AEFHKMNRTWXY"  # those that resemble no digit
SIZE = (240, 320)
GREY = (225,) * 3  # of paper
Picture = Callable[[Array, Random], Image.Image]


def letter(digits: Array, random: Random) -> Image.Image:
    picture = Image.new("L", (200, 200), 255)
    font = ImageFont.load_default(size=140)
    ImageDraw.Draw(picture).text((50, 20), str(random.choice([*LETTERS])), fill=0, font=font)
    return picture.rotate(random.uniform(-8, 8), fillcolor=255)


def scribble(digits: Array, random: Random) -> Image.Image:
    picture = Image.new("L", (200, 200), 255)
    points = [tuple(point) for point in random.integers(30, 170, (8, 2)).tolist()]
    ImageDraw.Draw(picture).line(points, fill=0, width=14, joint="curve")
    return picture


def noise(digits: Array, random: Random) -> Image.Image:
    return taken(np.full((*SIZE, 3), 225.0), random, random.uniform(3, 8), 0, None)


def gradient(digits: Array, random: Random) -> Image.Image:
    light = 225 * slanting(random.uniform(0.6, 0.9), SIZE, random)
    return taken(np.repeat(light[..., None], 3, axis=2), random, 1.5, 0, None)


def ruled(digits: Array, random: Random) -> Image.Image:
    return taken(mixed(np.zeros(SIZE), GREY) - rules(50, 70, SIZE, random), random)


def two_digits(digits: Array, random: Random) -> Image.Image:
    left, right = (written(digit, 150) for digit in digits[random.integers(len(digits), size=2)])
    page = np.zeros((200, left.shape[1] + right.shape[1] + 60))
    for ink, start in ((left, 15), (right, left.shape[1] + 45)):
        page[25 : 25 + ink.shape[0], start : start + ink.shape[1]] = ink
    return taken(mixed(page, WHITE, BLACK), random, 0, 0, None)


KINDS: dict[str, Picture] = {
    kind.__name__.replace("_", " "): kind
    for kind in (letter, scribble, noise, gradient, ruled, two_digits)
}


def pictures(name: str, count: int = PICTURES, seed: int = 3) -> Iterator[Image.Image]:
    """Draw so many pictures of a kind."""
    random = np.random.default_rng(seed)
    digits = load_mnist(size=28, scaling="unit").test.images[:, 0].numpy()
    return (KINDS[name](digits, random) for _ in range(count))


def doubted(some: Iterator[Image.Image], trained: Trained) -> int:
    """Return how many of the pictures are refused, or their reading is in doubt."""
    return sum(_is_doubted(picture, trained) for picture in some)


def _is_doubted(picture: Image.Image, trained: Trained) -> bool:
    try:
        return predict(picture, trained).doubt is not None
    except ValueError:  # there is nothing in it, or several
        return True


def doubted_images(images: Tensor, trained: Trained) -> int:
    """Return of how many images, in the network's own form, the reading is in doubt."""
    unread = Digits(images, torch.zeros(len(images), dtype=torch.int64))
    penalties = -evaluate(trained.model, unread).scores.amax(dim=1)
    return int((penalties > trained.penalty_limit).sum())


def counted(trained: Trained) -> Iterator[dict[str, object]]:
    """Count what is refused or in doubt, of each kind and of digits."""
    digits = load_mnist(for_=trained.model).test
    of_digits = doubted_images(digits.images, trained)
    few = load_mnist(size=28, scaling="unit").test.images[:DIGITS, 0].numpy()
    in_scenes = sum(doubted(drawn(scene, few), trained) for scene in SCENES)
    for kind in KINDS:
        yield {"kind": kind, "pictures": PICTURES, "doubted": doubted(pictures(kind), trained)}
    yield {"kind": "digit of MNIST", "pictures": len(digits), "doubted": of_digits}
    yield {"kind": "digit in a scene", "pictures": DIGITS * len(SCENES), "doubted": in_scenes}


def main(out: Path = RESULTS / "no_digits.csv") -> None:
    """Count anew, print the shares, and write the rows."""
    origin = provenance()
    rows = pd.DataFrame(
        {"network": name, **row, **origin}
        for name in NETWORKS
        for row in counted(load_trained(name))
    )
    with atomic_path(out) as temporary:
        rows.to_csv(temporary, index=False)
    rows["%"] = 100 * rows["doubted"] / rows["pictures"]
    print(rows.pivot(index="kind", columns="network", values="%").round(1).to_string())


if __name__ == "__main__":
    main()
