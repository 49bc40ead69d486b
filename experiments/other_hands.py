"""What helps a LeNet-5 to read other hands than MNIST's, one step at a time.

    python experiments/other_hands.py

adds to lenet_utils/assets/results/other_hands.csv one row per run, skips the runs it finds there,
and writes the weights of `KEPT` to lenet_utils/assets/weights. Every network learns from MNIST
alone:

plain       its digits as they are
distorted   each distorted mildly, anew in every pass
widths      before that, strokes made wider or narrower
hands       and half of the digits of every pass drawn anew: followed as strokes, given marks of
            other hands, drawn by another pen (`hands/`)
averaged    the shipped network of distorted digits goes on as in "hands", in batches and by AdamW;
            one image in six is no digit, but rubbish made from MNIST's digits and from chance
            (`hands/rubbish.py`), and is taught as that. Then each weight is averaged with what it
            was before

The first four learn as in 1998, one image at a time, but with rates that fall as a cosine; they
differ in nothing but their digits. The last begins where 60 passes have ended.

Everything was chosen by MNIST's validation digits, by digits redrawn from these, and by rubbish of
other random numbers, made from these too (--choose, which learns from 55,000 digits and reads no
other set). A final run learns from 60,000 and reads each set once: MNIST's test digits, optical
digits, pen paths drawn in three ways, the digits of 1989, and what is no digit (`no_digits.py`).
(The share in the average was 0.9 when seed 0 was first read, and then 0.95, which had the lower
errors on validation and redrawn digits, their changes multiplied.)
An answer is in doubt as `predict` says it: beyond the penalty that 99 % of the right answers on
validation digits stay under, which a final run has learned from.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from hands.further import J, trained_further
from hands.passes import STEPS, Passes, write_anew
from hands.redrawing import HAND, PEN, Hand, Pen
from hands.rubbish import rubbish
from hands.strokes import Strokes
from no_digits import KINDS, doubted, doubted_images, pictures
from recording import (
    RESULTS,
    all_training_digits,
    fit_whole,
    is_recorded,
    provenance,
    record,
)
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from lenet_utils import Digits, LeNet5, evaluate, load_digits_of, load_mnist
from lenet_utils.models import initialize_like_lush, save_weights
from lenet_utils.models.base import WEIGHTS
from lenet_utils.training import (
    Trained,
    penalty_limit,
    published_recipe,
)

__all__ = ["AVERAGED", "KEPT", "in_doubt", "main", "plan", "run", "trained"]

AVERAGED = "averaged"
RATE, PASSES = 0.0002, 6  # of a new network
RATE_ON, PASSES_ON = 0.003, 5  # of AdamW, for the one that has learned before
CHOSEN_BY = 5_000  # things that are no digit
POOL = 100_000  # things that are no digit; how each is drawn is new in each pass
KEPT = {"step": AVERAGED, "seed": 0}, "lenet5-hands.safetensors"
REDRAWN = {  # what the validation digits are redrawn as
    "redrawn": (HAND, PEN),
    "redrawn_as_forms": (Hand(lifts=0, angular=0), Pen(slant=0.15, thinnest=2.5, softest=3.0)),
    "redrawn_as_paths": (
        Hand(lifts=1, angular=1, fewest=7, most=7),
        Pen(stretched=1, slant=0.15, thinnest=2.5, thickest=2.5),
    ),
}


# --- The digits -----------------------------------------------------------------------------------


@cache
def learned(train_size: int) -> Passes:
    """MNIST's first digits for training, with their strokes as others would write them."""
    digits = all_training_digits(load_mnist())[:train_size]
    writings = write_anew(digits)
    return Passes(digits, writings, rubbish=rubbish_of(digits, writings[0], POOL, seed=0))


def rubbish_of(digits: Digits, writing: Strokes, count: int, seed: int) -> Strokes:
    return rubbish(count, writing, digits.labels.numpy(), np.random.default_rng(seed))


@cache
def chosen_by() -> dict[str, Digits]:
    """MNIST's validation digits, as they are and redrawn."""
    digits = load_mnist().validation
    sets = {"validation": digits}
    for name, (hand, pen) in REDRAWN.items():
        passes = Passes(digits, write_anew(digits, hand, times=1), pen, share=1.0)
        sets[name] = Digits(passes.images("hands", seed=0, number=0), digits.labels)
    return sets


@cache
def rubbish_chosen_by() -> Tensor:
    """Rubbish of MNIST's validation digits and of other random numbers."""
    digits = load_mnist().validation
    strokes = rubbish_of(digits, write_anew(digits, times=1)[0], CHOSEN_BY, seed=1)
    return Passes(digits, rubbish=strokes).rubbish_images(CHOSEN_BY, seed=1, number=0)


@cache
def judged_by(folder: Path | None) -> dict[str, Digits]:
    """The sets of the final runs; ``folder`` has the files of the digits of 1989."""
    model = LeNet5()
    pens = {
        f"pen_{drawn}": load_digits_of("pen", drawn=drawn, for_=model)
        for drawn in ("given", "aspect", "lifted")
    }
    return {
        "mnist": load_mnist(for_=model).test,
        "optical": load_digits_of("optical", for_=model),
        **pens,
        "digits_1989": load_digits_of("1989", for_=model, cache=folder),
    }


# --- The runs -------------------------------------------------------------------------------------


def run(
    step: str, seed: int, train_size: int, epochs: int, rate: float, folder: Path | None = None
) -> tuple[LeNet5, dict[str, object]]:
    """Train once; return the network and the row to record.

    What is not learned from all 60,000 digits, is judged by validation and redrawn digits.
    """
    started, origin = time.perf_counter(), provenance()
    passes = learned(train_size)
    model = trained(passes, step, seed, epochs, rate)
    seconds = round(time.perf_counter() - started, 1)
    sets = judged_by(folder) if train_size == 60_000 else chosen_by()
    row = {
        "step": step,
        "seed": seed,
        "train_size": train_size,
        "epochs": epochs,
        "rate": rate,
        "train_errors": evaluate(model, passes.digits).errors,
        **{f"{name}_errors": evaluate(model, digits).errors for name, digits in sets.items()},
        **{f"{name}_size": len(digits) for name, digits in sets.items()},
        **(in_doubt(model, train_size < 60_000) if step == AVERAGED else {}),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": seconds,
        **origin,
    }
    return model, row


def in_doubt(model: LeNet5, choose: bool) -> dict[str, int]:
    """Count of digits, and of what is none, what has a larger penalty than is usual."""
    mnist = load_mnist(for_=model)
    limit = penalty_limit(model, mnist.validation)
    one = Trained("of this seed", model, {"penalty_limit": str(limit)})
    found = {"rubbish_doubted": doubted_images(rubbish_chosen_by(), one)}
    if choose:
        return found | {"validation_doubted": doubted_images(mnist.validation.images, one)}
    found |= {f"{kind}_doubted": doubted(pictures(kind), one) for kind in KINDS}
    return found | {"mnist_doubted": doubted_images(mnist.test.images, one)}


def trained(passes: Passes, step: str, seed: int, epochs: int, rate: float) -> LeNet5:
    """Train a network on the images of ``passes``, made anew for each, and return it."""
    if step == AVERAGED:
        return trained_further(passes, seed, epochs, rate)
    torch.manual_seed(seed)
    seen = Digits(passes.digits.images.clone(), passes.digits.labels)
    model = LeNet5(initialize=initialize_like_lush)
    recipe = published_recipe(model, seen, seed, rate)
    prepare_more = recipe.pop("before_epoch")
    numbers = iter(range(epochs))

    def prepare() -> None:
        seen.images.copy_(passes.images(step, seed, next(numbers)))
        prepare_more()

    own = {"shuffle": "each epoch", "schedule": CosineAnnealingLR, "before_epoch": prepare}
    fit_whole(model, seen, epochs=epochs, progress=False, **{**recipe, **own})
    return model


def plan(seeds: int, choose: bool) -> Iterator[dict[str, object]]:
    """Name the runs: every step of a seed before the next seed."""
    for seed in range(seeds):
        for step in (*STEPS, AVERAGED):
            on = step == AVERAGED
            yield {
                "step": step,
                "seed": seed,
                "train_size": 55_000 if choose else 60_000,
                "epochs": PASSES_ON if on else PASSES,
                "rate": RATE_ON if on else RATE,
            }


def main(given: Iterable[str] | None = None) -> Path:
    """Do the runs that are not recorded yet, one after the other, and return where they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on (default: 5)")
    parser.add_argument("--choose", action="store_true", help="judge by validation digits")
    parser.add_argument("--out", type=Path, default=RESULTS / "other_hands.csv", help="the CSV")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder for the weights")
    parser.add_argument("--digits-1989", type=Path, help="folder with the files of these digits")
    options = parser.parse_args(None if given is None else list(given))
    torch.set_num_threads(1)
    for names in plan(options.seeds, options.choose):
        if not is_recorded(options.out, names, tuple(names)):
            model, row = run(**names, folder=options.digits_1989)
            if not options.choose:
                keep(model, row, options.weights)
            record(options.out, [row], tuple(names))
            print(
                *names.values(), *(f"{k} {v}" for k, v in row.items() if "errors" in k), flush=True
            )
    return options.out


def keep(model: LeNet5, row: dict[str, object], folder: Path) -> None:
    """Write the weights that travel with the package: the first seed's, whatever its errors."""
    which, name = KEPT
    if all(row[column] == value for column, value in which.items()):
        errors, size = row["mnist_errors"], row["mnist_size"]
        known = {"row": "LeNet-5 [hands]", "recipe": "modern"}
        known |= {"test_errors": errors, "test_size": size, "rubbish_penalty": J}
        save_weights(model, folder / name, {k: str(v) for k, v in {**known, **row}.items()})


if __name__ == "__main__":
    main()
