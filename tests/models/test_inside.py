"""What a model's layers give out, looked at without a trace."""

import pytest
import torch
from torch import nn

from lenet_utils import LeNet5, layer_outputs


def test_layer_outputs_are_those_of_the_layers_called_one_after_another():
    model, x = LeNet5(), torch.randn(3, 1, 32, 32)
    outputs = layer_outputs(model, x)
    assert list(outputs) == ["c1", "s2", "c3", "s4", "c5", "f6", "output"]
    for name, layer in model.named_children():
        x = layer(x)
        assert torch.equal(outputs[name], x)
        assert not outputs[name].requires_grad


def test_the_next_layer_may_work_in_place():
    """Its ReLU changed the map of C1 before it was shown."""

    def pooling(maps):
        return nn.Sequential(nn.ReLU(inplace=True), nn.MaxPool2d(2))

    parts = {"activation": nn.Identity(), "connections": None, "output": nn.Linear(84, 10)}
    model, x = LeNet5(pooling=pooling, **parts), torch.randn(3, 1, 32, 32)
    outputs = layer_outputs(model, x)
    with torch.no_grad():
        for name, layer in model.named_children():
            x = layer(x.clone())
            assert torch.equal(outputs[name], x)
    assert outputs["c1"].min() < 0


def test_hooks_are_removed_when_the_images_do_not_fit():
    model = LeNet5()
    with pytest.raises(ValueError, match="LeNet5 expects images"):
        layer_outputs(model, torch.zeros(1, 1, 28, 28))
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
