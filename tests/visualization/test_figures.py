"""Figures: what they show, what they refuse, and that they leave nothing behind."""

import io
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from matplotlib.colors import to_hex, to_rgb
from PIL import Image
from refusing import DIGITS, IMAGES, refusals
from refusing import LABELS as THREE
from torch import nn

from lenet_utils import (
    C3_TABLE,
    H3_TABLE,
    Digits,
    LeNet1,
    LeNet5,
    ScaledTanh,
    SparseConv2d,
    layer_outputs,
    prepare_digit,
)
from lenet_utils import visualization as v
from lenet_utils.data import CLASSES
from lenet_utils.training import Evaluation, History
from lenet_utils.training.history import EPOCH_COLUMNS, STEP_COLUMNS
from lenet_utils.visualization.style import recolored

LABELS = torch.tensor([3, 1, 4, 1, 5, 9])
ANSWERS = torch.tensor([3, 7, 4, 1, 6, 9])  # wrong at 1 and 4


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        v.use_style()
        yield
        assert plt.get_fignums() == []  # else a notebook would show the figure twice


@pytest.fixture
def digits():
    return Digits(torch.rand(6, 1, 8, 8), LABELS)


def texts(fig):
    return [text.get_text() for text in fig.axes[0].texts]


def contrast(color, page):
    def luminance(color):
        rgb = np.array(to_rgb(color))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722)

    low, high = sorted((luminance(color), luminance(page)))
    return (high + 0.05) / (low + 0.05)


def history(*errors, validation=True):
    rows = [
        {
            "epoch": epoch,
            "train_loss": 2 * error,
            "train_error": error,
            "validation_loss": 3 * error if validation else None,
            "validation_error": error / 2 if validation else None,
            "learning_rate": 0.1,
            "seconds": 1.0,
        }
        for epoch, error in enumerate(errors, start=1)
    ]
    steps = pd.DataFrame(columns=STEP_COLUMNS)
    return History(steps, pd.DataFrame(rows, columns=EPOCH_COLUMNS), len(rows), False)


# --- The style


@pytest.mark.parametrize("page", ["#ffffff", "#121212"])
def test_the_style_reads_on_both_pages(page):
    settings = plt.rcParams
    for name in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"):
        assert contrast(settings[name], page) >= 4, name
    drawn = [*v.COLORS.values(), *settings["axes.prop_cycle"].by_key()["color"]]
    assert min(contrast(color, page) for color in drawn) >= 3
    assert settings["figure.facecolor"] == settings["axes.facecolor"] == "none"
    assert settings["savefig.facecolor"] == "none"


def test_each_kind_of_layer_has_a_colour():
    assert set(v.COLORS) == {"input", "convolution", "subsampling", "full", "output"}
    assert len(set(v.COLORS.values())) == 5


def test_a_change_of_colours_without_a_colour_is_refused():
    with pytest.raises(ValueError, match=r"name=colour wanted, .* got 'full'"):
        recolored(v.COLORS, "input=black,full")


# --- Digits


def test_digits_carry_their_labels(digits):
    fig = v.digit_grid(digits)
    assert texts(fig) == ["3", "1", "4", "1", "5", "9"]
    shown = [image.get_array() for image in fig.axes[0].images]
    np.testing.assert_array_equal(np.stack(shown), digits.images[:, 0])


def test_wrong_answers_stand_out_by_more_than_colour(digits):
    fig = v.digit_grid(digits, ANSWERS)
    assert texts(fig) == ["3", "1→7", "4", "1", "5→6", "9"]
    frames = [frame.get_linewidth() for frame in fig.axes[0].patches]
    assert [width > 1 for width in frames] == [False, True, False, False, True, False]


def test_mistakes_only_shows_exactly_the_mistakes(digits):
    fig = v.digit_grid(digits, ANSWERS, mistakes_only=True)
    assert texts(fig) == ["1→7", "5→6"]
    shown = [image.get_array() for image in fig.axes[0].images]
    np.testing.assert_array_equal(np.stack(shown), digits.images[[1, 4], 0])


def test_no_mistakes_is_said(digits):
    assert texts(v.digit_grid(digits, LABELS, mistakes_only=True)) == ["No mistakes."]


def test_limit_and_columns(digits):
    fig = v.digit_grid(digits, columns=2, limit=5)
    places = [image.get_extent() for image in fig.axes[0].images]
    assert len(places) == 5
    assert len({left for left, *_ in places}) == 2
    assert len({top for *_, top in places}) == 3


def test_classes_with_names_are_drawn_by_them():
    digits = Digits(torch.rand(6, 3, 8, 8), LABELS, CLASSES["fashion"])
    shown = texts(v.digit_grid(digits, ANSWERS))
    expected = ["Dress", "Trouser\n→Sneaker", "Coat", "Trouser", "Sandal\n→Shirt", "Ankle boot"]
    assert shown == expected
    fig = v.confusion_matrix(Evaluation(torch.eye(10)[ANSWERS], LABELS, CLASSES["fashion"]))
    for axis in (fig.axes[0].xaxis, fig.axes[0].yaxis):
        assert [text.get_text() for text in axis.get_ticklabels()] == list(CLASSES["fashion"])


@pytest.mark.parametrize("count", [26, 95])
def test_confusion_of_many_classes_is_colour_alone(count):
    labels = torch.arange(count)
    fig = v.confusion_matrix(Evaluation(torch.eye(count).roll(1, 0), labels))
    assert texts(fig) == []
    assert fig.axes[0].get_xlim() == (0, count)
    fig.savefig(io.BytesIO())


def test_digit_grid_refuses(digits):
    with pytest.raises(TypeError, match=r"digits must be of type Digits, got Tensor; load_mnist"):
        v.digit_grid(digits.images)
    with pytest.raises(ValueError, match=r"predictions must have .* 6 images, got shape \(5,\)"):
        v.digit_grid(digits, ANSWERS[:5])
    with pytest.raises(TypeError, match=r"predictions must be an int64 .*as_tensor\(predictions\)"):
        v.digit_grid(digits, ANSWERS.float())
    with pytest.raises(ValueError, match=r"mistakes_only needs predictions"):
        v.digit_grid(digits, mistakes_only=True)
    with pytest.raises(ValueError, match=r"columns must be a whole number .* got 0"):
        v.digit_grid(digits, columns=0)


# --- Learning curves


def test_learning_curves_of_one_history():
    fig = v.learning_curves(history(0.4, 0.2, 0.1))
    loss, error = fig.axes
    train, validation = (line.get_ydata() for line in loss.get_lines()[:2])
    np.testing.assert_allclose(train, [0.8, 0.4, 0.2])
    np.testing.assert_allclose(validation, [1.2, 0.6, 0.3])
    train, validation = (line.get_ydata() for line in error.get_lines()[:2])
    np.testing.assert_allclose(train, [0.4, 0.2, 0.1])
    np.testing.assert_allclose(validation, [0.2, 0.1, 0.05])
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["train", "validation"]


def test_without_validation_there_are_only_training_curves(recwarn):
    fig = v.learning_curves(history(0.4, 0.2, validation=False))
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["train"]
    fig = v.learning_curves({"a": history(0.4, validation=False), "b": history(0.3, 0.1)})
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert legend == ["a", "b", "train", "validation"]
    assert not recwarn.list


def test_seeds_become_mean_and_range():
    fig = v.learning_curves({"tanh": [history(0.4, 0.1), history(0.2, 0.3)], "ReLU": history(0.5)})
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert legend == ["tanh", "ReLU", "train", "validation"]
    error = fig.axes[1]
    np.testing.assert_allclose(error.get_lines()[0].get_ydata(), [0.3, 0.2])
    band = error.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((0.1, 0.4))


def test_learning_curves_refuse():
    with pytest.raises(TypeError, match=r"histories must be of type Mapping, got list; give each"):
        v.learning_curves([history(0.1)])
    with pytest.raises(TypeError, match=r"histories\['a'\] must be of type History, got int"):
        v.learning_curves({"a": 1})
    with pytest.raises(ValueError, match=r"histories is empty"):
        v.learning_curves({})
    with pytest.raises(ValueError, match=r"the history has no whole epoch"):
        v.learning_curves(history())


# --- Confusion


def test_confusion_colours_mistakes_only():
    evaluation = Evaluation(F.one_hot(ANSWERS, 10).float(), LABELS)
    ax = v.confusion_matrix(evaluation).axes[0]
    coloured = ax.collections[0].get_array()
    assert [tuple(place) for place in np.argwhere(~coloured.mask)] == [(1, 7), (5, 6)]
    written = {text.get_position(): text.get_text() for text in ax.texts}
    for true, predicted in ((1, 7), (5, 6), (3, 3), (0, 0)):
        count = evaluation.confusion.loc[true, predicted]
        assert written[(predicted + 0.5, true + 0.5)] == str(count)
    assert len(written) == 12  # the diagonal and two mistakes


def test_confusion_refuses_scores():
    with pytest.raises(TypeError, match=r"got Tensor; evaluate\(model, digits\) gives one"):
        v.confusion_matrix(torch.zeros(2, 10))


# --- Kernels, feature maps, connections


def test_only_kernels_that_exist_are_drawn():
    layer = SparseConv2d(H3_TABLE, in_maps=4)
    ax = v.kernels(layer.dense_weight()).axes[0]
    drawn = {}
    for image in ax.images:
        left, _, _, top = image.get_extent()
        drawn[int(left), int(top)] = image.get_array()  # (output map, input map)
        low, high = image.get_clim()
        assert low == -high == pytest.approx(-layer.weight.abs().max().item())
    assert set(drawn) == {(out, source) for out, row in enumerate(H3_TABLE) for source in row}
    np.testing.assert_array_equal(drawn[1, 0], layer.weight[1].detach())


@pytest.mark.parametrize(
    "weight", [torch.zeros(4, 5, 5), torch.ones(120, 16, 5, 5), torch.zeros(6, 1, 5, 5)]
)
def test_kernels_refuse(weight):
    with pytest.raises(ValueError, match=r"weight must be"):
        v.kernels(weight)


def test_every_layer_has_its_maps():
    model = LeNet5()
    outputs = layer_outputs(model, torch.rand(1, 1, 32, 32))
    axes = v.feature_maps({"input": torch.rand(1, 1, 32, 32), **outputs}).axes
    titles = [ax.get_title(loc="left").split(",")[0] for ax in axes]
    assert titles == [
        *("input: 1@32x32", "C1: 6@28x28", "S2: 6@14x14", "C3: 16@10x10", "S4: 16@5x5"),
        *("C5: 120 units", "F6: 84 units", "output: 10 units"),
    ]
    assert [len(ax.images) for ax in axes] == [1, 6, 6, 16, 16, 1, 1, 0]
    np.testing.assert_array_equal(axes[3].images[15].get_array(), outputs["c3"][0, 15])
    assert axes[5].images[0].get_array().shape == (1, 120)
    np.testing.assert_array_equal(axes[6].images[0].get_array(), outputs["f6"].reshape(12, 7))
    heights = [bar.get_height() for bar in axes[7].patches]
    np.testing.assert_allclose(heights, outputs["output"][0])


def test_feature_maps_of_another_network():
    outputs = layer_outputs(LeNet1(), torch.rand(1, 1, 28, 28))
    assert len(v.feature_maps(outputs).axes) == 5


def test_feature_maps_refuse():
    with pytest.raises(ValueError, match=r"outputs\['c1'\] .* one image, got \(2, 6, 28, 28\)"):
        v.feature_maps({"c1": torch.zeros(2, 6, 28, 28)})
    with pytest.raises(ValueError, match=r"outputs is empty"):
        v.feature_maps({})
    with pytest.raises(TypeError, match=r"outputs must be of type Mapping, got Tensor"):
        v.feature_maps(torch.zeros(1, 10))
    with pytest.raises(ValueError, match=r"outputs\['c1'\] must be finite"):
        v.feature_maps({"c1": torch.full((1, 10), math.nan)})


@pytest.mark.parametrize(("table", "in_maps"), [(C3_TABLE, 6), (H3_TABLE, 4)])
def test_connection_marks_are_the_table(table, in_maps):
    ax = v.connection_table(table, in_maps, names=("in", "out")).axes[0]
    marks = ax.collections[0].get_offsets() - 0.5
    expected = {(out, source) for out, row in enumerate(table) for source in row}
    assert {(int(x), int(y)) for x, y in marks} == expected
    assert len(marks) == len(expected)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Map of out", "Map of in")
    assert ax.yaxis_inverted()  # input map 0 on top, as in the paper


def test_connection_table_refuses():
    with pytest.raises(ValueError, match=r"row 0 of the connection table .* from 0 to 2"):
        v.connection_table([[0, 5]], in_maps=3)


# --- Activations


def test_activation_curves_are_the_function_and_its_derivative():
    fig = v.activation_curves({"scaled tanh": ScaledTanh(), "ReLU": nn.ReLU()}, limit=3)
    value, slope = (ax.get_lines() for ax in fig.axes)
    a = value[0].get_xdata()
    assert (a[0], a[-1]) == (-3, 3)
    np.testing.assert_allclose(value[0].get_ydata(), 1.7159 * np.tanh(2 / 3 * a), atol=1e-5)
    by_hand = 1.7159 * 2 / 3 / np.cosh(2 / 3 * a) ** 2
    np.testing.assert_allclose(slope[0].get_ydata(), by_hand, atol=1e-5)
    np.testing.assert_allclose(value[1].get_ydata(), np.maximum(a, 0))
    np.testing.assert_allclose(slope[1].get_ydata(), a > 0)
    assert value[0].get_linestyle() != value[1].get_linestyle()  # told apart without colour


def test_activation_curves_refuse():
    with pytest.raises(TypeError, match=r"activations\['ReLU'\] .* got type; make one"):
        v.activation_curves({"ReLU": nn.ReLU})
    with pytest.raises(ValueError, match=r"activations is empty"):
        v.activation_curves({})
    with pytest.raises(ValueError, match=r"activations\['GLU'\] must keep the shape"):
        v.activation_curves({"GLU": nn.Sequential(nn.Unflatten(0, (1, 401)), nn.Flatten())})
    with pytest.raises(ValueError, match=r"limit must be positive and finite, got 0"):
        v.activation_curves({"ReLU": nn.ReLU()}, limit=0)


# --- Gradients


def test_gradient_norms_are_drawn_in_order_on_a_log_scale():
    norms = pd.DataFrame({"tanh": [1e-3, math.nan, 1.0], "ReLU": [0.1, 0.2, 0.0]}, list("cab"))
    ax = v.gradient_norms(norms).axes[0]
    assert ax.get_yscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "a", "b"]
    tanh, relu = ax.get_lines()
    np.testing.assert_allclose(tanh.get_xydata(), [(0, 1e-3), (2, 1.0)])
    np.testing.assert_allclose(relu.get_xydata(), [(0, 0.1), (1, 0.2), (2, 0.0)])
    assert tanh.get_marker() != relu.get_marker()


@pytest.mark.parametrize("numbers", [[0.0, 0.0], [-1.0, 1.0], [math.inf, 1.0], [math.nan]])
def test_gradient_norms_refuse_numbers(numbers):
    with pytest.raises(ValueError, match=r"norms must be finite, at least 0 and some positive"):
        v.gradient_norms(pd.DataFrame({"a": numbers}))


def test_gradient_norms_refuse_kinds():
    with pytest.raises(TypeError, match=r"norms must be of type DataFrame, got Series"):
        v.gradient_norms(pd.Series([1.0]))


# --- All of them


def test_figures_are_drawn_without_a_warning(digits, tmp_path, recwarn):
    evaluation = Evaluation(F.one_hot(ANSWERS, 10).float(), LABELS)
    figures = [
        v.digit_grid(digits, ANSWERS),
        v.learning_curves({"one": [history(0.3, 0.2), history(0.4, 0.1)]}),
        v.confusion_matrix(evaluation),
        v.kernels(torch.randn(6, 1, 5, 5)),
        v.feature_maps({"c1": torch.randn(1, 6, 8, 8), "output": torch.randn(1, 10)}),
        v.connection_table(C3_TABLE, 6),
        v.activation_curves({"ReLU": nn.ReLU()}),
        v.gradient_norms(pd.DataFrame({"a": [0.1, 0.0]})),
    ]
    for i, fig in enumerate(figures):
        fig.savefig(tmp_path / f"{i}.png", dpi=50)
        assert to_hex(fig.get_facecolor(), keep_alpha=True).endswith("00")  # transparent
    assert not recwarn.list


# --- what cannot be right ------------------------------------------------------------------------

test_what_cannot_be_right_is_refused = refusals(
    {
        "norms": (lambda: v.gradient_norms(pd.DataFrame()), "norms must be finite"),
        "grid limit": (lambda: v.digit_grid(DIGITS, limit=-1), "limit must be .* got -1"),
        "grid answers": (
            lambda: v.digit_grid(DIGITS, THREE - 1),
            "predictions must be at least 0, got -1",
        ),
        "kernels of 0": (lambda: v.kernels(IMAGES), "not 0 everywhere"),
        "functions": (
            lambda: v.activation_curves({"f": F.relu}),
            r"activations\['f'\] .* function; make",
        ),
        "functions' limit": (
            lambda: v.activation_curves({"f": nn.ReLU()}, math.inf),
            "limit must be .*inf",
        ),
    }
)


# --- preparation_steps ---------------------------------------------------------------------------


def test_preparation_steps_show_what_was_kept_and_what_not():
    page = np.full((90, 120), 255, dtype=np.uint8)
    page[10:70, 50:58] = page[80:84, 10:14] = 0
    steps = prepare_digit(Image.fromarray(page), steps=True)
    fig = v.preparation_steps(steps)
    titles = ["picture", "paper", "ink", "components", "the digit's", "digit"]
    assert [ax.get_title() for ax in fig.axes] == titles
    shown = [np.asarray(ax.images[0].get_array()) for ax in fig.axes]
    assert np.array_equal(shown[0], page)
    assert set(np.unique(shown[3])) == {0, 2, 3}  # paper, and two components
    assert [int((image > 0.5).sum()) for image in (shown[2], shown[4])] == [496, 480]
    assert np.array_equal(shown[5] * 255, steps.digit.numpy())
    with pytest.raises(TypeError, match=r"steps=True\) gives them"):
        v.preparation_steps(steps.digit)
