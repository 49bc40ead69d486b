"""LeNet-5 with the start and the rates that the paper prints, and with those of our reconstruction.

    python experiments/printed_recipe.py

adds to lenet_utils/assets/results/printed_recipe.csv a line for each pass of each run, and skips
the runs it finds there. Everything else is as in the paper's table ("as published"): 60,000 digits
in one order, one image at a time, SDLM with mu 0.02, curvatures from 500 digits before each pass,
rates that fall in twenty passes as printed. Nothing is chosen by these runs, so that the test
digits are read after each pass, as for the paper's Fig. 5; the training error is, as there, what
was wrong while the weights moved. The reconstruction learns from a quarter and from half of the
digits besides, in as many passes, for Fig. 6.

    python experiments/printed_recipe.py --starts --seeds 20

adds to printed_starts.csv between which ends the rates of the first pass lie, by the start.
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

from lenet_utils import SDLM, Digits, LeNet5, SparseConv2d, evaluate, mean_penalty
from lenet_utils.models import initialize_as_published, initialize_like_lush
from lenet_utils.training import PUBLISHED_RATES, Published

__all__ = ["VARIANTS", "main", "run"]

CURVATURE_DIGITS, MU = 500, 0.02
KEY = ("variant", "seed", "train_size", "passes")
Start = Callable[[nn.Module], None]

PRINTED_RATE, A_FIFTH = PUBLISHED_RATES[0], PUBLISHED_RATES[0] / 5
# Over the root of F: starts whose rates are looked at.
FACTORS = (0.8, 1.0, 1.1, 1.2, 1.3, 1.5, 2.4)
WIDER = 1.2  # with it the rates span the range that is printed


def over_root(factor: float) -> Start:
    """Return a start with weights from +/-factor / sqrt(F_i), and the rest as in Lush."""

    def start(layer: nn.Module) -> None:
        initialize_like_lush(layer)
        if isinstance(layer, nn.Linear | nn.Conv2d | SparseConv2d):
            with torch.no_grad():
                layer.weight.mul_(factor)

    return start


# The paper prints +/-2.4/F for the start (p. 41), and 0.0005 for the first pass's rate (p. 10).
VARIANTS: dict[str, tuple[Start, float]] = {
    "reconstruction": (initialize_like_lush, A_FIFTH),
    "printed rates": (initialize_like_lush, PRINTED_RATE),
    "printed start": (initialize_as_published, A_FIFTH),
    "as printed": (initialize_as_published, PRINTED_RATE),
    "wider start": (over_root(WIDER), PRINTED_RATE),
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


def rates_of_starts(seeds: int, path: Path) -> None:
    """Record between which ends the rates of the first pass lie, by the start: the paper's p. 10.

    As there the global rate is 0.0005, and the curvature that of 500 training digits.
    """
    torch.set_num_threads(1)
    some = ROWS["LeNet-5"].digits()[0][:CURVATURE_DIGITS]
    starts = {f"{factor:g} / sqrt(F)": over_root(factor) for factor in FACTORS}
    for start, rule in {"2.4 / F": initialize_as_published, **starts}.items():
        for seed in range(seeds):
            names = {"start": start, "seed": seed}
            if not is_recorded(path, names, tuple(names)):
                origin = provenance()
                torch.manual_seed(seed)
                model = LeNet5(initialize=rule)
                optimizer = SDLM(model.parameters())
                optimizer.estimate_curvature(model, some, mean_penalty)
                damped = torch.cat([optimizer.damped(p, MU).flatten() for p in model.parameters()])
                low, high = (PRINTED_RATE / end.item() for end in (damped.max(), damped.min()))
                record(path, [{**names, "lowest": low, "highest": high, **origin}], tuple(names))


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
    parser.add_argument("--starts", action="store_true", help="look at the rates of starts, alone")
    options = parser.parse_args(None if given is None else list(given))
    if options.starts:
        out: Path = options.out.with_name("printed_starts.csv")
        rates_of_starts(options.seeds, out)
        return out
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
