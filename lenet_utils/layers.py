"""The layers of the LeNet papers that PyTorch does not have: one class for each idea."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import check_kind, check_positive, check_whole
from .tables import ConnectionTable, connection_matrix

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

    Shape
    -----
    Any, unchanged.

    Raises
    ------
    ValueError
        If either is not positive.
    """

    def __init__(self, amplitude: float = 1.7159, slope: float = 2 / 3) -> None:
        super().__init__()
        check_positive("amplitude", amplitude)
        check_positive("slope", slope)
        self.amplitude = amplitude
        self.slope = slope

    def forward(self, a: Tensor) -> Tensor:
        # 2 logistic(2x) - 1 is the same but cancels: at a = 0.01 it is 32 % off in bfloat16.
        return self.amplitude * torch.tanh(self.slope * a)  # eq. 6

    def extra_repr(self) -> str:
        return f"amplitude={self.amplitude:.5g}, slope={self.slope:.5g}"


class Subsampling(nn.Module):
    """Average-like pooling with one trainable coefficient and one bias per feature map.

    Each output unit adds the four inputs of its own 2x2 window, multiplies the sum by its map's
    coefficient and adds its map's bias. The squashing function that follows in the paper is a
    layer of its own. LeCun et al. 1998, preprint p. 7: 12 parameters for S2, 32 for S4.

    Parameters
    ----------
    maps
        Number of feature maps, in and out.

    Shape
    -----
    ``(N, maps, H, W)`` -> ``(N, maps, H / 2, W / 2)``; ``H`` and ``W`` must be even.

    Raises
    ------
    ValueError
        If ``maps`` is not positive, or the input's maps or size do not fit.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        check_whole("maps", maps)
        self.maps = maps
        # The paper gives no starting value; 1/2 keeps the variance of four independent inputs,
        # and is what the authors' own later code (Lush) uses.
        self.coefficient = nn.Parameter(torch.full((maps, 1, 1), 0.5))
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.maps or x.shape[-1] % 2 or x.shape[-2] % 2:
            raise ValueError(f"expected (N, {self.maps}, even, even), got {tuple(x.shape)}")
        # A sum of four times a coefficient is a 2x2 convolution of each map by itself, four times
        # the same weight: one call, faster than pooling, multiplying and adding.
        weight = self.coefficient[:, None].expand(self.maps, 1, 2, 2)
        bias = self.bias.flatten()
        return F.conv2d(x, weight, bias, stride=2, groups=self.maps)  # (N, maps, H/2, W/2)

    def extra_repr(self) -> str:
        return f"maps={self.maps}"


class SparseConv2d(nn.Module):
    """A convolution whose output maps each read only some of the input maps.

    Only the kernels in the table exist: there is no weight to mask, so none can change the output
    or receive a gradient. LeCun et al. 1998, Table I (preprint p. 8): 60 kernels of 25
    weights and 16 biases make C3's 1,516 parameters.

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

    Shape
    -----
    ``(N, in_maps, H, W)`` -> ``(N, len(table), (H - kernel_size) // stride + 1, ...)``

    Raises
    ------
    TypeError, ValueError
        If the table is none, is empty, has an empty or repeating row, or names a map that does not
        exist; or if the input does not fit.
    """

    positions: Tensor

    def __init__(
        self,
        table: ConnectionTable,
        in_maps: int,
        kernel_size: int = 5,
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        connection_matrix(table, in_maps)  # refuses a table that does not fit
        check_whole("kernel_size", kernel_size)
        check_whole("stride", stride)
        self.table = tuple(tuple(sorted(row)) for row in table)
        self.in_maps, self.out_maps = in_maps, len(table)
        self.kernel_size, self.stride = kernel_size, stride
        # Where each kernel stands among all out_maps * in_maps pairs, row by row.
        positions = [
            row * in_maps + column for row, maps in enumerate(self.table) for column in maps
        ]
        self.register_buffer("positions", torch.tensor(positions), persistent=False)
        self.weight = nn.Parameter(torch.empty(len(positions), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(self.out_maps)) if bias else None
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
        pairs, area = self.out_maps * self.in_maps, self.kernel_size**2
        dense = self.weight.new_zeros(pairs, area)
        dense = dense.index_copy(0, self.positions, self.weight.reshape(-1, area))
        return dense.reshape(self.out_maps, self.in_maps, self.kernel_size, self.kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.in_maps or min(x.shape[2:]) < self.kernel_size:
            raise ValueError(
                f"expected (N, {self.in_maps}, H, W) with H and W at least {self.kernel_size}, "
                f"got {tuple(x.shape)}"
            )
        return F.conv2d(x, self.dense_weight(), self.bias, self.stride)

    def extra_repr(self) -> str:
        return (
            f"{self.in_maps}, {self.out_maps}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, kernels={len(self.weight)} of {self.in_maps * self.out_maps}"
        )


class UnitBias(nn.Module):
    """A bias for each unit, not one for each map.

    LeCun et al. 1989 shares the weights of a map but not its biases (p. 545).

    Parameters
    ----------
    shape
        Maps, height and width of the layer.

    Shape
    -----
    ``(N, *shape)``, unchanged.

    Raises
    ------
    ValueError
        If ``shape`` is empty or not of positive whole numbers, or the input has another.
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        if not shape:
            raise ValueError("shape is empty: give maps, height and width")
        for length in shape:
            check_whole("shape", length)
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != self.bias.shape:
            raise ValueError(f"expected (N, *{tuple(self.bias.shape)}), got {tuple(x.shape)}")
        return x + self.bias

    def extra_repr(self) -> str:
        return f"shape={tuple(self.bias.shape)}"


class Twice(nn.Module):
    """Gives each map twice: LeNet-4's subsampling maps come in pairs.

    Shape
    -----
    ``(N, maps, H, W)`` -> ``(N, 2 * maps, H, W)``

    Raises
    ------
    ValueError
        If the input has another number of axes.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ValueError(f"expected (N, maps, H, W), got {tuple(x.shape)}")
        return x.repeat_interleave(2, dim=1)


def uniform_by_fan_in_(weight: Tensor, fan_in: int) -> Tensor:
    """Fill ``weight`` uniformly from ``[-2.4 / fan_in, 2.4 / fan_in]``, in place.

    LeCun et al. 1989, p. 546, and 1998, Appendix A (preprint p. 41): there is no square root.

    Parameters
    ----------
    weight
        Any tensor.
    fan_in
        F_i, the number of inputs of one unit.

    Returns
    -------
    Tensor
        The same ``weight``.

    Raises
    ------
    TypeError, ValueError
        If ``weight`` is no tensor, or ``fan_in`` is not positive.
    """
    check_kind("weight", weight, Tensor, "such as layer.weight")
    check_whole("fan_in", fan_in)
    with torch.no_grad():
        return weight.uniform_(-2.4 / fan_in, 2.4 / fan_in)
