"""Data, weights and trainings are where they should be, whatever device is the default."""

import torch
from PIL import Image
from toy import QUIET, make_digits, make_model

from lenet_utils import LeNet5, fit, load_mnist, predict


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
