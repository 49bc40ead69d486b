"""LeNet-5 with four activations, and a popular sigmoid LeNet that stalls, with its cures.

    python experiments/activations.py

adds to lenet_utils/assets/results/activations.csv one row per run, to activations_curves.csv one
row per 50 updates, and skips the runs it finds there. The test set is read once, at the end of a
run; nothing is chosen by it. First comes a short slice, which the book and the tests can repeat.

All networks end in a softmax (a linear layer of ten scores, trained with cross-entropy), not in the
paper's RBF units. Two studies. "activations" has the published body with only its squashing
function changed. "stall" has the network of many tutorials (logistic, dense C3, average pooling,
Xavier's weights, plain gradient descent, input from 0 to 1), and then one thing at a time done
otherwise; each is trained for as many epochs as it takes to see what happens, with three seeds.
--epochs is for the first study.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import pandas as pd
import torch
from recording import arguments, fit_whole, is_recorded, provenance, record
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from lenet_utils import (
    Digits,
    History,
    LeNet5,
    ScaledTanh,
    SparseConv2d,
    Splits,
    evaluate,
    load_mnist,
    one_cycle,
)
from lenet_utils.models import initialize_as_published

__all__ = ["RECIPES", "SLICE", "Popular", "Published", "curve", "main", "run", "updates_to_escape"]

SLICE = {"seed": 0, "train_size": 10_000, "epochs": 1}
EVERY = 50  # updates to a row of the curves
STALL_SEEDS = 3
LONG = 10  # epochs: 8,600 updates, twice what the plain network needs with two of three seeds
ESCAPED = 2.0  # a mean loss below this has left the plateau of ln 10 = 2.303


@dataclass(frozen=True)
class Published:
    """LeNet-5 as published up to F6, but for its activation, trained as everywhere in the book."""

    activation: nn.Module
    initialize: Callable[[nn.Module], None] = initialize_as_published
    scaling: str = "1998"

    def model(self) -> LeNet5:
        output = nn.Linear(84, 10)
        return LeNet5(activation=self.activation, initialize=self.initialize, output=output)

    def training(self, model: LeNet5) -> dict[str, object]:
        # All spelled out, so that a change of the package's defaults changes no result here.
        rates = {"lr": 0.003, "weight_decay": 0.01}
        return {
            "optimizer": AdamW(model.parameters(), **rates, fused=True),
            "schedule": one_cycle,
        }


def by_slope(layer: nn.Module, slope: float = 0.25) -> None:
    """Draw weights so that a unit with this slope passes on differences as large as it gets.

    Standard deviation 1 / (slope * sqrt(fan-in)); the logistic function's slope is 1/4.
    """
    if isinstance(layer, SparseConv2d):
        units = layer.weight.detach().split([len(row) for row in layer.table])
    elif isinstance(layer, (nn.Conv2d, nn.Linear)):
        units = layer.weight.detach()
    else:
        return
    for weights in units:
        weights.normal_(0, 1 / (slope * math.sqrt(weights.numel())))
    nn.init.zeros_(layer.bias)


def xavier(layer: nn.Module, gain: float = 1.0) -> None:
    """Draw weights as Glorot and Bengio do; biases stay as PyTorch draws them."""
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(layer.weight, gain)
    elif isinstance(layer, SparseConv2d):  # by what each map reads, and by how many it is read
        readers = Counter(i for row in layer.table for i in row)
        pairs = [(len(row), readers[i]) for row in layer.table for i in row]
        for kernel, (fan_in, fan_out) in zip(layer.weight.detach(), pairs, strict=True):
            limit = gain * math.sqrt(6 / (fan_in + fan_out)) / layer.kernel_size
            kernel.uniform_(-limit, limit)


@dataclass(frozen=True)
class Popular:
    """What many tutorials call LeNet: logistic, dense C3, average pooling, plain descent."""

    activation: nn.Module = nn.Sigmoid()  # noqa: RUF009 - it has no state
    initialize: Callable[[nn.Module], None] | None = xavier
    normalization: Callable[[int], nn.Module] | None = None
    scaling: str = "unit"
    optimizer: Callable[..., Optimizer] = SGD
    learning_rate: float = 0.1
    epochs: int = 1

    def model(self) -> LeNet5:
        return LeNet5(
            activation=self.activation,
            connections=None,
            pooling=lambda maps: nn.AvgPool2d(2),
            normalization=self.normalization,
            output=nn.Linear(84, 10),
            initialize=self.initialize,
        )

    def training(self, model: LeNet5) -> dict[str, object]:
        optimizer = self.optimizer(model.parameters(), lr=self.learning_rate)
        return {"optimizer": optimizer, "schedule": None}


POPULAR = Popular(epochs=5)
SWIFT = Popular()  # the same, for those that need not be watched for long
RECIPES: dict[str, Published | Popular] = {
    "logistic": Published(nn.Sigmoid()),
    "logistic, larger start": Published(nn.Sigmoid(), initialize=by_slope),
    "tanh": Published(nn.Tanh()),
    "scaled tanh": Published(ScaledTanh()),
    "ReLU": Published(nn.ReLU()),
    "PyTorch's weights": replace(POPULAR, initialize=None, epochs=LONG),
    "input 0 to 255": replace(POPULAR, scaling="bytes", epochs=3),
    "rate 0.3": replace(POPULAR, learning_rate=0.3, epochs=LONG),
    "rate 1": replace(POPULAR, learning_rate=1.0, epochs=LONG),
    "Xavier times 4": replace(SWIFT, initialize=partial(xavier, gain=4.0)),
    "AdamW": replace(SWIFT, optimizer=partial(AdamW, fused=True), learning_rate=0.003),
    "batch norm": replace(SWIFT, normalization=nn.BatchNorm2d),
    "tanh instead": replace(SWIFT, activation=nn.Tanh()),
    "input of mean 0": replace(POPULAR, scaling="standard", epochs=3),
    "popular": POPULAR,
}


@cache
def load(scaling: str) -> Splits:
    """Load MNIST; "bytes" leaves the pixels as they are stored, 0 to 255."""
    mnist = load_mnist(size=32, scaling="unit" if scaling == "bytes" else scaling)
    factor = 255 if scaling == "bytes" else 1
    parts = {
        name: Digits(digits.images * factor, digits.labels)
        for name, digits in (
            ("train", mnist.train),
            ("validation", mnist.validation),
            ("test", mnist.test),
        )
    }
    return replace(mnist, **parts, ink=mnist.ink * factor)


def run(
    variant: str, seed: int, train_size: int, epochs: int
) -> tuple[dict[str, object], pd.DataFrame]:
    """Train once; return the row to record and the curve of the run."""
    started, origin = time.perf_counter(), provenance()
    recipe = RECIPES[variant]
    mnist = load(recipe.scaling)
    train = mnist.train[:train_size]
    torch.manual_seed(seed)
    model = recipe.model()
    history = fit_whole(
        model, train, mnist.validation, epochs=epochs, batch_size=64, seed=seed, progress=False,
        **recipe.training(model),
    )  # fmt: skip
    key = {"variant": variant, "seed": seed, "train_size": train_size, "epochs": epochs}
    row = {
        "study": "activations" if isinstance(recipe, Published) else "stall",
        **key,
        "train_errors": evaluate(model, train).errors,
        "validation_errors": evaluate(model, mnist.validation).errors,
        "test_errors": evaluate(model, mnist.test).errors,
        "escaped_after": updates_to_escape(history),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(time.perf_counter() - started, 1),
        **origin,
    }
    return row, curve(history).assign(**key)


def updates_to_escape(history: History) -> int | None:
    """Return after how many updates the last 50 have a mean loss below 2; None if never."""
    mean = history.steps["loss"].rolling(EVERY).mean()
    escaped = history.steps["step"][mean < ESCAPED]
    return int(escaped.iloc[0]) if len(escaped) else None


def curve(history: History) -> pd.DataFrame:
    """Thin a history to the means of 50 updates, with the validation beside each epoch's last."""
    steps = history.steps
    chunk = (steps["step"] - 1) // EVERY
    points = steps.groupby(["epoch", chunk.rename("chunk")], as_index=False).agg(
        {"step": "max", "loss": "mean", "error": "mean"}
    )
    judged = history.epochs[["epoch", "validation_loss", "validation_error"]]
    judged = judged.assign(step=steps.groupby("epoch")["step"].max().to_numpy())
    points = points.drop(columns="chunk").merge(judged, how="left", on=["epoch", "step"])
    return points.round(5)


def plan(seeds: int, epochs: int, train_size: int) -> Iterator[dict[str, object]]:
    """Name all runs, the slice first; every variant of a seed before the next seed."""
    for variant, recipe in RECIPES.items():
        if isinstance(recipe, Published):
            yield {"variant": variant, **SLICE}
    for seed in range(seeds):
        for variant, recipe in RECIPES.items():
            wanted = {"variant": variant, "seed": seed, "train_size": train_size}
            if isinstance(recipe, Published):
                yield {**wanted, "epochs": epochs}
            elif seed < STALL_SEEDS:
                yield {**wanted, "epochs": recipe.epochs}


def main(given: Iterable[str] | None = None) -> Path:
    """Do the runs that are not recorded yet, and return where they are."""
    options = arguments(__doc__, "activations.csv", seeds=5, epochs=2, given=given)
    curves = options.out.with_stem(options.out.stem + "_curves")
    for wanted in plan(options.seeds, options.epochs, options.train_size):
        if not is_recorded(options.out, wanted):
            row, points = run(**wanted)
            record(curves, points.to_dict("records"))  # first, lest a row ever lack its curve
            record(options.out, [row])
            print(*wanted.values(), f"{row['test_errors']} test errors", flush=True)
    return options.out


if __name__ == "__main__":
    main()
