"""What can be said on the command line: its commands, their options, and what these may be.

PyTorch takes seconds to import, and neither the help nor a refused option should wait for it: so
the choices are written out here, and nothing that needs it is imported.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = [
    "CRITERIA",
    "DATASETS",
    "MODELS",
    "OPTIMIZERS",
    "PRETRAINED",
    "RECIPES",
    "SCALINGS",
    "command_line",
]

MODELS = ("lenet1989", "lenet1", "lenet4", "lenet5")
DATASETS = ("mnist", "emnist", "fashion", "kmnist", "qmnist")
SCALINGS = ("1998", "signed", "standard", "unit")
PRETRAINED = ("lenet1", "lenet5", "lenet5-dist", "lenet5-hands")
OPTIMIZERS = {"adamw": 0.01, "adam": 0.01, "sgd": 0.01}  # with the rates to begin with
RECIPES = ("published", "modern")
CRITERIA = ("cross_entropy", "discriminative", "mean_penalty", "squared_error")

RATES = ", ".join(f"{rate:g} of {name}" for name, rate in OPTIMIZERS.items())
OPTIMIZER = "else adamw, with weight decay 0.2"
RECIPE = (
    "train as the book's table does, as in 1998 or as one would today: it brings passes, batches, "
    "optimizer, rate and criterion of its own"
)
SEED = "of the first weights and the order; else 0"
DEVICE = "where to train, such as cpu or cuda; else an accelerator where there is one"
WEIGHTS = f"a file that train wrote, or, in this package, {', '.join(PRETRAINED)}"
JSON = "print one JSON object instead of text"


def command_line() -> argparse.ArgumentParser:
    """Return what reads the words after the program's name; ``command`` is which command it is."""
    parser = argparse.ArgumentParser(
        prog="python -m lenet_utils",
        description="Train, evaluate and use the networks of the book.",
    )
    parser.add_argument("--version", action="version", version=f"lenet_utils {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    commands.add_parser("info", help="show the networks and the versions in use")
    return parser


def _add_train(commands: Commands) -> None:
    train = commands.add_parser("train", help="train a network; write weights, history and curves")
    add = train.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    add("--model", choices=MODELS, default="lenet5", help="the network; else lenet5")
    add("--data", choices=DATASETS, default="mnist", help="what to learn; else mnist")
    add("--scaling", choices=SCALINGS, help="of pixels; else 1998, signed for lenet1989")
    add("--recipe", choices=RECIPES, help=RECIPE)
    add("--epochs", type=whole, metavar="N", help="passes over the digits; else 10")
    add("--batch-size", type=whole, metavar="N", help="for each update; else 128")
    add("--optimizer", choices=OPTIMIZERS, help=OPTIMIZER)
    add("--lr", type=rate, metavar="RATE", help=f"highest of one cycle; else {RATES}")
    add("--criterion", choices=CRITERIA, help="what to make small; else the network's own")
    add("--device", metavar="NAME", help=DEVICE)
    add("--patience", type=whole, metavar="N", help="end after N epochs no better")
    add("--seed", type=seed, default=0, metavar="N", help=SEED)
    add("--resume", action="store_true", help="go on where it was stopped")


def _add_evaluate(commands: Commands) -> None:
    evaluate = commands.add_parser("evaluate", help="count the errors of trained weights")
    add = evaluate.add_argument
    add("--weights", required=True, metavar="WEIGHTS", help=WEIGHTS)
    add("--split", choices=("test", "validation"), default="test", help="else test")
    add("--json", action="store_true", help=JSON)


def _add_predict(commands: Commands) -> None:
    predict = commands.add_parser("predict", help="name the digit, or what else, in each picture")
    add = predict.add_argument
    add("images", type=Path, nargs="+", metavar="IMAGE", help="PNG, JPEG, ...")
    add("--weights", default="lenet5-dist", metavar="WEIGHTS", help=f"{WEIGHTS}; else lenet5-dist")
    add("--json", action="store_true", help=JSON)


def whole(text: str) -> int:
    """Read a number of things, at least one."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def rate(text: str) -> float:
    """Read a learning rate."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return number


def seed(text: str) -> int:
    """Read what PyTorch takes for a seed."""
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"must be from 0 to 2**63 - 1, got {text!r}")
    return int(text)
