"""What each process of training/test_parallel.py runs: ``torchrun joint_training.py ...``."""

import os
import sys
from pathlib import Path

import torch

import lenet_utils.__main__ as command_line
import lenet_utils.data
from lenet_utils import Digits, LeNet5, Splits, fit, save_weights
from lenet_utils.training.parallel import joined_processes, process_number


def images_for(size, count):
    torch.manual_seed(1)
    return Digits(torch.randn(count, 1, size, size), torch.arange(count) % 10)


def weights_of_a_short_training(out):
    """Batches of 7 and at last of 1, so that parts differ and one process has none."""
    torch.manual_seed(2 + process_number())  # the first process's weights are everybody's
    model = LeNet5(output=torch.nn.Linear(84, 10))
    digits = images_for(32, 50)
    history = fit(model, digits, digits[:20], epochs=3, batch_size=7, device="cpu", progress=False)
    if process_number() == 0:
        save_weights(model, out / "weights.safetensors")
        history.steps.to_csv(out / "steps.csv", index=False)


def train_by_the_command_line(out, *arguments):
    """With a few random images in MNIST's place, and each process's number in a file."""
    (out.parent / f"process-{os.environ.get('RANK', 0)}").write_text(str(os.getpid()))
    digits = images_for(28, 600)
    lenet_utils.data.load_mnist = lambda *_, **__: Splits(digits, digits, digits, 0.0, 1.0)
    options = ["--model", "lenet1", "--out", str(out), *arguments]
    sys.exit(command_line.main(["train", *options]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, out, *arguments = sys.argv[1:]
    if what == "train":
        train_by_the_command_line(Path(out), *arguments)
    with joined_processes():
        weights_of_a_short_training(Path(out))
