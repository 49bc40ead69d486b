"""LeNet-5 with the start and the rates that the paper prints, and with those of our reconstruction.

    python experiments/printed_recipe.py

adds to lenet_utils/assets/results/printed_recipe.csv a line for each pass of each run, and skips
the runs it finds there. Everything else is as in the paper's table ("as published"): 60,000 digits
in one order, one image at a time, SDLM with mu 0.02, curvatures from 500 digits before each pass,
rates that fall in twenty passes as printed. Nothing is chosen by these runs, so that the test
digits are read after each pass, as for the paper's Fig. 5; the training error is, as there, what
was wrong while the weights moved. The reconstruction learns from a quarter and from half of the
digits besides, in as many passes, for Fig. 6.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from paper.recipes import as_published
from paper.rows import ROWS, Row
from recording import RESULTS, is_recorded, provenance, record
from torch import nn

from lenet_utils import Digits, SparseConv2d, evaluate
from lenet_utils.models import initialize_as_published, initialize_like_lush
from lenet_utils.training import PUBLISHED_RATES, Published

__all__ = ["VARIANTS", "main", "run"]

KEY = ("variant", "seed", "train_size", "passes")
Start = Callable[[nn.Module], None]

PRINTED_RATE, A_FIFTH = PUBLISHED_RATES[0], PUBLISHED_RATES[0] / 5
START_BETWEEN = 1.2  # over the root of F; with it the rates span the range that is printed


def start_between(layer: nn.Module) -> None:
    """Start a layer anew, weights from +/-1.2 / sqrt(F_i), the rest as in Lush."""
    initialize_like_lush(layer)
    if isinstance(layer, nn.Linear | nn.Conv2d | SparseConv2d):
        with torch.no_grad():
            layer.weight.mul_(START_BETWEEN)


# The paper prints +/-2.4/F for the start (p. 41), and 0.0005 for the first pass's rate (p. 10).
VARIANTS: dict[str, tuple[Start, float]] = {
    "reconstruction": (initialize_like_lush, A_FIFTH),
    "printed rates": (initialize_like_lush, PRINTED_RATE),
    "printed start": (initialize_as_published, A_FIFTH),
    "as printed": (initialize_as_published, PRINTED_RATE),
    "start between": (start_between, PRINTED_RATE),
}
SIZES = (60_000, 15_000, 30_000)  # Fig. 6; what is not all of them is for the reconstruction


def run(variant: str, seed: int, train_size: int, passes: int) -> list[dict[str, object]]:
    """Train once and return a line for each pass, the errors after it included."""
    torch.set_num_threads(1)
    started, origin = time.perf_counter(), provenance()
    start, first_rate = VARIANTS[variant]
    row: Row = replace(ROWS["LeNet-5"], own=Published(start, first_rate))
    train, test = row.digits()
    some: Digits = train[:train_size]
    torch.manual_seed(seed)
    model, lines = row.network(), []

    def after_pass(history: dict[str, Any]) -> None:
        lines.append(
            {
                "variant": variant,
                "seed": seed,
                "train_size": train_size,
                "passes": passes,
                "pass": len(lines) + 1,
                "moving_error": round(history["train_error"], 6),
                "test_errors": evaluate(model, test).errors,
            }
        )

    as_published(row, model, some, seed, passes, after_pass)
    lines[-1]["rejected"] = round(evaluate(model, test).rejected_share(0.005), 5)  # Fig. 10
    lines[-1]["train_errors"] = evaluate(model, some).errors
    lines[-1]["seconds"] = round(time.perf_counter() - started, 1)
    return [{**line, **origin} for line in lines]


def plan(seeds: int) -> Iterator[dict[str, object]]:
    """Name the runs: all variants of a seed before the next seed."""
    for seed in range(seeds):
        for size in SIZES:
            for variant in VARIANTS if size == SIZES[0] else ["reconstruction"]:
                yield {"variant": variant, "seed": seed, "train_size": size, "passes": 20}


def main(given: Iterable[str] | None = None) -> Path:
    """Do the runs that are not recorded yet, and return where they are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), choices=SIZES)
    parser.add_argument("--out", type=Path, default=RESULTS / "printed_recipe.csv", help="CSV")
    options = parser.parse_args(None if given is None else list(given))
    for wanted in plan(options.seeds):
        chosen = wanted["variant"] in options.variants and wanted["train_size"] in options.sizes
        if chosen and not is_recorded(options.out, wanted, KEY):
            lines = run(**wanted)
            record(options.out, lines, KEY)
            errors = pd.DataFrame(lines)["test_errors"].tolist()
            print(wanted["variant"], wanted["seed"], errors, flush=True)
    return options.out


if __name__ == "__main__":
    main()
