"""Training goes on from a checkpoint as if it had never stopped."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import zlib
from functools import partial

import pandas as pd
import pytest
import torch
from refusing import in_full
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from toy import QUIET, at_call, interrupt, make_digits, make_model, sgd

from lenet_utils import C3_TABLE, SDLM, Digits, LeNet1, LeNet5, distort, fit, save_weights
from lenet_utils.models import read_metadata
from lenet_utils.models.weights import write_tensors

EPOCHS = 4


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.safetensors"


def images_for(size, count=60):
    torch.manual_seed(1)
    return Digits(torch.randn(count, 1, size, size), torch.arange(count) % 10)


def noisy(images):
    return images + 0.3 * torch.randn_like(images)


def plain_sgd(model, **options):
    return torch.optim.SGD(model.parameters(), lr=0.02, **options)


CASES = {
    "AdamW in one cycle": {},
    "SGD with momentum": {"optimizer": lambda model: plain_sgd(model, momentum=0.9)},
    "no schedule, no state": {"optimizer": plain_sgd, "schedule": None},
    "another schedule": {"schedule": lambda optimizer, steps: CosineAnnealingLR(optimizer, steps)},
    "random images": {"augment": noisy},
    "one order": {"shuffle": "once"},
    "Adam with its largest": {
        "optimizer": lambda m: torch.optim.Adam(m.parameters(), amsgrad=True)
    },
}


def train(model, digits, case=None, validation=True, **options):
    options = {"epochs": EPOCHS, "batch_size": 16, **(case or {}), **QUIET, **options}
    make = options.pop("optimizer", None)
    options["optimizer"] = make(model) if make else None
    return fit(model, digits, digits[:20] if validation else None, **options)


def make_network(seed):
    torch.manual_seed(seed)
    return LeNet1(dropout=0.3, normalization=nn.BatchNorm2d)


def stopped_then_resumed(path, digits, case, stop_at, **options):
    """Train until Ctrl-C in the given call of augment, and go on with other first weights."""
    case, usual = dict(case), case.get("augment", lambda images: images)

    def augment(images):
        return act(images)

    act = at_call(stop_at, interrupt, usual)
    train(make_network(5), digits, case | {"augment": augment}, checkpoint=path, **options)
    act, resumed = usual, make_network(6)
    history = train(resumed, digits, case | {"augment": augment}, checkpoint=path, **options)
    return resumed, history


def state(model):
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("stop_at", [5, 9, 15], ids=lambda step: f"step {step}")
def test_the_weights_are_those_of_a_training_that_never_stopped(path, name, stop_at):
    """Bit for bit: weights, batch normalisation, history; with dropout, four steps an epoch."""
    digits, case = images_for(28), CASES[name]
    whole = make_network(5)
    expected = train(whole, digits, case)
    resumed, history = stopped_then_resumed(path, digits, case, stop_at)
    assert state(resumed) == state(whole)
    pd.testing.assert_frame_equal(history.steps, expected.steps)
    compared = [column for column in expected.epochs if column != "seconds"]
    pd.testing.assert_frame_equal(history.epochs[compared], expected.epochs[compared])
    assert history.best_epoch == expected.best_epoch
    assert not history.interrupted


def test_after_ctrl_c_the_same_optimiser_goes_on(path):
    """Where the schedule had brought its rate, and what it had kept, is not taken for its own."""
    digits = images_for(28)
    whole, stopped = make_network(5), make_network(5)
    train(whole, digits, CASES["SGD with momentum"])
    optimizer = plain_sgd(stopped, momentum=0.9)
    for stop_at in (9, 99):
        train(
            stopped, digits, augment=at_call(stop_at, interrupt), checkpoint=path,
            optimizer=lambda _: optimizer,
        )  # fmt: skip
    assert state(stopped) == state(whole)


def test_without_validation_too(path):
    digits, whole = images_for(28), make_network(5)
    expected = train(whole, digits, validation=False)
    resumed, history = stopped_then_resumed(path, digits, {}, 7, validation=False)
    assert state(resumed) == state(whole)
    assert history.epochs.drop(columns="seconds").equals(expected.epochs.drop(columns="seconds"))


def test_the_papers_optimiser_too(path):
    """Its curvature is estimated anew before each epoch; one image for each update."""
    digits = images_for(32, count=6)

    def run(checkpoint, epochs_stopped_after=None):
        torch.manual_seed(2)
        model = LeNet5(output=nn.Linear(84, 10))
        optimizer = SDLM(model.parameters())

        def before_epoch():
            calls.append(1)
            if len(calls) == epochs_stopped_after:
                raise KeyboardInterrupt
            optimizer.estimate_curvature(model, digits, nn.functional.cross_entropy)

        calls = []
        options = {"epochs": 3, "batch_size": 1, "schedule": None, "before_epoch": before_epoch}
        fit(model, digits, optimizer=optimizer, checkpoint=checkpoint, **options, **QUIET)
        return state(model)

    expected = run(None)
    run(path, epochs_stopped_after=3)
    assert run(path) == expected


def test_a_criterion_that_learns_goes_on_too(path):
    """As cross-entropy with a temperature does, and with the weights of the best epoch."""

    class Temperature(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.ones(()))

        def forward(self, scores, labels):
            return nn.functional.cross_entropy(self.factor * scores, labels)

    def run(checkpoint, **options):
        torch.manual_seed(3)
        model, criterion, digits = make_model(), Temperature(), make_digits()
        parameters = [*model.parameters(), *criterion.parameters()]
        options |= {"epochs": 3, "batch_size": 5, "criterion": criterion}
        optimizer = torch.optim.SGD(parameters, lr=0.1)
        fit(model, digits, optimizer=optimizer, checkpoint=checkpoint, **options, **QUIET)
        return criterion.factor.item(), state(model)

    expected = run(None)
    assert expected[0] != 1
    run(path, augment=at_call(8, interrupt))
    assert run(path, augment=at_call(99, interrupt)) == expected


def test_another_connection_table_is_another_training(path):
    digits = images_for(32, count=10)
    options = {"epochs": 1, "checkpoint": path, **QUIET}
    fit(LeNet5(), digits, **options)
    turned = [[(m + 1) % 6 for m in row] for row in C3_TABLE]
    with pytest.raises(ValueError, match="belongs to another training: its model has"):
        fit(LeNet5(connections=turned), digits, **options)


def test_a_finished_training_is_not_done_again(path):
    digits, model, again = images_for(28), make_network(5), make_network(6)
    train(model, digits, checkpoint=path)
    before = path.read_bytes()
    history = train(again, digits, checkpoint=path)
    assert state(again) == state(model)
    assert len(history.epochs) == EPOCHS
    assert path.read_bytes() == before


def test_patience_that_was_used_up_stays_used_up(path):
    digits, model = make_digits(), make_model()

    def run():
        options = {"optimizer": sgd(model, lr=0.0), "schedule": None, "patience": 2, **QUIET}
        return fit(model, digits, digits, epochs=9, checkpoint=path, **options)

    assert run().epochs.epoch.tolist() == run().epochs.epoch.tolist() == [1, 2, 3]


def test_a_checkpoint_from_before_there_was_a_choice_of_order_goes_on(path):
    digits, whole, resumed = images_for(28), make_network(5), make_network(6)
    train(whole, digits)
    train(make_network(5), digits, after_epoch=lambda row: row["epoch"] == 2, checkpoint=path)
    tensors, notes = load_file(path), read_metadata(path)
    assert notes.pop("shuffle") == "each epoch"
    save_file(tensors, path, notes)
    with pytest.raises(ValueError, match="its shuffle has 'each epoch', now it is 'once'"):
        train(make_network(6), digits, shuffle="once", checkpoint=path)
    train(resumed, digits, checkpoint=path)
    assert state(resumed) == state(whole)


def test_what_after_epoch_had_ended_stays_ended(path):
    """It is asked about the last epoch again: it may not have got to see it before a power cut."""

    def run(model, last):
        rows = []
        ending = {"after_epoch": lambda row: rows.append(row["epoch"]) or row["epoch"] == last}
        history = train(model, images_for(28), checkpoint=path, **ending)
        return rows, len(history.epochs)

    stopped, again, whole = make_network(5), make_network(6), make_network(5)
    assert run(stopped, last=2) == ([1, 2], 2)
    assert run(again, last=2) == ([2], 2)
    assert state(again) == state(stopped)
    assert run(again, last=None) == ([2, 3, 4], 4)
    train(whole, images_for(28))
    assert state(again) == state(whole)


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_at_most_one_epoch(path):
    """SIGKILL at random moments, writing included, until the training gets through."""
    digits, whole = images_for(28), make_network(5)
    train(whole, digits, {"epochs": 100})
    fork, draw, kills, last = multiprocessing.get_context("fork"), random.Random(4), 0, 0

    def run():
        train(make_network(5), digits, {"epochs": 100}, checkpoint=path)

    for _ in range(100):
        child = fork.Process(target=run)
        child.start()
        child.join(draw.uniform(0.1, 0.5) if kills < 8 else 60)
        if child.exitcode == 0:
            break
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        kills += 1
        done = int(load_file(path)["record.epochs"].shape[0]) if path.exists() else 0
        assert done >= last
        last = done
    assert kills >= 3
    resumed = make_network(6)
    train(resumed, digits, {"epochs": 100}, checkpoint=path)
    assert state(resumed) == state(whole)


def test_the_same_training_writes_the_same_bytes_stopped_or_not(path):
    """Notes come in one order, and no time is in them."""
    digits, others = images_for(28), [path.with_name("second"), path.with_name("third")]
    for name in (path, others[0]):
        train(make_network(5), digits, checkpoint=name)
    for last in (2, None):
        stop = {"after_epoch": lambda row, last=last: row["epoch"] == last}
        train(make_network(5), digits, checkpoint=others[1], **stop)
    assert path.read_bytes() == others[0].read_bytes() == others[1].read_bytes()


def test_epochs_from_before_it_was_stopped_have_no_time(path):
    _, history = stopped_then_resumed(path, images_for(28), {}, 9)
    assert history.epochs.seconds.isna().tolist() == [True, True, False, False]


def test_two_trainings_do_not_write_one_file_at_a_time(path):
    """The second is refused before it begins, and the first goes through."""
    digits, refused = images_for(28), []

    def second(row):
        with pytest.raises(OSError, match=r"another training writes .*checkpoint.safetensors") as e:
            train(other, digits, checkpoint=path, seed=1)
        refused.append(e)

    whole, first, other = make_network(5), make_network(5), make_network(6)
    train(whole, digits)
    train(first, digits, checkpoint=path, after_epoch=second)
    assert len(refused) == EPOCHS
    assert state(first) == state(whole)
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    "name", ["Adagrad", "Adam", "Adafactor", "ASGD", "NAdam", "RMSprop", "Rprop"]
)
def test_the_state_of_pytorchs_optimisers_is_taken_for_theirs(path, name):
    digits = images_for(28)
    case = {"optimizer": lambda model: getattr(torch.optim, name)(model.parameters())}
    whole = make_network(5)
    train(whole, digits, case)
    resumed, _ = stopped_then_resumed(path, digits, case, 9)
    assert state(resumed) == state(whole)


def test_an_optimiser_of_ones_own_goes_on_and_its_nan_does_not(path):
    class Own(torch.optim.SGD):
        def __init__(self, parameters):
            super().__init__(parameters, lr=0.01)
            self.mine = 1  # which a copy does not have

        def step(self, closure=None):
            for p in self.param_groups[0]["params"]:
                self.state[p]["seen"] = self.state[p].get("seen", 0) + self.mine + torch.zeros(2, 3)
                self.state[p]["count"] = count = self.state[p].get("count", 0) + 1
                p.data.add_(0.01 / count)  # a number, by which the weights tell whether it is kept
            return super().step(closure)

    digits, whole = images_for(28), make_network(5)
    case = {"optimizer": lambda model: Own(model.parameters())}
    train(whole, digits, case)
    resumed, _ = stopped_then_resumed(path, digits, case, 9)
    assert state(resumed) == state(whole)
    path.unlink()
    train(make_network(5), digits, case, checkpoint=path)
    tensors, notes = load_file(path), read_metadata(path)
    tensors["optimizer.1.seen"][0] = torch.nan
    save_file(tensors, path, notes)
    with pytest.raises(ValueError, match=r"optimizer.1.seen is not of this optimizer, or not"):
        train(make_network(5), digits, case, checkpoint=path)


# --- as one of several processes -----------------------------------------------------------------


def become(number, monkeypatch):
    """Let this process take itself for the one of that number, with all images of a batch."""
    monkeypatch.setattr("lenet_utils.training.parallel.process_number", lambda: number)
    monkeypatch.setattr("lenet_utils.training.parallel.own_part", lambda chosen: (chosen, 1))


def test_another_process_than_the_first_neither_writes_nor_locks_nor_reads(path, monkeypatch):
    become(1, monkeypatch)
    digits, options = make_digits(), {"epochs": 1, "checkpoint": path, **QUIET}
    files = []
    look = {"after_epoch": lambda row: files.extend(os.listdir(path.parent))}
    fit(make_model(), digits, **look, **options)
    assert files == os.listdir(path.parent) == []
    path.write_text("the first process's own business")
    fit(make_model(), digits, **options)
    assert path.read_text() == "the first process's own business"


def test_each_process_goes_on_with_random_numbers_of_its_own(path, monkeypatch):
    """The first with those of the checkpoint, which it alone reads; the others with new ones."""
    digits = make_digits()
    options = {"epochs": 2, "checkpoint": path, **QUIET}
    fit(make_model(), digits, after_epoch=lambda row: True, **options)
    content, kept = path.read_bytes(), load_file(path)["random.cpu"]
    monkeypatch.setattr("lenet_utils.training.parallel.bytes_from_first", lambda _: content)

    def drawn(number):
        become(number, monkeypatch)
        draws = []
        end = {"after_epoch": lambda row: draws.append(torch.rand(1).item()) or True}
        fit(make_model(), digits, **end, **options)
        return draws[0]

    generator = torch.Generator()
    generator.set_state(kept)
    assert drawn(0) == torch.rand(1, generator=generator).item()
    for number in (1, 2):
        generator.manual_seed(zlib.crc32(kept.numpy().tobytes()) + number)
        assert drawn(number) == torch.rand(1, generator=generator).item()


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 5}, "its epochs has '4', now it is '5'"),
        ({"batch_size": 8}, "its batch_size has '16', now it is '8'"),
        ({"seed": 1}, "its seed has '0', now it is '1'"),
        ({"shuffle": "once"}, "its shuffle has 'each epoch', now it is 'once'"),
        ({"patience": 3}, "its patience has 'None', now it is '3'"),
        ({"schedule": None}, "its schedule has 'one_cycle', now it is 'None'"),
        ({"augment": noisy}, "its augment has 'None', now it is 'noisy'"),
        ({"augment": partial(noisy, 0.5)}, r"its augment has 'None', now it is 'noisy\(0.5\)'"),
        ({"optimizer": plain_sgd}, "its optimizer has 'AdamW .*', now it is 'SGD"),
        ({"criterion": nn.CrossEntropyLoss()}, "its criterion has 'squared_error'"),
        ({"validation": False}, "its validation has 'images of shape"),
    ],
)
def test_other_settings_are_refused_with_both_values(path, change, message):
    digits, model = images_for(28), LeNet1()
    train(model, digits, checkpoint=path)
    before = path.read_bytes(), state(model)
    with pytest.raises(ValueError, match=f"belongs to another training: {message}"):
        train(model, digits, checkpoint=path, **change)
    assert (path.read_bytes(), state(model)) == before


def test_another_learning_rate_network_or_set_is_refused(path):
    digits, model = images_for(28), LeNet1()
    case = {"optimizer": lambda model: sgd(model, lr=0.1)}
    train(model, digits, case, checkpoint=path)
    with pytest.raises(ValueError, match=r"its optimizer has 'lr: 0.1', now it is 'lr: 0.2'"):
        train(model, digits, {"optimizer": lambda m: sgd(m, lr=0.2)}, checkpoint=path)
    with pytest.raises(ValueError, match=r"its model has .*Conv2d\(4, 12"):
        train(LeNet1(connections=None), digits, case, checkpoint=path)
    with pytest.raises(ValueError, match=r"its train has 'images of shape \(60, .* \(59, "):
        train(model, digits[1:], case, checkpoint=path)
    altered = Digits(digits.images.clone(), digits.labels)
    altered.images[50, 0, 3, 3] += 1e-3
    with pytest.raises(ValueError, match=r"its train has .* with the checksums"):
        train(model, altered, case, checkpoint=path)


def brighter(by):
    return lambda images: images + by


class Brighter:
    def __init__(self, by):
        self.by, self.log = by, []

    def __call__(self, images):
        self.log.append(len(images))
        return images + self.by


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        (lambda x: x + 0.1, None, lambda x: x + 0.2),
        (lambda x: x.flip(3), None, lambda x: x.flip(2)),
        (lambda x: x.abs(), None, lambda x: x.relu()),
        (brighter(0.1), brighter(0.1), brighter(0.2)),
        (Brighter(0.1), Brighter(0.1), Brighter(0.2)),
        (Brighter(torch.ones(1)), Brighter(torch.ones(1)), Brighter(torch.zeros(1))),
        (partial(distort, shear=0.1), partial(distort, shear=0.1), partial(distort, shear=0.2)),
    ],
)
def test_another_augment_is_refused_even_of_the_same_name(path, first, same, other):
    digits, model = images_for(28), LeNet1()
    train(model, digits, checkpoint=path, augment=first)
    for again in (first, same or first):
        train(model, digits, checkpoint=path, augment=again)
    with pytest.raises(ValueError, match="belongs to another training: its augment has"):
        train(model, digits, checkpoint=path, augment=other)


def test_a_lambda_is_described_alike_in_another_process():
    program = "from lenet_utils.training.settings import _describe\n"
    program += "def make(by):\n    return lambda x: [x + by, lambda y: {1, 'a', y}]\n"
    program += "print(_describe(make(0.5)))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    "kind", ["weights", "empty", "truncated", "text", "lacks a tensor", "pickle"]
)
def test_a_file_that_is_no_whole_checkpoint_is_refused(path, kind):
    digits, model = images_for(28), LeNet1()
    train(model, digits, checkpoint=path)
    if kind == "weights":
        save_weights(model, path)
    elif kind == "lacks a tensor":
        tensors, notes = load_file(path), read_metadata(path)
        tensors.pop("optimizer.0.exp_avg")
        tensors.pop("record.steps")
        save_file(tensors, path, notes)
    elif kind == "pickle":
        torch.save(model.state_dict(), path)
    else:
        contents = {"empty": b"", "truncated": path.read_bytes()[:-100], "text": b"epoch three"}
        path.write_bytes(contents[kind])
    with pytest.raises(ValueError, match=path.name):
        train(model, digits, checkpoint=path)


def test_a_folder_in_the_place_of_the_file_is_an_oserror(path):
    path.mkdir()
    with pytest.raises(OSError, match=path.name):
        train(LeNet1(), images_for(28), checkpoint=path)


def test_a_checkpoint_that_cannot_be_written_is_an_oserror_before_anything_is_learned(path):
    (path.parent / "file").touch()
    model = make_network(5)
    with pytest.raises(OSError, match=r"cannot write .*file.c\.safetensors"):
        train(model, images_for(28), checkpoint=path.parent / "file" / "c.safetensors")
    assert state(model) == state(make_network(5))


@pytest.mark.parametrize("name", ["", "a\0b", "/dev/zero", "x" * 300, 3])
def test_a_name_that_can_be_no_checkpoint_is_refused_before_anything_is_learned(name):
    model = make_network(5)
    with pytest.raises((OSError, TypeError, ValueError), match=r"no regular|too long|name"):
        train(model, images_for(28), checkpoint=name)
    assert state(model) == state(make_network(5))


def test_a_disk_that_fills_up_leaves_the_last_checkpoint_to_go_on_from(path):
    """A limit on the size of files stands in for the disk, from the third epoch on."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    digits, whole, resumed = images_for(28), make_network(5), make_network(6)
    train(whole, digits)

    def augment(images):
        calls.append(1)
        if len(calls) == 9:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        return images

    calls = []
    try:
        with pytest.raises(OSError, match=path.name):
            train(make_network(5), digits, {"augment": augment}, checkpoint=path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(path.parent) == [path.name]
    assert len(load_file(path)["record.epochs"]) == 2
    train(resumed, digits, {"augment": augment}, checkpoint=path)
    assert state(resumed) == state(whole)


def test_an_optimiser_that_keeps_other_things_is_refused(path):
    model = make_model()
    optimizer = sgd(model)
    optimizer.state[next(model.parameters())]["secret"] = object()
    with pytest.raises(TypeError, match=r"keeps an optimizer's tensors and numbers, .* object"):
        fit(model, make_digits(), epochs=1, optimizer=optimizer, checkpoint=path, **QUIET)
    assert not path.exists()


# --- the words, in full --------------------------------------------------------------------------


def other_training(path):
    fit_once(path)
    fit_once(path, seed=3)


def fit_once(path, **options):
    torch.manual_seed(0)
    fit(make_model(), make_digits(), epochs=1, checkpoint=path, **QUIET, **options)


def other_file(path):
    save_weights(LeNet1(), path)
    fit_once(path)


def a_tensor_more(path):
    fit_once(path)
    write_tensors({**load_file(path), "more": torch.zeros(1)}, path, read_metadata(path))
    fit_once(path)


def a_weight_of_nan(path):
    fit_once(path)
    tensors = load_file(path)
    tensors["learner.model.1.bias"][0] = torch.nan
    write_tensors(tensors, path, read_metadata(path))
    fit_once(path)


class Hoarder(torch.optim.SGD):
    """Keeps what is neither a tensor nor a number."""

    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["held"] = {1, 2}


def hoarding(path):
    model = make_model()
    optimizer = Hoarder(model.parameters(), lr=0.1)
    fit(model, make_digits(), epochs=1, checkpoint=path, optimizer=optimizer, **QUIET)


test_the_words_are_these = in_full(
    {
        "other training": (
            other_training,
            ValueError,
            "{path} belongs to another training: its seed has '0', now it is '3'; train as it was "
            "begun, or delete the file to begin anew",
        ),
        "no checkpoint": (
            other_file,
            ValueError,
            "{path} is no checkpoint; name another file, or delete it",
        ),
        "more": (
            a_tensor_more,
            ValueError,
            "{path} is damaged: more is nothing that a checkpoint holds; delete it to begin anew",
        ),
        "NaN": (
            a_weight_of_nan,
            ValueError,
            "{path} is damaged: model.1.bias has NaN or infinity; delete it to begin anew",
        ),
        "held": (
            hoarding,
            TypeError,
            "a checkpoint keeps an optimizer's tensors and numbers, this one has more: Object of "
            "type set is not JSON serializable",
        ),
    }
)
