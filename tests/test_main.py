"""The command line: what it writes and says, its exit codes, and never a traceback."""

import json
import subprocess
import sys
from functools import partial
from unittest.mock import ANY

import matplotlib
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from toy import at_call, interrupt

import lenet_utils.__main__ as command_line
import lenet_utils.training
from lenet_utils import (
    Digits,
    LeNet1,
    LeNet5,
    Splits,
    __version__,
    _options,
    _trainings,
    data,
    evaluate,
    fit,
    load_mnist,
    load_weights,
    models,
    predict,
    save_weights,
    scale,
)
from lenet_utils.models import MODELS, read_metadata
from lenet_utils.models.base import WEIGHTS
from lenet_utils.training import MODERN, PRETRAINED, PUBLISHED, load_trained
from lenet_utils.training.settings import default_optimizer


def stored(images):
    """Return the bytes that the images were made from."""
    inner = images[:, 0, 2:-2, 2:-2]
    return ((inner + 0.1) * (255 / 1.275)).round().to(torch.uint8)


@pytest.fixture(scope="module")
def few(mnist):
    """A small part of MNIST, at the size and in the scaling asked for."""

    def load(name, *, size=None, scaling=None, digit=None, for_=None):
        background, ink = (-1.0, 1.0) if scaling == "signed" else (-0.1, 1.175)
        if for_ is not None:
            asked.append({"name": name, "for_": for_.input})
            background, ink, size, *_ = for_.input
        else:
            own = {} if digit is None else {"digit": digit}
            asked.append({"name": name, "size": size, "scaling": scaling, **own})
        parts = [mnist.train[:600], mnist.validation[:200], mnist.test[:200]]
        parts = [
            Digits(scale(stored(part.images), background, ink, size), part.labels) for part in parts
        ]
        parts = [Digits(part.images, part.labels, data.CLASSES[name]) for part in parts]
        return Splits(*parts, background=background, ink=ink)

    asked = []
    load.asked = asked
    return load


@pytest.fixture(autouse=True)
def _small_and_tidy(few, monkeypatch):
    """Load little data, train on the CPU, and give the plots' settings back."""
    monkeypatch.setattr("lenet_utils.data.load_mnist", few)
    monkeypatch.setattr(
        "lenet_utils.training.fitting.automatic_device", lambda: torch.device("cpu")
    )
    few.asked.clear()
    with matplotlib.rc_context():
        yield


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    """The folder of one short training."""
    out = tmp_path_factory.mktemp("runs") / "new" / "run"
    with pytest.MonkeyPatch.context() as patch, matplotlib.rc_context():
        patch.setattr("lenet_utils.data.load_mnist", few)
        patch.setattr("lenet_utils.training.fitting.automatic_device", lambda: torch.device("cpu"))
        arguments = ["train", "--model", "lenet1", "--epochs", "3", "--out", str(out)]
        assert command_line.main([*arguments, "--batch-size", "20", "--seed", "5"]) == 0
    return out


def run(*arguments):
    return command_line.main([str(argument) for argument in arguments])


def digit(mnist, index, path):
    grey = stored(mnist.test.images[index : index + 1])[0].numpy()
    Image.fromarray(255 - grey).resize((140, 140)).save(path)


# --- what it does ------------------------------------------------------------------------------


def test_train_writes_weights_history_and_curves_and_nothing_else(trained):
    written = sorted(path.name for path in trained.iterdir())
    names = ["checkpoint.safetensors", "curves.png", "history.csv", "weights.safetensors"]
    assert written == names
    history = pd.read_csv(trained / "history.csv")
    assert history.epoch.tolist() == [1, 2, 3]
    assert history.train_loss.is_monotonic_decreasing
    with Image.open(trained / "curves.png") as picture:
        assert min(picture.size) > 200
    notes = read_metadata(trained / "weights.safetensors")
    assert (notes["model"], notes["scaling"], notes["seed"]) == ("lenet1", "1998", "5")


def test_the_weights_are_those_of_the_best_epoch(trained, few):
    model = LeNet1()
    load_weights(model, trained / "weights.safetensors")
    history = pd.read_csv(trained / "history.csv")
    result = evaluate(model, few("mnist", size=28, scaling="1998").validation)
    assert result.error_rate == pytest.approx(history.validation_error.min())


def test_the_same_seed_gives_the_same_weights(trained, tmp_path):
    options = ["--model", "lenet1", "--epochs", 3, "--batch-size", 20, "--seed", 5]
    assert run("train", "--out", tmp_path, *options) == 0
    first, again = (load_file(out / "weights.safetensors") for out in (trained, tmp_path))
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_train_passes_on_what_it_is_told(tmp_path, few):
    options = ["--data", "fashion", "--scaling", "unit", "--patience", 1, "--epochs", 1]
    assert run("train", "--out", tmp_path, *options) == 0
    assert few.asked == [{"name": "fashion", "size": 32, "scaling": "unit"}]
    load_weights(LeNet5(), tmp_path / "weights.safetensors")


@pytest.mark.parametrize(("model", "digit"), [("lenet5", {}), ("lenet1", {"digit": 16})])
@pytest.mark.parametrize("recipe", _options.RECIPES)
def test_a_recipe_is_one_command(tmp_path, few, monkeypatch, recipe, model, digit):
    """Only the passes are fewer here, so that it takes a moment."""

    def seen(model, train, validation, **options):
        given.update(options)
        begun.append([p.detach().clone() for p in model.parameters()])
        return fit(model, train, validation, **{**options, "epochs": 1})

    given, begun = {}, []
    monkeypatch.setattr("lenet_utils.training.fit", seen)
    out = tmp_path / "run"
    assert run("train", "--model", model, "--recipe", recipe, "--seed", 3, "--out", out) == 0
    assert [asked.get("digit") for asked in few.asked] == [digit.get("digit")]
    network = MODELS[model]
    published, modern = PUBLISHED[network], MODERN[network]
    group = given["optimizer"].param_groups[0]
    assert given["seed"] == 3
    if recipe == "published":
        assert (given["epochs"], given["batch_size"], given["shuffle"]) == (20, 1, "once")
        assert (group["lr"], group["mu"]) == (published.first_rate, 0.02)
        torch.manual_seed(3)
        start = network()
        start.apply(published.start)
        assert all(map(torch.equal, begun[0], start.parameters()))
    else:
        assert (given["epochs"], given["batch_size"]) == (modern.epochs, 128)
        assert (group["lr"], group["weight_decay"]) == (modern.rate, modern.decay)
    trained = load_trained(out / "weights.safetensors")
    assert trained.model.input.digit == digit.get("digit", 28)


def test_a_recipe_has_its_own_rate(tmp_path, capsys):
    assert run("train", "--recipe", "published", "--lr", 0.1, "--out", tmp_path / "run") == 1
    assert "--recipe published has its own --lr: leave one of them out" in capsys.readouterr().err


def test_what_was_trained_on_clothes_tells_clothes_apart(tmp_path, capsys, mnist):
    weights = tmp_path / "weights.safetensors"
    options = ["--model", "lenet1", "--data", "fashion", "--epochs", 1]
    assert run("train", "--out", tmp_path, *options) == 0
    assert json.loads(read_metadata(weights)["classes"]) == list(data.CLASSES["fashion"])
    capsys.readouterr()
    assert run("evaluate", "--weights", weights) == 0
    shown = capsys.readouterr().out
    assert all(f"\n{name} " in shown for name in data.CLASSES["fashion"])
    digit(mnist, 0, tmp_path / "seven.png")
    assert run("predict", tmp_path / "seven.png", "--weights", weights, "--json") == 0
    (answer,) = json.loads(capsys.readouterr().out)["results"]
    assert (answer["digit"], answer["name"] in data.CLASSES["fashion"]) == (None, True)


@pytest.mark.parametrize("name", _options.OPTIMIZERS)
def test_optimizer_rate_criterion_and_device_are_what_fit_gets(tmp_path, monkeypatch, name):
    def seen(model, train, validation, **options):
        given.update(options)
        rates.append(options["optimizer"].param_groups[0]["lr"])
        return fit(model, train, validation, **options)

    given, rates = {}, []
    monkeypatch.setattr("lenet_utils.training.fit", seen)
    options = ["--optimizer", name, "--lr", 0.002, "--device", "cpu", "--epochs", 1]
    assert run("train", "--out", tmp_path, *options, "--criterion", "cross_entropy") == 0
    assert type(given["optimizer"]).__name__.lower() == name
    assert (rates, given["device"]) == ([0.002], "cpu")
    assert given["criterion"] is torch.nn.functional.cross_entropy


@pytest.mark.parametrize("name", _options.CRITERIA)
def test_every_criterion_can_be_called(name):
    loss = _trainings.CRITERIA[name](torch.zeros(3, 10), torch.arange(3))
    assert loss.isfinite()


def test_what_is_not_said_is_what_fit_takes():
    options = _options.command_line().parse_args(["train", "--out", "x"])
    model = LeNet1()
    found = _trainings._optimizer(options, model)
    expected = default_optimizer(model)
    assert str(found) == str(expected)
    assert _trainings.CRITERIA[options.criterion] is None


def test_version_and_a_help_for_every_option(capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"lenet_utils {__version__}\n"
    parser = _options.command_line()
    (commands,) = [a for a in parser._actions if a.dest == "command"]
    for name, command in commands.choices.items():
        assert all(action.help for action in command._actions), name


RUN = ["train", "--model", "lenet1", "--batch-size", 20, "--seed", 5, "--epochs", 3, "--out"]


def test_resume_goes_on_to_the_weights_of_a_training_that_was_never_stopped(
    trained, tmp_path, capsys, monkeypatch
):
    update, calls = lenet_utils.training.fitting.update, []

    def stop_in_the_second_epoch(*arguments):
        calls.append(1)
        if len(calls) == 40:
            raise OSError("no more of this")  # as good as a power cut: no Ctrl-C is tidied up after
        return update(*arguments)

    monkeypatch.setattr(lenet_utils.training.fitting, "update", stop_in_the_second_epoch)
    assert run(*RUN, tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]
    assert run(*RUN, tmp_path, "--resume") == 0
    assert len(calls) == 40 + 60  # 30 updates an epoch, the first of three is not done again
    first, again = (load_file(out / "weights.safetensors") for out in (trained, tmp_path))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert run(*RUN, tmp_path, "--resume") == 0
    assert len(calls) == 100
    capsys.readouterr()
    assert run(*RUN, tmp_path, "--resume", "--patience", 3) == 1
    assert "belongs to another training: its patience has 'None'" in capsys.readouterr().err


def test_without_resume_a_training_begins_anew_whatever_is_there(tmp_path, trained):
    (tmp_path / "checkpoint.safetensors").write_text("of something else")
    assert run(*RUN, tmp_path) == 0
    assert (tmp_path / "earlier-checkpoint.safetensors").read_text() == "of something else"
    first, again = (load_file(out / "weights.safetensors") for out in (trained, tmp_path))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_resume_with_nothing_to_go_on_from_says_so_and_begins(tmp_path, capsys):
    assert run(*RUN, tmp_path, "--resume") == 0
    assert "no checkpoint.safetensors in" in capsys.readouterr().out


@pytest.mark.parametrize("split", ["test", "validation"])
def test_evaluate_counts_the_errors_of_the_weights(trained, few, capsys, split):
    assert run("evaluate", "--weights", trained / "weights.safetensors", "--split", split) == 0
    model = LeNet1()
    load_weights(model, trained / "weights.safetensors")
    result = evaluate(model, getattr(few("mnist", size=28, scaling="1998"), split))
    shown = capsys.readouterr().out
    assert f"lenet1 on mnist {split}: {result.errors} errors in 200" in shown
    assert f"{result.top_k_accuracy(3):.2%}" in shown


def test_predict_names_each_digit(trained, mnist, tmp_path, capsys):
    """The pictures are enlarged MNIST digits; most are named rightly after so short a training."""
    paths = [tmp_path / f"{index}.png" for index in range(20)]
    for index, path in enumerate(paths):
        digit(mnist, index, path)
    assert run("predict", *paths, "--weights", trained / "weights.safetensors") == 0
    lines = capsys.readouterr().out.splitlines()
    named = [int(line.split(": ")[1][0]) for line in lines]
    assert [line.split(": ")[0] for line in lines] == [str(path) for path in paths]
    right = sum(n == label for n, label in zip(named, mnist.test.labels[:20].tolist(), strict=True))
    assert right >= 12


@pytest.mark.parametrize(
    ("name", "size", "scaling", "certainty"),
    [
        ("lenet1989", 16, "signed", "output"),
        ("lenet4", 32, "1998", "output"),
        ("lenet5", 32, "1998", "probability"),
    ],
)
def test_every_network_can_be_trained_judged_and_used(
    name, size, scaling, certainty, few, mnist, tmp_path, capsys
):
    assert run("train", "--model", name, "--epochs", 1, "--out", tmp_path) == 0
    weights = tmp_path / "weights.safetensors"
    assert run("evaluate", "--weights", weights) == 0
    form = (-1.0, 1.0, 16, 16, 1) if scaling == "signed" else (-0.1, 1.175, 32, 28, 1)
    asked = [{"size": size, "scaling": scaling}, {"for_": form}]
    assert few.asked == [{"name": "mnist", **options} for options in asked]
    digit(mnist, 0, tmp_path / "seven.png")
    capsys.readouterr()
    assert run("predict", tmp_path / "seven.png", "--weights", weights) == 0
    assert certainty in capsys.readouterr().out


# --- what travels with the package -------------------------------------------------------------


@pytest.mark.parametrize("name", PRETRAINED)
def test_evaluate_takes_weights_by_name_and_counts_the_errors_that_were_recorded(
    name, monkeypatch, mnist, cache, capsys
):
    """All 10,000 test digits; for LeNet-1 in its own form, 16x16 framed, else it makes 778."""
    monkeypatch.setattr("lenet_utils.data.load_mnist", partial(load_mnist, cache=cache))
    assert run("evaluate", "--weights", name, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    recorded = read_metadata(WEIGHTS / f"{name}.safetensors")
    assert answer["results"][0]["digits"] == 10_000
    assert answer["results"][0]["errors"] == int(recorded["test_errors"])
    assert (answer["weights"], answer["model"]) == (name, name.split("-")[0])


def test_evaluate_does_not_judge_weights_by_digits_they_have_learned(capsys):
    assert run("evaluate", "--weights", "lenet5", "--split", "validation") == 1
    shown = capsys.readouterr()
    assert (shown.out, "judge them by --split test" in shown.err) == ("", True)


def test_predict_needs_no_weights_and_takes_those_that_learned_from_distortions(
    mnist, tmp_path, capsys
):
    path = tmp_path / "seven.png"
    digit(mnist, 0, path)
    assert run("predict", path) == 0
    assert capsys.readouterr().out == f"{path}: {predict(path, 'lenet5-dist')}\n"
    assert run("predict", path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["weights"] == "lenet5-dist"


# --- for machines ------------------------------------------------------------------------------


def test_predict_prints_one_object_with_an_entry_for_each_picture(mnist, tmp_path, capsys):
    files(tmp_path)
    digit(mnist, 0, tmp_path / "seven.png")
    paths = [tmp_path / "blank.png", tmp_path / "seven.png"]
    assert run("predict", *paths, "--weights", "lenet1", "--json") == 1
    shown = capsys.readouterr()
    assert "1 of 2 pictures could not be read" in shown.err
    found = predict(paths[1], "lenet1")
    assert json.loads(shown.out) == {
        "command": "predict",
        "weights": "lenet1",
        "model": "lenet1",
        "results": [
            {"image": str(paths[0]), "error": ANY},
            {
                "image": str(paths[1]),
                "digit": found.digit,
                "name": str(found.digit),
                "kind": found.kind,
                "penalty": None,
                "doubt": None,
                "scores": list(found.scores),
            },
        ],
    }


def test_evaluate_prints_what_evaluate_counts_and_no_nan(tmp_path, few, capsys):
    files(tmp_path)  # good.safetensors has not learned: some classes are never predicted
    assert run("evaluate", "--weights", tmp_path / "good.safetensors", "--json") == 0
    model = load_trained(tmp_path / "good.safetensors").model
    result = evaluate(model, few("mnist", for_=model).test)
    assert result.per_class.precision.isna().any()
    per_class = result.per_class.reset_index().astype(object)
    expected = {
        "data": "mnist",
        "split": "test",
        "digits": 200,
        "errors": result.errors,
        "error_rate": result.error_rate,
        "interval": list(result.interval()),
        "top_3_accuracy": result.top_k_accuracy(3),
        "per_class": per_class.where(per_class.notna(), None).to_dict("records"),
    }
    answer = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert answer["results"] == [expected]
    assert answer["weights"] == str(tmp_path / "good.safetensors")


def test_the_choices_written_out_for_speed_are_those_of_the_package():
    assert tuple(models.MODELS) == _options.MODELS
    assert data.DATASETS == _options.DATASETS
    assert data.SCALINGS == _options.SCALINGS
    assert PRETRAINED == _options.PRETRAINED


def test_info_shows_every_network_with_its_counts(capsys):
    assert run("info") == 0
    shown = capsys.readouterr().out
    assert torch.__version__ in shown
    assert all(f"\n{name}\n" in shown for name in MODELS)
    for count in (2578, 98442, 60000, 340908, 9760, 64660, 50673, 259806):
        assert str(count) in shown


# --- what goes wrong: 1 ------------------------------------------------------------------------


def files(folder):
    """Make files that are not what they should be."""
    (folder / "text.png").write_text("not a picture")
    Image.new("L", (40, 40), 255).save(folder / "blank.png")
    (folder / "text.safetensors").write_text("not weights")
    save_weights(LeNet1(), folder / "nameless.safetensors")
    notes = {"model": "lenet1", "data": "mnist", "scaling": "1998", "background": "0", "ink": "1"}
    save_weights(LeNet1(), folder / "good.safetensors", notes)
    save_weights(LeNet5(), folder / "swapped.safetensors", notes)
    save_weights(LeNet1(), folder / "odd.safetensors", {**notes, "ink": "plenty"})
    diverged = LeNet1()
    diverged.h1[0].bias.data[:] = float("nan")
    save_weights(diverged, folder / "diverged.safetensors", notes)
    torch.save(LeNet1().state_dict(), folder / "pickle.safetensors")


@pytest.mark.parametrize(
    ("command", "name", "message"),
    [
        ("evaluate", "missing.safetensors", "missing.safetensors"),
        ("evaluate", ".", "{folder}"),
        ("evaluate", "text.safetensors", "text.safetensors is not a safetensors file"),
        ("evaluate", "pickle.safetensors", "pickle.safetensors is not a safetensors file"),
        ("evaluate", "nameless.safetensors", "does not say which network it holds"),
        ("evaluate", "swapped.safetensors", "does not fit this LeNet1"),
        ("predict", "odd.safetensors", "plenty"),
        ("predict", "missing.safetensors", "missing.safetensors"),
        ("predict", "diverged.safetensors", "diverged.safetensors is of no use: h1.0.bias has NaN"),
        ("predict", "lenet7", "'lenet5-hands', which are in this package"),
    ],
)
def test_wrong_weights_end_with_1_and_a_line_that_names_them(
    tmp_path, capsys, command, name, message
):
    files(tmp_path)
    Image.linear_gradient("L").crop((0, 0, 256, 99)).save(tmp_path / "grey.png")
    pictures = [tmp_path / "grey.png"] if command == "predict" else []
    assert run(command, *pictures, "--weights", tmp_path / name) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"lenet_utils {command}: ")
    assert message.format(folder=tmp_path.name) in shown.err


def test_one_wrong_picture_does_not_stop_the_others(mnist, tmp_path, capsys):
    files(tmp_path)
    digit(mnist, 0, tmp_path / "seven.png")
    names = ["text.png", "seven.png", "blank.png", "missing.png", "."]
    paths = [tmp_path / name for name in names]
    assert run("predict", *paths, "--weights", tmp_path / "good.safetensors") == 1
    shown = capsys.readouterr()
    assert [line.split(": ")[0] for line in shown.out.splitlines()] == [str(paths[1])]
    for path, reason in zip(paths, ["as a picture", "", "blank", "No such file", ""], strict=True):
        if path != paths[1]:
            assert f"{path}: " in shown.err
            assert reason in shown.err
    assert "4 of 5 pictures could not be read" in shown.err


def never(*arguments, **options):
    pytest.fail("it must not train before it knows where to write")


def test_a_place_that_cannot_be_written_is_refused_before_training(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("lenet_utils.training.fit", never)
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        assert run("train", "--out", out) == 1
        assert "file" in capsys.readouterr().err


@pytest.mark.parametrize("name", command_line.WRITTEN)
def test_a_folder_where_a_file_is_to_come_is_found_before_training(
    tmp_path, capsys, monkeypatch, name
):
    (tmp_path / name).mkdir()
    monkeypatch.setattr("lenet_utils.training.fit", never)
    assert run("train", "--out", tmp_path) == 1
    assert f"{name}: it is a folder" in capsys.readouterr().err


def test_a_second_training_into_the_folder_is_refused_and_the_first_is_not_disturbed(
    tmp_path, capsys, monkeypatch
):
    def meanwhile(*arguments, **options):
        monkeypatch.setattr("lenet_utils.training.fit", never)
        for more in ([], ["--resume"], ["--seed", 7]):
            assert run(*RUN, tmp_path, *more) == 1
            assert "another training writes" in capsys.readouterr().err
        return fit(*arguments, **options)

    monkeypatch.setattr("lenet_utils.training.fit", meanwhile)
    assert run(*RUN, tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(command_line.WRITTEN)


def test_the_same_training_writes_the_same_bytes(trained, tmp_path):
    """Save the times in the history."""
    assert run(*RUN, tmp_path) == 0
    for name in command_line.WRITTEN[:2]:
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()
    first, again = (pd.read_csv(out / "history.csv") for out in (trained, tmp_path))
    assert first.drop(columns="seconds").equals(again.drop(columns="seconds"))


def test_ctrl_c_before_the_first_epoch_writes_nothing(tmp_path, capsys, monkeypatch):
    def interrupted(images):
        raise KeyboardInterrupt

    monkeypatch.setattr("lenet_utils.models.LeNet.forward", lambda model, x: interrupted(x))
    assert run("train", "--out", tmp_path / "run", "--epochs", 2) == 1
    assert "interrupted" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.*"))


def test_ctrl_c_after_an_epoch_writes_it_and_is_no_success(tmp_path, capsys, monkeypatch):
    def stopped(model, train, validation, **options):  # in the second epoch
        return fit(model, train[:200], validation, augment=at_call(3, interrupt), **options)

    monkeypatch.setattr("lenet_utils.training.fit", stopped)
    out = tmp_path / "run"
    assert run("train", "--model", "lenet1", "--out", out) == 1
    assert "--resume" in capsys.readouterr().out
    assert (out / "weights.safetensors").exists()


def test_a_loss_that_is_not_finite_is_an_exit_code(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "lenet_utils.models.LeNet.forward",
        lambda model, x: next(model.parameters()).sum() * float("nan") * torch.ones(len(x), 10),
    )
    assert run("train", "--out", tmp_path / "run", "--epochs", 2) == 1
    assert "the loss is nan at epoch 1, step 1" in capsys.readouterr().err


# --- wrong use: 2 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "COMMAND"),
        ("draw", "invalid choice: 'draw'"),
        ("train", "--out"),
        ("train --out run --model lenet7", "invalid choice: 'lenet7'"),
        ("train --out run --epochs 0", "must be a whole number of at least 1, got '0'"),
        ("train --out run --epochs many", "got 'many'"),
        ("train --out run --batch-size 2.5", "got '2.5'"),
        ("train --out run --patience -1", "got '-1'"),
        ("train --out run --lr 0", "must be a number above 0, got '0'"),
        ("train --out run --lr nan", "got 'nan'"),
        ("train --out run --lr fast", "got 'fast'"),
        ("train --out run --optimizer lbfgs", "invalid choice: 'lbfgs'"),
        ("train --out run --criterion nll", "invalid choice: 'nll'"),
        ("train --out run --seed one", "got 'one'"),
        ("train --out run --seed 99999999999999999999", "99999999999999999999"),
        ("evaluate", "--weights"),
        ("evaluate --weights w --split train", "invalid choice: 'train'"),
        ("predict --weights w", "IMAGE"),
        ("predict --json", "IMAGE"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_wrong(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr("lenet_utils.training.fit", never)
    with pytest.raises(SystemExit) as ended:
        command_line.main(arguments.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_python_m_lenet_utils_is_the_same_program(tmp_path):
    command = [sys.executable, "-m", "lenet_utils", "evaluate", "--weights", "missing.safetensors"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("lenet_utils evaluate: ")
    assert "missing.safetensors" in result.stderr
    assert result.stderr.count("\n") == 1, json.dumps(result.stderr)
