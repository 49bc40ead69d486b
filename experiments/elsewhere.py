"""What the shipped networks make of digits from elsewhere, and of a few to learn from.

    python experiments/elsewhere.py --digits-1989 FOLDER

adds to lenet_utils/assets/results/elsewhere.csv one row per network and set: errors, by class, and
what has to be rejected until 0.5 % of the rest are wrong. FOLDER has the files of the digits of
1989, see lenet_utils/data/envelopes.py; without it they are downloaded.

Then it adds to elsewhere_tuned.csv one row per run of fine-tuning: the network [dist] goes on with
10 to 1,000 digits of another set, as many of each class, either alone or beside as many images of
MNIST's digits. Each run makes the same number of passes over 1,000 images, or 2,000 with MNIST's,
for which the few are repeated. A third of each set is put aside and never learned from: half of it
chose the learning rate, one for all, with two seeds that are not used again, and the other half
judges, once for each run. A seed draws the digits and the order.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pandas as pd
import torch
from recording import (
    RESULTS,
    fit_whole,
    is_recorded,
    provenance,
    read_rows,
    record,
)
from torch import Tensor

from lenet_utils import (
    Digits,
    Evaluation,
    LeNet5,
    Splits,
    evaluate,
    load_digits_of,
    load_mnist,
)

__all__ = ["NETWORKS", "SETS", "SIZES", "WAYS", "main", "put_aside", "rejected", "tune"]

NETWORKS = ("plain", "dist", "hands")
SETS = ("mnist", "optical", "pen given", "pen aspect", "pen lifted", "1989")
TUNED = ("optical", "pen aspect")
SIZES = (10, 30, 100, 300, 1_000)
WAYS = ("alone", "beside MNIST")
RATES = (0.0001, 0.0003, 0.001)
CHOICE = {"seeds": (100, 101), "size": 100}
PASSES, IMAGES, BATCH = 3, 1_000, 20
ALLOWED = 0.005  # of the answers that are not rejected: LeCun et al. 1998, Fig. 10


# --- The digits -----------------------------------------------------------------------------------


@cache
def mnist_splits() -> Splits:
    return load_mnist(for_=LeNet5())


@cache
def digits_of(name: str, folder: Path | None) -> Digits:
    """Return a set as LeNet-5 takes it."""
    model = LeNet5()
    if name == "mnist":
        return mnist_splits().test
    what, _, drawn = name.partition(" ")
    return load_digits_of(what, drawn=drawn or None, for_=model, cache=folder)


def put_aside(digits: Digits) -> tuple[Digits, Digits, Digits]:
    """Return what may be learned from, what chooses the rate, and what judges; always the same."""
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(1998))
    third = len(digits) // 3
    aside, rest = order[:third], order[third:]
    return digits[rest], digits[aside[: third // 2]], digits[aside[third // 2 :]]


def few(digits: Digits, seed: int, size: int) -> Digits:
    """Draw ``size`` digits, as many of each class."""
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(seed))
    labels = digits.labels[order]
    chosen = [order[(labels == label).nonzero()[: size // 10, 0]] for label in range(10)]
    return digits[torch.cat(chosen)]


# --- Reading --------------------------------------------------------------------------------------


def doubts(result: Evaluation) -> dict[str, Tensor]:
    """Return two measures of doubt for each digit; the larger, the more doubtful."""
    best, second = result.scores.topk(2, dim=1).values.T
    return {"penalty": -best, "difference": second - best}


def rejected(doubt: Tensor, wrong: Tensor, allowed: float = ALLOWED) -> float:
    """Return the least share to reject, the most doubtful first, so that so few of the rest err."""
    errors = wrong[doubt.argsort()].double().cumsum(0)  # the surest first
    kept = torch.arange(1, len(wrong) + 1)
    fine = (errors <= allowed * kept).nonzero()
    return 1 - (int(fine[-1]) + 1) / len(wrong) if len(fine) else 1.0


def read(network: str, name: str, folder: Path | None) -> dict[str, object]:
    """Return the row of a network and a set."""
    origin, digits = provenance(), digits_of(name, folder)
    result = evaluate(LeNet5.from_pretrained(network), digits)
    wrong = result.predictions != digits.labels
    on_mnist = evaluate(LeNet5.from_pretrained(network), digits_of("mnist", folder))
    # What one MNIST digit in a hundred is beyond.
    limits = {measure: doubt.quantile(0.99) for measure, doubt in doubts(on_mnist).items()}
    row: dict[str, object] = {"network": network, "set": name, "digits": len(digits)}
    row["errors"] = result.errors
    for label in range(10):
        row[f"of_{label}"] = int((digits.labels == label).sum())
        row[f"errors_{label}"] = int(wrong[digits.labels == label].sum())
    for measure, doubt in doubts(result).items():
        row[f"rejected_by_{measure}"] = rejected(doubt, wrong)
        kept = doubt <= limits[measure]
        row[f"beyond_{measure}"] = 1 - kept.double().mean().item()
        row[f"wrong_within_{measure}"] = wrong[kept].double().mean().item()
    return {**row, **origin}


# --- Fine-tuning ----------------------------------------------------------------------------------


def tune(learned: Digits, mnist: Digits, way: str, seed: int, size: int, rate: float) -> LeNet5:
    """Go on with few digits of another set, and return the network."""
    torch.manual_seed(seed)
    model = LeNet5.from_pretrained("dist")
    some = few(learned, seed, size)
    images, labels = some.images, some.labels
    times = IMAGES // size
    images, labels = images.repeat(times, 1, 1, 1), labels.repeat(times)
    if way != "alone":
        old = mnist[torch.randperm(len(mnist))[: len(labels)]]
        images, labels = torch.cat([images, old.images]), torch.cat([labels, old.labels])
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    fit_whole(
        model, Digits(images, labels), epochs=PASSES, batch_size=BATCH, optimizer=optimizer,
        seed=seed, progress=False,
    )  # fmt: skip
    return model


def run(
    purpose: str, name: str, way: str, seed: int, size: int, rate: float, folder: Path | None
) -> dict[str, object]:
    """Tune once and return the row to record; ``purpose`` "choose" leaves the judges alone."""
    started, origin = time.perf_counter(), provenance()
    learned, choosing, judging = put_aside(digits_of(name, folder))
    mnist = mnist_splits()
    model = tune(learned, mnist.train, way, seed, size, rate)
    judge = choosing if purpose == "choose" else judging
    row: dict[str, object] = {"purpose": purpose, "set": name, "way": way, "seed": seed}
    return row | {
        "size": size,
        "rate": rate,
        "digits": len(judge),
        "errors": evaluate(model, judge).errors,
        "before": before(name, purpose, folder),
        "mnist_errors": None if purpose == "choose" else evaluate(model, mnist.test).errors,
        "seconds": round(time.perf_counter() - started, 1),
        **origin,
    }


@cache
def before(name: str, purpose: str, folder: Path | None) -> int:
    """Count what the network gets wrong that has not seen any of the set."""
    _, choosing, judging = put_aside(digits_of(name, folder))
    judge = choosing if purpose == "choose" else judging
    return evaluate(LeNet5.from_pretrained("dist"), judge).errors


def choosing() -> Iterator[dict[str, object]]:
    """Name the runs that choose the rate."""
    for seed in CHOICE["seeds"]:
        for rate in RATES:
            for name in TUNED:
                for way in WAYS:
                    yield named("choose", name, way, seed, CHOICE["size"], rate)


def final(recorded: pd.DataFrame, seeds: int) -> Iterator[dict[str, object]]:
    """Name the runs with the rate that made the fewest errors, as shares, in all sets together."""
    tries = recorded[recorded["purpose"] == "choose"]
    shares = (tries["errors"] / tries["digits"]).groupby(tries["rate"]).mean()
    rate = float(shares.idxmin())
    for seed in range(seeds):
        for size in SIZES:
            for name in TUNED:
                for way in WAYS:
                    yield named("final", name, way, seed, size, rate)


def named(
    purpose: str, name: str, way: str, seed: int, size: int, rate: float
) -> dict[str, object]:
    return {
        "purpose": purpose, "set": name, "way": way, "seed": seed, "size": size, "rate": rate,
    }  # fmt: skip


def main(given: Iterable[str] | None = None) -> tuple[Path, Path]:
    """Do the runs that are not recorded yet, one after the other, and return where they are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on (default: 5)")
    parser.add_argument("--digits-1989", type=Path, help="folder with the files of these digits")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the two CSVs")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after these")
    options = parser.parse_args(None if given is None else list(given))
    torch.set_num_threads(1)
    end = time.monotonic() + 60 * options.minutes
    whole, tuned = options.out / "elsewhere.csv", options.out / "elsewhere_tuned.csv"
    for network in NETWORKS:
        for name in SETS:
            names = {"network": network, "set": name}
            if not is_recorded(whole, names, tuple(names)):
                record(whole, [read(network, name, options.digits_1989)], tuple(names))
    for purpose in ("choose", "final"):
        runs = choosing() if purpose == "choose" else final(read_rows(tuned), options.seeds)
        for names in runs:
            if time.monotonic() > end:
                return whole, tuned
            if not is_recorded(tuned, names, tuple(names)):
                row = run(*names.values(), folder=options.digits_1989)
                record(tuned, [row], tuple(names))
    return whole, tuned


if __name__ == "__main__":
    main()
