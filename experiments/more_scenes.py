"""Scenes that the preparation of pictures was not made by: they were thought of afterwards.

Of the first twenty digits in each, only those of four scenes were misread or refused at first: most
on a sheet seen aslant, all beside a telephone's shadow, some broken strokes and stained ones. The
causes were mended; what these scenes say of such pictures is therefore no surprise any more.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from photographs import (
    PAPER,
    Array,
    H,
    Random,
    W,
    mixed,
    photo,
    placed,
    resized,
    rules,
    shadow,
    slanting,
    taken,
    wood,
    written,
)  # fmt: skip
from PIL import Image, ImageDraw
from scipy import ndimage

__all__ = ["MORE_SCENES"]


def on_kraft(digit: Array, random: Random) -> Image.Image:
    fibres = ndimage.gaussian_filter(random.normal(0, 1, (H, W)), (0.7, 3))
    colours = mixed(placed(written(digit, 220, 26), (H, W), random), (186, 148, 104), (35, 32, 34))
    return taken(colours + 10 * (fibres / fibres.std())[..., None], random, 2, 1)


def stained(digit: Array, random: Random) -> Image.Image:
    """Return squared paper with the ring of a cup."""
    page, (down, right) = placed(written(digit, 200), (H, W), random), np.mgrid[:H, :W]
    colours = mixed(page) - rules(50, 60, (H, W), random, squared=True) * (1 - page[..., None])
    far = np.hypot(down - random.uniform(0, H), right - random.uniform(0, W)) - 110
    stain = 0.25 * (far < 0) + 0.3 * np.exp(-((far / 5) ** 2))
    return taken(colours * (1 - stain[..., None] * np.array([0.35, 0.6, 0.9])), random)


def shaken(digit: Array, random: Random, reach: int = 8) -> Image.Image:
    colours = mixed(placed(written(digit, 200), (H, W), random))
    angle, way = random.uniform(0, np.pi), np.linspace(-reach, reach, 8 * reach)
    moves = np.unique(np.round(np.outer(way, [np.sin(angle), np.cos(angle)])), axis=0)
    moved = [ndimage.shift(colours, (*move, 0), order=0, mode="nearest") for move in moves]
    return taken(np.mean(moved, axis=0), random)


def at_the_edge(digit: Array, random: Random) -> Image.Image:
    page, shape, gap = np.zeros((H, W)), written(digit, 220), int(random.integers(2, 7))
    bottom, right = H - shape.shape[0] - gap, W - shape.shape[1] - gap
    top, left = [(gap, 200), (bottom, 200), (130, gap), (130, right)][random.integers(4)]
    page[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    return taken(mixed(page) * slanting(0.7, (H, W), random)[..., None], random)


def negative(digit: Array, random: Random) -> Image.Image:
    return Image.fromarray(255 - np.asarray(photo(digit, random, light=partial(slanting, 0.7))))


def dark_mode(digit: Array, random: Random) -> Image.Image:
    """Return a screen's picture, with a bar that has a word and a button."""
    colours = mixed(placed(written(digit, 180), (480, 400), random, 0.2), (30,) * 3, (225,) * 3)
    colours[:44], colours[14:30, 16:60], colours[14:30, 330:380] = 54, 200, (90, 150, 250)
    return taken(colours, random, 0, 0, None)


def sticky_note(digit: Array, random: Random) -> Image.Image:
    page, note = placed(written(digit, 150, 15), (H, W), random, 0.33), Image.new("L", (W, H))
    ImageDraw.Draw(note).rectangle((150, 70, 490, 410), fill=255)
    turned = note.rotate(random.uniform(-12, 12), Image.Resampling.BICUBIC)
    share = np.asarray(turned)[..., None] / 255
    below = ndimage.gaussian_filter(np.roll(share, (8, 6), (0, 1)), (6, 6, 0))
    wall = np.array((232, 231, 228)) * (1 - 0.25 * below)
    return taken(mixed(page, (246, 226, 96), (30, 45, 120)) * share + wall * (1 - share), random)


def glossy(digit: Array, random: Random) -> Image.Image:
    """Return a white board, in which a lamp is mirrored."""
    page, (down, right) = placed(written(digit, 200, 16), (H, W), random), np.mgrid[:H, :W]
    y, x = random.uniform(0.15, 0.85, 2) * (H, W)
    glare = np.exp(-((((down - y) / 45) ** 2 + ((right - x) / 90) ** 2) ** 1.5))
    return taken(mixed(page, (205, 210, 214), (20, 95, 60)) + 90 * glare[..., None], random)


def aslant(digit: Array, random: Random) -> Image.Image:
    """Return ruled paper on a desk, seen from one side."""
    page = placed(written(digit, 200), (H, W), random, 0.25)
    colours = mixed(page) - rules(45, 70, (H, W), random) * (1 - page[..., None])
    sheet = Image.fromarray(colours.clip(0, 255).astype(np.uint8)).convert("RGBA")
    rows, places = [], []
    for (x, y), (u, v) in zip(
        [(110, 40), (540, 70), (620, 450), (30, 420)], [(0, 0), (W, 0), (W, H), (0, H)], strict=True
    ):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        places += [u, v]
    way = np.linalg.solve(np.array(rows, float), np.array(places, float)).tolist()
    seen = sheet.transform((W, H), Image.Transform.PERSPECTIVE, way, Image.Resampling.BICUBIC)
    share = np.asarray(seen)[..., 3:] / 255
    return taken(np.asarray(seen)[..., :3] * share + wood(random) * (1 - share), random)


def two_inks(digit: Array, random: Random) -> Image.Image:
    page = placed(written(digit, 200, 18), (H, W), random)[..., None]
    middle = np.flatnonzero(page.any(axis=(1, 2))).mean()
    pens = np.where((np.arange(H) < middle)[:, None, None], (200, 40, 45), (40, 60, 160))
    return taken(np.array(PAPER) * (1 - page) + pens * page, random)


def framed(digit: Array, random: Random) -> Image.Image:
    colours = np.full((H, W, 3), 22.0)
    inner = placed(written(digit, 180), (H - 68, W - 80), random, 0.15)
    colours[34:-34, 40:-40] = mixed(inner)
    return taken(colours, random)


def broken(digit: Array, random: Random) -> Image.Image:
    """Return a digit whose strokes have three gaps."""
    page = written(digit, 200)
    down, right = np.mgrid[: page.shape[0], : page.shape[1]]
    for _ in range(3):
        angle, (y, x) = random.uniform(0, np.pi), random.uniform(0.25, 0.75, 2) * page.shape
        far = np.abs((down - y) * np.cos(angle) + (right - x) * np.sin(angle))
        page = page * np.clip(far - 3, 0, 1)
    return taken(mixed(placed(page, (H, W), random)), random)


def postage_stamp(digit: Array, random: Random) -> Image.Image:
    small = resized(written(digit, 176), 22, Image.Resampling.BOX)
    page = placed(small, (30, 26), random, 0.05)
    return taken(mixed(page, (240,) * 3, (40,) * 3), random, 1.5, 0, None)


def fax(digit: Array, random: Random) -> Image.Image:
    page = ndimage.gaussian_filter(placed(written(digit, 200), (H, W), random), 1)
    ink = page + random.normal(0, 0.12, (H, W)) > 0.5
    return Image.fromarray(ink == (random.random((H, W)) < 0.002))


def notebook(digit: Array, random: Random) -> Image.Image:
    """Return a page with rules, a red margin, and the holes of its spiral."""
    page, (down, right) = placed(written(digit, 180), (H, W), random, 0.25), np.mgrid[:H, :W]
    colours = mixed(page) - rules(42, 70, (H, W), random) * (1 - page[..., None])
    colours[:, 70:73] = (220, 90, 90)
    colours[np.hypot(right - 26, (down % 40) - 20) < 9] = 60
    return taken(colours * slanting(0.75, (H, W), random)[..., None], random)


def tablecloth(digit: Array, random: Random) -> Image.Image:
    page, sheet = placed(written(digit, 170), (H, W), random, 0.28), Image.new("L", (W, H))
    ImageDraw.Draw(sheet).rectangle((90, 60, 560, 420), fill=255)
    turned = sheet.rotate(random.uniform(-10, 10), Image.Resampling.BICUBIC)
    share, (down, right) = np.asarray(turned)[..., None] / 255, np.mgrid[:H, :W]
    is_red = ((down // 30 + right // 30) % 2).astype(bool)
    cloth = np.where(is_red[..., None], (190, 40, 40), (240, 235, 230))
    return taken(mixed(page) * share + cloth * (1 - share), random)


def shadow_of_a_phone(size: tuple[int, int], random: Random) -> Array:
    (down, right), (y, x) = np.mgrid[: size[0], : size[1]], random.uniform(0.3, 0.7, 2) * size
    inside = (np.abs(down - y) < 120) & (np.abs(right - x) < 90)
    return 1 - 0.4 * ndimage.gaussian_filter(inside.astype(float), 4)


MORE_SCENES = {
    "felt pen on kraft paper": on_kraft,
    "squared, with a stain": stained,
    "shaken": shaken,
    "at the edge": at_the_edge,
    "negative": negative,
    "screen in dark mode": dark_mode,
    "sticky note on a wall": sticky_note,
    "glossy board": glossy,
    "JPEG 5": partial(photo, quality=5, size=(240, 320), height=110),
    "sheet seen aslant": aslant,
    "two inks": two_inks,
    "dark frame": framed,
    "broken strokes": broken,
    "26 by 30 pixels": postage_stamp,
    "highlighter": partial(photo, pen=34, paper=(240, 238, 234), ink=(215, 245, 70)),
    "fax": fax,
    "notebook": notebook,
    "sheet on a tablecloth": tablecloth,
    "shadow of a telephone": partial(photo, light=shadow_of_a_phone),
    "shadow with a sharp edge": partial(photo, light=partial(shadow, 0.55, soft=1)),
}
