"""How long training and judging a LeNet take, by the usual ways and by ``fit``, side by side.

    python experiments/speed.py

measures for a quarter of an hour and then writes lenet_utils/assets/results/speed.csv. What is
compared alternates in one run, on a machine that should have nothing else to do. ``--only``
measures some parts again and leaves the rows of the others as they are.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from loops import (
    LOOPS,
    Loop,
    evaluate_like_tutorials,
    network,
    softmax_lenet1,
    train,
    train_with_lightning,
    tutorial_digits,
)
from recording import RESULTS, all_training_digits, fit_whole, process, provenance, record

from lenet_utils import LeNet5, evaluate, load_mnist, summary

__all__ = ["MEASUREMENTS", "main"]

FIT_EPOCHS = (2, 3, 4)  # until both test and validation digits are 99 % right
MATRIX = 2_048  # rows and columns of the matrices that are multiplied

Row = dict[str, object]


@dataclass(frozen=True)
class Sizes:
    """How much is measured; the tests ask for less."""

    repeats: int = 5
    few_repeats: int = 3  # of what takes long and varies little
    seeds: int = 10
    digits: int = 60_000


def alternating(
    measurement: str, repeats: int, contestants: dict[str, Callable[[], Callable[[], object]]]
) -> Iterator[Row]:
    """Time each contestant once, then each once more, and so on.

    A contestant is called to make itself ready, and returns what is timed.
    """
    for repeat in range(repeats):
        for name, ready in contestants.items():
            work = ready()
            started = time.perf_counter()
            work()
            yield row(measurement, name, repeat, time.perf_counter() - started)


def row(measurement: str, contestant: str, repeat: int, value: float, unit: str = "s") -> Row:
    return {
        "measurement": measurement,
        "contestant": contestant,
        "repeat": repeat,
        "value": value,
        "unit": unit,
    }


# --- One core after another: loops, Lightning, evaluation -----------------------------------------


def loops(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Time an epoch of each loop, and of ``fit`` with the same network and batches."""
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)  # torch.compile finds no earlier result
    whole = all_training_digits(load_mnist(size=32, scaling="standard", cache=folder))
    whole = whole[: sizes.digits]
    apart = tutorial_digits(folder, True, sizes.digits)

    def ready(loop: Loop) -> Callable[[], object]:
        epochs = train(loop, whole if loop.one_tensor else apart, epochs=1)
        next(epochs)
        return partial(next, epochs)

    def by_fit(device: str | None) -> Callable[[], object]:
        return partial(
            fit_whole, network(), whole, epochs=1, batch_size=100, device=device, progress=False
        )

    for name, loop in LOOPS.items():  # the first calls are slow, above all torch.compile's
        few = whole[:1_000] if loop.one_tensor else tutorial_digits(folder, True, 1_000)
        started = time.perf_counter()
        list(train(loop, few, epochs=1))
        if loop.compiled:
            yield row("compilation", name, 0, time.perf_counter() - started)
    contestants = {name: partial(ready, loop) for name, loop in LOOPS.items()}
    contestants["fit"] = partial(by_fit, "cpu")
    yield from alternating("epoch", sizes.repeats, contestants)
    if torch.accelerator.is_available():
        by_fit(None)()
        name = f"fit, {torch.accelerator.current_accelerator()}"
        yield from alternating("epoch", sizes.repeats, {name: partial(by_fit, None)})


def lightning(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Time an epoch of LeNet-1 with validation, in Lightning and by ``fit``."""
    mnist = load_mnist(size=28, cache=folder)
    mnist = replace(mnist, train=mnist.train[: sizes.digits])
    few = replace(mnist, train=mnist.train[:1_000])
    train_with_lightning(few, epochs=1, batch_size=256)  # the first call imports Lightning
    contestants = {
        "Lightning": lambda: partial(train_with_lightning, mnist, epochs=1, batch_size=256),
        "fit": lambda: partial(
            fit_whole, softmax_lenet1(), mnist.train, mnist.validation, epochs=1, batch_size=256,
            device="cpu", progress=False,
        ),
    }  # fmt: skip
    yield from alternating("LeNet-1 epoch", sizes.repeats, contestants)


def judging(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Time the evaluation of the test digits."""
    whole = load_mnist(size=32, scaling="standard", cache=folder).test[: sizes.digits]
    apart = tutorial_digits(folder, False, len(whole))
    trained = network().to(memory_format=torch.channels_last)  # as ``fit`` leaves it
    contestants = {
        "tutorial": lambda: partial(evaluate_like_tutorials, network(), apart),
        "evaluate": lambda: partial(evaluate, trained, whole),
    }
    yield from alternating("evaluation", sizes.repeats, contestants)


# --- How soon it is good --------------------------------------------------------------------------


def accuracy(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Count errors after each epoch: of the tutorial's recipe, and of ``fit`` by its defaults."""
    mnist = load_mnist(size=32, scaling="standard", cache=folder)
    mnist = replace(mnist, train=mnist.train[: sizes.digits])
    # The tutorial's numbers, faster: one tensor and channels_last change the clock alone.
    for seed in range(sizes.few_repeats):
        epochs = train(LOOPS["channels_last"], mnist.train, epochs=10, seed=seed)
        next(epochs)
        for epoch, model in enumerate(epochs, 1):
            errors = evaluate(model, mnist.validation).errors
            yield row("validation", "tutorial", seed, errors, f"errors after epoch {epoch}")
        yield row("test", "tutorial", seed, evaluate(model, mnist.test).errors, "errors")
    for count in FIT_EPOCHS:
        name = f"fit, {count} epochs"
        for seed in range(sizes.seeds):
            torch.manual_seed(seed)
            model = network()
            started = time.perf_counter()
            fit_whole(model, mnist.train, epochs=count, seed=seed, device="cpu", progress=False)
            yield row("training", name, seed, time.perf_counter() - started)
            errors = evaluate(model, mnist.validation).errors
            yield row("validation", name, seed, errors, f"errors after epoch {count}")
            yield row("test", name, seed, evaluate(model, mnist.test).errors, "errors")


# --- The bound, and memory ------------------------------------------------------------------------


def matrix_product(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Measure how many multiply-accumulates a second a matrix product reaches here."""
    a, b = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    torch.mm(a, b)
    for repeat in range(sizes.repeats):
        started = time.perf_counter()
        for _ in range(20):
            torch.mm(a, b)
        rate = 20 * MATRIX**3 / (time.perf_counter() - started)
        yield row("matrix product", "torch.mm", repeat, rate, "multiply-accumulates/s")
    yield row("training work", "bound", 0, training_work() * sizes.digits, "multiply-accumulates")


def training_work() -> int:
    """Count the multiply-accumulates of one digit's update: forward, and back twice.

    Back once for the weights and once for the inputs of each layer, but the first, whose inputs are
    pixels.
    """
    table = summary(LeNet5(connections=None, output=torch.nn.Linear(84, 10)))
    work = table["multiply_accumulates"]
    layers = work[["C1", "C3", "C5", "F6", "output"]]
    return int(3 * layers.sum() - layers["C1"])


PEAK = """
from pathlib import Path
from lenet_utils import LeNet5, fit, load_mnist
fit(LeNet5(), load_mnist(cache={folder!r}).train[:{digits}], epochs=1, device="cpu", progress=False)
print(Path("/proc/self/status").read_text())
"""


def memory(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Measure the largest memory of a program that trains a LeNet-5 by ``fit``; on Linux only."""
    if not Path("/proc/self/status").exists():
        return
    program = PEAK.format(folder=str(folder), digits=sizes.digits)
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", done.stdout)[1]) * 1024
    yield row("peak memory", "fit", 0, peak, "bytes")


# --- More than one core ---------------------------------------------------------------------------


def processes(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Time an epoch of LeNet-5 on one core, by two threads, and by two processes."""
    for repeat in range(sizes.few_repeats):
        for batch_size in (128, 1_024):
            for count, threads in ((1, 1), (1, 2), (2, 1)):
                seconds = joint_epoch(count, threads, batch_size, folder)
                name = f"{count} x {threads}, batches of {batch_size}"
                yield row("processes x threads", name, repeat, seconds)


def joint_epoch(count: int, threads: int, batch_size: int, folder: Path) -> float:
    """Train two epochs by ``torchrun`` and return the seconds of the second."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count)]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]
    command += ["--local-addr", "127.0.0.1", "-m", "lenet_utils", "train", "--epochs", "2"]
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command += ["--batch-size", str(batch_size), "--out", f"{out}/run"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""}
        subprocess.run(command, check=True, capture_output=True, env=environment)
        return float(pd.read_csv(f"{out}/run/history.csv")["seconds"].iloc[-1])


def one_training(seed: int, digits: int) -> None:
    """Train as one run of a sweep does."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    fit_whole(
        LeNet5(), load_mnist().train[:digits], epochs=1, seed=seed, device="cpu", progress=False
    )


def sweep(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Time four trainings that have nothing to do with each other, on one worker and on two."""
    for repeat in range(sizes.few_repeats):
        for count in (1, 2):
            with ExitStack() as stack:
                workers = [stack.enter_context(process()) for _ in range(count)]
                for worker in workers:
                    worker.submit(one_training, 0, digits=128).result()
                started = time.perf_counter()
                runs = [workers[n % count].submit(one_training, n, sizes.digits) for n in range(4)]
                for run in runs:
                    run.result()
                seconds = time.perf_counter() - started
            yield row("four trainings", f"workers: {count}", repeat, seconds)


# --- All of it ------------------------------------------------------------------------------------

MEASUREMENTS = {
    "loops": loops,
    "lightning": lightning,
    "judging": judging,
    "matrix_product": matrix_product,
    "memory": memory,
    "processes": processes,
    "sweep": sweep,
    "accuracy": accuracy,
}


def main(given: Iterable[str] | None = None, sizes: Sizes | None = None) -> Path:
    """Measure, write the CSV, and return where it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    parser.add_argument("--out", type=Path, default=RESULTS / "speed.csv", help="the CSV")
    options = parser.parse_args(None if given is None else list(given))
    origin = provenance()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            rows = []
            for measured in MEASUREMENTS[name](sizes or Sizes(), Path(folder)):
                print(*measured.values(), flush=True)
                rows.append({"part": name, **measured, **origin})
            if rows:
                record(options.out, rows, ("part",))
    return options.out


if __name__ == "__main__":
    main()
