"""The compiled step takes the very steps of PyTorch; where it cannot, PyTorch takes them."""

import copy
import errno
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from building import long
from numba import types
from numba.core import caching, config
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from toy import QUIET

import lenet_utils.training
from lenet_utils import (
    SDLM,
    Digits,
    DiscriminativeLoss,
    LeNet1,
    LeNet4,
    LeNet5,
    LeNet1989,
    RBFOutput,
    ScaledTanh,
    SparseConv2d,
    Subsampling,
    fit,
    load_mnist,
    mean_penalty,
    published_schedule,
    squared_error,
)
from lenet_utils.models import Negation, Twice, UnitBias, initialize_like_lush
from lenet_utils.training import diagonal_curvature, fitting, kernels, walk
from lenet_utils.training.plan import plan_for

STEPS = 40
PAIRS = [
    (LeNet1989, squared_error),
    (LeNet1, squared_error),
    (LeNet4, squared_error),
    (LeNet5, mean_penalty),
    (LeNet5, DiscriminativeLoss(j=1)),
    (LeNet5, DiscriminativeLoss(j=math.inf)),
    (LeNet5, F.cross_entropy),
]


def some_digits(size, count=STEPS):
    torch.manual_seed(7)
    return Digits(torch.rand(count, 1, size, size) - 0.1, torch.arange(count) % 10)


def begun(network):
    torch.manual_seed(0)
    model = network()
    model.apply(initialize_like_lush)
    return model


def spied(monkeypatch):
    """Return a list that grows by each epoch that goes the compiled way."""
    taken, real = [], fitting.compiled_epoch

    def counting(*arguments):
        done = real(*arguments)
        taken.extend([1] * done)
        return done

    monkeypatch.setattr(fitting, "compiled_epoch", counting)
    return taken


def both(model, digits, train):
    """Train two copies, by compiled code and by PyTorch; return the models and histories."""
    models = [copy.deepcopy(model) for _ in range(2)]
    return models, [train(m, digits, c) for m, c in zip(models, (True, False), strict=True)]


def sdlm(criterion, rate=0.00005, **options):
    def train(model, digits, compiled):
        optimizer = SDLM(model.parameters(), lr=rate)
        optimizer.estimate_curvature(model, digits, criterion, compiled=False)
        return fit(
            model, digits, epochs=2, batch_size=1, optimizer=optimizer, criterion=criterion,
            compiled=compiled, **{"schedule": published_schedule, **QUIET, **options},
        )  # fmt: skip

    return train


def assert_same(models, histories, tolerance=1e-5):
    for ours, theirs in zip(*(m.state_dict().values() for m in models), strict=True):
        assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max()
    ours, theirs = (history.steps for history in histories)
    np.testing.assert_allclose(ours["loss"], theirs["loss"], atol=tolerance * theirs["loss"].mean())
    assert ours[["epoch", "step", "error"]].equals(theirs[["epoch", "step", "error"]])
    np.testing.assert_allclose(ours["learning_rate"], theirs["learning_rate"], rtol=1e-12)


# --- The same numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize(("network", "criterion"), PAIRS)
def test_steps_are_those_of_pytorch(network, criterion, monkeypatch):
    taken = spied(monkeypatch)
    model = begun(network) if criterion is not F.cross_entropy else LeNet5(output=nn.Linear(84, 10))
    models, histories = both(model, some_digits(network.size), sdlm(criterion))
    assert taken == [1, 1]
    assert_same(models, histories)
    for was, now in zip(model.parameters(), models[0].parameters(), strict=True):
        assert not torch.equal(was, now)


@pytest.mark.parametrize(
    ("network", "criterion"), [PAIRS[1], *(long(*PAIRS[i]) for i in (0, 2, 3, 4))]
)
def test_a_thousand_steps_are_those_of_pytorch(network, criterion):
    """On digits, where an error grows or fades as it does in a training."""
    model = begun(network)
    digits = load_mnist(for_=model).train[:500]
    models, histories = both(model, digits, sdlm(criterion, schedule=None))
    assert len(histories[0].steps) == 1_000
    assert_same(models, histories)


def test_plain_gradient_descent_too(monkeypatch):
    def train(model, digits, compiled):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        return fit(
            model, digits, epochs=2, batch_size=1, optimizer=optimizer, compiled=compiled, **QUIET
        )

    taken = spied(monkeypatch)
    models, histories = both(begun(LeNet1), some_digits(28), train)
    assert taken == [1, 1]
    assert_same(models, histories)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_kernels_of_any_size_and_stride(size, stride, monkeypatch):
    """They are used five neighbours at a time: fewer, just as many and more, next to each other."""
    digits = some_digits(21)
    images = digits.images[:, :, :, :16]  # sides that a stride divides, and that it does not
    layers = nn.Conv2d(1, 2, size, stride), ScaledTanh(), nn.Conv2d(2, 3, 2, min(stride, 2))
    features = nn.Sequential(*layers, nn.Flatten())
    torch.manual_seed(0)
    model = features.append(nn.Linear(features(images[:1]).shape[1], 10))

    def train(model, digits, compiled):
        return fit(
            model, digits, epochs=1, batch_size=1, optimizer=plain(model), schedule=None,
            compiled=compiled, **QUIET,
        )  # fmt: skip

    taken = spied(monkeypatch)
    assert_same(*both(model, Digits(images, digits.labels), train))
    assert taken == [1]


def of_all_kinds(output):
    """Every kind of layer, two convolutions in a row, and squashing on top of squashing."""
    return nn.Sequential(
        nn.ConstantPad2d((1, 0, 2, 1), 0.3), nn.Conv2d(1, 2, 3), UnitBias(2, 9, 7), ScaledTanh(),
        nn.Sequential(nn.Conv2d(2, 2, 2, bias=False), ScaledTanh(), ScaledTanh(1.2, 0.9)),
        UnitBias(2, 8, 6), Subsampling(2), ScaledTanh(), Twice(), nn.ConstantPad2d(1, -1.0),
        SparseConv2d(((0, 1), (1, 2, 3), (3,)), 4, kernel_size=3, stride=2), ScaledTanh(),
        nn.Flatten(), ScaledTanh(), nn.Linear(12, 5), ScaledTanh(), *output,
    )  # fmt: skip


SQUASHED = (nn.Linear(5, 10), ScaledTanh())


def penalties():
    torch.manual_seed(1)
    return RBFOutput(torch.randn(10, 5), trainable=True), Negation()


OUTPUTS = [
    (SQUASHED, squared_error),
    (SQUASHED[:1], F.cross_entropy),
    (penalties(), mean_penalty),
    (penalties(), DiscriminativeLoss(j=3)),
]


@pytest.mark.parametrize(("output", "criterion"), OUTPUTS)
def test_gradients_are_those_of_finite_differences(output, criterion):
    torch.manual_seed(0)
    model = of_all_kinds(output)
    digits = Digits(torch.rand(1, 1, 8, 8), torch.tensor([3]))
    exact, h = copy.deepcopy(model).double(), 1e-5
    before = [p.detach().clone() for p in model.parameters()]
    step = {"optimizer": torch.optim.SGD(model.parameters(), lr=1.0), "schedule": None, **QUIET}
    history = fit(model, digits, epochs=1, batch_size=1, criterion=criterion, **step)

    def loss():
        return criterion(exact(digits.images.double()), digits.labels).item()

    assert history.steps["loss"].item() == pytest.approx(loss(), rel=1e-6)
    with torch.no_grad():
        for was, now, p in zip(before, model.parameters(), exact.parameters(), strict=True):
            slopes = torch.empty_like(p)
            for place in range(p.numel()):
                p.view(-1)[place] += h
                above = loss()
                p.view(-1)[place] -= 2 * h
                slopes.view(-1)[place] = (above - loss()) / (2 * h)
                p.view(-1)[place] += h
            torch.testing.assert_close((was - now).double(), slopes, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("output", "criterion"), OUTPUTS)
def test_curvature_of_all_kinds_of_layers(output, criterion):
    torch.manual_seed(0)
    model = of_all_kinds(output)
    assert_curvature(model, Digits(torch.rand(100, 1, 8, 8), torch.arange(100) % 7), criterion)


@pytest.mark.parametrize(("network", "criterion"), PAIRS[:5])
def test_curvature_is_that_of_pytorch_in_double_precision(network, criterion):
    """In single precision PyTorch's own is up to 1e-4 off: it sums squares image by image."""
    assert_curvature(begun(network), some_digits(network.size, 100), criterion)


def assert_curvature(model, digits, criterion):
    optimizer = SDLM(model.parameters())
    optimizer.estimate_curvature(model, digits, criterion)
    exact = diagonal_curvature(
        copy.deepcopy(model).double(), digits.images.double(), digits.labels, criterion
    )
    for name, p in model.named_parameters():
        ours, theirs = optimizer.state[p]["curvature"], exact[name]
        assert ours.dtype == torch.float32
        assert (ours - theirs).abs().max() <= 1e-5 * theirs.max()
        assert theirs.max() > 0 or criterion is mean_penalty


def test_squashing_is_exact_to_a_rounding():
    a = np.linspace(-20, 20, 400_001, dtype=np.float32)
    near = np.float32(10) ** np.linspace(-9, 0, 1_000, dtype=np.float32)
    for values in (a, near, -near):
        ours = values.copy()
        kernels.squash(ours, len(ours), 1.7159, 2 / 3)
        exact = 1.7159 * np.tanh(2 / 3 * values.astype(np.float64))
        assert np.abs(ours - exact).max() < 2e-7
        assert (np.abs(ours - exact) <= 1e-6 * np.abs(exact)).all()
    odd = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    kernels.squash(odd, 4, 1.7159, 2 / 3)
    np.testing.assert_allclose(odd, [np.nan, 1.7159, -1.7159, 0.0], rtol=1e-7)


# --- As in fit ------------------------------------------------------------------------------------


def test_an_epoch_of_best_validation_is_kept_and_checkpoints_go_on(tmp_path, monkeypatch):
    taken = spied(monkeypatch)
    digits, validation = some_digits(28), some_digits(28, 30)

    def train(model, **options):
        optimizer = SDLM(model.parameters(), lr=0.0005)
        history = fit(
            model, digits, validation, epochs=3, batch_size=1, optimizer=optimizer, seed=5,
            before_epoch=lambda: optimizer.estimate_curvature(model, digits, squared_error),
            schedule=published_schedule, **QUIET, **options,
        )  # fmt: skip
        return [p.detach().clone() for p in model.parameters()], history

    whole, history = train(begun(LeNet1))
    path = tmp_path / "x.safetensors"
    train(begun(LeNet1), checkpoint=path, after_epoch=lambda row: row["epoch"] == 1)
    again, other = train(begun(LeNet1), checkpoint=path)
    assert taken == 6 * [1]
    assert all(map(torch.equal, whole, again))
    assert history.best_epoch == other.best_epoch
    columns = ["epoch", "train_loss", "validation_error", "learning_rate"]
    assert history.epochs[columns].equals(other.epochs[columns])
    assert history.steps.equals(other.steps)


def test_ctrl_c_ends_it_with_what_there_is(monkeypatch):
    def stopping(optimizer, steps):
        def rate(step):
            if step == 350:
                raise KeyboardInterrupt
            return 1.0

        return LambdaLR(optimizer, rate)

    taken = spied(monkeypatch)
    model, other = begun(LeNet1), begun(LeNet1)
    digits = some_digits(28, 400)
    for one, schedule in ((model, stopping), (other, None)):
        optimizer = torch.optim.SGD(one.parameters(), lr=0.001)
        some = digits if one is model else digits[:200]
        monkeypatch.setattr(torch, "randperm", lambda n, device: torch.arange(n))
        options = {"optimizer": optimizer, "schedule": schedule, **QUIET}
        history = fit(one, some, epochs=1, batch_size=1, **options)
        assert history.interrupted == (one is model)
        assert len(history.steps) == 200
    assert taken == [1]  # the other was not done
    assert all(map(torch.equal, model.parameters(), other.parameters()))


def test_what_diverges_is_told_as_in_fit():
    """Of linear outputs the squared error grows without end; NaN must not get lost on the way."""
    for compiled in (True, False):
        model = begun(lambda: LeNet1(output=nn.Linear(192, 10)))
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        options = {"optimizer": optimizer, "schedule": None, "compiled": compiled, **QUIET}
        with pytest.raises(FloatingPointError, match=r"the loss is (nan|inf)") as caught:
            fit(
                model, some_digits(28, 300), epochs=1, batch_size=1, criterion=squared_error,
                **options,
            )  # fmt: skip
        assert caught.value.history.best_epoch is None


def test_without_a_curvature_there_is_no_step():
    model = begun(LeNet1)
    with pytest.raises(RuntimeError, match=r"call estimate_curvature\(\) before the first step"):
        fit(
            model, some_digits(28), epochs=1, batch_size=1, optimizer=SDLM(model.parameters()),
            **QUIET,
        )  # fmt: skip


def test_the_bar_says_so(capsys):
    model = LeNet1()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    for compiled in (True, False):
        fit(
            model, some_digits(28), epochs=1, batch_size=1, optimizer=optimizer, device="cpu",
            compiled=compiled,
        )  # fmt: skip
        assert ("one image at a time, compiled" in capsys.readouterr().err) == compiled


# --- Where PyTorch takes the steps ----------------------------------------------------------------


class Halved(LeNet1):
    """A network of somebody else, which is not what its base class is."""

    def forward(self, images):
        return super().forward(images) / 2


class Careful(SDLM):
    """An optimiser of somebody else."""

    def step(self, closure=None):
        return None


def hooked(model):
    model.h3.register_forward_hook(lambda layer, given, out: 2 * out)
    return model


def listening(model):
    next(model.parameters()).register_hook(lambda gradient: 0 * gradient)
    return model


def replaced(model):
    layer = model.h1[0]
    layer.forward = lambda x: 2 * type(layer).forward(layer, x)
    return model


def frozen(model):
    model.h1.requires_grad_(False)
    return model


def tied(model):
    model.h2[0].bias = model.h2[0].coefficient
    return model


MODELS = {
    "a layer without a kernel": lambda: LeNet1(activation=nn.ReLU()),
    "dropout": lambda: LeNet1(dropout=0.5),
    "another class": Halved,
    "a hook": lambda: hooked(begun(LeNet1)),
    "a hook of a parameter": lambda: listening(begun(LeNet1)),
    "another forward": lambda: replaced(begun(LeNet1)),
    "a frozen layer": lambda: frozen(begun(LeNet1)),
    "a shared parameter": lambda: tied(begun(LeNet1)),
    "double precision": lambda: begun(LeNet1).double(),
    "padding": lambda: nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, stride=3), nn.Flatten(), nn.Linear(200, 10)
    ),
}
OPTIMIZERS = {
    "momentum": lambda model: torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9),
    "weight decay": lambda model: torch.optim.SGD(model.parameters(), lr=0.001, weight_decay=0.1),
    "Adam": lambda model: torch.optim.Adam(model.parameters(), lr=0.001),
    "another optimiser": lambda model: Careful(model.parameters()),
    "some of the parameters": lambda model: torch.optim.SGD(model.h3.parameters(), lr=0.001),
    "two groups": lambda model: torch.optim.SGD(
        [
            {"params": model.h3.parameters(), "lr": 0.01},
            {"params": [p for n, p in model.named_parameters() if not n.startswith("h3")]},
        ],
        lr=0.001,
    ),
}


def plain(model):
    return torch.optim.SGD(model.parameters(), lr=0.001)


def doubled(scores, labels):
    return 2 * F.cross_entropy(scores, labels)


CASES = {
    **{name: (make, plain, {}) for name, make in MODELS.items()},
    **{name: (lambda: begun(LeNet1), make, {}) for name, make in OPTIMIZERS.items()},
    "another criterion": (lambda: begun(LeNet1), plain, {"criterion": doubled}),
    "augment": (lambda: begun(LeNet1), plain, {"augment": lambda images: images / 2}),
    "batches": (lambda: begun(LeNet1), plain, {"batch_size": 2}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_has_no_kernel_is_trained_by_pytorch(case, monkeypatch):
    make, optimizer, options = CASES[case]
    taken = spied(monkeypatch)
    torch.manual_seed(0)
    model = make()
    digits = some_digits(28, 6)
    images = digits.images.to(next(model.parameters()).dtype)
    trained = []
    for compiled in (True, False):
        torch.manual_seed(0)
        one = make()
        one.load_state_dict(model.state_dict())
        fit(
            one, Digits(images, digits.labels), epochs=1, optimizer=optimizer(one),
            compiled=compiled, **{"batch_size": 1, **QUIET, **options},
        )  # fmt: skip
        trained.append(one)
    assert taken == []
    assert all(map(torch.equal, *(one.parameters() for one in trained)))


def test_what_shares_weights_has_no_plan():
    """A layer without weights may well run twice."""
    model = LeNet1()
    model.h3.append(model.h3[1])
    assert plan_for(model, some_digits(28), squared_error) is not None
    twice = nn.Sequential(nn.Flatten(), *(2 * [nn.Linear(784, 784)]), nn.Linear(784, 10))
    assert plan_for(twice, some_digits(28), squared_error) is None


def test_what_listens_in_at_every_module_or_rounds_leaves_it_to_pytorch():
    model, digits = LeNet1(), some_digits(28)
    assert plan_for(model, digits, squared_error) is not None
    with torch.autocast("cpu"):
        assert plan_for(model, digits, squared_error) is None
    everywhere = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert plan_for(model, digits, squared_error) is None
    finally:
        everywhere.remove()


def test_a_layer_frozen_before_a_later_epoch_stays_as_it_is(monkeypatch):
    taken = spied(monkeypatch)
    model, kept, epochs = begun(LeNet1), [], iter(range(2))

    def freeze():
        if next(epochs):
            model.h1.requires_grad_(False)
            kept.append(model.h1[0].weight.detach().clone())

    options = {"optimizer": plain(model), "before_epoch": freeze, **QUIET}
    fit(model, some_digits(28, 6), epochs=2, batch_size=1, **options)
    assert taken == [1]
    assert torch.equal(model.h1[0].weight, kept[0])


def test_every_second_image_of_a_set_is_as_good_as_a_copy():
    """A slice with steps is a view, whose numbers do not lie side by side."""
    digits = some_digits(28)
    images, labels = digits.images.transpose(2, 3)[::2], digits.labels[::2]
    trained = []
    for some in (Digits(images, labels), Digits(images.contiguous(), labels.contiguous())):
        model = begun(LeNet1)
        fit(model, some, epochs=1, batch_size=1, optimizer=plain(model), **QUIET)
        trained.append(model)
    assert all(map(torch.equal, *(model.parameters() for model in trained)))


def test_weights_stay_in_their_order_of_memory():
    model = LeNet1(connections=None).to(memory_format=torch.channels_last)
    other = copy.deepcopy(model).to(memory_format=torch.contiguous_format)
    for one in (model, other):
        options = {"optimizer": plain(one), **QUIET}
        fit(one, some_digits(28), epochs=1, batch_size=1, **options)
    assert model.h3[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(model.h3[0].weight, other.h3[0].weight)


# --- Numba and its cache --------------------------------------------------------------------------


def test_where_numba_is_missing_a_sentence_says_so(monkeypatch, capsys):
    monkeypatch.delattr(lenet_utils.training, "walk")
    monkeypatch.setitem(sys.modules, "lenet_utils.training.walk", None)
    taken, model = spied(monkeypatch), begun(LeNet1)
    digits, optimizer = some_digits(28, 100), SDLM(model.parameters(), lr=0.00005)
    fit(
        model, digits, epochs=2, batch_size=1, optimizer=optimizer, device="cpu",
        before_epoch=lambda: optimizer.estimate_curvature(model, digits, squared_error),
    )  # fmt: skip
    assert taken == []
    told = capsys.readouterr()
    assert (told.out + told.err).count("pip install numba") == 1


def test_the_package_is_imported_without_numba():
    program = (
        "import sys, lenet_utils; from lenet_utils import *; "
        "from lenet_utils.training import compiled, fit; assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def add_one(x):
    """Stand for the kernels, which take longer to compile."""
    return x + 1


SMALL = (types.int64,)


def test_compiled_code_is_kept_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert walk.compiled(add_one, SMALL)(1) == 2
    assert list(tmp_path.rglob("*.nbc"))
    again = walk.compiled(add_one, SMALL)
    assert again(1) == 2
    assert sum(again.stats.cache_hits.values()) == 1


def test_it_is_kept_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setattr(walk, "user_cache_dir", lambda name: str(tmp_path / name))
    assert walk.compiled(add_one, SMALL)(1) == 2
    assert list((tmp_path / "lenet_utils").rglob("*.nbc"))
    assert config.CACHE_DIR == ""


def test_a_cache_that_cannot_be_written_is_none(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "file"))
    for name in ("InTreeCacheLocator", "UserWideCacheLocator"):
        monkeypatch.setattr(getattr(caching, name), "from_function", lambda *_: None)
    assert walk.compiled(add_one, SMALL)(1) == 2


def test_a_full_disk_is_no_error(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    assert walk.compiled(add_one, SMALL)(1) == 2


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_a_damaged_cache_is_compiled_anew(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    walk.compiled(add_one, SMALL)
    for path in tmp_path.rglob(f"*.{suffix}"):
        path.write_bytes(b"not what was written")
    assert walk.compiled(add_one, SMALL)(1) == 2


@pytest.mark.long
def test_two_processes_may_compile_at_once(tmp_path):
    program = "from lenet_utils.training import walk; print(len(walk.compiled_walk().signatures))"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in started] == ["1", "1"]
    assert [process.returncode for process in started] == [0, 0]
