"""The layers of the LeNet papers that PyTorch does not have: one class for each idea.

What else there is to know about them, for counting, drawing or training, is in ``layer_kinds``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._checks import check_kind, check_positive, check_whole
from .connections import ConnectionTable, connection_matrix

__all__ = [
    "ScaledTanh",
    "SparseConv2d",
    "Subsampling",
    "Twice",
    "UnitBias",
    "uniform_by_fan_in_",
]


class ScaledTanh(nn.Module):
    """The papers' squashing function, ``f(a) = A tanh(S a)``.

    LeCun et al. 1998, eq. 6 and Appendix A (preprint pp. 8, 41): A = 1.7159 and S = 2/3, so that
    f(1) = 1 and f(-1) = -1.

    Parameters
    ----------
    amplitude
        A, the output's limit on both sides.
    slope
        S, the steepness at the origin divided by A.

    Examples
    --------
    >>> ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-1.0000,  0.0000,  1.0000])
    """

    def __init__(self, amplitude: float = 1.7159, slope: float = 2 / 3) -> None:
        super().__init__()
        check_positive("amplitude", amplitude)
        check_positive("slope", slope)
        self.amplitude, self.slope = amplitude, slope

    def forward(self, a: Tensor) -> Tensor:
        # 2 logistic(2x) - 1 is the same but cancels: at a = 0.01 it is 32 % off in bfloat16.
        return self.amplitude * torch.tanh(self.slope * a)  # eq. 6

    def extra_repr(self) -> str:
        return f"amplitude={self.amplitude:.5g}, slope={self.slope:.5g}"


class Subsampling(nn.Module):
    """Add each 2x2 window, times its map's coefficient, plus its map's bias.

    The squashing function that follows in the paper is a layer of its own. LeCun et al. 1998,
    preprint p. 7: 12 parameters for S2, 32 for S4. ``(N, maps, H, W)`` with even ``H`` and ``W``
    becomes ``(N, maps, H / 2, W / 2)``.

    Parameters
    ----------
    maps
        Number of feature maps, in and out.

    Examples
    --------
    >>> Subsampling(maps=1)(torch.arange(4.0).reshape(1, 1, 2, 2))  # half of 0 + 1 + 2 + 3
    tensor([[[[3.]]]], grad_fn=<ConvolutionBackward0>)
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        check_whole("maps", maps)
        self.maps = maps
        self.coefficient = nn.Parameter(torch.empty(maps, 1, 1))
        self.bias = nn.Parameter(torch.empty(maps, 1, 1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start with 1/2 and 0: the paper gives no value, the authors' later code (Lush) these."""
        nn.init.constant_(self.coefficient, 0.5)  # keeps the variance of four independent inputs
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        fits = x.ndim == 4 and x.shape[1] == self.maps and not (x.shape[2] % 2 or x.shape[3] % 2)
        _check_input(x, fits, f"(N, {self.maps}, even, even)")
        # A 2x2 convolution of each map by itself, four times the same weight: one call, faster than
        # pooling, multiplying and adding.
        weight = self.coefficient[:, None].expand(self.maps, 1, 2, 2)
        return F.conv2d(x, weight, self.bias.flatten(), stride=2, groups=self.maps)

    def extra_repr(self) -> str:
        return f"maps={self.maps}"


class SparseConv2d(nn.Module):
    """A convolution whose output maps each read only some of the input maps.

    Only the kernels in the table exist: there is no weight to mask, so none can change the output
    or receive a gradient. LeCun et al. 1998, Table I (preprint p. 8): 60 kernels of 25 weights and
    16 biases make C3's 1,516 parameters. ``(N, in_maps, H, W)`` becomes
    ``(N, len(table), (H - kernel_size) // stride + 1, ...)``.

    Parameters
    ----------
    table
        For each output map, the input maps it reads: `C3_TABLE`, `H3_TABLE` or one of your own.
    in_maps
        Number of input maps.
    kernel_size
        Height and width of a kernel.
    stride
        Pixels from one position of the kernel to the next.
    bias
        Whether each output map has one.

    Attributes
    ----------
    weight
        ``(kernels, kernel_size, kernel_size)``: along its first dimension the kernels of the table,
        row by row and by input map within a row, where a full convolution has output maps.

    Examples
    --------
    >>> c3 = SparseConv2d(C3_TABLE, in_maps=6)
    >>> c3.weight.shape, sum(p.numel() for p in c3.parameters())
    (torch.Size([60, 5, 5]), 1516)
    """

    positions: Tensor  # (kernels,): where each stands among all pairs of an output and an input map

    def __init__(
        self,
        table: ConnectionTable,
        in_maps: int,
        kernel_size: int = 5,
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        positions = connection_matrix(table, in_maps).flatten().nonzero().flatten()  # row by row
        check_whole("kernel_size", kernel_size)
        check_whole("stride", stride)
        self.table = tuple(tuple(sorted(row)) for row in table)
        self.in_maps, self.out_maps = in_maps, len(table)
        self.kernel_size, self.stride = kernel_size, stride
        self.register_buffer("positions", positions, persistent=False)
        self.weight = nn.Parameter(torch.empty(len(positions), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(self.out_maps)) if bias else None
        self.reset_parameters()

    def reset_parameters(self, draw: Callable[[Tensor, int], object] | None = None) -> None:
        """Draw each map's kernels by the fan-in of its own row; set the biases to 0.

        ``draw`` is called with the kernels of one map, to be filled in place, and their fan-in;
        None for the published `uniform_by_fan_in_`.
        """
        for kernels in self.weight.detach().split([len(row) for row in self.table]):
            (draw or uniform_by_fan_in_)(kernels, kernels.numel())
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def dense_weight(self) -> Tensor:
        """Return ``(out_maps, in_maps, kernel_size, kernel_size)``, zero where no kernel is."""
        size = self.kernel_size
        dense = self.weight.new_zeros(self.out_maps * self.in_maps, size, size)
        dense = dense.index_copy(0, self.positions, self.weight)
        return dense.reshape(self.out_maps, self.in_maps, size, size)

    def forward(self, x: Tensor) -> Tensor:
        least = self.kernel_size
        fits = x.ndim == 4 and x.shape[1] == self.in_maps and min(x.shape[2:]) >= least
        _check_input(x, fits, f"(N, {self.in_maps}, H, W) with H and W at least {least}")
        return F.conv2d(x, self.dense_weight(), self.bias, self.stride)

    def extra_repr(self) -> str:
        return (
            f"{self.in_maps}, {self.out_maps}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, kernels={len(self.weight)} of {self.in_maps * self.out_maps}"
        )


class UnitBias(nn.Module):
    """A bias for each unit, not one for each map; ``(N, *shape)`` stays as it is.

    LeCun et al. 1989 shares the weights of a map but not its biases (p. 545).

    Parameters
    ----------
    shape
        Maps, height and width of the layer.
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        if not shape:
            raise ValueError("shape is empty: give maps, height and width")
        for length in shape:
            check_whole("shape", length)
        self.bias = nn.Parameter(torch.empty(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start with 0."""
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        shape = tuple(self.bias.shape)
        _check_input(x, x.shape[1:] == shape, f"(N, *{shape})")
        return x + self.bias

    def extra_repr(self) -> str:
        return f"shape={tuple(self.bias.shape)}"


class Twice(nn.Module):
    """Give each map twice, ``(N, maps, H, W)`` -> ``(N, 2 * maps, H, W)``: LeNet-4's S2."""

    def forward(self, x: Tensor) -> Tensor:
        _check_input(x, x.ndim == 4, "(N, maps, H, W)")
        return x.repeat_interleave(2, dim=1)


def uniform_by_fan_in_(weight: Tensor, fan_in: int) -> Tensor:
    """Fill ``weight`` uniformly from ``[-2.4 / fan_in, 2.4 / fan_in]``, in place; return it.

    LeCun et al. 1989, p. 546, and 1998, Appendix A (preprint p. 41): there is no square root.
    ``fan_in`` is F_i, the number of inputs of one unit.
    """
    check_kind("weight", weight, Tensor, "such as layer.weight")
    check_whole("fan_in", fan_in)
    with torch.no_grad():
        return weight.uniform_(-2.4 / fan_in, 2.4 / fan_in)


def _check_input(x: Tensor, fits: bool, wanted: str) -> None:
    if not fits:
        raise ValueError(f"expected {wanted}, got {tuple(x.shape)}")
