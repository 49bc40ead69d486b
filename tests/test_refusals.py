"""What the public functions refuse: with the value that was given, and what to do instead."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from toy import QUIET, make_digits, make_model, sgd

from lenet_utils import (
    C3_TABLE,
    SDLM,
    Digits,
    DiscriminativeLoss,
    Evaluation,
    LeNet1,
    LeNet5,
    RBFOutput,
    ScaledTanh,
    SparseConv2d,
    Subsampling,
    connection_matrix,
    distort,
    evaluate,
    fit,
    layer_outputs,
    load_mnist,
    load_weights,
    mean_penalty,
    one_cycle,
    prepare_digit,
    published_schedule,
    save_weights,
    scale,
    squared_error,
    summary,
)
from lenet_utils.architecture import architecture
from lenet_utils.boosting import Boosted, disagreed, distorted_forever, half_wrong
from lenet_utils.gradients import layer_gradient_norms
from lenet_utils.layers import Twice, UnitBias, uniform_by_fan_in_
from lenet_utils.optim import diagonal_curvature
from lenet_utils.visualization import (
    activation_curves,
    confusion_matrix,
    connection_table,
    digit_grid,
    feature_maps,
    gradient_norms,
    kernels,
    learning_curves,
)
from lenet_utils.weights import read_metadata

IMAGES, LABELS = torch.zeros(3, 1, 28, 28), torch.tensor([0, 9, 5])
DIGITS, SCORES = Digits(IMAGES, LABELS), torch.zeros(3, 10)
PIXELS = torch.zeros(3, 28, 28, dtype=torch.uint8)
NAN, INFINITY = math.nan, math.inf


def spoiled(tensor, value):
    tensor = tensor.clone()
    tensor.view(-1)[7] = value
    return tensor


def train(**options):
    return fit(make_model(), **{"train": make_digits(), "epochs": 1, **QUIET, **options})


def training(**options):
    return lambda: train(**options)


def distorting(**options):
    return lambda: distort(IMAGES, **options)


def first_of(stream):
    return next(iter(stream))


REFUSED = {
    # data
    "load name": (lambda: load_mnist("letters"), "name must be one of 'mnist', .* got 'letters'"),
    "load name kind": (lambda: load_mnist(3), "name must be one of .* got 3"),
    "load scaling": (lambda: load_mnist(scaling="2012"), "scaling must be one of .* got '2012'"),
    "load size": (
        lambda: load_mnist(size=20),
        "^size, if it is not 16, must .* at least 28, got 20",
    ),
    "load size kind": (lambda: load_mnist(size=28.0), "size, .* got 28.0"),
    "load validation": (lambda: load_mnist(validation=0), "validation must be .* got 0"),
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
    "scale shape": (lambda: scale(PIXELS[0], 0, 1), r"\(N, H, W\), got torch.uint8 \(28, 28\)"),
    "scale empty": (lambda: scale(PIXELS[:0], 0, 1), r"not be empty, got \(0, 28, 28\)"),
    "scale small": (
        lambda: scale(PIXELS, 0, 1, 27),
        "size must be at least 28 for these .* got 27",
    ),
    "scale tall": (
        lambda: scale(torch.zeros(3, 30, 28, dtype=torch.uint8), 0, 1, 29),
        "size must be at least 30 for these .* got 29",
    ),
    "scale size": (lambda: scale(PIXELS, 0, 1, -1), "size must be a whole number .* got -1"),
    "scale ink": (lambda: scale(PIXELS, 0, NAN), "ink must be a finite number, got nan"),
    "scale paper": (lambda: scale(PIXELS, "0", 1), "background must be a finite number, got '0'"),
    # preparation
    "prepare kind": (lambda: prepare_digit(5), "image must be a path or a picture .* got int"),
    "prepare array": (lambda: prepare_digit(PIXELS[0].numpy()), "got ndarray; PIL.Image.fromarray"),
    "prepare no pixels": (lambda: prepare_digit(Image.new("L", (0, 9))), "it has 0 x 9 pixels"),
    "prepare blank": (lambda: prepare_digit(Image.new("L", (9, 9))), "found no digit: .* blank"),
    "prepare large": (
        lambda: prepare_digit(Image.new("1", (6000, 5001))),
        "it has 6000 x 5001 pixels; .* at most 20,000,000",
    ),
    # distortions
    "distort kind": (
        lambda: distort(IMAGES.numpy()),
        "images must be a float .* ndarray; torch.as_t",
    ),
    "distort bytes": (lambda: distort(IMAGES.byte()), "got torch.uint8; lenet_utils.scale turns"),
    "distort empty": (lambda: distort(IMAGES[:0]), "must be a non-empty"),
    "distort NaN": (lambda: distort(spoiled(IMAGES, NAN)), "finite, got NaN or infinity"),
    "distort move": (distorting(translation=-1), "translation must be at least 0, got -1"),
    "distort shear": (distorting(shear=INFINITY), "shear must be a finite number, got inf"),
    "distort turn": (distorting(rotation="half"), "rotation must be a finite .* got 'half'"),
    "distort bend": (distorting(elasticity=NAN), "elasticity must be a finite number, got nan"),
    "distort scale": (distorting(scaling=1), "scaling must be at least 0 and below 1, got 1"),
    "distort squeeze": (distorting(squeezing=-0.1), "squeezing must be at least 0 .* got -0.1"),
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
    # the output
    "codes kind": (lambda: RBFOutput([[1.0]]), r"codes must be .* got list; digit_codes\(\) gives"),
    "codes shape": (lambda: RBFOutput(torch.zeros(3)), r"\(classes, inputs\), got \(3,\)"),
    "codes dtype": (lambda: RBFOutput(LABELS[:, None]), "must be floats .* torch.int64"),
    "codes NaN": (lambda: RBFOutput(spoiled(SCORES, NAN)), "codes must be finite, got NaN"),
    "rbf input": (lambda: RBFOutput()(SCORES), r"expected \(N, 84\), got \(3, 10\)"),
    # networks
    "network size": (lambda: LeNet5()(IMAGES), r"\(N, 1, 32, 32\), got .* load_mnist\(size=32\)"),
    "network kind": (lambda: LeNet1()(IMAGES.numpy()), "a float tensor of images, got ndarray"),
    "network bytes": (lambda: LeNet1()(IMAGES.byte()), "images, got torch.uint8; load_mnist gives"),
    "output": (
        lambda: LeNet5(output=RBFOutput()),
        r"the largest score; pass nn.Sequential\(RBFOutput\(\), Negation\(\)\)$",
    ),
    "pooling class": (lambda: LeNet5(pooling=nn.AvgPool2d), "pooling must be something that makes"),
    "pooling": (lambda: LeNet5(pooling=nn.MaxPool2d(2)), "pooling must be something that makes"),
    "dropout": (lambda: LeNet5(dropout=1), "dropout must be at least 0 and below 1, got 1"),
    "activation": (lambda: LeNet1(activation=torch.tanh), "activation must be a module .* got"),
    "weights' name": (lambda: LeNet5.from_pretrained("best"), "no weights 'best'; there are"),
    "summary": (lambda: summary(make_model()), "model must be .* LeNet, got Sequential; such"),
    "outputs": (lambda: layer_outputs(LeNet5(), IMAGES), r"LeNet5 expects images of shape"),
    "drawing": (lambda: architecture(make_model()), "LeNet, got Sequential; such as LeNet5"),
    # criteria
    "j": (lambda: DiscriminativeLoss(0), "j must be positive and finite, got 0"),
    "j minus infinity": (lambda: DiscriminativeLoss(-INFINITY), "j must be positive .* got -inf"),
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
    # judging
    "evaluate model": (lambda: evaluate(F.relu, DIGITS), "model must be .* got function"),
    "evaluate digits": (lambda: evaluate(LeNet1(), IMAGES), "digits must be .* Tensor; load_mnist"),
    "evaluate scores": (
        lambda: evaluate(nn.Flatten(0), DIGITS),
        r"scores must be \(N, 10\), a column for each class, got",
    ),
    "evaluation kind": (lambda: Evaluation([1], LABELS), "scores must be of type Tensor, got list"),
    "evaluation shape": (lambda: Evaluation(SCORES[:, :9], LABELS), r"\(N, 10\), .* \(3, 9\)"),
    "evaluation empty": (lambda: Evaluation(SCORES[:0], LABELS[:0]), r"\(N, 10\), .* \(0, 10\)"),
    "evaluation labels": (lambda: Evaluation(SCORES, LABELS + 1), "from 0 to 9, got 1 to 10"),
    "level": (lambda: Evaluation(SCORES, LABELS).interval("95 %"), "level must be .* got '95 %'"),
    "k": (lambda: Evaluation(SCORES, LABELS).top_k_accuracy(0), "k must be .* got 0"),
    "k too large": (lambda: Evaluation(SCORES, LABELS).top_k_accuracy(11), "at most 10, got 11"),
    # boosting
    "boosted none": (lambda: Boosted([]), "networks for images of one size, got sizes of none"),
    "boosted kind": (lambda: Boosted([nn.ReLU()]), r"each network must be .* ReLU; such as LeNet4"),
    "boosted sizes": (lambda: Boosted([LeNet1(), LeNet5()]), r"one size, got sizes \[28, 32\]"),
    "distorted kind": (lambda: first_of(distorted_forever(IMAGES, 0)), "digits must be .* Tensor"),
    "distorted seed": (lambda: first_of(distorted_forever(DIGITS, -1)), "seed must be .* got -1"),
    "half odd": (lambda: half_wrong(LeNet1(), [], 3), "count must be even, .* got 3"),
    "half count": (lambda: half_wrong(LeNet1(), [], 0), "count must be .* at least 1, got 0"),
    "half model": (lambda: half_wrong("first", [], 2), "first must be of type Module, got str"),
    "half stream": (
        lambda: half_wrong(LeNet1(), [IMAGES], 2),
        "each part of stream must be .* Tens",
    ),
    "half ends": (lambda: half_wrong(LeNet1(), [], 2), "ended with 0 of the 1 wanted"),
    "disagreed": (lambda: disagreed(LeNet1(), None, [], 2), "second must be .* got NoneType"),
    "disagreed first": (lambda: disagreed(1, LeNet1(), [], 2), "first must be .* got int"),
    "disagreed count": (lambda: disagreed(LeNet1(), LeNet1(), [], -2), "count must be .* got -2"),
    # weights
    "save": (lambda: save_weights({}, "w"), "model must be of type Module, got dict; such as"),
    "save notes": (
        lambda: save_weights(LeNet1(), "w", {"seed": 1}),
        r"metadata\['seed'\] .* got int",
    ),
    "load": (lambda: load_weights(LeNet1, "w"), "model must be of type Module, got type"),
    "load folder": (lambda: load_weights(LeNet1(), "."), "cannot open ."),
    "notes": (lambda: read_metadata("nowhere.safetensors"), "cannot open nowhere.safetensors"),
    # figures
    "grid": (lambda: digit_grid(IMAGES), "digits must be of type Digits, got Tensor"),
    "grid columns": (lambda: digit_grid(DIGITS, columns=0), "columns must be .* got 0"),
    "grid limit": (lambda: digit_grid(DIGITS, limit=-1), "limit must be .* got -1"),
    "grid answers": (lambda: digit_grid(DIGITS, LABELS + 1), "predictions must be from 0 to 9"),
    "grid mistakes": (
        lambda: digit_grid(DIGITS, mistakes_only=True),
        "needs predictions, got None",
    ),
    "confusion": (lambda: confusion_matrix(SCORES), "evaluation must be .* got Tensor"),
    "connections": (lambda: connection_table(C3_TABLE, 5), "from 0 to 4"),
    "maps of none": (lambda: feature_maps({}), "outputs is empty"),
    "maps of many": (lambda: feature_maps({"c1": IMAGES}), r"for one image, got \(3, 1, 28, 28\)"),
    "kernels": (lambda: kernels(SCORES), r"weight must be \(out, in, k, k\) .* got \(3, 10\)"),
    "kernels of 0": (lambda: kernels(IMAGES), "not 0 everywhere"),
    "curves": (lambda: learning_curves({}), "histories is empty"),
    "curves kind": (lambda: learning_curves({"a": 1}), r"histories\['a'\] must be .* got int"),
    "functions": (
        lambda: activation_curves({"f": F.relu}),
        r"activations\['f'\] .* function; make",
    ),
    "functions' limit": (
        lambda: activation_curves({"f": nn.ReLU()}, INFINITY),
        "limit must be .*inf",
    ),
    "norms": (lambda: gradient_norms(pd.DataFrame()), "norms must be finite"),
    "norms kind": (lambda: gradient_norms(np.ones(3)), "norms must be .* got ndarray"),
    "norms of": (lambda: layer_gradient_norms(LeNet1(), IMAGES), "digits must be .* got Tensor"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_right_is_refused_with_what_was_given(case):
    call, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError, OSError), match=f"(?s){message}"):
        call()


CRITERIA = {"mean": mean_penalty, "squared": squared_error, "eq. 9": DiscriminativeLoss()}


@pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)
@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (
            SCORES.numpy(),
            LABELS,
            "scores must be of type Tensor, got ndarray; what a model gave out$",
        ),
        (SCORES.int(), LABELS, "scores must be a float tensor, got torch.int32"),
        (SCORES[0], LABELS, r"scores must be a non-empty \(N, classes\), got \(10,\)"),
        (SCORES[:0], LABELS[:0], r"scores must be a non-empty \(N, classes\), got \(0, 10\)"),
        (SCORES[:, :0], LABELS, r"scores must be a non-empty \(N, classes\), got \(3, 0\)"),
        (
            SCORES,
            LABELS.int(),
            r"labels must be an int64 tensor, got torch.int32; try torch.as_tensor",
        ),
        (SCORES, [0, 9, 5], "labels must be an int64 tensor, got list"),
        (
            SCORES,
            LABELS[:2],
            r"there must be one label for each row of scores, got \(2,\) labels for \(3, 10\)",
        ),
        (SCORES, LABELS + 1, "labels must be from 0 to 9, got 1 to 10"),
        (SCORES, LABELS - 1, "labels must be from 0 to 9, got -1 to 8"),
    ],
)
def test_criteria_refuse_what_does_not_fit(criterion, scores, labels, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        criterion(scores, labels)


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


def test_a_criterion_with_an_infinite_j_is_the_cross_entropy():
    scores = torch.randn(3, 10)
    loss = DiscriminativeLoss(math.inf)(scores, LABELS)
    assert loss.item() == pytest.approx(F.cross_entropy(scores, LABELS).item())
