"""The network of 1989 on the digits of 1989, and on as many of MNIST's.

    python experiments/digits_of_1989.py

adds to lenet_utils/assets/results/digits_of_1989.csv a line for each pass that is evaluated, and
skips the runs it finds there. The digits of 1989 are not in this package: `load_digits_of` gets
them. All training digits are learned from, and the digits are evaluated while nothing is chosen.

The rates of 1998 and the modern recipe on MNIST's digits are in paper_table.csv.

What the paper leaves open, the rates, was chosen by runs with --choose: they learn from 6,684 of
the training digits, are evaluated on the other 607, and never see the test digits.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from paper.rows import like_1989
from recording import RESULTS, fit_whole, is_recorded, provenance, record
from torch import Tensor, nn

from lenet_utils import (
    Digits,
    LeNet,
    LeNet1,
    LeNet1989,
    ScaledTanh,
    evaluate,
    load_digits_of,
    load_mnist,
    squared_error,
)
from lenet_utils.models import initialize_as_published, initialize_like_lush
from lenet_utils.models.connections import H2_TABLE
from lenet_utils.training import SDLM, Evaluation, modern_recipe, published_recipe

__all__ = ["VARIANTS", "Variant", "main", "rejected_by_three", "run", "wiring"]

KEY = ("variant", "seed", "purpose")
TRAIN, TEST = 7_291, 2_007  # LeCun et al. 1989, p. 542
FOR_CHOOSING = 6_684  # eleven twelfths
LOOKS = (1, 2, 3, 5, 8, 12, 17)


@dataclass(frozen=True)
class Variant:
    """What is trained on which digits, and how."""

    digits: str = "1989"
    recipe: str = "published"
    network: str = "ring"  # the wiring of H2, or what is there in place of the network of 1989
    rate: float | None = None  # None for the recipe's own
    passes: int = 23  # LeCun et al. 1989, p. 546
    looks: tuple[int, ...] = ()  # passes after which it is evaluated, besides the last


RATES = (0.00005, 0.0001, 0.0002, 0.0005)  # which --choose tries, with the digits of 1989
CONSTANT = 0.0001
VARIANTS: dict[str, Variant] = {
    "published": Variant(looks=LOOKS),
    "constant": Variant(recipe="constant", rate=CONSTANT, looks=LOOKS),
    "constant, MNIST": Variant("MNIST", "constant", rate=CONSTANT, looks=LOOKS),
    "constant, split anew": Variant("1989, split anew", "constant", rate=CONSTANT),
    "constant, groups": Variant(recipe="constant", network="groups", rate=CONSTANT),
    "constant, random": Variant(recipe="constant", network="random", rate=CONSTANT),
    "constant, all": Variant(recipe="constant", network="all", rate=CONSTANT),
    "modern": Variant(recipe="modern", passes=60),
    "hidden layer": Variant(recipe="constant", network="hidden layer", rate=CONSTANT),
    "LeNet-1": Variant("1989 in 28x28", network="LeNet-1", passes=30),  # of LeCun et al. 1990, p. 7
}
TRIED = {f"constant {rate}": Variant(recipe="constant", rate=rate) for rate in RATES}


# --- The digits -----------------------------------------------------------------------------------


@cache
def of_1989(network: type[LeNet] = LeNet1989) -> tuple[Digits, Digits]:
    """The digits of 1989 for training and for the test, in their order and for a ``network``."""
    digits = load_digits_of("1989", for_=network())
    return digits[:TRAIN], digits[TRAIN:]


def digits_of(name: str, seed: int) -> tuple[Digits, Digits]:
    """Return training and test digits; ``seed`` matters only where they are split anew."""
    if name == "MNIST":
        return like_1989()
    if name == "1989 in 28x28":  # LeCun et al. 1990, p. 5
        return of_1989(LeNet1)
    train, test = of_1989()
    if name == "1989":
        return train, test
    images, labels = torch.cat([train.images, test.images]), torch.cat([train.labels, test.labels])
    order = torch.randperm(TRAIN + TEST, generator=torch.Generator().manual_seed(1989 + seed))
    first, last = order[:TRAIN], order[TRAIN:]
    return Digits(images[first], labels[first]), Digits(images[last], labels[last])


# --- The networks ---------------------------------------------------------------------------------


def wiring(name: str, seed: int) -> tuple[tuple[int, ...], ...]:
    """Return which eight maps of H1 each of H2's twelve maps reads; the paper withholds it.

    "ring": eight in a row, as in the package. "groups": three blocks of four, of which each map
    reads two, as in the best-known reproduction. "random": for each map eight drawn from ``seed``.
    "all": every one of the twelve, which makes the network larger.
    """
    if name == "ring":
        return tuple(tuple(row) for row in H2_TABLE)
    if name == "groups":
        pairs = ((0, 1), (1, 2), (0, 2))
        return tuple(
            tuple(4 * block + i for block in pairs[row // 4] for i in range(4)) for row in range(12)
        )
    if name == "all":
        return (tuple(range(12)),) * 12
    drawn = torch.Generator().manual_seed(seed)
    return tuple(tuple(sorted(torch.randperm(12, generator=drawn)[:8].tolist())) for _ in range(12))


def build(variant: Variant, seed: int) -> nn.Module:
    """Return the network, its first weights drawn from ``seed``."""
    torch.manual_seed(seed)
    if variant.network == "LeNet-1":
        return LeNet1(initialize=initialize_like_lush)
    if variant.network == "hidden layer":  # of 40 units: LeCun et al. 1989, p. 547
        layers = nn.Linear(256, 40), ScaledTanh(), nn.Linear(40, 10), ScaledTanh()
        model = nn.Sequential(nn.Flatten(), *layers)
        model.apply(initialize_as_published)
        return model
    return LeNet1989(connections=wiring(variant.network, seed))


# --- The recipes ----------------------------------------------------------------------------------


def recipe_of(variant: Variant, model: Any, train: Digits, seed: int) -> dict[str, Any]:
    """Return the arguments for `fit`.

    "published" is Newton-like steps with the rates of 1998, which fall; "constant" has one rate all
    along; "modern" is that of the table in *As published*.
    """
    if variant.recipe == "modern":
        return {**modern_recipe(model), "seed": seed}
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    recipe: dict[str, Any] = {"batch_size": 1, "shuffle": "once", "seed": seed, "device": "cpu"}
    if variant.recipe == "published":
        return published_recipe(model, train, seed, variant.rate)
    optimizer = SDLM(model.parameters(), lr=variant.rate or CONSTANT)
    first = train[order[:500]]
    estimate = partial(optimizer.estimate_curvature, model, first, squared_error)
    return {
        **{**recipe, "optimizer": optimizer, "schedule": None},
        **{"criterion": squared_error, "before_epoch": estimate},
    }


# --- The runs -------------------------------------------------------------------------------------


def run(variant: str, seed: int, purpose: str) -> list[dict[str, object]]:
    """Train once; return a line for each pass that is evaluated, the last one among them.

    ``purpose`` "choose" leaves the test digits alone.
    """
    torch.set_num_threads(1)
    started, origin, chosen = time.perf_counter(), provenance(), {**VARIANTS, **TRIED}[variant]
    train, test = digits_of(chosen.digits, seed)
    if purpose == "choose":
        train, test = train[:FOR_CHOOSING], train[FOR_CHOOSING:]
    model, lines = build(chosen, seed), []

    def after_pass(history: dict[str, Any]) -> None:
        number = int(history["epoch"])
        if number in (*chosen.looks, chosen.passes):
            lines.append({**names, "pass": number, **judged(model, train, test)})

    names = {"variant": variant, "seed": seed, "purpose": purpose, "train_size": len(train)}
    fit_whole(
        model, train, epochs=chosen.passes, progress=False, after_epoch=after_pass,
        **recipe_of(chosen, model, train, seed),
    )  # fmt: skip
    found = evaluate(model, test)
    if purpose == "final":
        lines[-1]["rejected"] = round(found.rejected_share(0.01), 5)
        lines[-1]["rejected_by_three"] = round(rejected_by_three(found, 0.01), 5)
        if chosen.digits == "MNIST":
            lines[-1]["errors_of_10000"] = evaluate(model, all_of_mnist()).errors
    lines[-1]["seconds"] = round(time.perf_counter() - started, 1)
    return [{**line, **origin} for line in lines]


@cache
def all_of_mnist() -> Digits:
    """MNIST's 10,000 test digits in the form of 1989."""
    return load_mnist(size=16, scaling="signed").test


def judged(model: nn.Module, train: Digits, test: Digits) -> dict[str, object]:
    """Return errors and mean squared errors, the latter for each output."""
    line: dict[str, object] = {}
    for name, digits in {"train": train, "test": test}.items():
        found = evaluate(model, digits)
        right = torch.arange(10) == digits.labels[:, None]
        distances = (found.scores - torch.where(right, 1.0, -1.0)).square()
        line |= {f"{name}_errors": found.errors, f"{name}_mse": round(distances.mean().item(), 6)}
    return line


def rejected_by_three(found: Evaluation, wrong: float, steps: int = 60) -> float:
    """Reject by three thresholds instead of one, and return the smallest share that has to be.

    The largest output must be above one threshold, the second below another, their difference above
    a third; each is one of ``steps`` values, as often passed as the next one. Which three, these
    very digits say, as in LeCun et al. 1989, p. 547.
    """
    first, second = found.scores.topk(2, dim=1).values.unbind(dim=1)
    kinds = [rank(first, steps), rank(-second, steps), rank(first - second, steps)]
    cells = (kinds[0] * steps + kinds[1]) * steps + kinds[2]
    is_wrong = (found.predictions != found.labels).double()

    def at_least(weights: Tensor) -> Tensor:  # how many are in this cell or beyond, three ways
        counts = torch.bincount(cells, weights, steps**3).reshape(steps, steps, steps)
        for axis in range(3):
            counts = counts.flip(axis).cumsum(axis).flip(axis)
        return counts

    accepted, errors = at_least(torch.ones_like(is_wrong)), at_least(is_wrong)
    good = errors <= wrong * accepted
    return 1 - float((accepted * good).max()) / len(first)


def rank(values: Tensor, steps: int) -> Tensor:
    """Return for each of the ``values`` its place among ``steps`` groups of equal size."""
    limits = values.quantile(torch.linspace(0, 1, steps + 1)[1:-1].to(values.dtype))
    return torch.bucketize(values.contiguous(), limits, right=True)


def main(given: Iterable[str] | None = None) -> Path:
    """Do the runs that are not recorded yet, one after the other, and return where they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20, help="how many, from 0 on (default: 20)")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of them (default: 0)")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--choose", action="store_true", help="try the rates, on digits left out")
    parser.add_argument("--out", type=Path, default=RESULTS / "digits_of_1989.csv", help="CSV")
    options = parser.parse_args(None if given is None else list(given))
    out: Path = options.out
    purpose, variants = "final", options.variants
    if options.choose:
        purpose, variants = "choose", list(TRIED)
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for variant in variants:
            names = {"variant": variant, "seed": seed, "purpose": purpose}
            if not is_recorded(out, names, KEY):
                lines = run(**names)
                record(out, lines, KEY)
                print(*names.values(), f"{lines[-1]['test_errors']} errors", flush=True)
    return out


if __name__ == "__main__":
    main()
