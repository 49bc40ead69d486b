"""Digits of MNIST drawn into scenes, as people photograph their own.

    python experiments/scenes.py

prints how many of 100 test digits are misread in each scene by LeNet-5 [dist], or refused.
``scenes_before.csv`` has what they were, with the same pictures, by an earlier `prepare_digit`. For
that, paper was the median of the picture's border, and ink all that differed from it by a tenth of
the strongest difference. It was measured once, and then replaced. The scenes of ``more_scenes.py``
came later, and have no such number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from more_scenes import MORE_SCENES
from photographs import (
    BLACK,
    PAPER,
    WHITE,
    WOOD,
    Array,
    H,
    Light,
    Random,
    W,
    band,
    crumpled,
    dark_corners,
    fold,
    mixed,
    photo,
    placed,
    resized,
    rules,
    shadow,
    slanting,
    taken,
    two_shadows,
    wood,
    written,
)  # fmt: skip
from PIL import Image, ImageDraw

from lenet_utils import LeNet5, load_mnist, prepare_digit, scale

__all__ = ["BEFORE", "SCENES", "counts", "drawn", "main"]

BEFORE = Path(__file__).parent / "scenes_before.csv"
DIGITS = 100
Scene = Callable[[Array, Random], Image.Image]


# --- Scenes --------------------------------------------------------------------------------------


def screen(
    digit: Array, random: Random, *, height: int = 180, pen: float | None = None,
    paper: tuple[int, ...] = WHITE, ink: tuple[int, ...] = BLACK, room: int | None = 100,
) -> Image.Image:  # fmt: skip
    """Return what a drawing program saves; ``room`` is None for no margin at all."""
    shape = written(digit, height, pen)
    if room is not None:
        side = max(shape.shape) + room
        shape = placed(shape, (side, side), random, 0.05)
    return taken(mixed(shape, paper, ink), random, 0, 0, None)


def cropped(digit: Array, random: Random) -> Image.Image:
    return taken(mixed(written(digit, 180)), random)


def tiny(digit: Array, random: Random, *, height: int) -> Image.Image:
    small = resized(written(digit, 8 * height), height, Image.Resampling.BOX)
    page = placed(small, (2 * height, 2 * height), random)
    return taken(mixed(page, (240,) * 3, (40,) * 3), random, 1.5, 0, None)


def see_through(digit: Array, random: Random, *, ink: int) -> Image.Image:
    page = placed(written(digit, 180), (280, 280), random)
    opacity = Image.fromarray(np.round(page * 255).astype(np.uint8))
    return Image.merge("RGBA", [Image.new("L", opacity.size, ink)] * 3 + [opacity])


def lying(
    digit: Array, random: Random, *, desk: tuple[int, ...] = WOOD, paper: tuple[int, ...] = PAPER,
    corners: tuple[int, ...] = (90, 60, 560, 420), light: Light | None = None,
) -> Image.Image:  # fmt: skip
    """Return a sheet on a desk with a grain; ``corners`` are left, top, right and bottom."""
    page = placed(written(digit, 170), (H, W), random, 0.28)
    sheet = Image.new("L", (W, H))
    ImageDraw.Draw(sheet).rectangle(corners, fill=255)
    turned = sheet.rotate(random.uniform(-10, 10), Image.Resampling.BICUBIC)
    share = np.asarray(turned)[..., None] / 255
    colours = mixed(page, paper) * share + wood(random, desk) * (1 - share)
    return taken(colours if light is None else colours * light((H, W), random)[..., None], random)


def beside(digit: Array, random: Random, *, things: Callable[[Array, Array], Array]) -> Image.Image:
    """Return a sheet with something else in the picture, dark where ``things`` is true."""
    colours = mixed(placed(written(digit, 190), (H, W), random, 0.2))
    colours[things(*np.mgrid[:H, :W])] = WOOD
    return taken(colours, random)


def on_form(digit: Array, random: Random, *, across: tuple[int, ...]) -> Image.Image:
    """Return a digit in a printed box, or in one of several, with lines at ``across``."""
    wide = across[-1] + 22
    page = np.zeros((300, wide))
    shape = written(digit, 130)
    left = (across[0] + across[1] - shape.shape[1]) // 2
    page[85 : 85 + shape.shape[0], left : left + shape.shape[1]] = shape
    for line in (30, 268):
        page[line : line + 3, across[0] : across[-1]] = 0.8
    for line in across:
        page[30:271, line : line + 3] = 0.8
    return taken(mixed(page, (245,) * 3, (40,) * 3), random, 1.5)


def dusty(digit: Array, random: Random) -> Image.Image:
    page, (down, right) = placed(written(digit, 200), (H, W), random), np.mgrid[:H, :W]
    for radius in random.uniform(0.6, 1.8, 12):
        distance = np.hypot(down - random.uniform(0, H), right - random.uniform(0, W))
        page = np.maximum(page, 0.8 * np.clip(radius + 0.5 - distance, 0, 1))
    return taken(mixed(page, (245,) * 3, (40,) * 3), random, 1.5, 0.5)


def pens(paper: tuple[int, ...], ink: tuple[int, ...], **more: object) -> Scene:
    return partial(photo, paper=paper, ink=ink, pen=18, **more)  # type: ignore[arg-type]


SCENES: dict[str, Scene] = {
    "drawn on a screen": screen,
    "drawn on a screen, light on dark": partial(screen, paper=BLACK, ink=WHITE),
    **{f"pen of 1/{k}": partial(screen, height=200, pen=200 / k) for k in (70, 25, 14, 5)},
    "pen of 1/3": partial(screen, height=66, pen=22, room=200),
    "cropped tightly": partial(screen, room=None),
    "cropped tightly, photo": cropped,
    "16 pixels high": partial(tiny, height=16),
    "10 pixels high": partial(tiny, height=10),
    "black on transparent": partial(see_through, ink=0),
    "white on transparent": partial(see_through, ink=255),
    "scan": partial(photo, paper=(245,) * 3, ink=(40,) * 3, noise=1.5, quality=90),
    "scan with dust": dusty,
    **{f"photo, noise {noise}": partial(photo, noise=noise) for noise in (2, 4, 8)},
    **{f"JPEG {q}": partial(photo, quality=q, size=(240, 320), height=110) for q in (25, 10)},
    **{
        f"light down to {low}": partial(photo, light=partial(slanting, low))
        for low in (0.9, 0.8, 0.5)
    },
    "soft shadow": partial(photo, light=partial(shadow, 0.8, soft=60)),
    "hard shadow": partial(photo, light=partial(shadow, 0.55)),
    "two shadows": partial(photo, light=two_shadows),
    "band of shadow": partial(photo, light=band),
    "fold": partial(photo, light=fold),
    "crumpled": partial(photo, light=crumpled),
    "dark corners": partial(photo, light=dark_corners),
    "out of focus": partial(photo, blur=5),
    "turned by 15 degrees": partial(photo, angle=15),
    "fills the picture": partial(photo, height=400, light=partial(slanting, 0.6)),
    "small, on rules": partial(photo, height=70, pen=7, printed=partial(rules, 80, 70)),
    "ruled, faint": partial(photo, printed=partial(rules, 80, 30)),
    "ruled": partial(photo, printed=partial(rules, 80, 85)),
    "squared, faint": partial(photo, printed=partial(rules, 50, 28, squared=True)),
    "squared": partial(photo, printed=partial(rules, 50, 85, squared=True)),
    "squared in red": partial(
        photo, pen=14, printed=partial(rules, 40, 110, squared=True, colour=(0.1, 0.8, 0.7))
    ),
    "ballpoint": partial(photo, pen=14, ink=(55, 70, 150)),
    "pencil": partial(photo, pen=14, ink=(140, 140, 145)),
    "thick marker": partial(photo, pen=38, height=170),
    "red on white": pens((238, 236, 232), (200, 40, 45)),
    "blue on yellow": pens((245, 225, 110), (40, 60, 150)),
    "red on green": pens((120, 185, 110), (215, 70, 60)),
    "orange on blue": pens((90, 150, 215), (235, 125, 40)),
    "yellow on white": pens((238, 236, 232), (240, 215, 60)),
    "white on red, slanting light": pens(
        (180, 45, 45), (235, 230, 230), light=partial(slanting, 0.8)
    ),
    "chalk": pens((52, 70, 60), (205, 210, 205), noise=5, light=partial(slanting, 0.75)),
    "sheet on wood": lying,
    "sheet on a light desk": partial(lying, desk=(190, 170, 140)),
    "sheet on a blue desk": partial(lying, desk=(60, 90, 150)),
    "sheet on wood, shadow": partial(lying, light=partial(shadow, 0.6)),
    "corner of a desk": partial(lying, corners=(60, -100, 800, 400)),
    "edge of a desk": partial(beside, things=lambda y, x: y < 60),
    "finger": partial(beside, things=lambda y, x: np.hypot((x - 576) / 70, (y - H) / 110) < 1),
    "holes of a binder": partial(
        beside, things=lambda y, x: np.hypot(x - 25, np.abs(y - H / 2) - H / 4) < 14
    ),
    "printed box": partial(on_form, across=(20, 278)),
    "boxes of a form": partial(on_form, across=(20, 210, 400, 590)),
    **MORE_SCENES,
}


# --- How many are misread ------------------------------------------------------------------------


def drawn(name: str, digits: Array, seed: int = 7) -> Iterator[Image.Image]:
    """Draw ``(N, 28, 28)`` digits, 1 for ink, into the scene."""
    random = np.random.default_rng(seed)
    return (SCENES[name](digit, random) for digit in digits)


def counts(
    name: str, count: int = DIGITS, prepare: Callable[..., torch.Tensor] = prepare_digit
) -> tuple[int, int]:
    """Return how many of the first test digits are misread in a scene, and how many refused."""
    model, test = LeNet5.from_pretrained("dist"), load_mnist(size=28, scaling="unit").test[:count]
    prepared, labels, refused = [], [], 0
    for picture, label in zip(drawn(name, test.images[:, 0].numpy()), test.labels, strict=True):
        try:
            prepared.append(prepare(picture))
            labels.append(int(label))
        except ValueError:
            refused += 1
    if not prepared:
        return 0, refused
    with torch.inference_mode():
        answers = model(scale(torch.stack(prepared), *model.input)).argmax(dim=1)
    return int((answers != torch.tensor(labels)).sum()), refused


def main() -> None:
    """Print the table."""
    before = pd.read_csv(BEFORE).set_index("scene")["wrong"]
    print(f"{'of ' + str(DIGITS) + ' digits misread or refused':36s} before   now")
    for name in SCENES:
        print(f"{name:36s} {before.get(name, '-'):>6} {sum(counts(name)):5d}", flush=True)


if __name__ == "__main__":
    main()
