"""Bytes to network input: pixel values, padding, and digits made smaller."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._checks import check_finite, check_kind, check_one_of, check_whole, kind_of
from .._inputs import FIXED_SCALINGS, InputForm

__all__ = ["scale"]

LARGEST = torch.finfo(torch.float32).max
SMALL, FIELD = 16, 28  # sides of the images of 1989, and of MNIST's
BOX = 20  # side of what each of MNIST's digits fills
CENTRE = 14  # where their mean centre of mass is, counting pixels from 0


def scale(
    pixels: Tensor,
    background: float,
    ink: float,
    size: int = 32,
    digit: int | None = None,
    channels: int = 1,
) -> Tensor:
    """Turn bytes into network input: 0 becomes ``background``, 255 becomes ``ink``.

    Parameters
    ----------
    pixels
        ``(N, H, W)`` uint8, 0 for background and 255 for full ink; or ``(N, 3, H, W)``, colours,
        each of which becomes an input of its own.
    background, ink
        The values they get; -0.1 and 1.175 in LeCun et al. 1998, preprint p. 7.
    size
        Height and width wanted. The images are centred and padded with ``background``.
    digit
        16 makes the digits of 28x28 images smaller first: the 20x20 box around each one's ink,
        which MNIST's digits all fit into, is shrunk to 16x16 by area interpolation (bilinear with
        anti-aliasing). How the papers shrank theirs is not said. 28 leaves them. None is 16 where
        28x28 images are to become 16x16, and else 28.
    channels
        How many times grey images are repeated, for a network that wants colours:
        ``LeNet5(channels=3)``.

    Returns
    -------
    Tensor
        ``(N, channels, size, size)`` float32; ``(N, 3, size, size)`` of colours.

    Raises
    ------
    TypeError, ValueError
        If ``pixels`` is not such a tensor, is empty or larger than ``size``, if ``background`` or
        ``ink`` is not finite, if ``digit`` is something else, or if the ink of an image to shrink
        does not fit into 20x20.

    Examples
    --------
    >>> pixels = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    >>> scale(pixels, -0.1, 1.175, size=2)[0, 0]
    tensor([[-0.1000,  1.1750],
            [-0.1000, -0.1000]])
    """
    check_kind("pixels", pixels, Tensor, "torch.from_numpy makes one of an array")
    check_whole("size", size)
    check_whole("channels", channels)
    check_finite("background", background)
    check_finite("ink", ink)
    if not all(abs(v) <= LARGEST for v in (background, ink, ink - background)):
        raise ValueError(
            f"background and ink must be such that torch.float32 holds them and their distance, "
            f"got {background} and {ink}; -0.1 and 1.175 are usual"
        )
    if 0 in pixels.shape:
        raise ValueError(f"pixels must not be empty, got {tuple(pixels.shape)}")
    colours = pixels.ndim == 4 and pixels.shape[1] == 3
    if pixels.dtype != torch.uint8 or not (pixels.ndim == 3 or colours):
        last = pixels.ndim == 4 and pixels.shape[3] in (1, 3, 4)
        hint = "; pixels.permute(0, 3, 1, 2)[:, :3] puts colours first" if last else ""
        raise TypeError(
            "pixels must be uint8 of shape (N, H, W), or (N, 3, H, W) of colours, got "
            f"{pixels.dtype} {tuple(pixels.shape)}{hint}"
        )
    if colours and channels not in (1, 3):
        raise ValueError(f"colours have 3 channels, got channels={channels}; leave it out")
    if digit not in (None, SMALL, FIELD):
        raise ValueError(f"digit must be {SMALL}, {FIELD} or None, got {digit!r}")
    whole = pixels.shape[1:] == (FIELD, FIELD)  # and grey
    if digit == SMALL and not whole:
        raise ValueError(f"digit={SMALL} is for 28x28 images, got {tuple(pixels.shape)}")
    shrunk = whole and (digit == SMALL or (digit is None and size == SMALL))
    images = pixels if colours else pixels.unsqueeze(1)  # (N, 3 or 1, H, W)
    images = _shrink(pixels) if shrunk else images
    rows, columns = size - images.shape[2], size - images.shape[3]
    if rows < 0 or columns < 0:
        raise ValueError(
            f"size must be at least {max(images.shape[2:])} for these images, got {size}"
        )
    # Left and top get the smaller half when the padding is odd.
    margins = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    padded = F.pad(images, margins)  # (N, 3 or 1, size, size), the background still 0
    scaled = padded.float().mul_((ink - background) / 255).add_(background)
    return scaled if colours or channels == 1 else scaled.repeat(1, channels, 1, 1)


def _shrink(pixels: Tensor) -> Tensor:
    """Return ``(N, 1, 16, 16)`` float32, still 0 to 255, of ``(N, 28, 28)`` bytes."""
    rows, columns = _box(pixels.amax(dim=2) > 0), _box(pixels.amax(dim=1) > 0)
    images = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    boxes = pixels[images, rows[:, :, None], columns[:, None, :]].unsqueeze(1).float()
    return F.interpolate(boxes, (SMALL, SMALL), mode="bilinear", antialias=True)


def _box(inked: Tensor) -> Tensor:
    """Return ``(N, 20)``: which lines to keep of those marked in ``(N, 28)``, the ink centred."""
    lines = inked.shape[1]
    first = inked.byte().argmax(dim=1)
    last = lines - 1 - inked.flip(1).byte().argmax(dim=1)
    extent = int(((last + 1 - first) * inked.any(dim=1)).max())  # without ink, 0
    if extent > BOX:
        raise ValueError(
            f"size={SMALL} shrinks the {BOX}x{BOX} box around the ink, but the ink of an image is "
            f"{extent} pixels high or wide; use size=28 or more"
        )
    start = ((first + last + 1 - BOX) // 2).clamp(0, lines - BOX)
    return start[:, None] + torch.arange(BOX, device=inked.device)


def centred(images: Tensor) -> Tensor:
    """Move whole digits so that their centres of mass lie where MNIST's do, not over the edge.

    Takes and returns ``(N, 28, 28)`` uint8; each has ink.
    """
    weights = images.double()
    lines = torch.arange(FIELD, device=images.device)
    mass = weights.sum(dim=(1, 2))
    index = []
    for sums in (weights.sum(dim=2), weights.sum(dim=1)):  # of each row, of each column
        inked = sums > 0
        first, last = inked.byte().argmax(dim=1), FIELD - 1 - inked.flip(1).byte().argmax(dim=1)
        shift = (CENTRE - (sums @ lines.double()) / mass).round().long()
        shift = shift.clamp(-first, FIELD - 1 - last)
        index.append((lines - shift[:, None]) % FIELD)
    rows, columns = index
    each = torch.arange(len(images), device=images.device)[:, None, None]
    return images[each, rows[:, :, None], columns[:, None, :]]


def form_for(for_: object, *own: object) -> InputForm | None:
    """Return what images ``for_`` wants, where it is given; refuse it beside what it decides."""
    if for_ is None:
        return None
    form = getattr(for_, "input", None)
    if not isinstance(form, InputForm):
        raise TypeError(
            f"for_ must be a network of this package, such as LeNet1(), got {kind_of(for_)}"
        )
    if any(value is not None for value in own):
        raise ValueError("for_ decides size, digit and scaling: pass it alone, or these alone")
    return form


def fixed_form(
    for_: object, size: int | None, digit: int | None, scaling: str | None, side: int = FIELD
) -> InputForm:
    """Return the form wanted of images of ``side``, with the pixel values of 1998 by default."""
    form = form_for(for_, size, digit, scaling)
    if form is not None:
        return form
    check_one_of("scaling", scaling or "1998", FIXED_SCALINGS)
    size = max(32, side) if size is None else size
    if size != SMALL:
        check_whole("size, if it is not 16,", size, least=SMALL if digit == SMALL else side)
    if digit not in (None, SMALL, FIELD):
        raise ValueError(f"digit must be {SMALL} or {FIELD}, got {digit!r}")
    return InputForm(*FIXED_SCALINGS[scaling or "1998"], size, digit or min(size, FIELD))
