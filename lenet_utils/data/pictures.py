"""Bringing any picture of a digit to MNIST's form."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import torch
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError
from torch import Tensor

from .._files import check_regular

if TYPE_CHECKING:  # SciPy takes a while to import: only with the first picture
    from .ink import Found

__all__ = ["Steps", "frame_picture", "prepare_digit"]

BOX, FIELD = 20, 28  # pixels: the digit's longer side, and the image around it
CENTRE = 14  # MNIST's mean centre of mass is (14.0, 14.0), counting pixels from 0
MOST_PIXELS = 20_000_000  # more could take more than a gigabyte, with what PyTorch takes
MOST_OF_CAMERAS = 120_000_000  # JPEGs are unpacked at an eighth of their size, if need be
LONGEST = 65_535  # pixels of a side: what JPEG can have at most
# A progressive JPEG goes through all its pixels at each scan, of which usual ones have ten.
MOST_SCANS, MOST_SCANNED = 1_000, 100 * MOST_PIXELS
MOST_OF_JPEG = 100_000_000  # bytes: 20 million pixels of noise, at the best quality, are 40 million
# Pixels, and no programs: Pillow 13 has Ghostscript run what is in an EPS.
RASTER = {
    *("AVIF", "BMP", "DIB", "GIF", "ICNS", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI"),
    *("HEIF", "SGI", "TGA", "TIFF", "WEBP"),
}
HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}  # brands
LEAST_ON_WHITE = 64  # of 255: ink that is fainter on white is tried on black
ENOUGH_PIXELS = 1_000_000  # more than this is averaged, for 20 pixels are wanted


@dataclass(frozen=True, eq=False)
class Steps:
    """What `prepare_digit` saw on its way from a picture to a digit.

    Attributes
    ----------
    picture
        ``(h, w, 3)`` bytes, or ``(h, w)`` where it is grey: the picture, upright, of at most a
        million pixels.
    found
        The paper, the ink, its connected components, and the digit among them. Where a sheet lies
        on something else, its part of the picture alone.
    digit
        ``(28, 28)`` uint8: the result.
    """

    picture: np.ndarray
    found: Found
    digit: Tensor


@overload
def prepare_digit(
    image: str | os.PathLike[str] | Image.Image, *, steps: Literal[False] = False
) -> Tensor: ...
@overload
def prepare_digit(
    image: str | os.PathLike[str] | Image.Image, *, steps: Literal[True]
) -> Steps: ...
def prepare_digit(
    image: str | os.PathLike[str] | Image.Image, *, steps: bool = False
) -> Tensor | Steps:
    """Bring a picture of one digit to the form of an MNIST image.

    Paper may be of any colour, lit unevenly, ruled, or lie on a desk; ink is what differs from it
    in brightness or colour, and more than the picture's noise does. Rules, frames, specks and the
    paper's edge are left out, and strokes of a wide pen made narrower. The digit's bounding box is
    scaled to 20 pixels on its longer side, with anti-aliasing, and placed in 28x28 so that its
    centre of mass lies in the middle (LeCun et al. 1998, preprint p. 10).

    Parameters
    ----------
    image
        A picture, or the path of one in any raster format Pillow reads, such as PNG, JPEG, TIFF or
        WebP; not EPS. Transparent means paper, white unless the ink is.
    steps
        Return `Steps`, with what each step saw, instead of the digit alone.

    Returns
    -------
    Tensor
        ``(28, 28)`` uint8, 0 for background and 255 for full ink: what `scale` takes.

    Raises
    ------
    OSError
        If the file cannot be opened.
    TypeError
        If ``image`` is neither a path nor a Pillow picture.
    ValueError
        If it is no picture, a blank one, one of specks or lines alone, one of several digits side
        by side, one of more than 20 million pixels (a JPEG file: 120 million) or 65,535 on a side,
        or a JPEG of more than 1,000 scans (100 where it has 20 million pixels) or 100 million
        bytes.

    Examples
    --------
    >>> picture = Image.new("L", (200, 300), "white")
    >>> picture.paste("black", (90, 50, 110, 250))  # a one
    >>> prepare_digit(picture).count_nonzero(dim=0).max()  # 20 pixels high
    tensor(20)
    """
    from .ink import find_digit
    from .strokes import may_be_wide, thinned

    picture = _open(image)
    found = find_digit(np.asarray(picture))
    ink = _ink_bytes(_cut_out(found.digit))
    small = _fit(ink, BOX)
    if may_be_wide(small):
        small = _fit(_cut_out(thinned(ink)), BOX)
    digit = torch.from_numpy(_centre(small))
    return Steps(np.asarray(picture), found, digit) if steps else digit


def frame_picture(image: str | os.PathLike[str] | Image.Image) -> Tensor:
    """Bring a picture of anything but a digit to the form of a Fashion-MNIST image.

    The picture's border shows its paper, and all that differs from it is the thing. As with
    `prepare_digit`, it is scaled and placed, but the longer side fills all 28 pixels, and the
    middle of the bounding box lies in the middle (Xiao, Rasul and Vollgraf 2017, section 2).
    """
    from .ink import all_ink

    thing = _fit(_ink_bytes(_cut_out(all_ink(np.asarray(_open(image).convert("L"))))), FIELD)
    height, width = thing.shape
    field = np.zeros((FIELD, FIELD), dtype=np.uint8)
    row, column = (FIELD - height) // 2, (FIELD - width) // 2
    field[row : row + height, column : column + width] = thing
    return torch.from_numpy(field)


def _cut_out(ink: np.ndarray) -> np.ndarray:
    """Return the ink inside its bounding box."""
    mask = ink > 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _ink_bytes(shares: np.ndarray) -> np.ndarray:
    """Return ink of 0 to 1 as bytes."""
    return np.round(shares * 255).astype(np.uint8)


def _open(image: object) -> Image.Image:
    """Return an upright picture in colour, what is transparent in it being paper."""
    if not isinstance(image, (str, os.PathLike, Image.Image)):
        raise TypeError(
            f"image must be a path or a picture of Pillow, got {type(image).__name__}; "
            "PIL.Image.open makes a picture of an open file, PIL.Image.fromarray of an array"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's, about what is odd but can be read
            with image.copy() if isinstance(image, Image.Image) else _from_file(image) as picture:
                _check_size(picture, image)
                ImageOps.exif_transpose(picture, in_place=True)
                colours = _colours(picture)
            factor = math.ceil(math.sqrt(colours.width * colours.height / ENOUGH_PIXELS))
            return colours.reduce(factor) if factor > 1 else colours
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise type(error)(f"cannot open {image}: {error}") from error
    except Exception as error:  # Pillow's decoders raise many kinds for damaged bytes
        raise ValueError(
            f"cannot read {image} as a picture: {error}; give a PNG or JPEG of one digit, of at "
            f"most {MOST_PIXELS:,} pixels"
        ) from error


def _check_size(picture: Image.Image, image: object) -> None:
    """Refuse what would take much memory or time; have a large JPEG unpacked at a part of its size.

    The size is known before unpacking.
    """
    count = picture.width * picture.height
    is_jpeg = isinstance(image, (str, os.PathLike)) and picture.format in ("JPEG", "MPO")
    most = MOST_OF_CAMERAS if is_jpeg else MOST_PIXELS
    if not 0 < count <= most or max(picture.size) > LONGEST:
        raise ValueError(f"it has {picture.width} x {picture.height} pixels")
    if isinstance(image, (str, os.PathLike)) and is_jpeg:
        _check_scans(image, count)
        if count > MOST_PIXELS:
            side = math.isqrt(ENOUGH_PIXELS)
            picture.draft("RGB", (side, side))  # the next larger of 1/2, 1/4 and 1/8


def _from_file(path: str | os.PathLike[str]) -> Image.Image:
    check_regular(path)
    Image.init()  # all that Pillow knows, to choose from
    try:
        return Image.open(path, formats=sorted(RASTER & Image.OPEN.keys()))
    except UnidentifiedImageError as error:
        with Path(path).open("rb") as file:
            start = file.read(12)
        if start[4:8] == b"ftyp" and start[8:12] in HEIC:  # whatever the file is called
            raise ValueError(
                "it is HEIC, as phones store photographs, which Pillow reads only after "
                '"pip install pillow-heif" and pillow_heif.register_heif_opener(); or send it to '
                "the computer as JPEG"
            ) from error
        raise


def _check_scans(path: str | os.PathLike[str], pixels: int) -> None:
    """Refuse a JPEG of more scans than anybody makes; within one, FF is followed by 00."""
    size = os.path.getsize(path)
    if size > MOST_OF_JPEG:
        raise ValueError(f"it is a JPEG of {size:,} bytes")
    content = Path(path).read_bytes()
    scans = content.count(b"\xff\xda")
    if scans > MOST_SCANS or scans * pixels > MOST_SCANNED:
        raise ValueError(f"it is a JPEG of {scans} scans")


def _colours(picture: Image.Image) -> Image.Image:
    """Bring any kind of picture to 8 bits of red, green and blue, or of grey if it has no more."""
    if picture.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
        levels = np.array(picture)
        levels.clip(0, 65_535, out=levels)
        if levels.max() > 255:  # else they are 8 bits, kept in more
            levels //= 257
        picture = Image.fromarray(levels.astype(np.uint8))
    elif picture.mode == "F":  # of any range; Pillow would cut it off at 0 and 255
        picture = Image.fromarray(_bytes(np.asarray(picture)))
    if not picture.has_transparency_data:
        is_grey = picture.mode in ("1", "L")
        colours = picture.convert("L") if is_grey else _grey_alone(picture.convert("RGB"))
        most = max(np.ravel(colours.getextrema())[1::2])
        return colours.point(lambda value: 255 * value) if most == 1 else colours
    picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    colours, opacity = _grey_alone(picture.convert("RGB")), picture.getchannel("A")
    for paper in ("white", "black"):  # on which light ink can be seen
        on_paper = Image.new(colours.mode, picture.size, paper)
        on_paper.paste(colours, mask=opacity)
        if np.ptp(on_paper.convert("L").getextrema()) >= LEAST_ON_WHITE:
            break
    else:
        on_paper = Image.new(colours.mode, picture.size, "white")
        on_paper.paste(colours, mask=opacity)
    return on_paper


def _grey_alone(colours: Image.Image) -> Image.Image:
    """Return one band where all three are the same: a third of the work."""
    first, *others = colours.split()
    is_grey = all(ImageChops.difference(first, other).getbbox() is None for other in others)
    return first if is_grey else colours


def _bytes(levels: np.ndarray) -> np.ndarray:
    """Scale floats to bytes: those from 0 to 1, and any others beyond 0 to 255, by their range."""
    if not np.isfinite(levels).all():
        raise ValueError("it has values that are no numbers: NaN or infinity")
    low, high = float(levels.min()), float(levels.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    return np.round((levels.astype(np.float64) - low) * (255 / (high - low))).astype(np.uint8)


def _fit(digit: np.ndarray, side: int) -> np.ndarray:
    """Scale so that the longer side is ``side``; the triangle filter averages when it shrinks."""
    height, width = digit.shape
    factor = side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = Image.fromarray(digit)
    small = np.asarray(picture.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    darkest = float(small.max())
    if darkest == 0:
        raise ValueError("found no digit: only specks, far apart; crop the picture to the digit")
    return np.round(small * (255 / darkest)).astype(np.uint8)  # a fine pen fades when it shrinks


def _centre(digit: np.ndarray) -> np.ndarray:
    """Place in a 28x28 field, centre of mass in the middle, but never over the edge."""
    field = np.zeros((FIELD, FIELD), dtype=np.uint8)
    height, width = digit.shape
    mass = digit.sum()
    row = round(CENTRE - (digit.sum(axis=1) @ np.arange(height)) / mass)
    column = round(CENTRE - (digit.sum(axis=0) @ np.arange(width)) / mass)
    row, column = max(0, min(row, FIELD - height)), max(0, min(column, FIELD - width))
    field[row : row + height, column : column + width] = digit
    return field
