"""The command line: ``python -m lenet_utils train | evaluate | predict | info``."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from . import __version__
from .accounting import summary
from .data import SCALINGS, load_mnist, scale
from .evaluation import Evaluation, evaluate
from .files import atomic_path, check_writable
from .losses import squared_error
from .models import MODELS, LeNet
from .parallel import joined_processes, process_number
from .preparation import prepare_digit
from .sources import DATASETS
from .training import automatic_device, fit
from .visualization import learning_curves, use_style
from .weights import load_weights, read_metadata, save_weights

__all__ = ["main"]

SCALING_OF = {"lenet1989": "signed"}  # its padding is -1, which must mean paper; others: "1998"


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
        prog="python -m lenet_utils", description="Train, judge and use the networks of the book."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train a network; write weights, history and curves")
    train.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    train.add_argument("--model", choices=MODELS, default="lenet5")
    train.add_argument("--data", choices=DATASETS, default="mnist")
    train.add_argument("--scaling", choices=SCALINGS, help="1998; signed for lenet1989")
    train.add_argument("--epochs", type=_whole, default=10)
    train.add_argument("--batch-size", type=_whole, default=128, metavar="N")
    train.add_argument("--patience", type=_whole, metavar="N", help="end after N epochs no better")
    train.add_argument("--seed", type=_seed, default=0, help="of the first weights and the order")
    train.add_argument("--resume", action="store_true", help="go on where it was stopped")
    train.set_defaults(run=_train)

    judge = commands.add_parser("evaluate", help="count the errors of trained weights")
    judge.add_argument("--weights", type=Path, required=True, metavar="FILE")
    judge.add_argument("--split", choices=("test", "validation"), default="test")
    judge.set_defaults(run=_evaluate)

    predict = commands.add_parser("predict", help="name the digit in each picture")
    predict.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="PNG, JPEG, ...")
    predict.add_argument("--weights", type=Path, required=True, metavar="FILE")
    predict.set_defaults(run=_predict)

    info = commands.add_parser("info", help="show the networks and the versions in use")
    info.set_defaults(run=_info)
    return parser


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"must be from 0 to 2**63 - 1, got {text!r}")
    return int(text)


def _train(options: argparse.Namespace) -> None:
    with joined_processes():
        _train_and_write(options)


def _train_and_write(options: argparse.Namespace) -> None:
    checkpoint, first = options.out / "checkpoint.safetensors", process_number() == 0
    if first:
        _prepare(options.out, checkpoint, options.resume)
    torch.manual_seed(options.seed)
    model = MODELS[options.model]()
    scaling = options.scaling or SCALING_OF.get(options.model, "1998")
    digits = load_mnist(options.data, size=model.size, scaling=scaling)
    history = fit(
        model,
        digits.train,
        digits.validation,
        epochs=options.epochs,
        batch_size=options.batch_size,
        patience=options.patience,
        seed=options.seed,
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
    verdict = _verdict(evaluate(model, digits.validation))
    print(f"kept epoch {history.best_epoch}, validation: {verdict}")
    print(f"wrote weights.safetensors, history.csv and curves.png to {options.out}")
    if history.interrupted:
        print("the training was stopped: --resume goes on with it")
        raise KeyboardInterrupt


def _prepare(out: Path, checkpoint: Path, resume: bool) -> None:
    """Make the folder, and see to it that the training goes on, or begins anew, as it should."""
    check_writable(checkpoint)  # better to learn it now than after the training
    if not resume and checkpoint.exists():
        checkpoint.replace(checkpoint.with_stem("earlier-checkpoint"))
        print("the checkpoint found here is kept as earlier-checkpoint.safetensors")
    elif resume and not checkpoint.exists():
        print(f"no {checkpoint.name} in {out} to go on from: beginning with the first epoch")


def _evaluate(options: argparse.Namespace) -> None:
    model, metadata = _trained(options.weights)
    digits = load_mnist(metadata["data"], size=model.size, scaling=metadata["scaling"])
    result = evaluate(model, getattr(digits, options.split))
    print(f"{metadata['model']} on {metadata['data']} {options.split}: {_verdict(result)}")
    print(f"true class among the best three: {result.top_k_accuracy(3):.2%}")
    print(result.per_class.to_string(float_format="{:.4f}".format))


def _predict(options: argparse.Namespace) -> None:
    model, metadata = _trained(options.weights)
    background, ink = float(metadata["background"]), float(metadata["ink"])
    unreadable = 0
    for path in options.images:
        try:
            pixels = prepare_digit(path)
        except (OSError, ValueError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            unreadable += 1
            continue
        with torch.inference_mode():
            scores = model.eval()(scale(pixels[None], background, ink, model.size))
        print(f"{path}: {_answer(model, scores[0])}")
    if unreadable:
        raise ValueError(f"{unreadable} of {len(options.images)} pictures could not be read")


def _answer(model: LeNet, scores: Tensor) -> str:
    """Name the digit and how sure the network is, in what its outputs mean."""
    if model.criterion is squared_error:  # outputs between the targets +1 and -1, no probabilities
        outputs, classes = scores.topk(2)
        best = f"{classes[0]} (output {outputs[0]:.3f}"
        return f"{best}, next {classes[1]} with {outputs[1]:.3f})"
    probabilities, classes = scores.softmax(dim=0).topk(2)
    return f"{classes[0]} (probability {probabilities[0]:.3f}, next {classes[1]})"


def _info(options: argparse.Namespace) -> None:
    print(
        f"lenet_utils {__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    )
    print(f"device: {automatic_device()}; CPU threads: {torch.get_num_threads()}")
    for name, model in MODELS.items():
        print(f"\n{name}\n{summary(model()).to_string()}")


def _trained(weights: Path) -> tuple[LeNet, dict[str, str]]:
    """Return the network in a file written by ``train``, with the notes beside its weights."""
    metadata = read_metadata(weights)
    wanted = {"model", "data", "scaling", "background", "ink"}
    if not wanted <= metadata.keys() or metadata["model"] not in MODELS:
        raise ValueError(f"{weights} does not say which network it holds; was it made by train?")
    model = MODELS[metadata["model"]]()
    load_weights(model, weights)
    return model, metadata


def _verdict(result: Evaluation) -> str:
    low, high = result.interval()
    return (
        f"{result.errors} errors in {len(result.labels)}, {result.error_rate:.2%} "
        f"(95% interval {low:.2%} to {high:.2%})"
    )


if __name__ == "__main__":
    sys.exit(main())
