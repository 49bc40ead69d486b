"""The rivals of LeNet in 1998: the other rows of LeCun et al. 1998, Fig. 9 (preprint p. 12).

    python experiments/rivals.py

adds to lenet_utils/assets/results/rivals.csv one row per run and skips the runs it finds there.
All learn from the 60,000 training digits and read the test set once. Nothing is tuned: settings
are the paper's (Section III.C) where it gives them, and otherwise stand at their place below with
the word "ours". The first part of each name is that of Fig. 9.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import combinations
from itertools import pairwise as neighbours
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from recording import RESULTS, all_training_digits, fit_whole, provenance, run_all
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC
from torch import nn

from lenet_utils import Digits, ScaledTanh, distort, evaluate, load_mnist

__all__ = ["METHODS", "deslanted", "main", "plan", "run"]

Array = np.ndarray
Classifier = Callable[[Array, Array, Array, int], Array]  # learn, then name the test images


# --- The digits -----------------------------------------------------------------------------------


@cache
def digits_as(form: str) -> tuple[Digits, Digits]:
    """Training and test digits of 28x28 pixels from 0 to 1, or "deslanted" ones of 20x20."""
    mnist = load_mnist(size=28, scaling="unit")
    train = all_training_digits(mnist)
    if form == "28x28":
        return train, mnist.test
    return tuple(Digits(deslanted(digits.images), digits.labels) for digits in (train, mnist.test))


def deslanted(images: torch.Tensor) -> torch.Tensor:
    """Shear ``(N, 1, 28, 28)`` digits until their principal axis is upright; ``(N, 1, 20, 20)``.

    LeCun et al. 1998, preprint p. 10: lines are shifted horizontally, by the second moments of the
    ink. How the shifted pixels are interpolated is ours: linearly.
    """
    ink, axis = images[:, 0], torch.arange(28).float()
    total = ink.sum((1, 2)).clamp_min(1e-6)
    x_mean, y_mean = (ink.sum(1) @ axis) / total, (ink.sum(2) @ axis) / total
    x, y = axis - x_mean[:, None], axis - y_mean[:, None]
    xy = torch.einsum("nyx,nx,ny->n", ink, x, y)
    yy = torch.einsum("nyx,ny->n", ink, y * y).clamp_min(1e-6)
    slant, one, zero = xy / yy, torch.ones_like(xy), torch.zeros_like(xy)
    # Rows above and below the middle of mass move by the slant times their height.
    shift = slant * (13.5 - y_mean) * 2 / 28
    matrix = torch.stack([one, slant, shift, zero, one, zero], dim=1).reshape(-1, 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)[..., 4:24, 4:24]


# --- The methods ----------------------------------------------------------------------------------


def linear(x: Array, labels: Array, test: Array, seed: int) -> Array:
    """One weighted sum for each class, by least squares. A touch of ridge (1) is ours."""
    return RidgeClassifier(alpha=1.0).fit(x, labels).predict(test)


def pairwise(x: Array, labels: Array, test: Array, seed: int) -> Array:
    """One linear unit for each pair of classes, +1 for one and -1 for the other, then summed.

    A touch of ridge (1), for pixels that are always blank, is ours, and so is the limit of each
    output to the range of its targets: without it units that know neither class drown the others.
    """
    scores = np.zeros((len(test), 10))
    for first, second in combinations(range(10), 2):
        chosen = (labels == first) | (labels == second)
        targets = np.where(labels[chosen] == first, 1.0, -1.0)
        output = Ridge(alpha=1.0).fit(x[chosen], targets).predict(test).clip(-1, 1)
        scores[:, first] += output
        scores[:, second] -= output
    return scores.argmax(axis=1)


def nearest(x: Array, labels: Array, test: Array, seed: int) -> Array:
    """The three nearest training images, by Euclidean distance between pixels."""
    return KNeighborsClassifier(3, algorithm="brute").fit(x, labels).predict(test)


def quadratic(x: Array, labels: Array, test: Array, seed: int) -> Array:
    """Forty principal components, their products of two, and a linear classifier on top."""
    components = PCA(40, svd_solver="covariance_eigh")
    model = make_pipeline(components, PolynomialFeatures(2), RidgeClassifier(alpha=1.0))
    return model.fit(x, labels).predict(test)


def radial(x: Array, labels: Array, test: Array, seed: int) -> Array:
    """A hundred Gaussian units for each class, placed by K-means, and a linear classifier on top.

    The width of the Gaussians is ours: the mean squared distance from a digit to its centre.
    """
    parts = [KMeans(100, n_init=1, random_state=seed).fit(x[labels == k]) for k in range(10)]
    centres = np.concatenate([part.cluster_centers_ for part in parts])
    gamma = len(x) / sum(part.inertia_ for part in parts) / 2
    model = RidgeClassifier(alpha=1e-3).fit(rbf_kernel(x, centres, gamma), labels)
    return model.predict(rbf_kernel(test, centres, gamma))


def polynomial_svm(x: Array, labels: Array, test: Array, seed: int) -> Array:
    """A support vector machine with a polynomial of degree 4. C = 10 and the scaling are ours."""
    return SVC(kernel="poly", degree=4, coef0=1.0, C=10.0, cache_size=2_000).fit(
        x, labels
    ).predict(test)  # fmt: skip


def full(hidden: tuple[int, ...], distorted: bool, train: Digits, test: Digits, seed: int) -> Array:
    """A fully connected net of scaled tanh units. Optimiser and length of training are ours."""
    sizes = [train.images[0].numel(), *hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in neighbours(sizes):
        layers += [nn.Linear(inputs, outputs), ScaledTanh()]
    torch.manual_seed(seed)
    model = nn.Sequential(*layers, nn.Linear(sizes[-1], 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=0.01, fused=True)
    augment = distort if distorted else None
    fit_whole(
        model, train, epochs=20, optimizer=optimizer, augment=augment, seed=seed, progress=False
    )
    return evaluate(model, test).predictions.numpy()


CLASSICAL: dict[str, Classifier] = {
    "Linear": linear,
    "Pairwise": pairwise,
    "K-NN Euclidean": nearest,
    "40 PCA + quadratic": quadratic,
    "1000 RBF + linear": radial,
    "SVM poly 4": polynomial_svm,
}
NETS = {"300-10": (300,), "1000-10": (1000,), "300-100-10": (300, 100), "500-150-10": (500, 150)}


def _methods() -> dict[str, Callable[[int], tuple[Array, Array]]]:
    """Every row's name to a function of the seed that gives predictions and truth."""

    def classical(classify: Classifier, form: str, seed: int) -> tuple[Array, Array]:
        train, test = digits_as(form)
        x, y = (digits.images.flatten(1).numpy() for digits in (train, test))
        return classify(x, train.labels.numpy(), y, seed), test.labels.numpy()

    def net(hidden: tuple[int, ...], form: str, distorted: bool, seed: int) -> tuple[Array, Array]:
        train, test = digits_as(form)
        return full(hidden, distorted, train, test, seed), test.labels.numpy()

    methods = {name: partial(classical, way, "28x28") for name, way in CLASSICAL.items()}
    for name in ("Linear", "K-NN Euclidean"):
        methods[f"[deslant] {name}"] = partial(classical, CLASSICAL[name], "deslanted")
    for name, hidden in NETS.items():
        methods[f"28x28-{name}"] = partial(net, hidden, "28x28", False)
        methods[f"[dist] 28x28-{name}"] = partial(net, hidden, "28x28", True)
    methods["[deslant] 20x20-300-10"] = partial(net, (300,), "deslanted", False)
    return methods


METHODS = _methods()
BY_CHANCE = ("RBF", "-10")  # in the names of what depends on the seed


# --- The runs -------------------------------------------------------------------------------------


def run(row: str, seed: int) -> dict[str, object]:
    """Learn once and return the line to record."""
    torch.set_num_threads(1)
    started, origin = time.perf_counter(), provenance()
    predictions, truth = METHODS[row](seed)
    return {
        "row": row,
        "seed": seed,
        "train_size": 60_000,
        "test_errors": int((predictions != truth).sum()),
        "test_size": len(truth),
        "seconds": round(time.perf_counter() - started, 1),
        **origin,
    }


def plan(rows: Iterable[str], seeds: int) -> Iterator[dict[str, object]]:
    """Name the runs; what chance has no part in is run once."""
    for row in rows:
        repeated = any(part in row for part in BY_CHANCE)
        for seed in range(seeds if repeated else 1):
            yield {"row": row, "seed": seed}


def main(given: Iterable[str] | None = None) -> Path:
    """Do the runs that are not recorded yet, and return where they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on (default 3)")
    parser.add_argument("--out", type=Path, default=RESULTS / "rivals.csv", help="the CSV")
    options = parser.parse_args(None if given is None else list(given))
    run_all(run, plan(options.rows, options.seeds), options.out)
    return options.out


if __name__ == "__main__":
    main()
