"""Five small networks with and without shared weights: how well each does from how many digits.

    python experiments/few_numbers.py

adds to lenet_utils/assets/results/few_numbers.csv one row per run and skips the runs it finds
there. The networks follow Net-1 to Net-5 of a report of 1989 (LeCun, Generalization and network
design strategies) in their idea, not in their sizes: a layer of weights; a fully connected hidden
layer; local fields with weights of their own at each place; the first of these shared; both shared.
The last three have the same connections, and the second as many but for 45 of 40,906.

All learn from 500 to 55,000 digits of 16x16 pixels, in the same 2,200 updates, so that 500 digits
are seen 220 times and 55,000 twice. Three of them learn again from digits whose pixels are all
permuted in one way. A seed draws the first weights, the order, the digits and the permutation; what
one seed has drawn of the last two is the same for all networks. Each network has its own learning
rate: of four, the one with the fewest validation errors over two seeds that are not used again.
Only then the test set is read, once for each run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from recording import RESULTS, fit_whole, provenance, read_rows, run_in_turn
from torch import Tensor, nn

from lenet_utils import Digits, ScaledTanh, Splits, evaluate, load_mnist, one_cycle
from lenet_utils.models.layers import uniform_by_fan_in_

__all__ = ["KINDS", "PERMUTED", "SIZES", "LocalConv2d", "build", "connections", "main", "run"]

UPDATES, BATCH = 2_200, 50
SIZES = (500, 2_000, 10_000, 55_000)  # UPDATES are whole passes over each
RATES = (0.001, 0.003, 0.01, 0.03)
CHOICE = {"seeds": (100, 101), "train_size": 2_000}
PIXELS = 16 * 16


# --- The networks ---------------------------------------------------------------------------------


class LocalConv2d(nn.Module):
    """A convolution that shares nothing: every unit has a kernel and a bias of its own.

    ``(N, in_maps, size, size)`` becomes ``(N, out_maps, side, side)``, where side is
    ``(size - kernel_size) // stride + 1``. With the same kernels at all places it is ``nn.Conv2d``.
    """

    def __init__(
        self, in_maps: int, out_maps: int, size: int, kernel_size: int = 5, stride: int = 2
    ) -> None:
        super().__init__()
        self.side = (size - kernel_size) // stride + 1
        self.kernel_size, self.stride = kernel_size, stride
        places, fan_in = self.side**2, in_maps * kernel_size**2
        self.weight = nn.Parameter(torch.empty(places, out_maps, fan_in))
        self.bias = nn.Parameter(torch.zeros(out_maps, places))

    def forward(self, x: Tensor) -> Tensor:
        windows = F.unfold(x, self.kernel_size, stride=self.stride)  # (N, fan_in, places)
        units = torch.einsum("nfp,pof->nop", windows, self.weight) + self.bias
        return units.unflatten(2, (self.side, self.side))  # (N, out_maps, side, side)


def local_network(first: nn.Module, second: nn.Module) -> nn.Sequential:
    """Two layers of local fields, padded with paper as in 1989, and ten scores."""
    return nn.Sequential(
        nn.ConstantPad2d(2, -1.0),  # (N, 1, 20, 20)
        first,  # (N, 6, 8, 8)
        ScaledTanh(),
        nn.ConstantPad2d(2, -1.0),  # (N, 6, 12, 12)
        second,  # (N, 12, 4, 4)
        ScaledTanh(),
        nn.Flatten(),
        nn.Linear(192, 10),
    )


def full_network(hidden: int = 153) -> nn.Sequential:
    """One hidden layer, with as many units as make the connections of the local networks."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(PIXELS, hidden), ScaledTanh(), nn.Linear(hidden, 10)
    )


KINDS: dict[str, Callable[[], nn.Sequential]] = {
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 10)),
    "full": full_network,
    "local": lambda: local_network(LocalConv2d(1, 6, 20), LocalConv2d(6, 12, 12)),
    "first shared": lambda: local_network(nn.Conv2d(1, 6, 5, 2), LocalConv2d(6, 12, 12)),
    "shared": lambda: local_network(nn.Conv2d(1, 6, 5, 2), nn.Conv2d(6, 12, 5, 2)),
}
PERMUTED = {"kinds": ("full", "local", "shared"), "sizes": (2_000, 55_000)}


def build(variant: str, seed: int) -> nn.Sequential:
    """Return the network of a ``variant``: weights by the published rule from ``seed``, biases 0.

    A unit's weights come from the same distribution whether they are shared or not.
    """
    torch.manual_seed(seed)
    model = KINDS[variant]()
    for layer in model:
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            uniform_by_fan_in_(layer.weight, layer.weight[0].numel())
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, LocalConv2d):
            uniform_by_fan_in_(layer.weight, layer.weight.shape[-1])
    return model


def connections(model: nn.Sequential) -> int:
    """Count as the papers do: for every unit its inputs and its bias."""
    count, x = 0, torch.zeros(1, 1, 16, 16)
    with torch.inference_mode():
        for layer in model:
            x = layer(x)
            if isinstance(layer, LocalConv2d):
                count += x.numel() * (layer.weight.shape[-1] + 1)
            elif isinstance(layer, (nn.Linear, nn.Conv2d)):
                count += x.numel() * (layer.weight[0].numel() + 1)
    return count


# --- The digits -----------------------------------------------------------------------------------


def drawn(digits: Digits, seed: int, train_size: int) -> Digits:
    """Return ``train_size`` of the ``digits``; a smaller draw is part of a larger one."""
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(seed))
    return digits[order[:train_size]]


def permuted(digits: Digits, seed: int) -> Digits:
    """Put the pixels of all ``digits`` into one new order."""
    order = torch.randperm(PIXELS, generator=torch.Generator().manual_seed(seed))
    images = digits.images.flatten(1)[:, order].reshape(digits.images.shape)
    return Digits(images, digits.labels)


# --- The runs -------------------------------------------------------------------------------------


def run(
    mnist: Splits, purpose: str, variant: str, pixels: str, seed: int, train_size: int, rate: float
) -> dict[str, object]:
    """Train once and return the row to record; ``purpose`` "choose" leaves the test set alone.

    ``pixels`` are "in order" or "permuted".
    """
    started, origin = time.perf_counter(), provenance()

    def seen(digits: Digits) -> Digits:
        return permuted(digits, seed) if pixels == "permuted" else digits

    train, model = seen(drawn(mnist.train, seed, train_size)), build(variant, seed)
    epochs = UPDATES * BATCH // train_size
    fit_whole(
        model, train, epochs=epochs, batch_size=BATCH, seed=seed, progress=False,
        optimizer=torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01, fused=True),
        schedule=one_cycle, criterion=F.cross_entropy,
    )  # fmt: skip
    return {
        "purpose": purpose,
        "variant": variant,
        "pixels": pixels,
        "seed": seed,
        "train_size": train_size,
        "rate": rate,
        "epochs": epochs,
        "train_errors": evaluate(model, train).errors,
        "validation_errors": evaluate(model, seen(mnist.validation)).errors,
        "test_errors": None if purpose == "choose" else evaluate(model, seen(mnist.test)).errors,
        "parameters": sum(p.numel() for p in model.parameters()),
        "connections": connections(model),
        "seconds": round(time.perf_counter() - started, 1),
        **origin,
    }


def choosing() -> Iterator[dict[str, object]]:
    """Name the runs that choose the rates."""
    for pixels, kinds in (("in order", KINDS), ("permuted", PERMUTED["kinds"])):
        for variant in kinds:
            for seed in CHOICE["seeds"]:
                for rate in RATES:
                    yield named("choose", variant, pixels, seed, CHOICE["train_size"], rate)


def final(recorded: pd.DataFrame, seeds: int) -> Iterator[dict[str, object]]:
    """Name the runs with the chosen rates: everything of a seed before the next seed."""
    rates = chosen_rates(recorded)
    for seed in range(seeds):
        for size in SIZES:
            for variant in KINDS:
                yield named("final", variant, "in order", seed, size, rates["in order", variant])
        for size in PERMUTED["sizes"]:
            for variant in PERMUTED["kinds"]:
                yield named("final", variant, "permuted", seed, size, rates["permuted", variant])


def chosen_rates(recorded: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return for pixels and variant the rate of fewest validation errors, of equals the lowest."""
    tries = recorded[recorded["purpose"] == "choose"]
    errors = tries.groupby(["pixels", "variant", "rate"])["validation_errors"].sum().reset_index()
    best = errors.loc[errors.groupby(["pixels", "variant"])["validation_errors"].idxmin()]
    return best.set_index(["pixels", "variant"])["rate"].to_dict()


def named(
    purpose: str, variant: str, pixels: str, seed: int, train_size: int, rate: float
) -> dict[str, object]:
    return {
        "purpose": purpose,
        "variant": variant,
        "pixels": pixels,
        "seed": seed,
        "train_size": train_size,
        "rate": rate,
    }


def main(given: Iterable[str] | None = None) -> Path:
    """Do the runs that are not recorded yet, one after the other, and return where they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on (default: 5)")
    parser.add_argument("--out", type=Path, default=RESULTS / "few_numbers.csv", help="CSV")
    options = parser.parse_args(None if given is None else list(given))
    torch.set_num_threads(1)
    mnist = load_mnist(size=16, scaling="signed")
    one = partial(run, mnist)
    run_in_turn(one, choosing(), options.out)
    run_in_turn(one, final(read_rows(options.out), options.seeds), options.out)
    return options.out


if __name__ == "__main__":
    main()
