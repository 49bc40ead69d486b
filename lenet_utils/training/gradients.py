"""The gradients with which a training would begin, layer by layer."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from .._checks import check_kind
from ..data.digits import Digits
from ..models.base import layer_label
from ..models.criteria import Criterion
from ..models.inside import device_of
from ..models.outputs import check_scores, criterion_for

if TYPE_CHECKING:  # pandas is imported where a table is made: networks and training start without
    import pandas as pd

__all__ = ["layer_gradient_norms"]


def layer_gradient_norms(
    model: nn.Module,
    digits: Digits,
    criterion: Criterion | None = None,
) -> pd.Series:
    """Measure the gradient of each named layer, as the first step of training would see it.

    It is computed in a copy: the model, its ``.grad``, its mode and the random state stay as they
    are.

    Parameters
    ----------
    model
        A model of named layers, such as `LeNet5`.
    digits
        One batch, taken as a whole.
    criterion
        Called with ``(N, classes)`` scores and ``(N,)`` labels, returns the loss; None for what
        `fit` would take.

    Returns
    -------
    Series
        For each layer, "C1" to "output", the L2 norm of the gradient of all its parameters; NaN
        for a layer that has none.
    """
    import pandas as pd

    check_kind("model", model, nn.Module)
    check_kind("digits", digits, Digits, "take a batch, as in load_mnist().train[:256]")
    criterion = criterion_for(model, criterion, digits.images)
    twin = copy.deepcopy(model).train()
    twin.zero_grad()
    device = device_of(twin)
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices), torch.enable_grad():  # dropout draws
        scores = twin(digits.images.to(device))
        check_scores(scores, digits.labels)
        criterion(scores, digits.labels.to(device)).backward()
    norms = {layer_label(name): _gradient_norm(layer) for name, layer in twin.named_children()}
    return pd.Series(norms, name="gradient_norm").rename_axis("layer")


def _gradient_norm(layer: nn.Module) -> float:
    gradients = [p.grad.flatten() for p in layer.parameters() if p.grad is not None]
    return torch.cat(gradients).norm().item() if gradients else math.nan
