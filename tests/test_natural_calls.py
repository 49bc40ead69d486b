"""What users call, as they combine it, with the right numbers: tables of models, weights and data.

A line here is a call that somebody made and got something else from; the module's own tests have
the oracles.
"""

import json
import re
from functools import partial
from pathlib import Path

import pytest
import torch
from building import ROOT
from PIL import Image, ImageOps
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lenet_utils
from lenet_utils import (
    SDLM,
    Digits,
    InputWarning,
    LeNet1,
    LeNet4,
    LeNet5,
    LeNet1989,
    RBFOutput,
    Splits,
    evaluate,
    fit,
    layer_outputs,
    load_mnist,
    load_weights,
    predict,
    published_schedule,
    save_weights,
    scale,
    summary,
)
from lenet_utils.__main__ import main
from lenet_utils.data import CLASSES
from lenet_utils.models import KINDS, MODELS, Negation
from lenet_utils.training import PRETRAINED, Trained, layer_gradient_norms, load_trained
from lenet_utils.visualization import architecture, confusion_matrix, digit_grid, learning_curves

pytestmark = [  # of so few images not much is learned, which is said
    pytest.mark.filterwarnings("ignore::lenet_utils.TrainingWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated"),
]
QUIET = {"device": "cpu", "progress": False}


# --- weights that travel -------------------------------------------------------------------------

# Test errors of 10,000, as their recorded runs counted them.
ERRORS = {"lenet1": 119, "lenet5": 70, "lenet5-dist": 53, "lenet5-hands": 76}
MAKE = {
    "lenet1": LeNet1.from_pretrained,
    "lenet5": LeNet5.from_pretrained,
    "lenet5-dist": partial(LeNet5.from_pretrained, "dist"),
    "lenet5-hands": partial(LeNet5.from_pretrained, "hands"),
}


@pytest.fixture(scope="module")
def tests_of(cache):
    """Return the test digits in the form that a network wants, loaded once for each form."""
    loaded = {}

    def digits(model):
        if model.input not in loaded:
            loaded[model.input] = load_mnist(for_=model, cache=cache).test
        return loaded[model.input]

    return digits


@pytest.mark.parametrize("name", PRETRAINED)
def test_trained_weights_make_the_errors_that_were_recorded(name, tests_of):
    model = MAKE[name]()
    assert str(evaluate(model, tests_of(model))).startswith(f"{ERRORS[name]} errors of 10,000")


@pytest.mark.parametrize(
    "change",
    [
        nn.Sequential,
        nn.DataParallel,
        lambda model: model.train(),
        lambda model: model.to(memory_format=torch.channels_last),
        lambda model: model.requires_grad_(False),
        lambda model: torch.compile(model, backend="eager"),
        lambda model: torch.jit.trace(model, torch.zeros(1, 1, model.size, model.size)),
        lambda model: nn.Sequential(*model.children()),
    ],
)
@pytest.mark.parametrize("name", ["lenet1", "lenet5-dist"])
def test_however_a_network_is_wrapped_its_errors_are_the_same(name, change, tests_of):
    digits = tests_of(MAKE[name]())[:1_000]
    expected = evaluate(MAKE[name](), digits).scores
    torch.testing.assert_close(evaluate(change(MAKE[name]()), digits).scores, expected)


def test_in_double_and_by_a_dataloader_they_are_the_same_too(tests_of):
    model = LeNet5.from_pretrained()
    digits = tests_of(model)[:1_000]
    wrong = evaluate(model, digits).mistakes
    double = Digits(digits.images.double(), digits.labels)
    assert torch.equal(evaluate(LeNet5.from_pretrained().double(), double).mistakes, wrong)
    loader = DataLoader(TensorDataset(digits.images, digits.labels), batch_size=97)
    with torch.no_grad():
        found = torch.cat([model(images).argmax(1) != labels for images, labels in loader])
    assert torch.equal(found.nonzero()[:, 0], wrong)


NOT_FOR_LENET1 = {"size": 28}, {"size": 28, "scaling": "unit"}, {"size": 28, "scaling": "standard"}


@pytest.mark.parametrize("options", NOT_FOR_LENET1)
def test_digits_that_the_weights_are_not_for_are_noticed(options, cache):
    """Of 28x28 digits LeNet-1's weights, which have learned 16x16, read 778 wrong."""
    digits = load_mnist(cache=cache, **options).test[:500]
    with pytest.warns(InputWarning, match=r"load_mnist\(size=28, digit=16\)"):
        evaluate(LeNet1.from_pretrained(), digits)


def test_paper_and_ink_the_other_way_round_are_noticed(tests_of):
    model = LeNet5.from_pretrained()
    images = 1.075 - tests_of(model)[:100].images
    with pytest.warns(InputWarning, match="light paper and dark ink"):
        evaluate(model, Digits(images, tests_of(model)[:100].labels))


def a_picture(digits, index):
    """Return a test digit as dark ink on a white page, as a scanner would."""
    levels = ((digits.images[index, 0, 2:-2, 2:-2] + 0.1) * (255 / 1.275)).round().byte()
    return ImageOps.expand(ImageOps.invert(Image.fromarray(levels.numpy())), 20, 255)


@pytest.mark.parametrize("name", PRETRAINED)
def test_each_of_the_weights_reads_pictures_as_it_reads_digits(name, mnist):
    trained = load_trained(name)
    pictures = [a_picture(mnist.test, index) for index in range(100)]
    found = [predict(picture, trained).digit for picture in pictures]
    wrong = sum(a != b for a, b in zip(found, mnist.test.labels[:100].tolist(), strict=True))
    assert wrong <= 2


# --- models --------------------------------------------------------------------------------------

AVERAGE, MOST = (lambda maps: nn.AvgPool2d(2)), (lambda maps: nn.MaxPool2d(2))
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# What people build, with its trainable parameters: the papers' counts, or those of popular code.
BUILT = {
    "1989": (LeNet1989, 9_760),
    "1990": (LeNet1, 2_578),
    "LeNet-4": (LeNet4, 50_673),
    "1998": (LeNet5, 60_000),
    "codes that learn": (
        lambda: LeNet5(output=nn.Sequential(RBFOutput(trainable=True), Negation())),
        60_840,
    ),
    "softmax": (lambda: LeNet5(output=nn.Linear(84, 10)), 60_850),
    "tutorial": (lambda: LeNet5(nn.ReLU(), None, MOST, output=nn.Linear(84, 10)), 61_706),
    "d2l": (lambda: LeNet5(nn.Sigmoid(), None, AVERAGE, output=nn.Linear(84, 10)), 61_706),
    "batch norm": (lambda: LeNet5(normalization=nn.BatchNorm2d, dropout=0.2), 60_284),
    "letters": (lambda: LeNet5(output=nn.Linear(84, 26)), 62_210),
    "colours": (lambda: LeNet5(channels=3), 60_300),
    "small softmax": (lambda: LeNet1(output=nn.Linear(192, 10)), 2_578),
    "small dense": (lambda: LeNet1(connections=None, pooling=AVERAGE), 3_246),
}


@pytest.fixture(params=BUILT)
def built(request):
    torch.manual_seed(0)
    make, count = BUILT[request.param]
    return make(), count


@pytest.fixture
def few(built, cache, mnist):
    """Digits in the form that the model wants."""
    form, pixels = built[0].input, mnist.train[:300]
    levels = ((pixels.images[:, 0, 2:-2, 2:-2] + 0.1) * (255 / 1.275)).round().byte()
    return Digits(scale(levels, *form), pixels.labels)


def test_what_people_build_is_counted_drawn_and_looked_into(built, few):
    model, count = built
    total = summary(model).loc["total"]
    assert total.parameters == count == sum(p.numel() for p in model.parameters())
    labels = [text.get_text() for text in architecture(model).axes[0].texts]
    outputs = layer_outputs(model, few.images[:2])
    assert labels.count("output") == 1
    assert str(outputs["output"].shape[1]) in labels
    assert torch.equal(outputs["output"], model.eval()(few.images[:2]))


def test_what_people_build_trains_is_kept_and_comes_back(built, few, tmp_path):
    model, _ = built
    history = fit(model, few, few[:100], epochs=3, batch_size=20, **QUIET)
    assert history.epochs.train_loss.iloc[-1] < history.epochs.train_loss.iloc[0]
    result = evaluate(model, few[:100])
    assert result.error_rate == history.epochs.validation_error.min()
    assert result.confusion.shape == (result.scores.shape[1],) * 2
    save_weights(model, tmp_path / "weights.safetensors")
    torch.manual_seed(1)
    (other,) = [make() for make, _ in BUILT.values() if str(make()) == str(model)]
    load_weights(other, tmp_path / "weights.safetensors")
    assert torch.equal(evaluate(other, few[:100]).scores, result.scores)
    assert layer_gradient_norms(model, few[:50]).dropna().gt(0).all()
    learning_curves(history)
    confusion_matrix(result)


def test_what_people_build_reads_a_picture_as_its_digits(built, few, mnist):
    model = built[0].eval()
    index = int((mnist.train.labels[:300] == 7).nonzero()[0])
    letters = {"data": "letters", "classes": json.dumps([*LETTERS])}
    notes = {"data": "mnist"} if model(few.images[:1]).shape[1] == 10 else letters
    found = predict(a_picture(mnist.train, index), Trained("mine", model, notes))
    with torch.no_grad():
        scores = model(few.images[index : index + 1])[0].double()
    assert found.scores.index(max(found.scores)) == int(scores.argmax())
    assert found.name in ("0123456789" if len(scores) == 10 else LETTERS)


@pytest.mark.parametrize("name", ["1998", "1990", "1989", "softmax", "LeNet-4"])
def test_the_papers_optimiser_takes_what_can_be_built(name, mnist, cache):
    model = BUILT[name][0]()
    few = load_mnist(for_=model, cache=cache).train[:40]
    optimizer = SDLM(model.parameters())
    history = fit(
        *(model, few),
        epochs=1,
        batch_size=1,
        optimizer=optimizer,
        schedule=published_schedule,
        before_epoch=lambda: optimizer.estimate_curvature(model, few, model.criterion),
        **QUIET,
    )
    assert len(history.steps) == 40


# --- data sets -----------------------------------------------------------------------------------


@pytest.fixture
def offline(monkeypatch):
    """Sixty made-up images in the place of each data set, whose files are not here."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (60, 28, 28)).byte()
    pixels[:, :4] = pixels[:, 24:] = 0
    pixels[:, :, :4] = pixels[:, :, 24:] = 0
    parts = (pixels, torch.arange(60) % 10) * 2
    monkeypatch.setattr("lenet_utils.data.mnist.read_pixels", lambda name, cache: parts)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", CLASSES)
def test_every_data_set_goes_into_every_network_under_its_names(offline, name, model):
    model = MODELS[model]()
    parts = load_mnist(name, for_=model, validation=10)
    assert list(parts.classes) == list(CLASSES[name])
    fit(model, parts.train, parts.validation, epochs=1, **QUIET)
    result = evaluate(model, parts.test)
    assert [*map(str, result.per_class.index)] == list(CLASSES[name])
    shown = digit_grid(parts.test[:4], result.predictions[:4]).axes[0].texts
    assert all(text.get_text().startswith(CLASSES[name][i]) for i, text in enumerate(shown))


def test_letters_learn_and_are_told_apart(tmp_path):
    """Stand-ins for EMNIST's: each letter is a place that is lit."""
    labels = torch.arange(260) % 26
    images = 0.3 * torch.randn(260, 1, 32, 32)
    for place in range(26):
        row, column = 4 + 5 * (place // 6), 4 + 4 * (place % 6)
        images[labels == place, :, row : row + 3, column : column + 3] += 2
    letters = Digits(images, labels, LETTERS)
    torch.manual_seed(0)
    model = LeNet5(output=nn.Linear(84, 26))
    fit(model, letters, epochs=8, batch_size=20, **QUIET)
    result = evaluate(model, letters)
    assert result.errors < 13
    assert result.confusion.loc["a", "a"] == 10
    with pytest.raises(
        ValueError, match=r"\(N, 26\) scores or more, for there are labels up to 25"
    ):
        fit(LeNet5(), letters, epochs=1, **QUIET)


# --- commands ------------------------------------------------------------------------------------


def commands():
    """Return each command that README writes out, as its words."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [found.split() for found in re.findall(r"python -m lenet_utils ([^`\n…]+)", text)]


def test_the_commands_of_readme_do_what_it_says(tmp_path, monkeypatch, mnist, cache, capsys):
    """Trained on few digits, and for two epochs; all else as it stands there."""
    a_picture(mnist.test, 0).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: cache)
    few = Splits(mnist.train[:500], mnist.validation[:100], mnist.test, -0.1, 1.175)

    def load(name, **options):
        return load_mnist(name, cache=cache, **options) if "for_" in options else few

    monkeypatch.setattr("lenet_utils.data.load_mnist", load)
    done = []
    for words in commands():
        if words[0] == "train":
            words[words.index("--epochs") + 1] = "2"
        assert main(words) == 0
        done.append((words[0], capsys.readouterr().out))
    said = dict(done)
    assert said.keys() == {"predict", "evaluate", "train"}
    assert said["predict"].startswith("photo.png: 7 (penalty ")
    assert ", probability " in said["predict"]
    assert f"lenet5 on mnist test: {ERRORS['lenet5']} errors in 10000" in said["evaluate"]
    assert "wrote weights.safetensors, history.csv and curves.png to run" in said["train"]
    assert main([*words, "--resume"]) == 0
    assert main(["predict", "photo.png", "--weights", "run/weights.safetensors"]) == 0
    assert lenet_utils.predict(Path("photo.png")).digit == 7


def test_every_kind_of_layer_that_people_pass_is_known():
    """Else summary, drawing and page would refuse the network, long after it was built."""
    assert {nn.ReLU, nn.Sigmoid, nn.Tanh, nn.MaxPool2d, nn.AvgPool2d, nn.BatchNorm2d} <= set(KINDS)
