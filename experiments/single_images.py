"""How long an update by one image takes: PyTorch's ways, other libraries', the compiled step's.

    python experiments/single_images.py --keras PYTHON --tiny-dnn

measures for some minutes and then writes lenet_utils/assets/results/single_images.csv. What is
compared alternates in one run, on one core. ``--keras`` names the Python of an environment that has
Keras and JAX (``pip install keras jax``), ``--tiny-dnn`` compiles a program in C++, for which there
must be Debian's ``g++ tiny-dnn libcereal-dev libgemmlowp-dev libstb-dev``; what is not asked for is
left out. Each library trains the LeNet-5 that it can say with its own layers: see peers/.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import speed
import torch
from recording import RESULTS, fit_whole, provenance, record
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lenet_utils import SDLM, Digits, LeNet5, load_mnist
from lenet_utils.training.plan import Plan
from lenet_utils.training.walk import FREE, backward, forward, njit

__all__ = ["main", "own_ways"]

PEERS = Path(__file__).parent / "peers"
FLAGS = ("-O3", "-march=native", "-ffast-math", "-DCNN_SINGLE_THREAD")

Seconds = Callable[[], float]


# --- Contestants ----------------------------------------------------------------------------------


def own_ways(model: Any, digits: Digits, *, compiling: bool = True) -> dict[str, Seconds]:
    """Return the ways to train ``model`` by SDLM: each is called for the seconds of a pass."""
    optimizer = SDLM(model.parameters(), lr=1e-6)
    optimizer.estimate_curvature(model, digits, model.criterion)
    by_fit = partial(
        fit_whole, model, digits, epochs=1, batch_size=1, optimizer=optimizer, schedule=None,
        device="cpu", progress=False,
    )  # fmt: skip
    ways = {
        "fit, PyTorch": partial(by_fit, compiled=False),
        "a bare loop": partial(bare, model, model, digits, optimizer),
    }
    if compiling:
        quick = torch.compile(model)
        ways["torch.compile"] = partial(bare, quick, model, digits, optimizer)
    ways["fit, compiled"] = by_fit
    return {name: partial(timed, way) for name, way in ways.items()}


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def bare(learner: nn.Module, model: Any, digits: Digits, optimizer: SDLM) -> None:
    """Learn from one image after the other, with nothing around it."""
    for image, label in zip(digits.images.split(1), digits.labels.split(1), strict=True):
        optimizer.zero_grad()
        model.criterion(learner(image), label).backward()
        optimizer.step()


def by_lightning(digits: Digits) -> float:
    """Let Lightning's trainer do the same updates of the same network."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers")

    class Learner(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network: Any = LeNet5()

        def training_step(self, batch: list[Tensor], index: int) -> Tensor:
            images, labels = batch
            return self.network.criterion(self.network(images), labels)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            optimizer = SDLM(self.parameters(), lr=1e-6)
            optimizer.estimate_curvature(self.network, digits, self.network.criterion)
            return optimizer

    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", enable_model_summary=False, **quiet
    )  # fmt: skip
    loader = DataLoader(TensorDataset(digits.images, digits.labels), batch_size=1)
    return timed(lambda: trainer.fit(Learner(), loader))


def by_program(*command: str) -> float:
    """Return the seconds that a peer's program prints for its second pass."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[1])


def tiny_dnn(folder: Path) -> str:
    """Compile the program in C++; return where it is."""
    (folder / "third_party").mkdir()
    (folder / "third_party" / "stb").symlink_to("/usr/include/stb")  # where tiny-dnn looks for it
    program = folder / "with_tiny_dnn"
    source = PEERS / "with_tiny_dnn.cpp"
    subprocess.run(["g++", *FLAGS, "-I", folder, source, "-o", program], check=True)
    return str(program)


def written(digits: Digits, folder: Path) -> str:
    """Write the digits where the peers' programs read them; return the path."""
    path = folder / "digits"
    pixels = digits.images.reshape(len(digits), -1).numpy().astype("<f4")
    path.write_bytes(pixels.tobytes() + digits.labels.numpy().astype(np.uint8).tobytes())
    return str(path)


# --- Layer by layer -------------------------------------------------------------------------------


@njit(**FREE)
def up(layers, links, taps, cells, values, weights, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        forward(layers, links, taps, cells, values, weights)


@njit(**FREE)
def down(  # type: ignore[no-untyped-def]
    layers, links, taps, cells, values, gradients, fresh, weights, rates, times
):
    for _ in range(times):
        gradients[:] = fresh  # else squashing would make them smaller and smaller
        backward(
            layers, links, taps, cells, values, gradients, weights,
            values, weights, rates, np.float32(0), 0, False,
        )  # fmt: skip


def layer_by_layer(model: LeNet5, digits: Digits, repeats: int, times: int) -> Iterator[speed.Row]:
    """Time each row of the plan alone, up and down again, and the refill that goes with the latter.

    The names are those of the table's kinds, in order: ``0 convolution`` and so on.
    """
    plan = Plan(model, digits, model.criterion)
    layers, *tables = plan.tables
    weights = plan.weights()
    rates, fresh = np.zeros_like(weights), np.full_like(plan.gradients, 0.01)
    plan.values[: plan.pixels.shape[1]] = plan.pixels[0].numpy()
    kinds = ("move", "convolution", "subsampling", "unit bias", "squash", "full", "rbf")
    for repeat in range(-1, repeats):  # the first compiles
        for number in range(len(layers) + 1):
            some = layers[number : number + 1]  # of the last none: the refill alone
            name = f"{number} {kinds[some[0]['kind']]}" if len(some) else "refill"
            values = plan.values.copy()
            tell = partial(timed, partial(up, some, *tables, values, weights, times))
            back = partial(
                timed,
                partial(
                    down, some, *tables, plan.values, plan.gradients, fresh, weights, rates, times
                ),
            )
            for way, measure in (("forward", tell), ("backward", back)):
                seconds = measure() / times
                if repeat >= 0:
                    yield speed.row(f"layer, {way}", name, repeat, seconds)


# --- All of it ------------------------------------------------------------------------------------


def main(given: Iterable[str] | None = None) -> Path:
    """Measure, write the CSV, and return where it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keras", metavar="PYTHON", help="a Python that has Keras and JAX")
    parser.add_argument("--tiny-dnn", action="store_true", help="compile the peer in C++")
    parser.add_argument("--images", type=int, default=10_000, help="for each turn")
    parser.add_argument("--repeats", type=int, default=7, help="turns")
    parser.add_argument("--out", type=Path, default=RESULTS / "single_images.csv", help="the CSV")
    options = parser.parse_args(None if given is None else list(given))
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    if hasattr(os, "sched_setaffinity"):  # JAX would take them all
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    origin, rows = provenance(), []
    with tempfile.TemporaryDirectory() as name:
        for measured in measurements(options, Path(name)):
            print(*measured.values(), flush=True)
            rows.append({**measured, **origin})
    for measurement in dict.fromkeys(str(r["measurement"]) for r in rows):
        those = [r for r in rows if r["measurement"] == measurement]
        record(options.out, those, ("measurement",))
    return options.out


def measurements(options: argparse.Namespace, folder: Path) -> Iterator[speed.Row]:
    torch.manual_seed(0)
    model = LeNet5()
    digits = load_mnist(for_=model, cache=folder).train[: options.images]
    contestants = own_ways(model, digits)
    contestants["Lightning"] = partial(by_lightning, digits)
    arguments = (written(digits, folder), str(options.images))
    if options.keras:
        script = str(PEERS / "with_keras.py")
        contestants["Keras on JAX"] = partial(by_program, options.keras, script, *arguments)
    if options.tiny_dnn:
        contestants["tiny-dnn, C++"] = partial(by_program, tiny_dnn(folder), *arguments)
    for name in ("torch.compile", "fit, compiled"):
        contestants[name]()  # the first call compiles
    for repeat in range(options.repeats):
        for name, seconds in contestants.items():
            yield speed.row("update", name, repeat, seconds() / options.images)
    yield from layer_by_layer(model, digits, options.repeats, times=2_000)
    yield from speed.matrix_product(speed.Sizes(repeats=options.repeats), folder)


if __name__ == "__main__":
    main()
