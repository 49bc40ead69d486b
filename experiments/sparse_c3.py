"""LeNet-5 with the published table, with a dense C3, and with random tables of the same size.

    python experiments/sparse_c3.py

adds to lenet_utils/assets/results/sparse_c3.csv one row per run and skips the runs it finds there.
The networks end in a softmax (a linear layer of ten scores, trained with cross-entropy), not in the
paper's RBF units. Everything but C3 is the same for all: body, initialisation rule, data,
optimiser, schedule, and, for a given seed, the order of the digits. The test set is read once, at
the end of a run; nothing is chosen by it. First comes a short slice, which the book and the tests
can repeat.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from recording import arguments, fit_whole, is_recorded, provenance, record
from torch import nn

from lenet_utils import (
    C3_TABLE,
    Digits,
    LeNet5,
    Splits,
    evaluate,
    layer_outputs,
    load_mnist,
    one_cycle,
)

__all__ = ["SLICE", "VARIANTS", "c3_correlation", "main", "random_table", "run"]

VARIANTS = ("table", "dense", "random")
SLICE = {"seed": 0, "train_size": 10_000, "epochs": 1}

Table = tuple[tuple[int, ...], ...]


def random_table(seed: int) -> Table:
    """Draw a table with C3_TABLE's row sizes, the input maps of each row by chance.

    Drawn again until every map of S2 is read by some map of C3 (it nearly always is).
    """
    dice = random.Random(seed)
    while True:
        table = tuple(tuple(sorted(dice.sample(range(6), len(row)))) for row in C3_TABLE)
        if len({in_map for row in table for in_map in row}) == 6:
            return table


def build(variant: str, seed: int) -> LeNet5:
    """Return the network of a ``variant``, its weights drawn from ``seed``."""
    tables = {"table": C3_TABLE, "dense": None, "random": random_table(seed)}
    torch.manual_seed(seed)
    return LeNet5(connections=tables[variant], output=nn.Linear(84, 10))


def run(mnist: Splits, variant: str, seed: int, train_size: int, epochs: int) -> dict[str, object]:
    """Train once and return the row to record."""
    started, origin = time.perf_counter(), provenance()
    train = mnist.train[:train_size]
    model = build(variant, seed)
    # All spelled out, so that a change of the package's defaults changes no result here.
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, weight_decay=0.01, fused=True)
    fit_whole(
        model, train, mnist.validation, epochs=epochs, batch_size=64, optimizer=optimizer,
        schedule=one_cycle, seed=seed, progress=False,
    )  # fmt: skip
    return {
        "variant": variant,
        "seed": seed,
        "train_size": train_size,
        "epochs": epochs,
        "train_errors": evaluate(model, train).errors,
        "validation_errors": evaluate(model, mnist.validation).errors,
        "test_errors": evaluate(model, mnist.test).errors,
        "c3_correlation": round(c3_correlation(model, mnist.validation[:1_000]), 4),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(time.perf_counter() - started, 1),
        **origin,
    }


def c3_correlation(model: LeNet5, digits: Digits) -> float:
    """Return the mean absolute correlation between two different maps of C3 over ``digits``.

    1 if all maps say the same, up to sign and scale; 0 if each says something of its own.
    """
    maps = layer_outputs(model, digits.images)["c3"].transpose(0, 1).flatten(1)  # (16, N * 100)
    correlation = torch.corrcoef(maps).abs()
    return (correlation.sum() - len(maps)).item() / (len(maps) * (len(maps) - 1))


def plan(seeds: int, epochs: int, train_size: int) -> Iterator[dict[str, object]]:
    """Name all runs, the slice first; every variant of a seed before the next seed."""
    for variant in VARIANTS:
        yield {"variant": variant, **SLICE}
    for seed in range(seeds):
        for variant in VARIANTS:
            yield {"variant": variant, "seed": seed, "train_size": train_size, "epochs": epochs}


def main(given: Iterable[str] | None = None) -> Path:
    """Do the runs that are not recorded yet, and return where they are."""
    options = arguments(__doc__, "sparse_c3.csv", seeds=5, epochs=3, given=given)
    mnist = load_mnist(size=32)
    for wanted in plan(options.seeds, options.epochs, options.train_size):
        if not is_recorded(options.out, wanted):
            row = run(mnist, **wanted)
            record(options.out, [row])
            print(*wanted.values(), f"{row['test_errors']} test errors", flush=True)
    return options.out


if __name__ == "__main__":
    main()
