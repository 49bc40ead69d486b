"""Random distortions of digits, a different one for each image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._checks import check_finite, check_images, check_share

__all__ = ["distort"]

ELASTIC_GRID = 6  # control points on each side; between them the displacement is smooth


def distort(
    images: Tensor,
    *,
    translation: float = 2.0,
    scaling: float = 0.15,
    squeezing: float = 0.15,
    shear: float = 0.3,
    rotation: float = 0.0,
    elasticity: float = 0.0,
) -> Tensor:
    """Move, scale, squeeze and slant each image at random; draws from PyTorch's random state.

    LeCun et al. 1998, preprint p. 11, names the planar affine transformations: horizontal and
    vertical translations, scaling, squeezing (compression one way and elongation the other) and
    horizontal shearing. It gives no ranges: the defaults are ours. The paper has no rotation and no
    elastic distortion; they are off unless asked for.

    Parameters
    ----------
    images
        ``(N, C, H, W)`` float, all with one background value: the smallest. In half precision
        they are distorted in float32.
    translation
        Largest shift in pixels, each way.
    scaling
        Largest change of size, as a share of it.
    squeezing
        Largest compression, as a share of the width (or height; the other grows by the inverse).
    shear
        Largest horizontal shift of a row, as a share of its height above or below the middle.
    rotation
        Largest turn in radians.
    elasticity
        Standard deviation, in pixels, of the displacement at each of the 6x6 points of a grid that
        is interpolated smoothly.

    Returns
    -------
    Tensor
        The same shape and type; what comes in from outside has the background value.

    Raises
    ------
    ValueError
        If a limit is negative, or that of scaling or squeezing is 1 or more.

    Examples
    --------
    >>> images = load_mnist().train.images[:64]
    >>> distort(images, rotation=0.2).shape
    torch.Size([64, 1, 32, 32])
    """
    check_images(images)
    check_share("scaling", scaling)
    check_share("squeezing", squeezing)
    limits = {"translation": translation, "shear": shear, "rotation": rotation}
    for name, limit in {**limits, "elasticity": elasticity}.items():
        check_finite(name, limit)
        if limit < 0:
            raise ValueError(f"{name} must be at least 0, got {limit!r}")
    kind = images.dtype
    if images.element_size() < 4:  # halves cannot tell neighbouring pixels of a wide image apart
        images = images.float()
    size = images.new_tensor(images.shape[-2:])

    def draw(limit: float) -> Tensor:
        return images.new_empty(len(images)).uniform_(-limit, limit)

    # grid_sample asks for each pixel of the result where in the image it comes from, so everything
    # here is the inverse of what happens to the digit: one that grows is read from a smaller part.
    # The draws stay in this order, for the recorded runs repeat it from their seeds.
    size_by, squeeze, angle = 1 / (1 + draw(scaling)), 1 + draw(squeezing), draw(rotation)
    cosine, sine = angle.cos(), angle.sin()
    x_by, y_by = size_by * squeeze, size_by / squeeze  # squeezing alone leaves the area as it is
    slant, zero = draw(shear), torch.zeros_like(angle)
    # A pixel of the result meets the right-hand matrix first. So the digit, going the other way, is
    # turned first, and then stretched and slanted along the sides of the image.
    turn = torch.stack([cosine, -sine, sine, cosine], dim=1).reshape(-1, 2, 2)
    stretch = torch.stack([x_by, x_by * slant, zero, y_by], dim=1).reshape(-1, 2, 2)
    # grid_sample counts from -1 to 1 across an image, so a pixel is 2 / size, and what turns pixels
    # turns x and y by their share of the sides; it takes x before y, where a shape has the height
    # first.
    across = size.flip(0)
    sides = across / across[:, None]  # [[1, height / width], [width / height, 1]]
    shift = torch.stack([draw(translation), draw(translation)], dim=1) * 2 / across
    grid = F.affine_grid(
        torch.cat([turn @ stretch * sides, shift[:, :, None]], dim=2),
        list(images.shape),
        align_corners=False,
    )
    if elasticity:
        # A displacement drawn for each pixel would tear strokes apart: few are drawn, and those
        # between them interpolated. The corners are aligned so that none lies beyond the last ones.
        points = torch.randn(len(images), 2, ELASTIC_GRID, ELASTIC_GRID, device=images.device)
        moves = F.interpolate(
            points * elasticity, tuple(images.shape[-2:]), mode="bicubic", align_corners=True
        )
        grid = grid + moves.permute(0, 2, 3, 1) * 2 / across
    # Outside the image grid_sample reads 0: so the background is made 0, and given back.
    background = images.amin()
    return F.grid_sample(images - background, grid, align_corners=False).add_(background).to(kind)
