"""What people's pictures of their own digits are made of: ink, paper, light, lines and a camera."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from hands.strokes import thin
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

__all__ = [
    *("BLACK", "PAPER", "PEN", "WHITE", "WOOD", "Array", "H", "Light", "Random", "W", "band"),
    "crumpled",
    *("dark_corners", "fold", "mixed", "photo", "placed", "resized", "rules", "shadow"),
    *("slanting", "taken", "two_shadows", "wood", "written"),
]

H, W = 480, 640
WHITE, BLACK = (255,) * 3, (0,) * 3
PAPER, PEN, WOOD = (225, 222, 215), (50, 52, 60), (110, 80, 55)
Array = NDArray[np.floating]
Random = np.random.Generator
Light = Callable[[tuple[int, int], Random], Array]


# --- Ink -----------------------------------------------------------------------------------------


def written(digit: Array, height: int, pen: float | None = None, angle: float = 0.0) -> Array:
    """Return a digit's ink, 0 to 1, its longer side ``height`` pixels, perhaps by another pen."""
    rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
    digit = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ink = resized(digit, height) if pen is None else _along_skeleton(digit, height, pen)
    if pen is None and height > 3 * max(digit.shape):
        ink = (ink - 0.5) * 1.6 + 0.5
    picture = Image.fromarray(np.round(ink.clip(0, 1) * 255).astype(np.uint8))
    return np.asarray(picture.rotate(angle, Image.Resampling.BICUBIC, expand=True)) / 255


def resized(digit: Array, side: int, how: Image.Resampling = Image.Resampling.BICUBIC) -> Array:
    factor = side / max(digit.shape)
    size = (max(1, round(digit.shape[1] * factor)), max(1, round(digit.shape[0] * factor)))
    return np.asarray(Image.fromarray(digit.astype(np.float32)).resize(size, how))


def _along_skeleton(digit: Array, height: int, pen: float) -> Array:
    bitmap = np.pad(resized(digit, 160) > 0.45, 4)
    bitmap = ndimage.gaussian_filter(bitmap.astype(float), 2) > 0.5
    rows, columns = np.nonzero(thin(bitmap))
    finer, middle = 3, set(zip(rows.tolist(), columns.tolist(), strict=True))
    step, edge, width = height / 160 * finer, (pen + 3) * finer, pen * finer
    size = [round(side * step + 2 * edge) for side in bitmap.shape[::-1]]
    picture = Image.new("L", size)
    draw = ImageDraw.Draw(picture)
    for y, x in middle:
        at = (x * step + edge, y * step + edge)
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            if (y + down, x + right) in middle:
                end = (at[0] + right * step, at[1] + down * step)
                draw.line([at, end], fill=255, width=max(1, round(width)))
        half = max(width / 2, 0.5)
        draw.ellipse([at[0] - half, at[1] - half, at[0] + half, at[1] + half], fill=255)
    picture = picture.crop(picture.getbbox())
    small = (max(1, picture.width // finer), max(1, picture.height // finer))
    return np.asarray(picture.resize(small, Image.Resampling.BOX)) / 255


def placed(ink: Array, size: tuple[int, int], random: Random, margin: float = 0.12) -> Array:
    """Return a page of ``size`` with the ink somewhere, off its edges by a share of them."""
    page = np.zeros(size)
    room = [side - inked for side, inked in zip(size, ink.shape, strict=True)]
    edges = [min(int(side * margin), left // 2) for side, left in zip(size, room, strict=True)]
    top, left = (
        int(random.integers(edge, max(edge + 1, free - edge)))
        for edge, free in zip(edges, room, strict=True)
    )
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return page


# --- Paper, light and camera ---------------------------------------------------------------------


def mixed(ink: Array, paper: tuple[int, ...] = PAPER, pen: tuple[int, ...] = PEN) -> Array:
    return np.array(paper) * (1 - ink[..., None]) + np.array(pen) * ink[..., None]


def taken(
    colours: Array, random: Random, noise: float = 2.0, blur: float = 0.8, quality: int | None = 88
) -> Image.Image:
    """Return what a camera makes of it; not compressed if ``quality`` is None."""
    colours = ndimage.gaussian_filter(colours, (blur, blur, 0))
    colours = colours + random.normal(0, 1, (*colours.shape[:2], 1)) * noise
    picture = Image.fromarray(np.clip(np.round(colours), 0, 255).astype(np.uint8))
    if quality is None:
        return picture
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


def photo(
    digit: Array, random: Random, *, height: int = 200, pen: float | None = None,
    paper: tuple[int, ...] = PAPER, ink: tuple[int, ...] = PEN, light: Light | None = None,
    printed: Light | None = None, noise: float = 2.0, quality: int = 88,
    size: tuple[int, int] = (H, W), angle: float = 8.0, blur: float = 0.8,
) -> Image.Image:  # fmt: skip
    turned = random.uniform(-angle, angle) if angle < 15 else angle * random.choice([-1, 1])
    page = placed(written(digit, height, pen, turned), size, random)
    colours = mixed(page, paper, ink)
    if printed is not None:
        colours -= printed(size, random) * (1 - 0.85 * page[..., None])
    if light is not None:
        colours = colours * light(size, random)[..., None]
    return taken(colours, random, noise, blur, quality)


def wood(random: Random, colour: tuple[int, ...] = WOOD) -> Array:
    """Return a desk with a grain."""
    grain = ndimage.gaussian_filter(random.normal(0, 60, (H, W)), (1, 30))
    return np.array(colour) + grain[..., None]


def _grid(size: tuple[int, int]) -> tuple[Array, Array]:
    down, right = np.mgrid[: size[0], : size[1]]
    return down / size[0], right / size[1]


def slanting(least: float, size: tuple[int, int], random: Random) -> Array:
    angle, (down, right) = random.uniform(0, 2 * np.pi), _grid(size)
    slope = np.cos(angle) * right + np.sin(angle) * down
    return least + (1 - least) * (slope - slope.min()) / np.ptp(slope)


def shadow(least: float, size: tuple[int, int], random: Random, soft: float = 25) -> Array:
    down, right = np.mgrid[: size[0], : size[1]]
    angle, place = random.uniform(0, 2 * np.pi), random.uniform(0.3, 0.7, 2)
    distance = np.cos(angle) * (right - size[1] * place[0])
    distance = distance + np.sin(angle) * (down - size[0] * place[1])
    return least + (1 - least) / (1 + np.exp(np.minimum(-4 * distance / soft, 50)))


def two_shadows(size: tuple[int, int], random: Random) -> Array:
    return shadow(0.7, size, random) * shadow(0.7, size, random, 50)


def band(size: tuple[int, int], random: Random) -> Array:
    place = random.uniform(0.2, 0.8) * size[1]
    return np.ones(size) - 0.4 * np.exp(-(((np.arange(size[1]) - place) / 60) ** 8))


def fold(size: tuple[int, int], random: Random) -> Array:
    right, place = np.arange(size[1]), random.uniform(0.3, 0.7) * size[1]
    side = np.where(right < place, 1, 0.85)
    return np.ones(size) * (side - 0.12 * np.exp(-(((right - place) / 4) ** 2)))


def dark_corners(size: tuple[int, int], random: Random) -> Array:
    down, right = _grid(size)
    return 1 - 0.5 * ((down - 0.5) ** 2 + (right - 0.5) ** 2)


def crumpled(size: tuple[int, int], random: Random) -> Array:
    waves = ndimage.gaussian_filter(random.normal(0, 1, size), 25)
    return 1 + 0.05 * waves / waves.std()


def rules(
    step: float, dark: float, size: tuple[int, int], random: Random, *,
    squared: bool = False, colour: tuple[float, ...] = (0.9, 0.6, 0.1),
) -> Array:  # fmt: skip
    """Return what printed lines take from red, green and blue."""
    down, right = np.mgrid[: size[0], : size[1]].astype(float)
    offset, tilt = random.uniform(0, step), random.uniform(-0.02, 0.02)
    lines = [down + tilt * right, right - tilt * down][: 1 + squared]
    distances = [np.abs((line - offset + step / 2) % step - step / 2) for line in lines]
    share = np.clip(1.25 - np.min(distances, axis=0), 0, 1)
    return share[..., None] * np.array(colour) * dark
