"""The command line: ``python -m lenet_utils train | evaluate | predict | info``."""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__

# Whatever brings PyTorch is imported where it is used: it takes seconds, and the help and a refused
# option should not wait for it. For the same reason the choices are written out here.
if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from .models.criteria import Criterion
    from .training import Evaluation, Trained

__all__ = ["main"]

MODELS = ("lenet1989", "lenet1", "lenet4", "lenet5")
DATASETS = ("mnist", "fashion", "kmnist", "qmnist")
SCALINGS = ("1998", "signed", "standard", "unit")
PRETRAINED = ("lenet1", "lenet5", "lenet5-dist")

WRITTEN = ("checkpoint.safetensors", "weights.safetensors", "history.csv", "curves.png")
OPTIMIZERS = {"adamw": 0.01, "adam": 0.01, "sgd": 0.01}  # with the rates to begin with
CRITERIA = ("cross_entropy", "discriminative", "mean_penalty", "squared_error")
DEVICE = "where to train, such as cpu or cuda; else an accelerator where there is one"
WEIGHTS = f"a file that train wrote, or, in this package, {', '.join(PRETRAINED)}"
JSON = "print one JSON object instead of text"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments
        Words after the program's name; None for those of this process.

    Returns
    -------
    int
        0 for success, 1 for failure. Wrong use ends the process with 2, as argparse does.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ArithmeticError, OSError, TypeError, ValueError) as error:
        print(f"lenet_utils {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"lenet_utils {options.command}: interrupted", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lenet_utils",
        description="Train, evaluate and use the networks of the book.",
    )
    parser.add_argument("--version", action="version", version=f"lenet_utils {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train a network; write weights, history and curves")
    train.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    train.add_argument("--model", choices=MODELS, default="lenet5", help="the network; else lenet5")
    train.add_argument(
        "--data", choices=DATASETS, default="mnist", help="what to learn; else mnist"
    )
    train.add_argument(
        "--scaling", choices=SCALINGS, help="of pixels; else 1998, signed for lenet1989"
    )
    train.add_argument(
        "--epochs", type=_whole, default=10, metavar="N", help="passes over the digits; else 10"
    )
    train.add_argument(
        "--batch-size", type=_whole, default=128, metavar="N", help="for each update; else 128"
    )
    train.add_argument(
        "--optimizer", choices=OPTIMIZERS, default="adamw", help="else adamw, with weight decay 0.2"
    )
    train.add_argument(
        "--lr",
        type=_rate,
        metavar="RATE",
        help="highest of one cycle; else the optimizer's: "
        + ", ".join(f"{rate:g} of {name}" for name, rate in OPTIMIZERS.items()),
    )
    train.add_argument(
        "--criterion", choices=CRITERIA, help="what to make small; else the network's own"
    )
    train.add_argument("--device", metavar="NAME", help=DEVICE)
    train.add_argument("--patience", type=_whole, metavar="N", help="end after N epochs no better")
    train.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="of the first weights and the order; else 0",
    )
    train.add_argument("--resume", action="store_true", help="go on where it was stopped")
    train.set_defaults(run=_train)

    evaluation = commands.add_parser("evaluate", help="count the errors of trained weights")
    evaluation.add_argument("--weights", required=True, metavar="WEIGHTS", help=WEIGHTS)
    evaluation.add_argument(
        "--split", choices=("test", "validation"), default="test", help="else test"
    )
    evaluation.add_argument("--json", action="store_true", help=JSON)
    evaluation.set_defaults(run=_evaluate)

    predict = commands.add_parser("predict", help="name the digit, or what else, in each picture")
    predict.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="PNG, JPEG, ...")
    predict.add_argument(
        "--weights", default="lenet5-dist", metavar="WEIGHTS", help=f"{WEIGHTS}; else lenet5-dist"
    )
    predict.add_argument("--json", action="store_true", help=JSON)
    predict.set_defaults(run=_predict)

    info = commands.add_parser("info", help="show the networks and the versions in use")
    info.set_defaults(run=_info)
    return parser


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return rate


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"must be from 0 to 2**63 - 1, got {text!r}")
    return int(text)


def _train(options: argparse.Namespace) -> None:
    from ._files import check_writable, only_writer
    from .training.parallel import joined_processes, process_number

    with joined_processes(), ExitStack() as held:
        if process_number() == 0:
            for name in WRITTEN:
                check_writable(options.out / name)  # to learn it now, and not after the training
            held.enter_context(only_writer(options.out / WRITTEN[1]))
        _train_and_write(options)


def _train_and_write(options: argparse.Namespace) -> None:
    import torch

    from ._files import atomic_path
    from .data import load_mnist
    from .models import MODELS, save_weights
    from .training import evaluate, fit
    from .training.parallel import process_number
    from .visualization import learning_curves, use_style

    checkpoint, first = options.out / WRITTEN[0], process_number() == 0
    if first:
        _prepare(options.out, checkpoint, options.resume)
    torch.manual_seed(options.seed)
    model = MODELS[options.model]()
    scaling = options.scaling or model.scaling
    digits = load_mnist(options.data, size=model.size, scaling=scaling)
    history = fit(
        model,
        digits.train,
        digits.validation,
        epochs=options.epochs,
        batch_size=options.batch_size,
        patience=options.patience,
        seed=options.seed,
        optimizer=_optimizer(options, model),
        criterion=_criterion(options.criterion),
        device=options.device,
        checkpoint=checkpoint,
    )
    if history.best_epoch is None:
        raise KeyboardInterrupt  # not one epoch was completed: there is nothing worth writing
    if not first:
        return
    metadata = {
        "model": options.model,
        "data": options.data,
        "scaling": scaling,
        "background": str(digits.background),
        "ink": str(digits.ink),
        "classes": json.dumps(digits.classes),
        "seed": str(options.seed),
        "epoch": str(history.best_epoch),
        "lenet_utils": __version__,
    }
    save_weights(model, options.out / "weights.safetensors", metadata)
    with atomic_path(options.out / "history.csv") as path:
        history.epochs.to_csv(path, index=False)
    use_style()
    with atomic_path(options.out / "curves.png") as path:
        learning_curves(history).savefig(path, bbox_inches="tight")
    assert digits.validation is not None  # some are held out unless load_mnist is told otherwise
    verdict = _verdict(evaluate(model, digits.validation))
    print(f"kept epoch {history.best_epoch}, validation: {verdict}")
    print(f"wrote weights.safetensors, history.csv and curves.png to {options.out}")
    if history.interrupted:
        print("the training was stopped: --resume goes on with it")
        raise KeyboardInterrupt


def _optimizer(options: argparse.Namespace, model: nn.Module) -> Optimizer:
    import torch

    from .training.settings import WEIGHT_DECAY

    rate, parameters = options.lr or OPTIMIZERS[options.optimizer], model.parameters()
    if options.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=0.9)
    if options.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, fused=True)
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=WEIGHT_DECAY, fused=True)


def _criterion(name: str | None) -> Criterion | None:
    """Return what is called so; None for the network's own."""
    import torch.nn.functional as F

    from .models import DiscriminativeLoss, mean_penalty, squared_error

    known: dict[str | None, Criterion | None] = {
        None: None,
        "cross_entropy": F.cross_entropy,
        "discriminative": DiscriminativeLoss(),
        "mean_penalty": mean_penalty,
        "squared_error": squared_error,
    }
    return known[name]


def _prepare(out: Path, checkpoint: Path, resume: bool) -> None:
    """See to it that the training goes on, or begins anew, as it should."""
    if not resume and checkpoint.exists():
        checkpoint.replace(checkpoint.with_stem("earlier-checkpoint"))
        print("the checkpoint found here is kept as earlier-checkpoint.safetensors")
    elif resume and not checkpoint.exists():
        print(f"no {checkpoint.name} in {out} to go on from: beginning with the first epoch")


def _evaluate(options: argparse.Namespace) -> None:
    from .data import Digits, load_mnist
    from .training import evaluate, load_trained

    trained = load_trained(options.weights)
    notes = trained.notes
    if options.split == "validation" and notes.get("train_size") == "60000":
        raise ValueError(
            f"the weights {options.weights} have learned from all 60,000 training digits, the "
            "validation digits among them: judge them by --split test"
        )
    digits: Digits = getattr(load_mnist(notes["data"], for_=trained.model), options.split)
    result = evaluate(trained.model, digits)
    if options.json:
        _print_json("evaluate", trained, [_judgement(notes["data"], options.split, result)])
        return
    print(f"{notes['model']} on {notes['data']} {options.split}: {_verdict(result)}")
    print(f"true class among the best three: {result.top_k_accuracy(3):.2%}")
    print(result.per_class.to_string(float_format="{:.4f}".format))


def _judgement(data: str, split: str, result: Evaluation) -> dict[str, Any]:
    classes = result.per_class.reset_index().to_dict("records")
    return {
        "data": data,
        "split": split,
        "digits": len(result.labels),
        "errors": result.errors,
        "error_rate": result.error_rate,
        "interval": result.interval(),
        "top_3_accuracy": result.top_k_accuracy(3),
        # JSON has no NaN, which the precision of a class is that was never predicted.
        "per_class": [
            {name: None if math.isnan(value) else value for name, value in row.items()}
            for row in classes
        ],
    }


def _predict(options: argparse.Namespace) -> None:
    from .training import load_trained, predict

    trained = load_trained(options.weights)
    results: list[dict[str, Any]] = []
    unreadable = 0
    for path in options.images:
        try:
            answer = predict(path, trained)
        except (OSError, ValueError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            results.append({"image": str(path), "error": str(error)})
            unreadable += 1
            continue
        told = {"digit": answer.digit, "name": answer.name, "kind": answer.kind}
        results.append({"image": str(path), **told, "scores": answer.scores})
        if not options.json:
            print(f"{path}: {answer}")
    if options.json:
        _print_json("predict", trained, results)
    if unreadable:
        raise ValueError(f"{unreadable} of {len(options.images)} pictures could not be read")


def _print_json(command: str, trained: Trained, results: list[dict[str, Any]]) -> None:
    """Print the one shape that book/api.md describes."""
    network = {"weights": trained.name, "model": trained.notes["model"]}
    print(json.dumps({"command": command, **network, "results": results}, allow_nan=False))


def _info(options: argparse.Namespace) -> None:
    import torch

    from .models import MODELS, summary
    from .training import automatic_device

    print(
        f"lenet_utils {__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    )
    print(f"device: {automatic_device()}; CPU threads: {torch.get_num_threads()}")
    for name, model in MODELS.items():
        print(f"\n{name}\n{summary(model()).to_string()}")


def _verdict(result: Evaluation) -> str:
    low, high = result.interval()
    return (
        f"{result.errors} errors in {len(result.labels)}, {result.error_rate:.2%} "
        f"(95% interval {low:.2%} to {high:.2%})"
    )


if __name__ == "__main__":
    sys.exit(main())
