"""Naming the digit in a picture: with each of the weights that travel, and with one's own."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from lenet_utils import (
    LeNet1,
    LeNet5,
    LeNet1989,
    Prediction,
    evaluate,
    predict,
    prepare_digit,
    save_weights,
    scale,
)
from lenet_utils.data import CLASSES
from lenet_utils.models.base import WEIGHTS
from lenet_utils.training import PRETRAINED, Trained, load_trained, penalty_limit

NOTES = {
    "model": "lenet1",
    "data": "mnist",
    "scaling": "1998",
    "background": "-0.1",
    "ink": "1.175",
}


@pytest.fixture(scope="module")
def pictures(mnist):
    """Forty test digits as dark pictures on white paper, and their labels."""
    levels = ((mnist.test.images[:40, 0] + 0.1) * (255 / 1.275)).round().byte().numpy()
    digits = [Image.fromarray(255 - image).resize((160, 160)) for image in levels]
    return list(zip(digits, mnist.test.labels[:40].tolist(), strict=True))


def test_the_names_are_the_files_that_travel_and_what_from_pretrained_knows():
    files = {f"{name}.safetensors" for name in PRETRAINED}
    assert {path.name for path in WEIGHTS.iterdir()} == files
    assert {*LeNet1.pretrained.values(), *LeNet5.pretrained.values()} == files


@pytest.mark.parametrize("name", PRETRAINED)
def test_each_of_the_weights_names_real_digits(pictures, name):
    trained = load_trained(name)
    wrong = sum(predict(picture, trained).digit != label for picture, label in pictures)
    assert wrong <= 1


def test_the_default_is_lenet5_trained_with_distortions(pictures):
    picture, _ = pictures[3]
    found = predict(picture)
    assert found == predict(picture, "lenet5-dist")
    pixels = prepare_digit(picture)
    image = torch.full((1, 1, 32, 32), -0.1)
    image[0, 0, 2:30, 2:30] = -0.1 + pixels / 255 * 1.275
    scores = LeNet5.from_pretrained("dist")(image)[0].double().detach()
    shares = scores.exp() / (scores.exp().sum() + math.exp(-1))  # eq. 9, with j = 1
    torch.testing.assert_close(torch.tensor(found.scores), shares.float())
    assert found.penalty == pytest.approx(-float(scores.max()), abs=1e-6)
    assert found.doubt is None
    assert (found.kind, found.digit) == ("probability", int(scores.argmax()))


def test_lenet1_gets_digits_of_16_pixels_framed_by_the_background(pictures):
    trained, seen = load_trained("lenet1"), []
    trained.model.register_forward_pre_hook(lambda model, given: seen.append(given[0].clone()))
    predict(pictures[0][0], trained)
    assert trained.model.input == (-0.1, 1.175, 28, 16, 1)
    inner = scale(prepare_digit(pictures[0][0])[None], -0.1, 1.175, 16)
    expected = torch.full((1, 1, 28, 28), -0.1)
    expected[:, :, 6:22, 6:22] = inner
    assert torch.equal(seen[0], expected)


def test_what_the_notes_say_of_the_images_is_what_the_network_wants(tmp_path):
    save_weights(LeNet1(), tmp_path / "weights", {**NOTES, "background": "0", "ink": "1"})
    assert load_trained(tmp_path / "weights").model.input == (0.0, 1.0, 28, 28, 1)


def test_a_copy_of_the_weights_is_as_good_as_their_name(pictures, tmp_path):
    copy = tmp_path / "copy"
    copy.write_bytes((WEIGHTS / "lenet1.safetensors").read_bytes())
    picture, _ = pictures[0]
    assert predict(picture, copy) == predict(picture, str(copy)) == predict(picture, "lenet1")


def test_a_path_is_a_file_even_if_it_is_called_like_weights_inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no weights 'lenet5'; name a file .* 'lenet1', "):
        load_trained(Path("lenet5"))
    save_weights(LeNet1(), "lenet5", NOTES)
    assert isinstance(load_trained(Path("lenet5")).model, LeNet1)
    assert isinstance(load_trained("./lenet5").model, LeNet1)
    assert isinstance(load_trained("lenet5").model, LeNet5)


def test_the_background_and_ink_of_the_file_are_those_of_the_image(pictures, tmp_path):
    torch.manual_seed(0)
    model = LeNet1989()
    notes = {"model": "lenet1989", "data": "mnist", "scaling": "signed"}
    save_weights(model, tmp_path / "weights", {**notes, "background": "-1", "ink": "1"})
    seen = []
    trained = load_trained(tmp_path / "weights")
    trained.model.register_forward_pre_hook(lambda model, given: seen.append(given[0]))
    found = predict(pictures[0][0], trained)
    assert found.kind == "output"
    assert seen[0].shape == (1, 1, 16, 16)
    assert (seen[0].min(), seen[0].max() <= 1) == (-1, True)
    with torch.no_grad():
        torch.testing.assert_close(torch.tensor(found.scores), model(seen[0].clone())[0])


def test_a_prediction_tells_the_digit_and_the_next_best():
    scores = (0.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.7, 0.05, 0.0)
    found = Prediction(7, "probability", scores)
    assert str(found) == "7 (probability 0.700, next 1 with 0.250)"
    even = Prediction(3, "output", (-1.0,) * 3 + (0.5,) * 2 + (-1.0,) * 5)
    assert str(even) == "3 (output 0.500, next 4 with 0.500)"
    far = Prediction(7, "probability", scores, penalty=21.34, doubt="is this a digit?")
    told = "7 (penalty 21.3, probability 0.700, next 1 with 0.250); doubtful: is this a digit?"
    assert str(far) == told


def test_probabilities_are_of_eq_9_with_the_noted_penalty_of_rubbish(pictures, tmp_path):
    model, picture = LeNet5.from_pretrained("dist"), pictures[0][0]
    notes = {**NOTES, "model": "lenet5", "rubbish_penalty": "2.5"}
    save_weights(model, tmp_path / "some", notes)
    found, usual = predict(picture, tmp_path / "some"), predict(picture, "lenet5-dist")
    assert found.penalty == usual.penalty
    best, rest = (np.array(one.scores) / (1 - sum(one.scores)) for one in (found, usual))
    np.testing.assert_allclose(best / rest, np.exp(2.5 - 1), rtol=1e-5)


# --- Doubt ---------------------------------------------------------------------------------------


def scribble(random):
    """A line to and fro, drawn with a thick pen."""
    picture = Image.new("L", (200, 200), 255)
    points = [tuple(point) for point in random.integers(30, 170, (8, 2)).tolist()]
    ImageDraw.Draw(picture).line(points, fill=0, width=14, joint="curve")
    return picture


def test_scribbles_are_doubted_and_digits_are_not(pictures):
    trained, random = load_trained("lenet5-dist"), np.random.default_rng(0)
    scribbles = [predict(scribble(random), trained) for _ in range(40)]
    assert sum(found.doubt is not None for found in scribbles) >= 20
    assert all(found.scores[found.digit] < 0.01 for found in scribbles if found.doubt)
    digits = [predict(picture, trained) for picture, _ in pictures]
    assert sum(found.doubt is not None for found in digits) <= 2


def test_an_answer_is_doubted_if_its_penalty_is_above_the_limit_of_the_notes(pictures, tmp_path):
    model, picture = LeNet5.from_pretrained("dist"), pictures[0][0]
    notes = {**NOTES, "model": "lenet5"}
    save_weights(model, tmp_path / "none", notes)
    assert load_trained(tmp_path / "none").penalty_limit is None
    found = predict(picture, tmp_path / "none")
    assert found.doubt is None
    for limit, doubted in ((0.9 * found.penalty, True), (1.1 * found.penalty, False)):
        save_weights(model, tmp_path / "some", {**notes, "penalty_limit": str(limit)})
        assert (predict(picture, tmp_path / "some").doubt is not None) is doubted
    save_weights(model, tmp_path / "some", {**notes, "penalty_limit": "0.001"})
    assert re.match(r"99 % of the valid.* at most 0\.0", predict(picture, tmp_path / "some").doubt)


def test_the_limit_is_what_99_of_100_right_answers_stay_under(mnist):
    model, test = LeNet5.from_pretrained(), mnist.test[:1000]
    result = evaluate(model, test)
    penalties = -result.scores.amax(dim=1)[result.predictions == test.labels]
    limit = penalty_limit(model, test)
    assert float((penalties > limit).double().mean()) == pytest.approx(0.01, abs=0.001)
    with pytest.raises(ValueError, match="only RBF units give penalties, and this LeNet1 has none"):
        penalty_limit(LeNet1(), test)
    wrong = test[result.predictions != test.labels]
    with pytest.raises(ValueError, match="no digit was read right"):
        penalty_limit(model, wrong)


@pytest.mark.parametrize("name", [name for name in PRETRAINED if name != "lenet1"])
def test_the_recorded_limits_are_those_of_the_weights(mnist, name):
    trained = load_trained(name)
    assert trained.penalty_limit == pytest.approx(
        penalty_limit(trained.model, mnist.validation), rel=1e-3
    )


def test_without_penalties_there_is_no_doubt(pictures):
    found = predict(scribble(np.random.default_rng(0)), "lenet1")
    assert (found.penalty, found.doubt) == (None, None)


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ink": "plenty"}, "notes that cannot be right: .* 'plenty'"),
        ({"background": "nan"}, "notes that cannot be right: background must be a finite number"),
        ({"model": "lenet7"}, "does not say which network it holds; was it made by train"),
        ({"model": "lenet5"}, "does not fit this LeNet5"),
        ({"row": "LeNet-5"}, "does not fit this LeNet5"),
        ({"penalty_limit": "nan"}, "notes that cannot be right: penalty_limit must be a finite"),
        ({"rubbish_penalty": "0"}, "that cannot be right: rubbish_penalty must be positive"),
        ({"data": "letters"}, "notes that cannot be right: data must be one of 'mnist', "),
        ({"classes": "5"}, "notes that cannot be right: classes must be a list of names, got '5'"),
        ({"classes": "[1]"}, "classes must be a list of names"),
        ({"classes": "["}, "notes that cannot be right: "),
    ],
)
def test_notes_that_cannot_be_right_are_refused_with_the_file(tmp_path, change, message):
    save_weights(LeNet1(), tmp_path / "weights", {**NOTES, **change})
    with pytest.raises(ValueError, match=f"weights.* {message}"):
        load_trained(tmp_path / "weights")


@pytest.mark.parametrize("missing", NOTES)
def test_a_file_without_a_note_that_is_needed_is_refused(tmp_path, missing):
    notes = {name: note for name, note in NOTES.items() if name != missing}
    save_weights(LeNet1(), tmp_path / "weights", notes)
    with pytest.raises(ValueError, match="does not say which network it holds"):
        load_trained(tmp_path / "weights")


@pytest.mark.parametrize("weights", [None, 5, LeNet5()])
def test_weights_of_another_kind_are_refused(pictures, weights):
    with pytest.raises(TypeError, match=r"weights must be a name or a path, got .*'lenet5-dist'"):
        predict(pictures[0][0], weights)


def test_a_network_that_diverged_is_no_answer(pictures, tmp_path):
    model = LeNet1()
    model.h1[0].bias.data[:] = float("nan")
    save_weights(model, tmp_path / "weights", NOTES)
    with pytest.raises(
        ValueError, match=r"weights is of no use: h1.0.bias has NaN.* train it anew"
    ):
        predict(pictures[0][0], tmp_path / "weights")
    trained = load_trained("lenet1")
    trained.model.load_state_dict(model.state_dict())
    with pytest.raises(FloatingPointError, match=r"lenet1 answered with NaN.* train it anew"):
        predict(pictures[0][0], trained)


def test_a_picture_without_a_digit_is_refused():
    with pytest.raises(ValueError, match="found no digit"):
        predict(Image.new("L", (40, 40), 255))
    with pytest.raises(TypeError, match="image must be a path or a picture of Pillow, got list"):
        predict([1, 2])


# --- other things than digits --------------------------------------------------------------------


@pytest.mark.parametrize("data", ["fashion", "kmnist"])
def test_weights_of_other_things_name_them_and_read_no_digits(tmp_path, data):
    """Of a bag, drawn: cut out, 28 pixels on its longer side, in the middle."""
    picture = Image.new("L", (200, 300), "white")
    picture.paste(90, (40, 60, 180, 200))  # 140 x 140
    picture.paste(90, (40, 40, 60, 60))  # a handle at its left: 140 wide, 160 high in all
    save_weights(LeNet1(), tmp_path / "weights", {**NOTES, "data": data})
    trained, seen = load_trained(tmp_path / "weights"), []
    trained.model.register_forward_pre_hook(lambda model, given: seen.append(given[0].clone()))
    found = predict(picture, trained)
    assert found.digit is None
    assert found.name == CLASSES[data][max(range(10), key=found.scores.__getitem__)]
    assert str(found).startswith(f"{found.name} (output ")
    inked = (seen[0][0, 0] > 0.5).nonzero()
    assert inked.amin(0).tolist() == [0, 2]  # 160 to 28 pixels, 140 to 24.5
    assert inked.amax(0).tolist() == [27, 25]


def test_the_names_travel_with_the_weights(tmp_path):
    names = [*"abcdefghij"]
    save_weights(LeNet1(), tmp_path / "weights", {**NOTES, "classes": json.dumps(names)})
    trained = load_trained(tmp_path / "weights")
    picture = Image.new("L", (40, 50), 250)
    picture.paste(10, (8, 8, 30, 12))
    found = predict(picture, trained)
    assert trained.classes == found.classes == tuple(names)
    assert (found.digit, found.name in names) == (None, True)


def test_a_network_for_colours_sees_the_digit_in_each_of_them(pictures):
    """With the kernels of three channels alike, a third each: the answer of the grey network."""
    model, colours = LeNet5.from_pretrained("dist"), LeNet5(channels=3)
    state = model.state_dict()
    state["c1.0.weight"] = state["c1.0.weight"].repeat(1, 3, 1, 1) / 3
    colours.load_state_dict(state)
    found = predict(pictures[0][0], Trained("mine", colours, {}))  # no notes: of digits
    expected = predict(pictures[0][0])
    assert found.digit == expected.digit
    assert found.scores == pytest.approx(expected.scores, abs=1e-4)


def test_letters_of_a_network_with_26_outputs_are_named(pictures):
    letters = "abcdefghijklmnopqrstuvwxyz"
    model = LeNet5(output=torch.nn.Linear(84, 26))
    trained = Trained("mine", model, {"data": "letters", "classes": json.dumps([*letters])})
    found = predict(pictures[0][0], trained)
    assert len(found.scores) == 26
    assert found.name == letters[max(range(26), key=found.scores.__getitem__)]
