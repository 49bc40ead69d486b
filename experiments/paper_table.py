"""The results table of LeCun et al. 1998, measured: each network as published, and trained today.

    python experiments/paper_table.py

adds to lenet_utils/assets/results/paper_table.csv one row per run and skips the runs it finds
there. Rows that have a test error were trained on all training digits, as in the paper, and read
the test set once, at the end. Everything that had to be chosen was chosen by runs with --choose,
which learn from 55,000 digits, are evaluated on the 5,000 validation digits, and never see the
test set. The table's rows and the recipes are in `paper/`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from paper.recipes import RECIPES, boosted
from paper.rows import ROWS
from recording import RESULTS, provenance, run_all
from torch import nn

from lenet_utils import evaluate

__all__ = ["main", "plan", "run", "trained"]

# A run of two seconds, evaluated on the training digits that it leaves out. The tests repeat it;
# how far its result may be off, twenty seeds tell.
SLICE = {"row": "1989 net", "recipe": "as published", "train_size": 2_000, "epochs": 3}
SLICE_SEEDS = 20
SEEDS = 5
MORE_SEEDS = {("1989 net", "as published"): 20, ("LeNet-5", "as published"): 20}


def run(row: str, recipe: str, seed: int, train_size: int, epochs: int) -> dict[str, object]:
    """Train once and return the line to record."""
    return trained(row, recipe, seed, train_size, epochs)[1]


def trained(
    row: str, recipe: str, seed: int, train_size: int, epochs: int
) -> tuple[nn.Module, dict[str, object]]:
    """Train once; return the network and the line to record."""
    torch.set_num_threads(1)  # the workers are as many as the cores
    started, origin = time.perf_counter(), provenance()
    digits, test = ROWS[row].digits()
    train = digits[:train_size]
    torch.manual_seed(seed)
    left = digits[train_size:] if train_size < len(digits) else None
    by_pass: list[str] = []

    def evaluate_left(_: object) -> None:
        if left:
            by_pass.append(str(evaluate(model, left).errors))

    if ROWS[row].boosted:
        model = boosted(ROWS[row], recipe, train, seed, epochs)
    else:
        model = ROWS[row].network()
        RECIPES[recipe](ROWS[row], model, train, seed, epochs, evaluate_left)
    line = {
        "row": row,
        "recipe": recipe,
        "seed": seed,
        "train_size": train_size,
        "epochs": epochs,
        "train_errors": evaluate(model, train).errors,
        "validation_errors": evaluate(model, left).errors if left else None,
        "validation_size": len(left) if left else None,
        "validation_errors_by_pass": " ".join(by_pass) or None,
        "test_errors": None if left else evaluate(model, test).errors,
        "test_size": None if left else len(test),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(time.perf_counter() - started, 1),
        **origin,
    }
    return model, line


def plan(
    rows: Iterable[str], recipes: Iterable[str], seeds: int | None, choose: bool
) -> Iterator[dict[str, object]]:
    """Name the runs: every row and recipe of a seed before the next seed.

    Where ``seeds`` is None, they are as many as the record is to have.
    """
    for seed in range(seeds or max(MORE_SEEDS.values())):
        for row in rows:
            full = 7_291 if row.startswith("1989") else 60_000
            for recipe in (r for r in recipes if r in ROWS[row].recipes):
                if seed >= (seeds or MORE_SEEDS.get((row, recipe), SEEDS)):
                    continue
                modern, published = ROWS[row].modern, ROWS[row].published
                yield {
                    "row": row,
                    "recipe": recipe,
                    "seed": seed,
                    "train_size": full * 11 // 12 if choose else full,
                    "epochs": modern.epochs if recipe == "modern" else published.passes,
                }


def slices(rows: Iterable[str], recipes: Iterable[str]) -> Iterator[dict[str, object]]:
    """Name the short runs that the tests repeat, if their row and recipe are wanted."""
    if SLICE["row"] in rows and SLICE["recipe"] in recipes:
        yield from ({**SLICE, "seed": seed} for seed in range(SLICE_SEEDS))


def main(given: Iterable[str] | None = None) -> Path:
    """Do the runs that are not recorded yet, and return where they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Help)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="which rows")
    parser.add_argument(
        "--recipes", nargs="+", choices=RECIPES, default=list(RECIPES), help="which recipes"
    )
    more = (
        f"({SEEDS}, and {max(MORE_SEEDS.values())} of {' and of '.join(map(' '.join, MORE_SEEDS))})"
    )
    parser.add_argument("--seeds", type=int, help=f"how many, from 0 on {more}")
    parser.add_argument("--choose", action="store_true", help="judge by validation, not by test")
    parser.add_argument("--out", type=Path, default=RESULTS / "paper_table.csv", help="the CSV")
    options = parser.parse_args(None if given is None else list(given))
    wanted = [*plan(options.rows, options.recipes, options.seeds, options.choose)]
    if not options.choose:
        wanted += slices(options.rows, options.recipes)
    run_all(run, wanted, options.out)
    return options.out


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


if __name__ == "__main__":
    main()
