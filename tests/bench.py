"""How fast the project's parts are, and how much memory they take: measured, never judged.

    make bench

and, for some of it alone, its names behind tests/bench.py, such as "one image at a time".

What is compared alternates in one run. It prints each median and its ratio to the first of those
it is compared with, and writes all single values to _build/bench.csv. No test depends on them: how
fast a machine is says nothing about a change. Measure two states side by side, on a quiet machine.
"""

import base64
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import loops
import no_digits
import numpy as np
import pandas as pd
import recording
import scenes
import single_images
import speed
import torch
from bench_pages import opened, thread_clock
from building import ROOT
from page_drawing import page_drawing
from page_learning import page_learning
from PIL import Image

from lenet_utils import SDLM, load_mnist
from lenet_utils.models import MODELS
from lenet_utils.training import load_trained

OUT = ROOT / "_build" / "bench.csv"
REPEATS = 7
DIGITS = 2_000
SIZES = speed.Sizes(repeats=REPEATS, digits=DIGITS)


# --- Programs ------------------------------------------------------------------------------------


def start_up(folder):
    """Time programs from their start to their end, beside one that imports PyTorch."""
    programs = {
        "import torch": ["-c", "import torch"],
        "import lenet_utils": ["-c", "import lenet_utils"],
        "lenet_utils --help": ["-m", "lenet_utils", "--help"],
    }

    def ready(arguments):
        return partial(
            subprocess.run, [sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True
        )

    contestants = {name: partial(ready, arguments) for name, arguments in programs.items()}
    for work in contestants.values():
        work()()  # the first start reads the disk
    yield from speed.alternating("start of a program", REPEATS, contestants)


def training(folder):
    """Time an epoch of the usual tutorial's loop and of ``fit``, with one network and batches."""
    digits = load_mnist(size=32, scaling="standard", cache=folder).train[:DIGITS]
    apart = loops.tutorial_digits(folder, True, DIGITS)

    def tutorial():
        epochs = loops.train(loops.LOOPS["tutorial"], apart, epochs=1)
        next(epochs)
        return partial(next, epochs)

    def fit():
        return partial(
            recording.fit_whole, loops.network(), digits, epochs=1, batch_size=100, device="cpu",
            progress=False,
        )  # fmt: skip

    for work in (tutorial, fit):
        work()()
    yield from speed.alternating("epoch", REPEATS, {"tutorial": tutorial, "fit": fit})


SINGLE = 400  # images, one at a time


def one_at_a_time(folder):
    """Time the papers' training: PyTorch's step, what its users would write, the compiled one."""
    for name, make in MODELS.items():
        torch.manual_seed(0)
        model = make()
        digits = load_mnist(for_=model, cache=folder).train[:SINGLE]
        ways = single_images.own_ways(model, digits, compiling=name == "lenet5")
        for way in ways.values():
            way()
        for repeat in range(REPEATS):
            for way, measured in ways.items():
                yield speed.row(f"{name}: {SINGLE} updates", way, repeat, measured())
        optimizer = SDLM(model.parameters(), lr=1e-6)
        curvature = partial(optimizer.estimate_curvature, model, digits, model.criterion)
        contestants = {
            "PyTorch": partial(partial, curvature, compiled=False),
            "compiled": partial(partial, curvature),
        }
        yield from speed.alternating(f"{name}: curvature of {SINGLE}", REPEATS, contestants)


def compilation(folder):
    """Time the kernels' compilation, and finding them in the cache."""
    program = (
        "import time, lenet_utils.training as t; s = time.perf_counter(); "
        "from lenet_utils.training.walk import compiled_walk; compiled_walk(); "
        "print(time.perf_counter() - s)"
    )
    for name in ("kernels, compiled", "kernels, found"):
        done = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(folder / "numba")},
        )  # fmt: skip
        yield speed.row("import of the kernels", name, 0, float(done.stdout))


def photographs(folder):
    """Count what is misread or refused in each scene, by an earlier ``prepare_digit`` and now.

    And what is no digit, and refused or in doubt, by two networks.
    """
    before = pd.read_csv(scenes.BEFORE).set_index("scene")["wrong"]
    for name in scenes.SCENES:
        if name in before:
            yield speed.row(f"scene: {name}", "before", 0, float(before[name]), "of 100")
        yield speed.row(f"scene: {name}", "now", 0, float(sum(scenes.counts(name))), "of 100")
    for kind in no_digits.KINDS:
        for name in no_digits.NETWORKS:
            doubted = no_digits.doubted(no_digits.pictures(kind), load_trained(name))
            of = f"of {no_digits.PICTURES}"
            yield speed.row(f"no digit, in doubt: {kind}", name, 0, float(doubted), of)


CAMERAS = {12: (4_000, 3_000), 48: (8_000, 6_000), 108: (12_000, 9_000)}  # megapixels
PEAK = """
import re, sys
import lenet_utils.data.ink, lenet_utils.data.strokes
from lenet_utils import prepare_digit
if len(sys.argv) > 1:
    prepare_digit(sys.argv[1])
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


def memory_of_photographs(folder):
    """Measure the largest memory for a picture, beyond what the imports take; on Linux only."""
    if not Path("/proc/self/status").exists():
        return

    def peak(*arguments):
        command = [sys.executable, "-c", PEAK, *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return 1024 * int(done.stdout)

    imports, random = peak(), np.random.default_rng(0)
    for megapixels, size in CAMERAS.items():
        grain = random.normal(225, 3, (size[1] // 8, size[0] // 8, 3)).astype(np.uint8)
        picture = Image.fromarray(grain).resize(size)
        picture.paste((50, 50, 60), (size[0] // 2, size[1] // 4, size[0] * 8 // 15, size[1] // 2))
        for kind in ("baseline", "progressive"):
            path = folder / "photograph.jpg"
            picture.save(path, quality=90, progressive=kind == "progressive")
            name = f"{megapixels} megapixels, {kind} JPEG"
            yield speed.row("memory of a picture", name, 0, peak(str(path)) - imports, "bytes")


# --- The page ------------------------------------------------------------------------------------

TOGETHER = 5  # pieces of a stroke between two readings of the clock
STROKES = """([batch, together]) => {
    const { drawing } = document.querySelector("[data-panel=draw]").panel;
    if (batch === 0) {
        drawing.clear();
        drawing.begin({ x: 60, y: 60 });
    }
    for (let i = batch * together; i < (batch + 1) * together; i++) {
        drawing.extend({ x: 60 + i, y: 60 + 100 * Math.abs(Math.sin(i / 10)) });
        drawing.changed();
        document.body.getBoundingClientRect(); // lays the page out
    }
}"""
# Sums, pixels and a layout, of which nothing is ours: how fast is this machine just now?
REFERENCE = """() => {
    const [side, paper] = [280, document.createElement("canvas")];
    [paper.width, paper.height] = [side, side];
    const context = paper.getContext("2d", { willReadFrequently: true });
    let sum = 0;
    for (let round = 0; round < 20; round++) {
        const image = context.getImageData(0, 0, side, side);
        for (let i = 0; i < image.data.length; i++) sum += 0.5 * (image.data[i] + round);
        context.putImageData(image, 0, 0);
    }
    document.body.getBoundingClientRect();
    return sum;
}"""
READ = """async ([key, text]) => {
    await lenet.bringNetwork(key);
    const network = lenet.networks[key], pixels = lenet.bytes(text);
    for (let i = 0; i < pixels.length; i += 784) {
        lenet.run(network, lenet.networkInput(network, pixels.subarray(i, i + 784)));
    }
}"""


def page(folder):
    """Time strokes and the networks by the page's own thread, which stands while others work."""
    pixels = load_mnist(size=28, scaling="unit", cache=folder).test.images[:1_000, 0]
    text = base64.b64encode(pixels.mul(255).round().byte().numpy().tobytes()).decode()
    with opened("playground", "draw") as page:
        if page is None:
            return
        busy = thread_clock(page)

        def measured(name, script, arguments, shares=1):
            clock = [busy()]
            for given in arguments:
                page.evaluate(script, given)
                clock.append(busy())
            # The first are still being compiled.
            for repeat, seconds in enumerate(np.diff(clock)[len(clock) // 6 :] / shares):
                yield speed.row("in the page", name, repeat, seconds)

        yield from measured("reference", REFERENCE, [None] * 32)
        strokes = [[batch, TOGETHER] for batch in range(40)]
        yield from measured("piece of a stroke", STROKES, strokes, TOGETHER)
        for key in page.evaluate("Object.keys(lenet.titles)"):
            yield from measured(f"1,000 digits by {key}", READ, [[key, text]] * REPEATS)


# --- All of it -----------------------------------------------------------------------------------

MEASUREMENTS = {
    "start-up": start_up,
    "training": training,
    "one image at a time": one_at_a_time,
    "compilation": compilation,
    "judging": partial(speed.judging, SIZES),
    "memory": partial(speed.memory, SIZES),
    "scenes": photographs,
    "memory of pictures": memory_of_photographs,
    "page": page,
    "learning in the page": page_learning,
    "drawing while it learns": page_drawing,
}


def main(names):
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names or MEASUREMENTS:
            measurement = MEASUREMENTS[name]
            print(f"Measuring: {name}", flush=True)
            rows += measurement(Path(folder))
    rows = pd.DataFrame(rows)
    medians = rows.groupby(["measurement", "contestant", "unit"], sort=False)["value"].median()
    table = medians.rename("median").reset_index()
    first = table.groupby("measurement", sort=False)["median"].transform("first")
    table["ratio to the first"] = table["median"] / first
    print(table.to_string(index=False, float_format="{:.4g}".format))
    OUT.parent.mkdir(exist_ok=True)
    rows.assign(**recording.provenance(), measured=time.strftime("%F %T")).to_csv(OUT, index=False)
    print(f"All values: {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1:])
