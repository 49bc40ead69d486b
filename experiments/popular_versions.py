"""What popular versions of LeNet-5 change: one change at a time, and all of them at once.

    python experiments/popular_versions.py

adds to lenet_utils/assets/results/popular_versions.csv one row per run and skips the runs it finds
there. All start from the published network and learn alike: the same digits, number of passes and
batch size, AdamW with weight decay and a one-cycle rate (the optimiser is a change of its own).
Each change gets its own learning rate: of three, the one with the fewest validation errors at
seed 0. Only then the test set is read, once for each seed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import pandas as pd
import torch
from recording import RESULTS, fit_whole, provenance, read_rows, run_all
from torch import nn

from lenet_utils import LeNet, LeNet5, ScaledTanh, Splits, evaluate, load_mnist, one_cycle
from lenet_utils.models import initialize_as_published

__all__ = ["VERSIONS", "main", "run"]

EPOCHS, TRAIN_SIZE = 3, 55_000
RATES = (0.003, 0.01, 0.03)


# --- The versions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Version:
    """A network, what it sees and how it learns."""

    network: Callable[[], LeNet] = LeNet5
    scaling: str = "1998"
    size: int = 32
    adam: bool = False  # plain Adam with a constant rate, a tenth of the others'


def softmax(**parts: object) -> LeNet5:
    """End in ten linear scores, trained with cross-entropy."""
    return LeNet5(output=nn.Linear(84, 10), **parts)


def unpadded(network: Callable[[], LeNet5]) -> LeNet5:
    """Read 28x28 pixels, so that S4's maps are 4x4 and C5's kernels with them."""
    model = network()
    model.size = 28
    model.c5[0] = nn.Conv2d(16, 120, 4)  # with PyTorch's own start
    return model


def smaller() -> LeNet5:
    model = unpadded(LeNet5)
    # C3 keeps the published start that it was made with: drawn again, it would move the others'.
    for layer in (model.c1, model.c5, model.f6):
        layer.apply(initialize_as_published)
    return model


def popular() -> LeNet5:
    """Change everything at once, PyTorch's own starting weights included."""
    parts = {"activation": nn.ReLU(), "connections": None, "pooling": maximum, "initialize": None}
    return unpadded(partial(softmax, **parts))


def average(maps: int) -> nn.Module:
    """Pool by the mean of 2x2, with nothing to learn."""
    return nn.AvgPool2d(2)


def squashed_average(maps: int) -> nn.Module:
    """Pool as S2 and S4 begin, by half the sum, squashed; but nothing is learned."""
    return nn.Sequential(nn.AvgPool2d(2, divisor_override=2), ScaledTanh())


def maximum(maps: int) -> nn.Module:
    """Pool by the largest of 2x2."""
    return nn.MaxPool2d(2)


PUBLISHED = Version()

VERSIONS = {
    "published": PUBLISHED,
    "logistic": Version(partial(LeNet5, activation=nn.Sigmoid())),
    "ReLU": Version(partial(LeNet5, activation=nn.ReLU())),
    "dense C3": Version(partial(LeNet5, connections=None)),
    "average pooling": Version(partial(LeNet5, pooling=average)),
    "twice the average, squashed": Version(partial(LeNet5, pooling=squashed_average)),
    "max pooling": Version(partial(LeNet5, pooling=maximum)),
    "softmax": Version(softmax),
    "softmax, logistic": Version(partial(softmax, activation=nn.Sigmoid())),
    "softmax, ReLU": Version(partial(softmax, activation=nn.ReLU())),
    "input 0 to 1": replace(PUBLISHED, scaling="unit"),
    "input z-scored": replace(PUBLISHED, scaling="standard"),
    "input 28x28": Version(smaller, size=28),
    "Adam": replace(PUBLISHED, adam=True),
    "all at once": Version(popular, "standard", 28, adam=True),
}


# --- The runs -------------------------------------------------------------------------------------


@cache
def digits(size: int, scaling: str) -> Splits:
    return load_mnist(size=size, scaling=scaling)


def run(
    variant: str, purpose: str, seed: int, rate: float, train_size: int, epochs: int
) -> dict[str, object]:
    """Train once and return the line to record; ``purpose`` "choose" leaves the test set alone."""
    torch.set_num_threads(1)  # the workers are as many as the cores
    started, origin = time.perf_counter(), provenance()
    version = VERSIONS[variant]
    mnist = digits(version.size, version.scaling)
    torch.manual_seed(seed)
    model = version.network()
    if version.adam:
        optimizer = torch.optim.Adam(model.parameters(), lr=rate / 10, fused=True)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.2, fused=True)
    fit_whole(
        model, mnist.train[:train_size], epochs=epochs, batch_size=128, optimizer=optimizer,
        schedule=None if version.adam else one_cycle, seed=seed, progress=False,
    )  # fmt: skip
    return {
        "variant": variant,
        "purpose": purpose,
        "seed": seed,
        "rate": rate,
        "train_size": train_size,
        "epochs": epochs,
        "validation_errors": evaluate(model, mnist.validation).errors,
        "test_errors": None if purpose == "choose" else evaluate(model, mnist.test).errors,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(time.perf_counter() - started, 1),
        **origin,
    }


def choosing() -> Iterator[dict[str, object]]:
    """Name the runs that choose each version's rate."""
    for variant in VERSIONS:
        for rate in RATES:
            yield named(variant, "choose", 0, rate)


def final(recorded: pd.DataFrame, seeds: int) -> Iterator[dict[str, object]]:
    """Name the runs with the chosen rates: every version of a seed before the next seed."""
    tries = recorded[recorded["purpose"] == "choose"].sort_values("rate")  # of equals the lowest
    best = tries.loc[tries.groupby("variant")["validation_errors"].idxmin()]
    rates = best.set_index("variant")["rate"].to_dict()
    for seed in range(seeds):
        for variant in VERSIONS:
            yield named(variant, "final", seed, rates[variant])


def named(variant: str, purpose: str, seed: int, rate: float) -> dict[str, object]:
    return {
        "variant": variant,
        "purpose": purpose,
        "seed": seed,
        "rate": rate,
        "train_size": TRAIN_SIZE,
        "epochs": EPOCHS,
    }


def main(given: Iterable[str] | None = None) -> Path:
    """Do the runs that are not recorded yet, and return where they are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    parser.add_argument("--out", type=Path, default=RESULTS / "popular_versions.csv", help="CSV")
    options = parser.parse_args(None if given is None else list(given))
    run_all(run, choosing(), options.out)
    run_all(run, final(read_rows(options.out), options.seeds), options.out)
    return options.out


if __name__ == "__main__":
    main()
