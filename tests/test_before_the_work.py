"""What cannot go well is refused before the work; new tensors elsewhere do no harm."""

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from refusing import DIGITS, IMAGES, LABELS, refusals
from torch import nn
from toy import QUIET, make_digits, make_model

from lenet_utils import (
    C3_TABLE,
    Digits,
    LeNet5,
    connection_matrix,
    fit,
    load_mnist,
    predict,
    scale,
)

FLOAT4 = torch.float4_e2m1fn_x2
PIXELS = torch.zeros(3, 28, 28, dtype=torch.uint8)


class Twofold(nn.Linear):
    """Gives out two things, as networks with a second output do."""

    def __init__(self):
        super().__init__(4, 10)

    def forward(self, images):
        return super().forward(images)[:, 0, 0], images


def training(**options):
    usual = {"train": make_digits(), "epochs": 1, **QUIET}
    return lambda: fit(**{"model": make_model(), **usual, **options})


REFUSED = {
    "scale wide": (
        lambda: scale(PIXELS, -3e38, 3e38),
        "float32 holds them .* -3e.38 and 3e.38; -0",
    ),
    "scale huge": (lambda: scale(PIXELS, 0, 10**400), "ink must be a finite number, got 10000"),
    "digits sparse": (
        lambda: Digits(IMAGES.to_sparse(), LABELS),
        r"dense tensor, got torch.sparse_coo; images.to_dense\(\) makes one",
    ),
    "digits float8": (
        lambda: Digits(IMAGES.to(torch.float8_e5m2), LABELS),
        r"of torch.float32, or of 16 or 64 bits, got torch.float8_e5m2, .*; images.float\(\) makes",
    ),
    "digits float4": (
        lambda: Digits(torch.zeros_like(IMAGES, dtype=torch.uint8).view(FLOAT4), LABELS),
        "got torch.float4_e2m1fn_x2, .* of 4 bits, of which two share a byte, have to be unpacked",
    ),
    "digits nested": (
        lambda: Digits(torch.nested.nested_tensor([*IMAGES], layout=torch.jagged), LABELS),
        r"got a nested tensor; torch.stack\(images.unbind\(\)\) makes one",
    ),
    "digits meta": (
        lambda: Digits(IMAGES.to("meta"), LABELS),
        "images are on the device 'meta', where tensors have no values",
    ),
    "labels meta": (lambda: Digits(IMAGES, LABELS.to("meta")), "labels are on the device 'meta'"),
    "pretrained list": (lambda: LeNet5.from_pretrained(["dist"]), r"no weights \['dist'\]; there"),
    "table booleans": (
        lambda: LeNet5(connections=connection_matrix(C3_TABLE, 6).tolist()),
        r"by their numbers, got \[True, True, True, False, .* if reads\] names them$",
    ),
    "table tensor": (
        lambda: LeNet5(connections=connection_matrix(C3_TABLE, 6)),
        "table must be .* got Tensor; C3_TABLE is one, a row of numbers",
    ),
    "fit nine": (
        lambda: fit(nn.Sequential(nn.Flatten(), nn.Linear(784, 9)), DIGITS, epochs=1, **QUIET),
        r"\(N, 10\) scores .* labels up to 9, got \(1, 9\); a last layer of 10",
    ),
    "fit mse": (
        training(criterion=nn.MSELoss(), batch_size=10),
        r"criterion MSELoss cannot be called with \(N, 10\) scores .*squared_error",
    ),
    "fit bce": (
        training(criterion=F.binary_cross_entropy_with_logits),
        "criterion binary_cross_entropy_with_logits cannot be called with .*: Target size",
    ),
}


test_what_cannot_be_right_is_refused = refusals(REFUSED)


def test_a_model_that_gives_out_two_things_is_refused():
    with pytest.raises((TypeError, ValueError), match="tuple"):
        training(model=Twofold())()


def test_a_criterion_that_broadcasts_is_refused_for_two_classes_too():
    digits = Digits(torch.randn(6, 1, 4, 4), torch.arange(6) % 2)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    with pytest.raises(TypeError, match=r"MSELoss cannot be called with \(N, 2\) scores"):
        fit(model, digits, epochs=1, criterion=nn.MSELoss(), **QUIET)
    fit(model, digits, epochs=1, **QUIET)


def test_a_criterion_is_tried_without_a_trace():
    """It draws at random, and so does the model: the training is the same as without a trial."""

    def noisy(scores, labels):
        calls.append(len(labels))
        return F.cross_entropy(scores + 0.1 * torch.randn_like(scores), labels)

    calls, model = [], nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 10))
    digits, before = make_digits(), torch.get_rng_state()
    fit(model, digits, epochs=1, batch_size=22, criterion=noisy, **QUIET)
    assert calls[-1] == 22
    assert model[1].num_batches_tracked == 1
    assert torch.equal(torch.get_rng_state(), before)


def test_new_tensors_elsewhere_by_default_change_nothing(cache, tmp_path):
    """The device 'meta' stands for any that is not the CPU."""
    picture = Image.new("L", (40, 50), 250)
    picture.paste(10, (8, 8, 30, 12))
    expected = predict(picture)
    model, digits = make_model(), make_digits()
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float64)
    try:
        assert load_mnist(cache=cache).test.images.device.type == "cpu"
        assert LeNet5.from_pretrained().c1[0].weight.dtype == torch.float32
        assert predict(picture) == expected
        for epochs in (1, 2):  # the second goes on from the checkpoint
            stop = {"after_epoch": lambda row, last=epochs: row["epoch"] == last}
            fit(model, digits, epochs=2, checkpoint=tmp_path / "c", **stop, **QUIET)
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
    assert all(p.device.type == "cpu" for p in model.parameters())
