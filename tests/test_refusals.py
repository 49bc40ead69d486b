"""What data, layers, optimiser and training refuse: the value that was given, and what to do."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from refusing import DIGITS, IMAGES, LABELS, SCORES, refusals
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from toy import QUIET, make_digits, make_model, sgd

from lenet_utils import (
    C3_TABLE,
    SDLM,
    Digits,
    LeNet1,
    LeNet5,
    ScaledTanh,
    SparseConv2d,
    Subsampling,
    connection_matrix,
    fit,
    load_mnist,
    one_cycle,
    published_schedule,
    scale,
)
from lenet_utils.models import Twice, UnitBias
from lenet_utils.models.layers import uniform_by_fan_in_
from lenet_utils.training import diagonal_curvature, layer_gradient_norms
from lenet_utils.visualization import gradient_norms

PIXELS = torch.zeros(3, 28, 28, dtype=torch.uint8)
NAN, INFINITY = math.nan, math.inf


def train(**options):
    return fit(make_model(), **{"train": make_digits(), "epochs": 1, **QUIET, **options})


def training(**options):
    return lambda: train(**options)


REFUSED = {
    # data
    "load name kind": (lambda: load_mnist(3), "name must be one of .* got 3"),
    "load size": (
        lambda: load_mnist(size=20),
        "^size, if it is not 16, must .* at least 28, got 20",
    ),
    "digits index": (lambda: DIGITS[0], r"a slice or a tensor, got int; .*\(\[0\]\)\]$"),
    "digits none left": (
        lambda: DIGITS[3:],
        r"images must be a non-empty \(N, 1, H, W\), got \(0, 1, 28, 28\)",
    ),
    "scale kind": (
        lambda: scale(PIXELS.numpy(), 0, 1),
        "pixels .* got ndarray; torch.from_numpy makes one of an array$",
    ),
    "scale dtype": (lambda: scale(PIXELS.int(), 0, 1), r"uint8 .* got torch.int32 \(3, 28, 28\)"),
    "scale empty": (lambda: scale(PIXELS[:0], 0, 1), r"not be empty, got \(0, 28, 28\)"),
    "scale tall": (
        lambda: scale(torch.zeros(3, 30, 28, dtype=torch.uint8), 0, 1, 29),
        "size must be at least 30 for these .* got 29",
    ),
    "scale size": (lambda: scale(PIXELS, 0, 1, -1), "size must be a whole number .* got -1"),
    "scale ink": (lambda: scale(PIXELS, 0, NAN), "ink must be a finite number, got nan"),
    "scale paper": (lambda: scale(PIXELS, "0", 1), "background must be a finite number, got '0'"),
    # layers and tables
    "tanh": (lambda: ScaledTanh(slope=INFINITY), "slope must be positive and finite, got inf"),
    "maps": (lambda: Subsampling(2.0), "maps must be a whole number of at least 1, got 2.0"),
    "odd": (
        lambda: Subsampling(1)(IMAGES[:, :, 1:]),
        r"\(N, 1, even, even\), got \(3, 1, 27, 28\)",
    ),
    "unit bias": (lambda: UnitBias(), "^shape is empty: give maps, height and width$"),
    "unit bias size": (lambda: UnitBias(1, 0), "shape must be a whole number .* got 0"),
    "unit bias input": (lambda: UnitBias(1, 2)(IMAGES), r"expected \(N, \*\(1, 2\)\), got"),
    "twice": (lambda: Twice()(SCORES), r"expected \(N, maps, H, W\), got \(3, 10\)"),
    "fan-in": (lambda: uniform_by_fan_in_(SCORES, 0), "fan_in must be .* at least 1, got 0"),
    "fan-in kind": (
        lambda: uniform_by_fan_in_([1.0], 1),
        "weight must be .* got list; such as layer.weight$",
    ),
    "sparse kernel": (lambda: SparseConv2d(C3_TABLE, 6, kernel_size=0), "kernel_size .* got 0"),
    "sparse stride": (lambda: SparseConv2d(C3_TABLE, 6, stride=-1), "stride must be .* got -1"),
    "sparse input": (lambda: SparseConv2d(C3_TABLE, 6)(IMAGES), r"\(N, 6, H, W\) .* \(3, 1, 28"),
    "table": (lambda: connection_matrix([], 6), "connection table is empty: give one row"),
    "table kind": (lambda: connection_matrix(None, 6), "table must be .* NoneType; C3_TABLE is"),
    "table row": (lambda: connection_matrix([3], 6), "row 0 of table must be .* got int; such as"),
    "table float": (lambda: connection_matrix([(1.0,)], 6), r"from 0 to 5, .* got \[1.0\]"),
    "table map": (lambda: connection_matrix([(0, 6)], 6), r"from 0 to 5, .* got \[0, 6\]"),
    "table minus": (lambda: connection_matrix([(-1,)], 6), r"from 0 to 5, .* got \[-1\]"),
    "table repeats": (lambda: connection_matrix([(1, 1)], 6), r"different .* got \[1, 1\]"),
    "table maps": (lambda: connection_matrix(C3_TABLE, 0), "in_maps must be .* got 0"),
    # the optimiser and schedules
    "lr": (lambda: SDLM(make_model().parameters(), lr=0), "lr must be positive and finite, got 0"),
    "mu": (lambda: SDLM(make_model().parameters(), mu=NAN), "mu must be positive .* got nan"),
    "curvature digits": (
        lambda: SDLM(make_model().parameters()).estimate_curvature(
            make_model(), 3, F.cross_entropy
        ),
        r"digits must be of type Digits, got int; such as load_mnist\(\).train\[:500\]$",
    ),
    "curvature model": (
        lambda: diagonal_curvature(F.relu, IMAGES, LABELS, F.cross_entropy),
        r"model must be of type Module, got function; such as LeNet5\(\)$",
    ),
    "curvature images": (
        lambda: diagonal_curvature(make_model(), IMAGES.byte(), LABELS, F.cross_entropy),
        "images must be a float tensor, got torch.uint8",
    ),
    "curvature labels": (
        lambda: diagonal_curvature(make_model(), IMAGES, LABELS + 1, F.cross_entropy),
        "labels must be from 0 to 9, got 1 to 10",
    ),
    "curvature criterion": (
        lambda: diagonal_curvature(make_model(), IMAGES, LABELS, "squared"),
        "^criterion must be something to call or None, got 'squared'; such as torch.nn.functional.",
    ),
    "one cycle": (lambda: one_cycle(sgd(make_model()), 0), "steps must be .* got 0"),
    "one cycle kind": (lambda: one_cycle(0.1, 5), "optimizer must be of type Optimizer, got float"),
    "schedule": (lambda: published_schedule(sgd(make_model()), -3), "steps must be .* got -3"),
    "schedule kind": (
        lambda: published_schedule(SDLM, 5),
        r"optimizer must be .* got type; such as SDLM\(model.parameters\(\)\)$",
    ),
    # training
    "fit model": (
        lambda: fit(LeNet5, DIGITS, epochs=1),
        "model must be .* got type; such as LeNet5",
    ),
    "fit model with an optimizer": (
        lambda: fit(LeNet5, DIGITS, epochs=1, optimizer=sgd(make_model())),
        "model must be .* got type; such as LeNet5",
    ),
    "fit seed": (training(seed=-1), "seed must be a whole number of at least 0, got -1"),
    "fit seed large": (training(seed=2**63), r"seed must be below 2\*\*63, got 9223"),
    "fit seed kind": (training(seed=0.5), "seed must be a whole number .* got 0.5"),
    "fit batch": (training(batch_size=-5), "batch_size must be .* at least 1, got -5"),
    "fit device": (training(device="gpu"), "device 'gpu' cannot be used here: .* None takes"),
    "fit optimizer": (training(optimizer="adam"), "optimizer must be .* got str; such as"),
    "fit LBFGS": (
        lambda: fit(
            net := make_model(), DIGITS, epochs=1, optimizer=torch.optim.LBFGS(net.parameters())
        ),
        "LBFGS takes the loss several times .* torch.optim.SGD",
    ),
    "fit schedule": (training(schedule=0.1), "schedule must be something to call .* got 0.1; pass"),
    "fit schedule class": (
        training(schedule=lambda optimizer, steps: ReduceLROnPlateau(optimizer)),
        "stepped after each update, .* got ReduceLROnPlateau; None keeps the rate",
    ),
    "fit schedule none": (training(schedule=lambda optimizer, steps: None), "got NoneType; None"),
    "fit criterion class": (
        training(criterion=nn.CrossEntropyLoss),
        r"got the class CrossEntropyLoss; make one of it: CrossEntropyLoss\(\)$",
    ),
    "fit criterion": (training(criterion=3), "criterion must be something to call .* got 3"),
    "fit augment": (training(augment=IMAGES[:1, :, 0, 0]), "augment must be something to call"),
    "fit before": (training(before_epoch=1), "before_epoch must be something to call .* got 1"),
    "fit size": (lambda: fit(LeNet5(), DIGITS, epochs=1, **QUIET), r"LeNet5 expects .* \(N, 1, 32"),
    # figures
    "norms": (lambda: gradient_norms(pd.DataFrame()), "norms must be finite"),
    "norms kind": (lambda: gradient_norms(np.ones(3)), "norms must be .* got ndarray"),
    "norms of": (lambda: layer_gradient_norms(LeNet1(), IMAGES), "digits must be .* got Tensor"),
}


test_what_cannot_be_right_is_refused = refusals(REFUSED)


def test_batch_normalisation_of_one_image_is_explained():
    digits = Digits(torch.randn(9, 1, 32, 32), torch.arange(9))
    model = LeNet5(normalization=nn.BatchNorm2d)
    with pytest.raises(
        ValueError, match=r"batch normalization cannot learn from a batch of 1 .* choose"
    ):
        fit(model, digits, epochs=1, batch_size=4, **QUIET)
    fit(model, digits, epochs=1, batch_size=3, **QUIET)


def test_another_value_error_of_a_model_is_its_own():
    with pytest.raises(ValueError, match=r"^LeNet5 expects images"):
        fit(LeNet5(), make_digits(), epochs=1, **QUIET)


def test_large_but_finite_pixels_are_finite():
    """Their sum is not."""
    images = torch.full((3, 1, 28, 28), 3e38)
    assert len(Digits(images, LABELS)) == 3
