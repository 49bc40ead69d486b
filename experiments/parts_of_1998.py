"""Which parts of LeNet-5's training of 1998 matter, in short runs of the reconstruction.

    python experiments/parts_of_1998.py

adds to lenet_utils/assets/results/parts_of_1998.csv one row per run and skips the runs it finds
there. All learn one image at a time from the same 5,000 digits in ten passes, with the published
rates that fall. A seed draws the first weights and the order, the same for all variants, so that
variants are compared in pairs. One thing is changed in each: the criterion, its j, the codes of the
RBF units, how the curvature is measured, or the optimiser, plain gradient descent with one rate for
all weights. Of a few first rates each has that with the fewest validation errors over two seeds,
which are not used again; only then is the test set read, once for each run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from recording import RESULTS, fit_whole, provenance, read_rows, run_in_turn
from torch import Tensor, nn

from lenet_utils import (
    SDLM,
    DiscriminativeLoss,
    LeNet5,
    RBFOutput,
    ScaledTanh,
    Splits,
    digit_codes,
    evaluate,
    load_mnist,
    mean_penalty,
    squared_error,
)
from lenet_utils.models import Negation, initialize_like_lush
from lenet_utils.models.criteria import Criterion
from lenet_utils.training import published_recipe, published_schedule

__all__ = ["RATES", "VARIANTS", "Variant", "chosen_rates", "codes_of", "main", "run"]

DIGITS, PASSES = 5_000, 10
CHOOSING_SEEDS = (100, 101)
# First rates to choose from. The reconstruction has 0.0001, a fifth of the printed one.
RATES = {
    "reconstruction": (0.0001, 0.0002, 0.0004),
    "gradient descent": (0.00025, 0.0005, 0.001, 0.002, 0.004),
    "one of ten": (0.0001, 0.0002, 0.0004),
    "ten squashed units": (0.0002, 0.0005, 0.001),
}


EQ_9 = DiscriminativeLoss(1.0)


@dataclass(frozen=True)
class Variant:
    """What is changed; the rest is the reconstruction's."""

    criterion: Criterion = EQ_9
    codes: str = "drawn"
    curvature_digits: int = 500  # none: plain gradient descent
    once: bool = False  # whether the curvature is never measured again


VARIANTS: dict[str, Variant] = {
    "reconstruction": Variant(),
    "eq. 8": Variant(mean_penalty),
    "j = 0.1": Variant(DiscriminativeLoss(0.1)),
    "j = 10": Variant(DiscriminativeLoss(10.0)),
    "j = 100": Variant(DiscriminativeLoss(100.0)),
    # Where a learned j would go: the more of it, the smaller is eq. 9, for all networks and digits.
    "j without limit": Variant(F.cross_entropy),
    "random codes": Variant(codes="random"),
    "one of ten": Variant(codes="one of ten"),
    "ten squashed units": Variant(squared_error, codes="none"),
    "curvature once": Variant(once=True),
    "curvature of 50": Variant(curvature_digits=50),
    "curvature of 100": Variant(curvature_digits=100),
    "gradient descent": Variant(curvature_digits=0),
}


def codes_of(kind: str, seed: int) -> Tensor:
    """Return ``(10, 84)`` codes of +1 and -1: "drawn" as in the paper, "random", or "one of ten".

    Random ones are drawn from ``seed``. In "one of ten" each digit has eight of F6's units for
    itself, which its code alone wants at +1; the last four are -1 for all.
    """
    drawn = digit_codes()
    if kind == "random":
        bits = torch.randint(0, 2, drawn.shape, generator=torch.Generator().manual_seed(seed))
        return bits.float() * 2 - 1
    if kind == "one of ten":
        codes = torch.full_like(drawn, -1.0)
        for digit in range(10):
            codes[digit, 8 * digit : 8 * (digit + 1)] = 1.0
        return codes
    return drawn


def build(variant: Variant, seed: int) -> LeNet5:
    """Return the network, with the reconstruction's start drawn from ``seed``."""
    if variant.codes == "none":
        output = nn.Sequential(nn.Linear(84, 10), ScaledTanh())
    else:
        output = nn.Sequential(RBFOutput(codes_of(variant.codes, seed)), Negation())
    torch.manual_seed(seed)  # behind what the output has drawn: the other layers start alike
    return LeNet5(output=output, initialize=initialize_like_lush)


def run(mnist: Splits, purpose: str, variant: str, seed: int, rate: float) -> dict[str, object]:
    """Train once and return the row to record; ``purpose`` "choose" leaves the test set alone."""
    torch.set_num_threads(1)
    started, origin, chosen = time.perf_counter(), provenance(), VARIANTS[variant]
    train, model = mnist.train[:DIGITS], build(chosen, seed)
    recipe = published_recipe(model, train, seed, rate)
    recipe |= {"criterion": chosen.criterion, **stepping(chosen, model, mnist, seed, rate)}
    fit_whole(model, train, epochs=PASSES, progress=False, **recipe)
    return {
        "purpose": purpose,
        "variant": variant,
        "seed": seed,
        "rate": rate,
        "train_errors": evaluate(model, train).errors,
        "validation_errors": evaluate(model, mnist.validation).errors,
        "test_errors": None if purpose == "choose" else evaluate(model, mnist.test).errors,
        "seconds": round(time.perf_counter() - started, 1),
        **origin,
    }


def stepping(
    variant: Variant, model: LeNet5, mnist: Splits, seed: int, rate: float
) -> dict[str, Any]:
    """Return the optimiser, and what is done before each pass."""
    schedule = {"schedule": published_schedule}
    if not variant.curvature_digits:
        descent = torch.optim.SGD(model.parameters(), lr=rate)
        return {**schedule, "optimizer": descent, "before_epoch": None}
    optimizer = SDLM(model.parameters(), lr=rate)
    order = torch.randperm(DIGITS, generator=torch.Generator().manual_seed(seed))
    some = mnist.train[:DIGITS][order[: variant.curvature_digits]]
    passes: list[int] = []

    def estimate() -> None:
        if not (variant.once and passes):
            optimizer.estimate_curvature(model, some, variant.criterion)
        passes.append(1)

    return {**schedule, "optimizer": optimizer, "before_epoch": estimate}


def choosing() -> Iterator[dict[str, object]]:
    """Name the runs that choose the first rates."""
    for variant, rates in RATES.items():
        for seed in CHOOSING_SEEDS:
            for rate in rates:
                yield {"purpose": "choose", "variant": variant, "seed": seed, "rate": rate}


def chosen_rates(recorded: pd.DataFrame) -> dict[str, float]:
    """Return each variant's first rate; those without tries of their own have the reconstruction's.

    Of equals it is the lowest.
    """
    tries = recorded[recorded["purpose"] == "choose"]
    errors = tries.groupby(["variant", "rate"])["validation_errors"].sum().reset_index()
    best = errors.loc[errors.groupby("variant")["validation_errors"].idxmin()]
    own = dict(zip(best["variant"], best["rate"], strict=True))
    return {variant: own.get(variant, own["reconstruction"]) for variant in VARIANTS}


def final(recorded: pd.DataFrame, seeds: int) -> Iterator[dict[str, object]]:
    """Name the runs with the chosen rates: all variants of a seed before the next seed."""
    rates = chosen_rates(recorded)
    for seed in range(seeds):
        for variant, rate in rates.items():
            yield {"purpose": "final", "variant": variant, "seed": seed, "rate": rate}


def main(given: Iterable[str] | None = None) -> Path:
    """Do the runs that are not recorded yet, one after the other, and return where they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20, help="how many, from 0 on (default: 20)")
    parser.add_argument("--out", type=Path, default=RESULTS / "parts_of_1998.csv", help="CSV")
    options = parser.parse_args(None if given is None else list(given))
    out: Path = options.out
    mnist = load_mnist(size=32)
    one = partial(run_or_diverge, mnist)
    run_in_turn(one, choosing(), out)
    run_in_turn(one, final(read_rows(out), options.seeds), out)
    return out


def run_or_diverge(mnist: Splits, **names: Any) -> dict[str, object]:
    """Return the row of a run; where it diverges, all digits count as wrong."""
    try:
        return run(mnist, **names)
    except FloatingPointError:
        return diverged(mnist, names)


def diverged(mnist: Splits, names: dict[str, Any]) -> dict[str, object]:
    """Return the row of a run whose numbers became infinite."""
    sizes = {"train": DIGITS, "validation": len(mnist.validation), "test": len(mnist.test)}
    counts: dict[str, object] = {f"{name}_errors": size for name, size in sizes.items()}
    if names["purpose"] == "choose":
        counts["test_errors"] = None
    return {**names, **counts, **provenance()}


if __name__ == "__main__":
    main()
