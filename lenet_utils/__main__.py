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
from ._options import command_line

# Whatever brings PyTorch is imported where it is used: it takes seconds, for which the help and a
# refused option should not wait.
if TYPE_CHECKING:
    from .data import Splits
    from .models import LeNet
    from .training import Evaluation, History, Trained

__all__ = ["main"]

WRITTEN = ("checkpoint.safetensors", "weights.safetensors", "history.csv", "curves.png")


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
    options = command_line().parse_args(arguments)
    try:
        COMMANDS[options.command](options)
    except (ArithmeticError, OSError, TypeError, ValueError) as error:
        print(f"lenet_utils {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"lenet_utils {options.command}: interrupted", file=sys.stderr)
        return 1
    return 0


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

    from ._trainings import form_of, how_to_fit, new_network
    from .data import load_mnist
    from .training import fit
    from .training.parallel import process_number

    checkpoint, first = options.out / WRITTEN[0], process_number() == 0
    if first:
        _prepare(options.out, checkpoint, options.resume)
    torch.manual_seed(options.seed)
    model = new_network(options)
    digits = load_mnist(options.data, **form_of(options, model))
    history = fit(
        model,
        digits.train,
        digits.validation,
        patience=options.patience,
        checkpoint=checkpoint,
        **how_to_fit(options, model, digits.train),
    )
    if history.best_epoch is None:
        raise KeyboardInterrupt  # not one epoch was completed: there is nothing worth writing
    if not first:
        return
    _write(options, model, digits, history)
    if history.interrupted:
        print("the training was stopped: --resume goes on with it")
        raise KeyboardInterrupt


def _write(options: argparse.Namespace, model: LeNet, digits: Splits, history: History) -> None:
    from ._files import atomic_path
    from ._trainings import form_of
    from .models import save_weights
    from .models.criteria import DiscriminativeLoss
    from .training import evaluate, penalty_limit
    from .visualization import learning_curves, use_style

    out = options.out
    metadata = {
        "model": options.model,
        "data": options.data,
        **{name: str(value) for name, value in form_of(options, model).items() if name != "size"},
        "background": str(digits.background),
        "ink": str(digits.ink),
        "classes": json.dumps(digits.classes),
        "seed": str(options.seed),
        "epoch": str(history.best_epoch),
        "lenet_utils": __version__,
    }
    assert digits.validation is not None  # some are held out unless load_mnist is told otherwise
    if isinstance(model.criterion, DiscriminativeLoss):
        metadata["penalty_limit"] = str(penalty_limit(model, digits.validation))
    save_weights(model, out / "weights.safetensors", metadata)
    with atomic_path(out / "history.csv") as path:
        history.epochs.to_csv(path, index=False)
    use_style()
    with atomic_path(out / "curves.png") as path:
        learning_curves(history).savefig(path, bbox_inches="tight")
    verdict = _verdict(evaluate(model, digits.validation))
    print(f"kept epoch {history.best_epoch}, validation: {verdict}")
    print(f"wrote weights.safetensors, history.csv and curves.png to {out}")


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
        told: dict[str, Any] = {"digit": answer.digit, "name": answer.name, "kind": answer.kind}
        told |= {"penalty": answer.penalty, "doubt": answer.doubt}
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


COMMANDS = {"train": _train, "evaluate": _evaluate, "predict": _predict, "info": _info}


if __name__ == "__main__":
    sys.exit(main())
